"""The figures per agent, team, queue or skill, as a report."""

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from .agent_kpi import (
    AgentSums,
    AwayTimes,
    aht_s,
    conversion_rate,
    logged_in_s,
    occupancy,
    offer_answer_rate,
    traffic_index,
    utilisation,
)
from .paid_time import Key, PaidRule, PaidSource, paid_while_logged_in_s
from .report import (
    Chart,
    Column,
    Comparison,
    Dispersion,
    Histogram,
    Report,
    Trend,
    Unit,
    Value,
    Words,
)
from .request import Period

DIMENSIONS = ("agent", "team", "queue", "skill", "project")
OF_CALLS = frozenset({"queue", "skill"})
"Dimensions of calls: time without a call belongs to none of them."

BUSY_STEP = 0.05
"Width of a bar of the histogram of occupancy."

_DIMENSION_WORDS = {
    "agent": Words("Agent", "工号"),
    "team": Words("Team", "班组"),
    "queue": Words("Queue", "队列"),
    "skill": Words("Skill", "技能"),
    "project": Words("Project", "项目"),
}


class AgentLine(Struct, frozen=True, kw_only=True):
    """One line: sums of a period and group."""

    period_us: int | None
    "Begin; None: the whole time."

    group: tuple[str, ...]
    "Value of each dimension."

    sums: AgentSums
    away: AwayTimes = {}
    paid_s: float = 0.0


class Person(Struct, frozen=True):
    """Who an agent is, as known last."""

    name: str = ""
    team: str = ""


class AgentsWish(Struct, frozen=True, kw_only=True):
    """How the report is cut."""

    from_us: int
    to_us: int
    timezone: str
    period: Period = Period.ALL
    by: tuple[str, ...] = ("agent",)
    of_calls: bool = False
    "Only what belongs to calls: the report is cut or selected by queue or skill."

    unit_target: float = 0.0
    "Calls that one line's agent is to handle in one period; 0: no traffic index."

    paid: PaidRule = PaidRule()
    "What utilisation is divided by."


Measure = tuple[Column, Callable[[AgentLine], Value]]


def _measure(name: str, en: str, zh: str, unit: Unit, *, quiet: bool = False) -> Measure:
    column = Column(name=name, title=Words(en, zh), unit=unit, quiet=quiet)
    function = _FUNCTIONS.get(name)
    return column, function or (lambda line: getattr(line.sums, name))


_FUNCTIONS: Mapping[str, Callable[[AgentLine], Value]] = {
    "logged_in_s": lambda line: logged_in_s(line.sums),
    "paid_s": lambda line: line.paid_s,
    "occupancy": lambda line: occupancy(line.sums),
    "utilisation": lambda line: utilisation(line.sums, line.paid_s),
    "aht_s": lambda line: aht_s(line.sums),
    "offer_answer_rate": lambda line: offer_answer_rate(line.sums),
    "conversion_rate": lambda line: conversion_rate(line.sums),
}

_CALLS = (
    _measure("handled", "Handled", "接听量", Unit.COUNT),
    _measure("offers", "Offers", "振铃次数", Unit.COUNT),
    _measure("missed_offers", "Missed", "漏接", Unit.COUNT),
    _measure("offer_answer_rate", "Answer rate", "接起率", Unit.RATE),
    _measure("talk_s", "Talk", "通话时长", Unit.SECONDS),
    _measure("hold_s", "Hold", "保持时长", Unit.SECONDS),
    _measure("wrap_up_s", "After-call work", "话后时长", Unit.SECONDS),
    _measure("aht_s", "AHT", "平均处理时长", Unit.SECONDS),
    _measure("ringing_s", "Ringing", "振铃时长", Unit.SECONDS),
    _measure("orders", "Orders", "订单", Unit.COUNT),
    _measure("conversion_rate", "Conversion", "成交率", Unit.RATE),
    _measure("complaints", "Complaints", "投诉", Unit.COUNT, quiet=True),
)
_DAY = (
    _measure("own_calls", "Own calls", "自拨通话", Unit.COUNT, quiet=True),
    _measure("logged_in_s", "Logged in", "签入时长", Unit.SECONDS),
    _measure("paid_s", "Paid", "付薪时长", Unit.SECONDS),
    _measure("ready_s", "Ready", "就绪时长", Unit.SECONDS),
    _measure("available_s", "Available", "空闲时长", Unit.SECONDS),
    _measure("paused_s", "Set aside", "漏接停派", Unit.SECONDS, quiet=True),
    _measure("cool_down_s", "Cool-down", "情绪缓冲", Unit.SECONDS, quiet=True),
    _measure("occupancy", "Occupancy", "在线繁忙度", Unit.RATE),
    _measure("utilisation", "Utilisation", "人工利用率", Unit.RATE),
    _measure("away_s", "Away", "离座时长", Unit.SECONDS),
)

REMARKS = (
    Words(
        "Answer rate = handled / (handled + missed); calls count when they entered the queue,"
        " times are split at quarter-hours",
        "接起率 = 接听量 /（接听量 + 漏接）；通话按进入队列的时刻计，时长按刻钟切分",
    ),
)


def with_paid_time(
    lines: Iterable[AgentLine], rule: PaidRule, paid: Mapping[Key, float]
) -> list[AgentLine]:
    """Return the lines with their paid time, and lines for who is paid and was not there.

    `paid`: that of a plan or timesheet, by period and group.
    """
    if rule.source is PaidSource.LOGGED_IN:
        return [
            replace(line, paid_s=paid_while_logged_in_s(line.sums, line.away, rule))
            for line in lines
        ]
    left = dict(paid)
    found = [replace(line, paid_s=left.pop((line.period_us, line.group), 0.0)) for line in lines]
    if not left:
        return found
    found += [
        AgentLine(period_us=period_us, group=group, sums=AgentSums(), paid_s=paid_s)
        for (period_us, group), paid_s in left.items()
    ]
    return sorted(found, key=lambda line: (line.period_us or 0, line.group))


def agents_report(
    lines: Iterable[AgentLine], people: Mapping[str, Person], wish: AgentsWish
) -> Report:
    """Return the lines as a report, in the order given."""
    lines = list(lines)
    reasons = [] if wish.of_calls else sorted({reason for line in lines for reason in line.away})
    measures = _CALLS if wish.of_calls else (*_CALLS, *_DAY)
    columns = [*_keys(wish), *(column for column, _ in measures)]
    columns += [_away_column(reason) for reason in reasons]
    indexed = wish.unit_target > 0
    if indexed:
        columns.append(
            Column(
                name="traffic_index", title=Words("Traffic index", "话务量指标"), unit=Unit.RATE
            )
        )
    rows = []
    for line in lines:
        row: list[Value] = [*_key_values(line, people, wish)]
        row += [value(line) for _, value in measures]
        row += [line.away.get(reason, 0.0) for reason in reasons]
        if indexed:
            row.append(traffic_index(line.sums.handled, line.sums.complaints, wish.unit_target))
        rows.append(tuple(row))
    return Report(
        name="agents",
        title=Words("Agents", "座席"),
        from_us=wish.from_us,
        to_us=wish.to_us,
        timezone=wish.timezone,
        columns=tuple(columns),
        rows=tuple(rows),
        remarks=_remarks(wish),
        definitions={
            **({} if wish.of_calls else wish.paid.definitions),
            "occupancy": "handling/(handling+available)",
        },
        charts=_charts(wish),
    )


def _keys(wish: AgentsWish) -> Iterable[Column]:
    if wish.period is not Period.ALL:
        yield Column(name="period", title=Words("Period", "时段"), unit=Unit.TIME)
    for name in wish.by:
        yield Column(name=name, title=_DIMENSION_WORDS[name], unit=Unit.TEXT)
    if "agent" in wish.by:
        yield Column(name="name", title=Words("Name", "姓名"), unit=Unit.TEXT)
        if "team" not in wish.by:
            yield Column(name="team", title=_DIMENSION_WORDS["team"], unit=Unit.TEXT)


def _key_values(
    line: AgentLine, people: Mapping[str, Person], wish: AgentsWish
) -> Iterable[Value]:
    if wish.period is not Period.ALL:
        yield line.period_us
    yield from line.group
    if "agent" in wish.by:
        person = people.get(line.group[wish.by.index("agent")], Person())
        yield person.name
        if "team" not in wish.by:
            yield person.team


def _away_column(reason: str) -> Column:
    title = Words(f"Away: {reason or 'no reason'}", f"离座：{reason or '无原因'}")
    return Column(name=f"away_{reason or 'none'}_s", title=title, unit=Unit.SECONDS, quiet=True)


def _remarks(wish: AgentsWish) -> tuple[Words, ...]:
    remarks = REMARKS if wish.of_calls else (*REMARKS, wish.paid.words)
    if wish.unit_target <= 0:
        return remarks
    target = f"{wish.unit_target:g}"
    index = Words(
        f"Traffic index = (handled - complaints handled) / {target} calls",
        f"话务量指标 =（接听量 − 投诉处理量）/ {target}",
    )
    return (*remarks, index)


def _charts(wish: AgentsWish) -> tuple[Chart, ...]:
    of = next(iter(wish.by), "")
    charts: list[Chart] = []
    if wish.period is not Period.ALL:
        charts.append(Trend(title=Words("Handled", "接听量"), x="period", y=("handled",), by=of))
    elif of:
        charts.append(Comparison(title=Words("Handled", "接听量"), of=of, y="handled"))
    if wish.of_calls or "agent" not in wish.by:
        return tuple(charts)
    busy = Words("Occupancy of the agents", "座席在线繁忙度分布")
    spread = Words("Average handling time by team", "各班组平均处理时长")
    charts += [
        Histogram(title=busy, x="occupancy", step=BUSY_STEP),
        Dispersion(title=spread, of="team", y="aht_s", label="agent"),
    ]
    return tuple(charts)
