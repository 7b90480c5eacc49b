"""Files with stretches of agents' time, one a line: what shifts.csv and timesheet.csv share.

The head begins with `agent,day,from,to`: an agent number, a day as YYYY-MM-DD, two times as HH:MM
by the centre's clock. An end that is not after its begin is on the next day; 24:00 is the day's
end. Stretches of one agent do not overlap.
"""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

from acd.ivr.document import Fault
from acd.reports.days import DAY
from acd.reports.request import microseconds

HEAD = ("agent", "day", "from", "to")
MOST_LINES = 1_000_000
"2,000 agents, a month, sixteen stretches a day: more is several files' worth."

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

    make: Callable[[str, int, int, Sequence[str]], StretchT]
    "Makes a stretch of agent, begin, end and the values of `more`. Raises SlipError."

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
        return self._read(path, text, zone)

    @property
    def head(self) -> tuple[str, ...]:
        """Names of all columns."""
        return HEAD + self.more

    def _read(self, path: Path, text: str, zone: ZoneInfo) -> tuple[list[StretchT], list[Fault]]:
        found: list[tuple[int, StretchT]] = []
        faults: list[Fault] = []
        try:
            for line, entry in self._entries(text, zone):
                if isinstance(entry, SlipError):
                    faults.append(_fault(path, line, entry.message, entry.hint))
                else:
                    found.append((line, entry))
        except csv.Error as error:
            faults.append(_fault(path, 1, str(error), f"CSV with the head {','.join(self.head)}"))
        found.sort(key=lambda pair: (pair[1].agent, pair[1].begin_us))
        faults += self._overlaps(path, found)
        return sorted((one for _, one in found), key=lambda one: one.begin_us), faults[
            :MOST_FAULTS
        ]

    def _entries(self, text: str, zone: ZoneInfo) -> Iterator[tuple[int, StretchT | SlipError]]:
        reader = csv.reader(text.splitlines(), strict=True)
        head = tuple(name.strip().lower() for name in next(reader, ()))
        if head != self.head:
            yield 1, SlipError("the head line is another one", ",".join(self.head))
            return
        clock = _Clock(zone)
        for row in reader:
            line = reader.line_num
            if line > MOST_LINES:
                yield line, SlipError("too long", f"{MOST_LINES} lines")
                return
            if any(cell.strip() for cell in row):
                yield line, self._entry([cell.strip() for cell in row], clock)

    def _entry(self, row: list[str], clock: "_Clock") -> StretchT | SlipError:
        try:
            return self._stretch(row, clock)
        except SlipError as slip:
            return slip

    def _stretch(self, row: list[str], clock: "_Clock") -> StretchT:
        if len(row) != len(self.head):
            raise SlipError(f"{len(row)} values", f"{len(self.head)}: {','.join(self.head)}")
        agent, day, begin, end, *more = row
        if not _AGENT.fullmatch(agent):
            raise SlipError(f"{agent!r} is no agent number", "one such as 1001")
        return self.make(agent, *clock.span(day, begin, end), more)

    def _overlaps(self, path: Path, found: list[tuple[int, StretchT]]) -> Iterator[Fault]:
        for (_, first), (line, second) in pairwise(found):
            if first.agent == second.agent and second.begin_us < first.end_us:
                message = f"{second.agent}: the stretch overlaps another one of the agent's"
                yield _fault(path, line, message, self.once)


class _Clock:
    """Reads times by the centre's clock. Shifts are alike: each span of a day is read once."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._spans: dict[tuple[str, str, str], tuple[int, int]] = {}

    def span(self, day: str, begin: str, end: str) -> tuple[int, int]:
        """Return begin and end in microseconds. Raises SlipError."""
        known = self._spans.get((day, begin, end))
        if known is None:
            known = self._spans[day, begin, end] = self._read(day, begin, end)
        return known

    def _read(self, day_text: str, begin: str, end: str) -> tuple[int, int]:
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


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if DAY.match(text) else None
    except ValueError:
        return None


def _fault(path: Path, line: int, message: str, hint: str) -> Fault:
    return Fault(str(path), line, 1, "", message, hint)
