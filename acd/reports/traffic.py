"""Traffic by type: what became of everybody who called, whether or not an agent was asked for.

A caller belongs to the period in which the call came. Always: offered = to_agents + self_service
+ left_in_flow + callbacks + lost + failed + under_way. The view `traffic_contacts` says the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import astuple

from acd.calls.cdr_rows import Interaction, QueueVisit, TalkSegment

from .cells import Key, begin_of
from .report import Column, Comparison, Report, Trend, Unit, Words
from .request import Period

TRAFFIC_DIMENSIONS = ("project", "trunk", "flow_version")
"What callers can be grouped by."


class Traffic(Struct, frozen=True, kw_only=True):
    """Callers by what became of them."""

    to_agents: int = 0
    "Came to an agent."

    self_service: int = 0
    "Asked for no agent, and the flow came to its end."

    left_in_flow: int = 0
    "Hung up in the flow, before asking for an agent."

    callbacks: int = 0
    "Asked for an agent, and then to be called back."

    lost: int = 0
    "Asked for an agent and came to none."

    failed: int = 0
    "Ended by the server or a fault before anything of that."

    under_way: int = 0

    @property
    def offered(self) -> int:
        """Offered to the system: all of them."""
        return sum(astuple(self))

    def __add__(self, other: "Traffic") -> "Traffic":
        """Return both together."""
        pairs = zip(OUTCOMES, astuple(self), astuple(other), strict=True)
        return Traffic(**{name: one + two for name, one, two in pairs})


OUTCOMES = Traffic.__struct_fields__


def outcome_of(contact: Interaction, visits: Iterable[QueueVisit], *, talked: bool) -> str:
    """Return what became of a caller, one of OUTCOMES: the first that holds."""
    left_with = {visit.outcome for visit in visits}
    if talked or "answered" in left_with:
        return "to_agents"
    if contact.ended_us is None:
        return "under_way"
    if left_with:
        return "callbacks" if "callback" in left_with else "lost"
    return {"flow": "self_service", "caller": "left_in_flow"}.get(contact.ended_by, "failed")


def traffic_cells(
    contacts: Iterable[Interaction],
    visits: Iterable[QueueVisit],
    talks: Iterable[TalkSegment],
    *,
    from_us: int,
    to_us: int,
    zone: ZoneInfo,
    period: Period = Period.ALL,
    by: tuple[str, ...] = (),
    only: Mapping[str, str] | None = None,
) -> dict[Key, Traffic]:
    """Return the callers whose call came in [from_us, to_us), by period and group."""
    of: dict[tuple[str, int], list[QueueVisit]] = {}
    for visit in visits:
        of.setdefault((visit.interaction, visit.started_us), []).append(visit)
    talked = {(talk.interaction, talk.started_us) for talk in talks}
    found: dict[Key, Traffic] = {}
    for contact in contacts:
        if contact.direction != "inbound" or not from_us <= contact.started_us < to_us:
            continue
        version = f"{contact.flow}@{contact.flow_version}" if contact.flow else ""
        groups = {"project": contact.project, "trunk": contact.trunk, "flow_version": version}
        if any(groups[name] != value for name, value in (only or {}).items()):
            continue
        one = (contact.interaction, contact.started_us)
        outcome = outcome_of(contact, of.get(one, ()), talked=one in talked)
        key = (begin_of(contact.started_us, period, zone), *(groups[name] for name in by))
        found[key] = found.get(key, Traffic()) + Traffic(**{outcome: 1})
    return found


def _column(name: str, en: str, zh: str, unit: Unit = Unit.COUNT) -> Column:
    return Column(name=name, title=Words(en, zh), unit=unit)


GROUP_COLUMNS: Mapping[str, Column] = {
    "project": _column("project", "Project", "项目", Unit.TEXT),
    "trunk": _column("trunk", "Trunk", "中继", Unit.TEXT),
    "flow_version": _column("flow_version", "Flow version", "流程版本", Unit.TEXT),
}

_MEASURES = (
    _column("offered", "Offered", "进线量"),
    _column("self_service", "Self-service", "自助完成"),
    _column("to_agents", "To agents", "人工接起"),
    _column("callbacks", "Call-backs", "预约回呼"),
    _column("lost", "Lost", "人工流失"),
    _column("left_in_flow", "Left in flow", "自助中挂机"),
    Column(name="failed", title=Words("Failed", "故障"), unit=Unit.COUNT, quiet=True),
    Column(name="under_way", title=Words("Under way", "进行中"), unit=Unit.COUNT, quiet=True),
    _column("self_service_rate", "Self-service rate", "自助率", Unit.RATE),
    _column("lost_rate", "Lost rate", "流失率", Unit.RATE),
)


def traffic_report(
    cells: Mapping[Key, Traffic],
    *,
    from_us: int,
    to_us: int,
    timezone: str,
    period: Period,
    by: tuple[str, ...],
) -> Report:
    """Return the callers as a report, by time and group."""
    timed = period is not Period.ALL
    at = (Column(name="period", title=Words("Period", "时段"), unit=Unit.TIME),) if timed else ()
    keyed = sorted(cells.items(), key=lambda item: tuple(map(_sortable, item[0])))
    return Report(
        name="traffic",
        title=Words("Traffic by type", "话务构成"),
        from_us=from_us,
        to_us=to_us,
        timezone=timezone,
        columns=(*at, *(GROUP_COLUMNS[name] for name in by), *_MEASURES),
        rows=tuple((*(key if timed else key[1:]), *_values(traffic)) for key, traffic in keyed),
        remarks=(
            Words(
                "Callers, each counted once, in the period in which the call came.",
                "按来电人次统计，一次来电计一次，归入进线时段。",
            ),
        ),
        charts=_charts(by, timed),
    )


def _sortable(value: int | str | None) -> tuple[int, str]:
    return (value, "") if isinstance(value, int) else (0, value or "")


def _values(traffic: Traffic) -> Sequence[int | float | None]:
    offered = traffic.offered
    return (
        offered,
        traffic.self_service,
        traffic.to_agents,
        traffic.callbacks,
        traffic.lost,
        traffic.left_in_flow,
        traffic.failed,
        traffic.under_way,
        traffic.self_service / offered if offered else None,
        traffic.lost / offered if offered else None,
    )


def _charts(by: tuple[str, ...], timed: bool) -> tuple[Trend | Comparison, ...]:
    types = ("offered", "self_service", "to_agents", "lost")
    if timed:
        title = Words("Callers by what became of them", "话务构成")
        return (Trend(title=title, x="period", y=types[:1] if by else types, by="".join(by[:1])),)
    return tuple(
        Comparison(title=Words("Callers", "进线量"), of=name, y="offered") for name in by[:1]
    )
