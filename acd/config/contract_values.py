"""contract_values.csv: what no machine measures, such as staff satisfaction or cost per call.

Head `month,who,measure,value`; `who` is an agent number, `team:NAME`, or `*` for everybody. The
closest one counts: the agent's own before the team's before everybody's.
"""

import csv
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from acd.ivr.document import Fault, did_you_mean

FILE = "contract_values.csv"
HEAD = ("month", "who", "measure", "value")
MOST_LINES = 1_000_000
"2,000 agents, twelve months, forty measures: more is no such file."

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")

Key = tuple[str, str, str]
"Month, who, measure."


@dataclass(frozen=True, slots=True)
class ContractValues:
    """Values that were entered by hand."""

    values: Mapping[Key, float] = field(default_factory=dict)

    def find(self, month: str, agent: str, team: str, measure: str) -> float | None:
        """Return the value that holds for an agent, or None. `month` as YYYY-MM."""
        for who in (agent, f"team:{team}", "*"):
            value = self.values.get((month, who, measure))
            if value is not None:
                return value
        return None


def read_contract_values(
    folder: Path, measures: Collection[str]
) -> tuple[ContractValues, list[Fault]]:
    """Return the values of this configuration folder, and what is wrong with the file.

    `measures`: those that contracts want entered; another name is a slip.
    """
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ContractValues(), []
    except UnicodeDecodeError:
        return ContractValues(), [_fault(path, 1, "the text is not UTF-8", "save it as UTF-8")]
    except OSError as error:
        reason = error.strerror or str(error)
        return ContractValues(), [_fault(path, 1, reason, "a readable file")]
    values: dict[Key, float] = {}
    faults: list[Fault] = []
    try:
        for line, entry in _entries(path, text):
            if isinstance(entry, Fault):
                faults.append(entry)
                continue
            key, value = entry
            if key[2] not in measures:
                message = f"no contract wants {key[2]!r} entered"
                faults.append(_fault(path, line, message, did_you_mean(key[2], measures)))
            elif key in values:
                faults.append(_fault(path, line, f"{', '.join(key)} stands there twice", "once"))
            else:
                values[key] = value
    except csv.Error as error:
        faults.append(_fault(path, 1, str(error), f"CSV with the head {','.join(HEAD)}"))
    return ContractValues(values), faults


def _entries(path: Path, text: str) -> Iterator[tuple[int, tuple[Key, float] | Fault]]:
    reader = csv.reader(text.splitlines(), strict=True)
    head = tuple(name.strip().lower() for name in next(reader, ()))
    if head != HEAD:
        yield 1, _fault(path, 1, "the head line is another one", ",".join(HEAD))
        return
    for row in reader:
        if reader.line_num > MOST_LINES:
            yield reader.line_num, _fault(path, reader.line_num, "too long", f"{MOST_LINES} lines")
            return
        if any(cell.strip() for cell in row):
            yield reader.line_num, _entry(path, reader.line_num, [cell.strip() for cell in row])


def _entry(path: Path, line: int, row: list[str]) -> tuple[Key, float] | Fault:
    if len(row) != len(HEAD):
        return _fault(path, line, f"{len(row)} values", f"four: {','.join(HEAD)}")
    month, who, measure, text = row
    if not _MONTH.fullmatch(month):
        return _fault(path, line, f"{month!r} is no month", "one such as 2026-11")
    if not who or not measure:
        return _fault(path, line, "who or measure is empty", "an agent number, team:NAME or *")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        return _fault(path, line, f"{text!r} is no number", "one such as 0.92")
    return (month, who, measure), value


def _fault(path: Path, line: int, message: str, hint: str) -> Fault:
    return Fault(str(path), line, 1, "", message, hint)
