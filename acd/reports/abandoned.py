"""Callers who gave up waiting and have not been reached since: the list to call back from."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from .report import Column, Report, Unit, Words
from .request import microseconds


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


COLUMNS = (
    Column(name="caller", title=Words(en="Caller", zh="主叫号码"), unit=Unit.TEXT),
    Column(name="queue", title=Words(en="Queue", zh="队列"), unit=Unit.TEXT),
    Column(name="calls", title=Words(en="Calls", zh="放弃次数"), unit=Unit.COUNT),
    Column(name="first_at", title=Words(en="First", zh="首次"), unit=Unit.TIME),
    Column(name="last_at", title=Words(en="Last", zh="最近"), unit=Unit.TIME),
    Column(
        name="longest_wait_s", title=Words(en="Longest wait", zh="最长等待"), unit=Unit.SECONDS
    ),
    Column(
        name="interaction",
        title=Words(en="Interaction", zh="联络编号"),
        unit=Unit.TEXT,
        detail=True,
    ),
    Column(name="callback", title=Words(en="Call-back", zh="预约回呼"), unit=Unit.TEXT),
)

REMARK = Words(
    en="Callers who gave up waiting and whom nobody has talked to since; without a number, or"
    " with a withheld one, they are not here.",
    zh="排队放弃且之后未与座席通话的主叫；无号码或隐藏号码的不在此列。",
)


def abandoned_report(
    callers: Iterable[AbandonedCaller], *, from_us: int, to_us: int, timezone: str
) -> Report:
    """Return the list as a report, the first to have given up first."""
    return Report(
        name="abandoned",
        title=Words(en="Abandoned", zh="放弃来电"),
        from_us=from_us,
        to_us=to_us,
        timezone=timezone,
        columns=COLUMNS,
        rows=tuple(
            (
                one.caller,
                one.queue,
                one.calls,
                microseconds(one.first_at),
                microseconds(one.last_at),
                one.longest_wait_s,
                one.interaction,
                one.callback,
            )
            for one in callers
        ),
        remarks=(REMARK,),
    )
