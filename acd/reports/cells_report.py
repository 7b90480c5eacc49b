"""The reports that are made of cells: kpi, queues, intervals."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from zoneinfo import ZoneInfo

from msgspec import Struct

from .cells import Cell, Key
from .kpi import abandon_rate, aht_s, answer_rate, asa_s, conversion_rate
from .report import Chart, Column, Comparison, HeatMap, Report, Trend, Unit, Value, Words
from .request import EPOCH, Period
from .service_level import DEFINITIONS, ServiceLevel
from .service_level import service_level as level_of
from .sketch import RELATIVE_ERROR

_DIMENSION_TITLES: Mapping[str, Words] = {
    "project": Words("Project", "项目"),
    "queue": Words("Queue", "队列"),
    "agent": Words("Agent", "工号"),
    "team": Words("Team", "班组"),
    "skill": Words("Skill", "技能组"),
    "category": Words("Category", "品类"),
    "class": Words("Class", "来电类型"),
    "region": Words("Region", "地区"),
    "trunk": Words("Trunk", "中继"),
    "flow_version": Words("Flow version", "流程版本"),
}


class Measure(Struct, frozen=True):
    """One column of figures and how a cell makes it."""

    column: Column
    value: Callable[[Cell], Value]


def _measure(
    name: str,
    en: str,
    zh: str,
    unit: Unit,
    value: Callable[[Cell], Value],
    *,
    quiet: bool = False,
) -> Measure:
    return Measure(Column(name=name, title=Words(en, zh), unit=unit, quiet=quiet), value)


def _count(name: str, en: str, zh: str, *, quiet: bool = False) -> Measure:
    value: Callable[[Cell], Value] = attrgetter(f"measures.{name}")
    return _measure(name, en, zh, Unit.COUNT, value, quiet=quiet)


_VOLUMES = (
    _count("offered", "Offered", "呼入量"),
    _count("answered", "Answered", "接起量"),
    _count("short_abandons", "Short abandons", "短时放弃"),
    _count("abandons", "Abandons", "放弃量"),
    _count("exited", "Exited", "按键退出", quiet=True),
    _count("callbacks", "Callbacks", "预约回呼", quiet=True),
    _count("overflowed", "Overflowed", "溢出", quiet=True),
    _count("timed_out", "Timed out", "超时", quiet=True),
    _count("refused_full", "Refused", "队满", quiet=True),
    _count("empty", "Nobody there", "无人值守", quiet=True),
    _count("closed", "Closed", "紧急关闭", quiet=True),
    _count("faulted", "Faulted", "故障", quiet=True),
    _count("waiting", "Waiting", "排队中"),
)

_ANSWER_RATE = _measure(
    "answer_rate", "Answer rate", "接通率", Unit.RATE, lambda cell: answer_rate(cell.measures)
)

_REST = (
    _measure(
        "abandon_rate", "Abandon rate", "放弃率", Unit.RATE, lambda c: abandon_rate(c.measures)
    ),
    _measure("asa_s", "ASA", "平均应答速度", Unit.SECONDS, lambda c: asa_s(c.measures)),
    _measure("aht_s", "AHT", "平均处理时长", Unit.SECONDS, lambda c: aht_s(c.measures)),
)

_SALES = (
    _count("orders", "Orders", "订单"),
    _measure(
        "conversion_rate",
        "Conversion",
        "成交率",
        Unit.RATE,
        lambda c: conversion_rate(c.measures),
    ),
)


def _wait(name: str, share: float) -> Measure:
    per_cent = f"{share:.0%}"
    return _measure(
        name,
        f"Wait {per_cent}",
        f"等待 {per_cent}",
        Unit.SECONDS,
        lambda cell: cell.waits.quantile(share),
    )


def _handle(name: str, share: float) -> Measure:
    per_cent = f"{share:.0%}"
    return _measure(
        name,
        f"Handle time {per_cent}",
        f"处理 {per_cent}",
        Unit.SECONDS,
        lambda cell: cell.handles.quantile(share),
    )


def _longest(cell: Cell) -> Value:
    return cell.measures.longest_wait_s if cell.measures.offered else None


PERCENTILES = (
    _wait("wait_p50_s", 0.5),
    _wait("wait_p80_s", 0.8),
    _wait("wait_p90_s", 0.9),
    _wait("wait_p95_s", 0.95),
    _measure("longest_wait_s", "Longest wait", "最长等待", Unit.SECONDS, _longest),
    _handle("handle_p50_s", 0.5),
    _handle("handle_p90_s", 0.9),
)


def _level(level: ServiceLevel, name: str) -> Measure:
    suffix = "" if name == "service_level" else f" ({level.value})"
    return _measure(
        name,
        f"Service level{suffix}",
        f"规定期间接通率{suffix}",
        Unit.RATE,
        lambda cell: level_of(cell.measures, level),
    )


def _levels(levels: Sequence[ServiceLevel]) -> tuple[Measure, ...]:
    """Return a column for each definition; the first one is plainly the service level."""
    first, *others = levels
    more = (_level(level, f"service_level_{level.value}") for level in others)
    return (_level(first, "service_level"), *more)


class Cut(Struct, frozen=True, kw_only=True):
    """What a report is of: the days, and how they are cut."""

    from_us: int
    to_us: int
    zone: ZoneInfo
    period: Period = Period.ALL
    by: tuple[str, ...] = ()


def with_all_queues(
    cells: Mapping[Key, Cell], cut: Cut, queues: Iterable[str]
) -> Mapping[Key, Cell]:
    """Return the cells, with queues that had no call as zeros where rows are queues."""
    if cut.by != ("queue",) or cut.period is not Period.ALL:
        return cells
    return {**{(None, queue): Cell() for queue in queues}, **cells}


def figures_report(
    cells: Mapping[Key, Cell],
    cut: Cut,
    *,
    levels: Sequence[ServiceLevel] = (ServiceLevel.OFFERED,),
    percentiles: bool = False,
) -> Report:
    """Return the figures of any period and group, by time and group."""
    more = PERCENTILES if percentiles else ()
    measures = (*_VOLUMES, _ANSWER_RATE, *_levels(levels), *_REST, *more, *_SALES)
    return _report("kpi", Words("KPI", "KPI"), cells, cut, measures, levels, _charts(cut))


def queues_report(cells: Mapping[Key, Cell], cut: Cut) -> Report:
    """Return the queues beside each other, with every service level and the spread of waits."""
    levels = tuple(ServiceLevel)
    measures = (*_VOLUMES, _ANSWER_RATE, *_levels(levels), *_REST, *PERCENTILES)
    charts = (
        Comparison(title=Words("Service level", "规定期间接通率"), of="queue", y="service_level"),
        Comparison(title=Words("Wait of 90 %", "90 % 等待时长"), of="queue", y="wait_p90_s"),
        Comparison(title=Words("Calls offered", "呼入量"), of="queue", y="offered"),
    )
    title = Words("Queues compared", "队列对比")
    return _report("queues", title, cells, cut, measures, levels, charts)


def intervals_report(
    cells: Mapping[Key, Cell],
    cut: Cut,
    *,
    levels: Sequence[ServiceLevel] = (ServiceLevel.OFFERED,),
) -> Report:
    """Return quarter-hours or hours over the days, for heat maps and rosters."""
    measures = (*_VOLUMES, _ANSWER_RATE, *_levels(levels), *_REST)
    maps = tuple(
        HeatMap(title=title, x="time", y="day", colour=colour)
        for colour, title in (
            ("offered", Words("Calls offered", "呼入量")),
            ("service_level", Words("Service level", "规定期间接通率")),
        )
        if not cut.by
    )
    charts = (*maps, *_charts(cut))
    title = Words("Intervals", "时段分布")
    return _report("intervals", title, cells, cut, measures, levels, charts, clock=True)


CLOCKS_KEPT = 4096
"Quarter-hours of a month and more: each stands in the line of every agent who worked in it."

_PERIOD = Column(name="period", title=Words("Period", "时段"), unit=Unit.TIME)

_CLOCK = (
    Column(name="day", title=Words("Day", "日期"), unit=Unit.TEXT),
    Column(name="time", title=Words("Time", "时刻"), unit=Unit.TEXT),
)


def _report(
    name: str,
    title: Words,
    cells: Mapping[Key, Cell],
    cut: Cut,
    measures: Sequence[Measure],
    levels: Sequence[ServiceLevel],
    charts: Sequence[Chart],
    *,
    clock: bool = False,
) -> Report:
    timed = cut.period is not Period.ALL
    heads = (*((_PERIOD,) if timed else ()), *(_CLOCK if clock else ()))
    groups = tuple(
        Column(name=name, title=_DIMENSION_TITLES[name], unit=Unit.TEXT) for name in cut.by
    )
    rows = []
    values = [measure.value for measure in measures]
    for key, cell in sorted(cells.items(), key=lambda item: _order(item[0])):
        begin = key[0]
        at = [begin] if timed else []
        shown = _clock(begin, cut.zone) if clock and isinstance(begin, int) else ()
        rows.append((*at, *shown, *key[1:], *[value(cell) for value in values]))
    return Report(
        name=name,
        title=title,
        from_us=cut.from_us,
        to_us=cut.to_us,
        timezone=cut.zone.key,
        columns=(*heads, *groups, *(measure.column for measure in measures)),
        rows=tuple(rows),
        remarks=tuple(_remarks(measures, levels)),
        definitions={"service_level": levels[0].value},
        charts=tuple(charts),
    )


def _order(key: Key) -> tuple[int, tuple[str, ...]]:
    begin, *values = key
    return (begin if isinstance(begin, int) else 0), tuple(map(str, values))


@lru_cache(CLOCKS_KEPT)
def _clock(at_us: int, zone: ZoneInfo) -> tuple[str, str]:
    moment = EPOCH.fromtimestamp(at_us // 1_000_000, zone)
    return f"{moment:%Y-%m-%d}", f"{moment:%H:%M}"


def _remarks(measures: Sequence[Measure], levels: Sequence[ServiceLevel]) -> Iterable[Words]:
    first, *others = levels
    words = DEFINITIONS[first].words
    yield Words(f"Service level = {words.en}", f"规定期间接通率 = {words.zh}")
    for level in others:
        words = DEFINITIONS[level].words
        yield Words(f"({level.value}) = {words.en}", f"({level.value}) = {words.zh}")
    if any(measure in PERCENTILES for measure in measures):
        error = f"{RELATIVE_ERROR:.0%}"
        yield Words(
            f"Waits and handle times of the answered; percentiles are off by {error} at most.",
            f"接起来电的等待与处理时长；分位数误差不超过 {error}。",
        )


def _charts(cut: Cut) -> tuple[Chart, ...]:
    offered, level = Words("Calls offered", "呼入量"), Words("Service level", "规定期间接通率")
    group = next(iter(cut.by), "")
    if cut.period is not Period.ALL:
        volumes = ("offered",) if group else ("offered", "answered", "abandons")
        return (
            Trend(title=offered, x="period", y=volumes, by=group),
            Trend(title=level, x="period", y=("service_level",), by=group),
        )
    if not group:
        return ()
    return (
        Comparison(title=offered, of=group, y="offered"),
        Comparison(title=level, of=group, y="service_level"),
    )
