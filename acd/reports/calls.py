"""The list of interactions: who called whom, how long they waited and talked, how it ended."""

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from .numbers import NumberSight
from .pages import Part
from .report import Column, Histogram, Report, Row, Unit, Words
from .request import microseconds

LIMIT = 1_000
"Rows where nobody says how many: a screen scrolls through them, a table stays readable."

MOST = 100_000
"A file of 100,000 lines is what spreadsheets and mail still carry; more is read page by page."


class CallRow(Struct, frozen=True, kw_only=True):
    """One interaction."""

    started_at: datetime
    interaction: str
    project: str
    direction: str
    withheld: bool
    customer: str
    our_number: str
    "What the customer called, or whose phone called the customer."

    flow: str
    queue: str
    "The last one."

    agent: str
    "Who talked last, or placed the call."

    outcome: str
    """Of the last queue visit; without one "answered" when somebody talked, "under_way", or
    empty: it ended in the flow."""

    visits: int
    transfers: int
    waited_s: float | None
    "In all queues together."

    talk_s: float | None
    hold_s: float | None
    wrap_up_s: float | None
    duration_s: float | None
    ended_by: str
    reason: str
    detail: str
    sip_status: int
    q850_cause: int


def _column(name: str, en: str, zh: str, unit: Unit = Unit.TEXT, *, quiet: bool = False) -> Column:
    return Column(name=name, title=Words(en=en, zh=zh), unit=unit, quiet=quiet)


COLUMNS = (
    _column("started_at", "Started", "开始时间", Unit.TIME),
    _column("interaction", "Interaction", "联络编号"),
    _column("project", "Project", "项目"),
    _column("direction", "Direction", "方向"),
    _column("customer", "Customer", "客户号码"),
    _column("our_number", "Our number", "本方号码"),
    _column("flow", "Flow", "流程"),
    _column("queue", "Queue", "队列"),
    _column("agent", "Agent", "座席"),
    _column("outcome", "Outcome", "结果"),
    _column("visits", "Queue visits", "排队次数", Unit.COUNT),
    _column("transfers", "Transfers", "转接次数", Unit.COUNT, quiet=True),
    _column("waited_s", "Waited", "等待时长", Unit.SECONDS),
    _column("talk_s", "Talk", "通话时长", Unit.SECONDS),
    _column("hold_s", "Hold", "保持时长", Unit.SECONDS, quiet=True),
    _column("wrap_up_s", "After-call work", "话后时长", Unit.SECONDS),
    _column("duration_s", "Duration", "总时长", Unit.SECONDS),
    _column("ended_by", "Ended by", "挂断方"),
    _column("reason", "Reason", "结束原因"),
    _column("detail", "Detail", "说明"),
    _column("sip_status", "SIP status", "SIP状态码", Unit.COUNT, quiet=True),
    _column("q850_cause", "Q.850 cause", "Q.850原因值", Unit.COUNT, quiet=True),
)


class CallsView(Struct, frozen=True, kw_only=True):
    """How a reader sees the list, whichever of its lines are wanted."""

    sight: NumberSight
    role: str
    from_us: int
    to_us: int
    timezone: str

    def lines(self, rows: Sequence[CallRow]) -> tuple[Row, ...]:
        """Return interactions as lines."""
        return tuple(_cells(row, self.sight, self.role) for row in rows)

    def report(
        self, rows: Sequence[CallRow], *, limit: int | None = None, part: Part | None = None
    ) -> Report:
        """Return the list, in the order of their starts; at most `limit` were asked for."""
        remarks: tuple[Words, ...] = ()
        if limit is not None and len(rows) == limit:
            last = place_words(rows[-1].started_at, rows[-1].interaction)
            remarks = (
                Words(
                    en=f"There may be more: they follow with the option after={last}.",
                    zh=f"可能还有更多记录：用选项 after={last} 继续。",
                ),
            )
        waits = Words(en="Waiting times", zh="等待时长分布")
        if part is not None and not part.is_all:
            waits = Words(en="Waiting times of this page", zh="等待时长分布（本页）")
        return Report(
            name="calls",
            title=Words(en="Calls", zh="通话明细"),
            from_us=self.from_us,
            to_us=self.to_us,
            timezone=self.timezone,
            columns=COLUMNS,
            rows=self.lines(rows),
            remarks=remarks,
            charts=(Histogram(title=waits, x="waited_s"),),
            part=part,
        )


def place_words(started_at: datetime, interaction: str) -> str:
    """Return what the option `after` takes for a line; UTC, since a + is a space in addresses."""
    return f"{interaction}@{started_at.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def _cells(row: CallRow, sight: NumberSight, role: str) -> Row:
    customer = sight.number(row.customer, role)
    if row.withheld and role not in sight.shown_to:
        customer = ""
    return (
        microseconds(row.started_at),
        row.interaction,
        row.project,
        row.direction,
        customer,
        row.our_number,
        row.flow,
        row.queue,
        row.agent,
        row.outcome,
        row.visits,
        row.transfers,
        row.waited_s,
        row.talk_s,
        row.hold_s,
        row.wrap_up_s,
        row.duration_s,
        row.ended_by,
        row.reason,
        sight.text(row.detail, role),
        row.sip_status,
        row.q850_cause,
    )
