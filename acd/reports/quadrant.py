"""Agents in a plane: conversion, cancel rate, answered calls, collected cash; who is odd in it.

The four-quadrant plot that managers draw to pick calls for listening. An agent is called out when
the point leaves the group's cloud (`acd.reports.cloud`), and by which coordinate it is furthest.
Agents with too few answered calls are shown and not judged: a rate of three calls is chance.
"""

from collections.abc import Sequence
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

from .cloud import CLOUD_LEVEL, Cloud, Method, cloud
from .report import Chart, Column, Dispersion, Quadrants, Report, Unit, Value, Words

LEAST_ANSWERED = 30
"Answered calls below which a rate's own chance (9 points at 50 %) hides the agent."

LEAST_JUDGED = 5
"Agents below which there is no group to leave."


class AgentFigures(Struct, frozen=True, kw_only=True):
    """One agent's period."""

    agent: str
    name: str = ""
    team: str = ""
    answered: int = 0
    orders: int = 0
    conversion_rate: float | None = None
    cancel_rate: float | None = None
    collected: float | None = None
    "Amounts of signed orders, minor units of `currency`."

    currency: str = ""


class Judged(Struct, frozen=True, kw_only=True):
    """An agent and what the group says of it."""

    figures: AgentFigures
    outlier: bool | None = None
    "None: not judged."

    distance: float | None = None
    coordinate: str = ""
    "In which the agent is furthest from the median, of an outlier."

    z: float | None = None
    "Robust z-score in that coordinate; its sign is the direction."


class Judgement(Struct, frozen=True, kw_only=True):
    """All agents, and by what they were judged."""

    agents: tuple[Judged, ...]
    method: Method | None
    "None: too few agents."

    cutoff: float
    coordinates: tuple[str, ...]


COORDINATES = ("conversion_rate", "cancel_rate", "answered", "collected")

TITLES = {
    "conversion_rate": Words("Conversion", "成交率"),
    "cancel_rate": Words("Cancel rate", "取消率"),
    "answered": Words("Answered", "接起量"),
    "collected": Words("Collected", "回款"),
}


def judge(
    agents: Sequence[AgentFigures],
    *,
    least_answered: int = LEAST_ANSWERED,
    level: float = CLOUD_LEVEL,
) -> Judgement:
    """Judge all agents as one group; choose the group before.

    A coordinate takes part when every agent with enough calls has it: collected cash only where
    orders have amounts, and all in one currency. Who has no order has collected nothing, and in
    the cancel rate, which nobody can tell then, stands where the group does.
    """
    agents = _with_cash(agents)
    enough = [agent for agent in agents if agent.answered >= least_answered]
    coordinates = _known(enough)
    if len(enough) < LEAST_JUDGED or not coordinates:
        return Judgement(
            agents=tuple(Judged(figures=agent) for agent in agents),
            method=None,
            cutoff=0.0,
            coordinates=coordinates,
        )
    found = cloud(_points(enough, coordinates), level=level)
    judged = _told(enough, coordinates, found)
    return Judgement(
        agents=tuple(judged.get(agent.agent) or Judged(figures=agent) for agent in agents),
        method=found.method,
        cutoff=found.cutoff,
        coordinates=coordinates,
    )


def _with_cash(agents: Sequence[AgentFigures]) -> Sequence[AgentFigures]:
    """Return the agents, those who sold nothing with a cash of 0 in the currency of the others."""
    currencies = {agent.currency for agent in agents if agent.currency}
    if len(currencies) != 1:
        return agents
    (currency,) = currencies
    return [
        replace(agent, collected=0.0, currency=currency)
        if agent.collected is None and not agent.orders
        else agent
        for agent in agents
    ]


def _known(agents: Sequence[AgentFigures]) -> tuple[str, ...]:
    one_currency = len({agent.currency for agent in agents if agent.currency}) <= 1
    return tuple(
        name
        for name in COORDINATES
        if _is_known(name, agents) and (name != "collected" or one_currency)
    )


def _is_known(name: str, agents: Sequence[AgentFigures]) -> bool:
    without = [agent for agent in agents if getattr(agent, name) is None]
    if name != "cancel_rate":
        return not without
    return 2 * len(without) < len(agents) and not any(agent.orders for agent in without)


def _points(agents: Sequence[AgentFigures], coordinates: Sequence[str]) -> list[tuple[float, ...]]:
    columns = [[getattr(agent, name) for agent in agents] for name in coordinates]
    middles = [median(value for value in column if value is not None) for column in columns]
    return [
        tuple(
            float(middle if value is None else value)
            for value, middle in zip(row, middles, strict=True)
        )
        for row in zip(*columns, strict=True)
    ]


def _told(
    agents: Sequence[AgentFigures], coordinates: Sequence[str], found: Cloud
) -> dict[str, Judged]:
    judged = {}
    for agent, point in zip(agents, found.points, strict=True):
        furthest = point.furthest
        judged[agent.agent] = Judged(
            figures=agent,
            outlier=point.outlier,
            distance=point.distance,
            coordinate=coordinates[furthest] if point.outlier else "",
            z=point.z[furthest] if point.outlier else None,
        )
    return judged


_COLUMNS = (
    Column(name="agent", title=Words("Agent", "工号"), unit=Unit.TEXT),
    Column(name="name", title=Words("Name", "姓名"), unit=Unit.TEXT),
    Column(name="team", title=Words("Team", "班组"), unit=Unit.TEXT),
    Column(name="answered", title=TITLES["answered"], unit=Unit.COUNT),
    Column(name="orders", title=Words("Orders", "订单"), unit=Unit.COUNT),
    Column(name="conversion_rate", title=TITLES["conversion_rate"], unit=Unit.RATE),
    Column(name="cancel_rate", title=TITLES["cancel_rate"], unit=Unit.RATE),
    Column(name="collected", title=TITLES["collected"], unit=Unit.MONEY, currency="currency"),
    Column(name="currency", title=Words("Currency", "币种"), unit=Unit.TEXT, quiet=True),
    Column(name="outlier", title=Words("Outlier", "离群"), unit=Unit.BOOLEAN),
    Column(name="coordinate", title=Words("Furthest in", "离群维度"), unit=Unit.TEXT, quiet=True),
    Column(name="z", title=Words("Robust z", "稳健 z 值"), unit=Unit.NUMBER, quiet=True),
    Column(name="distance", title=Words("Distance", "稳健距离"), unit=Unit.NUMBER),
)

_CHARTS: tuple[Chart, ...] = (
    Quadrants(
        title=Words("Conversion and cancelled orders", "成交率与取消率"),
        x="conversion_rate",
        y="cancel_rate",
        label="agent",
        size="answered",
        outlier="outlier",
    ),
    Quadrants(
        title=Words("Answered calls and collected cash", "接起量与回款"),
        x="answered",
        y="collected",
        label="agent",
        outlier="outlier",
    ),
    Dispersion(
        title=Words("Conversion by team", "各班组成交率"),
        of="team",
        y="conversion_rate",
        label="agent",
    ),
)


def quadrant_report(
    judgement: Judgement, *, from_us: int, to_us: int, timezone: str, least_answered: int
) -> Report:
    """Return the report: outliers first, the furthest of them at the head."""
    ordered = sorted(
        judgement.agents,
        key=lambda judged: (
            not judged.outlier,
            -(judged.distance or 0.0),
            judged.figures.agent,
        ),
    )
    return Report(
        name="quadrant",
        title=Words("Agents in four quadrants", "座席四象限"),
        from_us=from_us,
        to_us=to_us,
        timezone=timezone,
        columns=_COLUMNS,
        rows=tuple(_row(judged) for judged in ordered),
        remarks=_remarks(judgement, least_answered),
        definitions={
            "outlier": judgement.method.value if judgement.method else "none",
            "cutoff": f"{judgement.cutoff:.4g}",
            "coordinates": ",".join(judgement.coordinates),
        },
        charts=_charts(judgement.agents),
    )


def _row(judged: Judged) -> tuple[Value, ...]:
    figures = judged.figures
    return (
        figures.agent,
        figures.name,
        figures.team,
        figures.answered,
        figures.orders,
        figures.conversion_rate,
        figures.cancel_rate,
        figures.collected,
        figures.currency,
        judged.outlier,
        judged.coordinate,
        judged.z,
        judged.distance,
    )


def _charts(agents: Sequence[Judged]) -> tuple[Chart, ...]:
    """Leave out a plane of which one axis is empty."""

    def is_there(name: str) -> bool:
        return any(getattr(judged.figures, name) is not None for judged in agents)

    return tuple(
        chart
        for chart in _CHARTS
        if not isinstance(chart, Quadrants) or (is_there(chart.x) and is_there(chart.y))
    )


def _remarks(judgement: Judgement, least_answered: int) -> tuple[Words, ...]:
    few = Words(
        f"agents with fewer than {least_answered} answered calls are not judged",
        f"接起量不足 {least_answered} 的座席不参与判断",
    )
    names_en = ", ".join(TITLES[name].en.lower() for name in judgement.coordinates)
    names_zh = "、".join(TITLES[name].zh for name in judgement.coordinates)
    if judgement.method is None:
        by = Words("too few agents to tell who is odd", "座席太少，无法判断离群")
    elif judgement.method is Method.MCD:
        by = Words(
            f"outlier: robust distance (minimum covariance determinant) of {names_en}"
            f" above {judgement.cutoff:.2f}",
            f"离群：{names_zh} 的稳健距离（最小协方差行列式）大于 {judgement.cutoff:.2f}",
        )
    else:
        by = Words(
            f"outlier: robust z-score (median, Qn) of {names_en} beyond {judgement.cutoff:.1f}",
            f"离群：{names_zh} 任一项的稳健 z 值（中位数、Qn）超过 {judgement.cutoff:.1f}",
        )
    return (by, few)
