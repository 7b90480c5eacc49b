"""The reports that are made of cells: kpi, queues, intervals."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeGuard
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from .cell_measures import OFFERED_RATE, PERCENTILES, REST, SALES, VOLUMES, Measure, levels_of
from .cells import Cell, Key
from .ratio import Columns
from .report import Chart, Column, Comparison, HeatMap, Report, Row, Trend, Unit, Value, Words
from .request import EPOCH, Period
from .service_level import DEFINITIONS, ServiceLevel
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


class Lines(Struct, frozen=True, kw_only=True):
    """Cells in columns, in the order of the lines."""

    begins: Sequence[int] = ()
    "When the stretch of each began; empty where time is not cut."

    groups: Sequence[Sequence[str]] = ()
    "A column per dimension."

    sums: Columns
    "All measures, `offered` too."

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self.sums["offered"])


class Layout(Struct, frozen=True, kw_only=True):
    """How cells become a report, whichever of its lines are wanted."""

    name: str
    title: Words
    cut: Cut
    measures: tuple[Measure, ...]
    levels: Sequence[ServiceLevel]
    charts: tuple[Chart, ...]
    has_clock: bool = False
    "Day and time of day have columns of their own."

    @property
    def has_percentiles(self) -> bool:
        """Whether it takes more of a cell than its measures."""
        return any(measure.values is None for measure in self.measures)

    def report(self, rows: Iterable[Row] = ()) -> Report:
        """Return the report with these lines."""
        return Report(
            name=self.name,
            title=self.title,
            from_us=self.cut.from_us,
            to_us=self.cut.to_us,
            timezone=self.cut.zone.key,
            columns=(*self._heads(), *(measure.column for measure in self.measures)),
            rows=tuple(rows),
            remarks=tuple(_remarks(self.measures, self.levels)),
            definitions={"service_level": self.levels[0].value},
            charts=self.charts,
        )

    def of_cells(self, cells: Mapping[Key, Cell]) -> list[Row]:
        """Return cells as lines, by time and group."""
        timed = self.cut.period is not Period.ALL
        values = [measure.value for measure in self.measures]
        rows = []
        for key, cell in sorted(cells.items(), key=lambda item: _order(item[0])):
            begin = key[0]
            at = [begin] if timed else []
            shown = _clock(begin, self.cut.zone) if self._shows_clock(begin) else ()
            rows.append((*at, *shown, *key[1:], *[value(cell) for value in values]))
        return rows

    def of_lines(self, lines: Lines) -> list[Row]:
        """Return columns of cells as lines, in their order."""
        columns: list[Sequence[Value]] = []
        if self.cut.period is not Period.ALL:
            columns.append(lines.begins)
            if self.has_clock:
                clocks = {at: _clock(at, self.cut.zone) for at in set(lines.begins)}
                columns += ([clocks[at][part] for at in lines.begins] for part in (0, 1))
        columns += lines.groups
        columns += (measure.values(lines.sums) for measure in self.measures if measure.values)
        return list(zip(*columns, strict=True))

    def totals(self, cell: Cell) -> Row:
        """Return the figures of all lines together, as a line without a name."""
        return (
            *(None for _ in self._heads()),
            *(measure.value(cell) for measure in self.measures),
        )

    def _heads(self) -> Iterable[Column]:
        if self.cut.period is not Period.ALL:
            yield _PERIOD
        if self.has_clock:
            yield from _CLOCK
        for name in self.cut.by:
            yield Column(name=name, title=_DIMENSION_TITLES[name], unit=Unit.TEXT)

    def _shows_clock(self, begin: object) -> TypeGuard[int]:
        return self.has_clock and isinstance(begin, int)


def figures(
    cut: Cut,
    *,
    levels: Sequence[ServiceLevel] = (ServiceLevel.OFFERED,),
    percentiles: bool = False,
) -> Layout:
    """Return the figures of any period and group, by time and group."""
    more = PERCENTILES if percentiles else ()
    return Layout(
        name="kpi",
        title=Words("KPI", "KPI"),
        cut=cut,
        measures=(*VOLUMES, OFFERED_RATE, *levels_of(levels), *REST, *more, *SALES),
        levels=levels,
        charts=_charts(cut),
    )


def queues(cut: Cut) -> Layout:
    """Return the queues beside each other, with every service level and the spread of waits."""
    levels = tuple(ServiceLevel)
    return Layout(
        name="queues",
        title=Words("Queues compared", "队列对比"),
        cut=cut,
        measures=(*VOLUMES, OFFERED_RATE, *levels_of(levels), *REST, *PERCENTILES),
        levels=levels,
        charts=(
            Comparison(title=_LEVEL, of="queue", y="service_level"),
            Comparison(title=Words("Wait of 90 %", "90 % 等待时长"), of="queue", y="wait_p90_s"),
            Comparison(title=_OFFERED, of="queue", y="offered"),
        ),
    )


def intervals(cut: Cut, *, levels: Sequence[ServiceLevel] = (ServiceLevel.OFFERED,)) -> Layout:
    """Return quarter-hours or hours over the days, for heat maps and rosters."""
    return Layout(
        name="intervals",
        title=Words("Intervals", "时段分布"),
        cut=cut,
        measures=(*VOLUMES, OFFERED_RATE, *levels_of(levels), *REST),
        levels=levels,
        charts=(*(() if cut.by else _MAPS), *_charts(cut)),
        has_clock=True,
    )


def drawn(layout: Layout) -> tuple[Layout, ...]:
    """Return what the charts of a long report are drawn of: sums that are fewer than its lines.

    All together by the clock where it has one, and its first dimension over time.
    """
    found = []
    if layout.has_clock:
        form = Words("{}, all together", "{}（全部合计）") if layout.cut.by else Words("{}", "{}")
        maps = tuple(replace(one, title=_in(form, one.title)) for one in _MAPS)
        found.append(replace(layout, cut=replace(layout.cut, by=()), charts=maps))
    cut = replace(layout.cut, by=layout.cut.by[:1])
    charts = _charts(cut)
    if _periods(cut) > PERIODS_DRAWN_MAX:
        cut = replace(cut, period=Period.DAY)
        by_day = Words("{} by day", "{}（按日）")
        charts = tuple(replace(one, title=_in(by_day, one.title)) for one in charts)
    found.append(replace(layout, cut=cut, charts=charts, has_clock=False))
    return tuple(found)


PERIODS_DRAWN_MAX = 672
"Quarter-hours of a week: a line over more of them is a smear. Days are drawn then."

_PERIODS_A_DAY = {Period.QUARTER_HOUR: 96, Period.HOUR: 24}


def _periods(cut: Cut) -> float:
    days = (cut.to_us - cut.from_us) / 86_400_000_000
    return days * _PERIODS_A_DAY.get(cut.period, 0)


def _in(form: Words, words: Words) -> Words:
    return Words(form.en.format(words.en), form.zh.format(words.zh))


CLOCKS_KEPT = 4096
"Quarter-hours of a month and more: each stands in the line of every agent who worked in it."

_OFFERED = Words("Calls offered", "呼入量")
_LEVEL = Words("Service level", "规定期间接通率")

_MAPS = (
    HeatMap(title=_OFFERED, x="time", y="day", colour="offered"),
    HeatMap(title=_LEVEL, x="time", y="day", colour="service_level"),
)

_PERIOD = Column(name="period", title=Words("Period", "时段"), unit=Unit.TIME)

_CLOCK = (
    Column(name="day", title=Words("Day", "日期"), unit=Unit.TEXT),
    Column(name="time", title=Words("Time", "时刻"), unit=Unit.TEXT),
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
    group = next(iter(cut.by), "")
    if cut.period is not Period.ALL:
        volumes = ("offered",) if group else ("offered", "answered", "abandons")
        return (
            Trend(title=_OFFERED, x="period", y=volumes, by=group),
            Trend(title=_LEVEL, x="period", y=("service_level",), by=group),
        )
    if not group:
        return ()
    return (
        Comparison(title=_OFFERED, of=group, y="offered"),
        Comparison(title=_LEVEL, of=group, y="service_level"),
    )
