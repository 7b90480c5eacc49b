"""shifts.csv: who is to be ready or away when (排班表), until the centre plans its shifts here.

Head `agent,day,from,to,status`: an agent number, a day as YYYY-MM-DD, two times as HH:MM by the
centre's clock, and `ready`, `away` or `away:REASON`. An end that is not after its begin is on the
next day; 24:00 is the day's end. Stretches of one agent do not overlap.
"""

import csv
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from acd.ivr.document import Fault
from acd.reports.adherence import AWAY, READY, Planned
from acd.reports.request import microseconds

FILE = "shifts.csv"
HEAD = ("agent", "day", "from", "to", "status")
MOST_LINES = 1_000_000
"2,000 agents, a month, sixteen stretches a day: more is several files' worth."

MOST_FAULTS = 20
"More than anybody reads at once."

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_AGENT = re.compile(r"[A-Za-z0-9._-]{1,32}")
_STATUS = re.compile(r"(ready|away)(?::([a-z][a-z0-9_]{0,39}))?")


def read_shifts(folder: Path, zone: ZoneInfo) -> tuple[list[Planned], list[Fault]]:
    """Return the plan of this configuration folder by begin, and what is wrong with the file."""
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return [], [_fault(path, 1, "the file is missing", f"a shift plan: {','.join(HEAD)}")]
    except UnicodeDecodeError:
        return [], [_fault(path, 1, "the text is not UTF-8", "save it as UTF-8")]
    except OSError as error:
        return [], [_fault(path, 1, error.strerror or str(error), "a readable file")]
    plan: list[tuple[int, Planned]] = []
    faults: list[Fault] = []
    try:
        for line, entry in _entries(path, text, zone):
            if isinstance(entry, Planned):
                plan.append((line, entry))
            else:
                faults.append(entry)
    except csv.Error as error:
        faults.append(_fault(path, 1, str(error), f"CSV with the head {','.join(HEAD)}"))
    plan.sort(key=lambda pair: (pair[1].agent, pair[1].begin_us))
    faults += _overlaps(path, plan)
    return sorted((one for _, one in plan), key=lambda one: one.begin_us), faults[:MOST_FAULTS]


def _entries(path: Path, text: str, zone: ZoneInfo) -> Iterator[tuple[int, Planned | Fault]]:
    reader = csv.reader(text.splitlines(), strict=True)
    head = tuple(name.strip().lower() for name in next(reader, ()))
    if head != HEAD:
        yield 1, _fault(path, 1, "the head line is another one", ",".join(HEAD))
        return
    for row in reader:
        line = reader.line_num
        if line > MOST_LINES:
            yield line, _fault(path, line, "too long", f"{MOST_LINES} lines")
            return
        if any(cell.strip() for cell in row):
            yield line, _entry(path, line, [cell.strip() for cell in row], zone)


def _entry(path: Path, line: int, row: list[str], zone: ZoneInfo) -> Planned | Fault:
    if len(row) != len(HEAD):
        return _fault(path, line, f"{len(row)} values", f"five: {','.join(HEAD)}")
    agent, day_text, begin, end, status_text = row
    if not _AGENT.fullmatch(agent):
        return _fault(path, line, f"{agent!r} is no agent number", "one such as 1001")
    try:
        day = date.fromisoformat(day_text)
    except ValueError:
        return _fault(path, line, f"{day_text!r} is no day", "one such as 2026-11-28")
    for text in (begin, end):
        if not _TIME.fullmatch(text):
            return _fault(path, line, f"{text!r} is no time", "one such as 09:00")
    status = _STATUS.fullmatch(status_text)
    if status is None or (status[1] == READY and status[2]):
        hint = f"{READY}, {AWAY} or {AWAY}:REASON"
        return _fault(path, line, f"{status_text!r} is no status", hint)
    begin_at = _moment(day, begin, zone)
    end_at = _moment(day, end, zone)
    if end_at <= begin_at:
        end_at = _moment(day + timedelta(days=1), end, zone)
    return Planned(
        agent=agent,
        begin_us=microseconds(begin_at),
        end_us=microseconds(end_at),
        status=status[1],
        reason=status[2] or "",
    )


def _moment(day: date, text: str, zone: ZoneInfo) -> datetime:
    if text == "24:00":
        day, text = day + timedelta(days=1), "00:00"
    return datetime.combine(day, time.fromisoformat(text), tzinfo=zone).astimezone(UTC)


def _overlaps(path: Path, plan: list[tuple[int, Planned]]) -> Iterator[Fault]:
    for (_, first), (line, second) in pairwise(plan):
        if first.agent == second.agent and second.begin_us < first.end_us:
            message = f"{second.agent}: the stretch overlaps another one of the agent's"
            yield _fault(path, line, message, "one status at a time")


def _fault(path: Path, line: int, message: str, hint: str) -> Fault:
    return Fault(str(path), line, 1, "", message, hint)
