"""shifts.csv: who is to be ready or away when (排班表), until the centre plans its shifts here.

Head `agent,day,from,to,status`, the last one `ready`, `away` or `away:REASON`.
"""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

from acd.ivr.document import Fault
from acd.reports.shift_plan import AWAY, READY, Planned

from .stretches import SlipError, StretchFile

_STATUS = re.compile(r"(ready|away)(?::([a-z][a-z0-9_]{0,39}))?")


def read_shifts(folder: Path, zone: ZoneInfo) -> tuple[list[Planned], list[Fault]]:
    """Return the plan of this configuration folder by begin, and what is wrong with the file."""
    return SHIFTS.read(folder, zone)


def _planned(agent: str, begin_us: int, end_us: int, status: tuple[str, str]) -> Planned:
    return Planned(
        agent=agent, begin_us=begin_us, end_us=end_us, status=status[0], reason=status[1]
    )


def _status(text: str) -> tuple[str, str]:
    match = _STATUS.fullmatch(text)
    if match is None or (match[1] == READY and match[2]):
        raise SlipError(f"{text!r} is no status", f"{READY}, {AWAY} or {AWAY}:REASON")
    return match[1], match[2] or ""


SHIFTS = StretchFile(
    name="shifts.csv",
    content="a shift plan",
    more=("status",),
    make=_planned,
    read_more=_status,
    once="one status at a time",
)
