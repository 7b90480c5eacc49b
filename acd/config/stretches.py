"""Files with stretches of agents' time, one a line: what shifts.csv and timesheet.csv share.

The head begins with `agent,day,from,to`: an agent number, a day as YYYY-MM-DD, two times as HH:MM
by the centre's clock. An end that is not after its begin is on the next day; 24:00 is the day's
end. Stretches of one agent do not overlap.
"""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

from acd.ivr.document import Fault
from acd.reports.days import DAY
from acd.reports.request import microseconds

HEAD = ("agent", "day", "from", "to")
MOST_LINES = 1_000_000
"2,000 agents, a month, sixteen stretches a day: more is several files' worth."

AGENTS_KNOWN = 10_000
"Numbers that are looked at once: five times the agents of a large centre."

MOST_FAULTS = 20
"More than anybody reads at once."

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
_AGENT = re.compile(r"[A-Za-z0-9._-]{1,32}")


class Stretch(Protocol):
    """What a line becomes."""

    @property
    def agent(self) -> str:
        """Agent number."""

    @property
    def begin_us(self) -> int:
        """Begin, in microseconds since 1970 in UTC."""

    @property
    def end_us(self) -> int:
        """End, after the begin."""


StretchT = TypeVar("StretchT", bound=Stretch)


class SlipError(Exception):
    """What is wrong with a line, and what would be right."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, kw_only=True)
class StretchFile(Generic[StretchT]):
    """A kind of such a file."""

    name: str
    content: str
    'What it is: "a shift plan".'

    more: tuple[str, ...]
    "Columns beside those of HEAD."

    make: Callable[..., StretchT]
    "Makes a stretch of agent, begin, end, and what `read_more` returns."

    read_more: Callable[..., tuple[str, ...]] = lambda: ()
    "Reads the values of `more`. Raises SlipError."

    once: str
    "What would be right where two stretches overlap."

    def read(self, folder: Path, zone: ZoneInfo) -> tuple[list[StretchT], list[Fault]]:
        """Return the stretches by begin, and what is wrong with the file."""
        path = folder / self.name
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            hint = f"{self.content}: {','.join(self.head)}"
            return [], [_fault(path, 1, "the file is missing", hint)]
        except UnicodeDecodeError:
            return [], [_fault(path, 1, "the text is not UTF-8", "save it as UTF-8")]
        except OSError as error:
            return [], [_fault(path, 1, error.strerror or str(error), "a readable file")]
        return _Reading(self, path, zone).all_of(text)

    @cached_property
    def head(self) -> tuple[str, ...]:
        """Names of all columns."""
        return HEAD + self.more


class _Reading(Generic[StretchT]):
    """One file being read. Shifts are alike: what stands behind the agent is looked at once."""

    def __init__(self, file: StretchFile[StretchT], path: Path, zone: ZoneInfo) -> None:
        self._file = file
        self._path = path
        self._zone = zone
        self._head = ",".join(file.head)
        self._known: dict[tuple[str, ...], tuple[int, int, tuple[str, ...]]] = {}
        self._faults: list[Fault] = []

    def all_of(self, text: str) -> tuple[list[StretchT], list[Fault]]:
        """Return the stretches by begin, and the faults."""
        found: list[tuple[int, int, StretchT]] = []
        try:
            for line, row in self._rows(text):
                try:
                    one = self._stretch(row)
                except SlipError as slip:
                    self._fault(line, slip.message, slip.hint)
                else:
                    found.append((one.begin_us, line, one))
        except csv.Error as error:
            self._fault(1, str(error), f"CSV with the head {self._head}")
        found.sort()
        self._look_for_overlaps(found)
        return [one for _, _, one in found], self._faults[:MOST_FAULTS]

    def _rows(self, text: str) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(text.splitlines(), strict=True)
        if tuple(name.strip().lower() for name in next(reader, ())) != self._file.head:
            self._fault(1, "the head line is another one", self._head)
            return
        for row in reader:
            line = reader.line_num
            if line > MOST_LINES:
                self._fault(line, "too long", f"{MOST_LINES} lines")
                return
            if any(map(str.strip, row)):
                yield line, row

    def _stretch(self, row: list[str]) -> StretchT:
        agent, *rest = row
        span = self._known.get(tuple(rest))
        if span is None:
            cells = [cell.strip() for cell in row]
            if len(cells) != len(self._file.head):
                raise SlipError(f"{len(cells)} values", f"{len(self._file.head)}: {self._head}")
            _, day, begin, end, *more = cells
            span = (*self._span(day, begin, end), self._file.read_more(*more))
            self._known[tuple(rest)] = span
        agent = agent.strip()
        if not _is_agent(agent):
            raise SlipError(f"{agent!r} is no agent number", "one such as 1001")
        return self._file.make(agent, *span)

    def _span(self, day_text: str, begin: str, end: str) -> tuple[int, int]:
        day = _day(day_text)
        if day is None:
            raise SlipError(f"{day_text!r} is no day", "one such as 2026-11-28")
        for text in (begin, end):
            if not _TIME.fullmatch(text):
                raise SlipError(f"{text!r} is no time", "one such as 09:00")
        begin_at, end_at = self._moment(day, begin), self._moment(day, end)
        if end_at <= begin_at:
            end_at = self._moment(day + timedelta(days=1), end)
        return microseconds(begin_at), microseconds(end_at)

    def _moment(self, day: date, text: str) -> datetime:
        if text == "24:00":
            day, text = day + timedelta(days=1), "00:00"
        return datetime.combine(day, time.fromisoformat(text), tzinfo=self._zone).astimezone(UTC)

    def _look_for_overlaps(self, found: list[tuple[int, int, StretchT]]) -> None:
        until: dict[str, int] = {}
        for begin_us, line, one in found:
            if begin_us < until.get(one.agent, begin_us):
                message = f"{one.agent}: the stretch overlaps another one of the agent's"
                self._fault(line, message, self._file.once)
            until[one.agent] = max(one.end_us, until.get(one.agent, one.end_us))

    def _fault(self, line: int, message: str, hint: str) -> None:
        self._faults.append(_fault(self._path, line, message, hint))


@lru_cache(maxsize=AGENTS_KNOWN)
def _is_agent(text: str) -> bool:
    return _AGENT.fullmatch(text) is not None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if DAY.match(text) else None
    except ValueError:
        return None


def _fault(path: Path, line: int, message: str, hint: str) -> Fault:
    return Fault(str(path), line, 1, "", message, hint)
