"""timesheet.csv: what agents are paid for (考勤), as the time clock or the staff office says.

Head `agent,day,from,to`. Unpaid breaks are left out by whoever writes it.
"""

from pathlib import Path
from zoneinfo import ZoneInfo

from acd.ivr.document import Fault
from acd.reports.paid_time import Paid

from .stretches import StretchFile


def read_timesheet(folder: Path, zone: ZoneInfo) -> tuple[list[Paid], list[Fault]]:
    """Return what is paid by begin, and what is wrong with the file."""
    return TIMESHEET.read(folder, zone)


def _paid(agent: str, begin_us: int, end_us: int, _: tuple[str, ...]) -> Paid:
    return Paid(agent=agent, begin_us=begin_us, end_us=end_us)


TIMESHEET = StretchFile(
    name="timesheet.csv",
    content="a timesheet",
    more=(),
    make=_paid,
    once="each moment once",
)
