"""Callers who gave up waiting and have not been reached since: the list to call back from."""

from collections.abc import Iterable
from datetime import datetime, tzinfo

from msgspec import Struct
from rich.table import Table


class AbandonedCaller(Struct, frozen=True, kw_only=True):
    """One number in one queue. Gone from the list once somebody has talked to the number."""

    caller: str
    queue: str

    calls: int
    "How often the caller gave up in the period, short abandons too."

    first_at: datetime
    "When the first of these calls entered the queue."

    last_at: datetime
    longest_wait_s: float
    interaction: str
    "Of the last of them."

    callback: str = ""
    """Outcome of the newest call-back to this number since, as in `callbacks.outcome`: waiting,
    not_reached, expired …; empty: none was asked for."""


_HEADINGS = (
    ("Caller", "主叫号码"),
    ("Queue", "队列"),
    ("Calls", "放弃次数"),
    ("First", "首次"),
    ("Last", "最近"),
    ("Longest wait", "最长等待"),
    ("Call-back", "预约回呼"),
)


def as_table(
    callers: Iterable[AbandonedCaller], *, title: str, locale: str, zone: tzinfo
) -> Table:
    """Return a table for the terminal, times in the centre's zone."""
    table = Table(title=title)
    for heading in _HEADINGS:
        table.add_column(heading[locale == "zh"], no_wrap=True)
    for one in callers:
        table.add_row(
            one.caller,
            one.queue,
            str(one.calls),
            f"{one.first_at.astimezone(zone):%H:%M:%S}",
            f"{one.last_at.astimezone(zone):%H:%M:%S}",
            f"{one.longest_wait_s:.0f} s",
            one.callback or "–",
        )
    return table
