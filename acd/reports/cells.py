"""Cells of a report: the sums of visits per stretch of time and group.

`acd.storage.kpi_cells` has the database make the same cells, from roll-ups where these are
current; a test holds the two against each other.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from .days import day_borders
from .measures import Measures, measures_of
from .request import EPOCH, Period, microseconds
from .sketch import Sketch
from .visits import CountedVisit

Key = tuple[int | str | None, ...]
"""Begin of the stretch (µs since 1970 in UTC; None: the whole time), then the value of each
dimension."""

FINE = frozenset({Period.QUARTER_HOUR, Period.HOUR})
"Stretches shorter than a day."

_OF_DIMENSION: Mapping[str, Callable[[CountedVisit], str]] = {
    "project": lambda visit: visit.project,
    "queue": lambda visit: visit.queue,
    "agent": lambda visit: visit.agent,
    "team": lambda visit: visit.team,
    "skill": lambda visit: visit.skill,
    "category": lambda visit: visit.category,
    "class": lambda visit: visit.call_class,
    "region": lambda visit: visit.region,
    "trunk": lambda visit: visit.trunk,
    "flow_version": lambda visit: visit.flow_version,
}


class Cell(Struct, frozen=True):
    """The sums of some visits."""

    measures: Measures = Measures()
    waits: Sketch = Sketch()
    "Waits of the answered."

    handles: Sketch = Sketch()
    "Talk, hold and after-call work of each of the answered."

    def __add__(self, other: "Cell") -> "Cell":
        """Return the sums of the visits of both."""
        return Cell(
            self.measures + other.measures,
            self.waits + other.waits,
            self.handles + other.handles,
        )


def cell_of(visit: CountedVisit) -> Cell:
    """Return one visit's cell."""
    if visit.outcome != "answered":
        return Cell(measures_of(visit))
    waits = Sketch.of([visit.waited_s or 0.0])
    return Cell(measures_of(visit), waits, Sketch.of([visit.handled_s]))


def cells(
    visits: Iterable[CountedVisit],
    *,
    from_us: int,
    to_us: int,
    zone: ZoneInfo,
    period: Period = Period.ALL,
    by: tuple[str, ...] = (),
    only: Mapping[str, str] | None = None,
) -> dict[Key, Cell]:
    """Return the cells of the visits that entered in [from_us, to_us)."""
    found: dict[Key, Cell] = {}
    for visit in visits:
        if not from_us <= visit.entered_us < to_us:
            continue
        if any(_OF_DIMENSION[name](visit) != value for name, value in (only or {}).items()):
            continue
        begin = begin_of(visit.entered_us, period, zone)
        key = (begin, *(_OF_DIMENSION[name](visit) for name in by))
        found[key] = found.get(key, Cell()) + cell_of(visit)
    return found


def begin_of(at_us: int, period: Period, zone: ZoneInfo) -> int | None:
    """Return when the stretch began that holds this moment; None for the whole time.

    Hours and quarter-hours are those of the zone's clock where its offset is a multiple of 15
    minutes; an hour that a zone has twice makes two.
    """
    if period is Period.ALL:
        return None
    moment = (EPOCH + timedelta(microseconds=at_us)).astimezone(zone)
    if period in FINE:
        step_us = 900_000_000 if period is Period.QUARTER_HOUR else 3_600_000_000
        passed_us = (moment.minute * 60 + moment.second) * 1_000_000 + moment.microsecond
        return at_us - passed_us % step_us
    day = moment.date()
    match period:
        case Period.WEEK:
            day -= timedelta(days=day.weekday())
        case Period.MONTH:
            day = day.replace(day=1)
        case Period.QUARTER:
            day = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case Period.YEAR:
            day = day.replace(month=1, day=1)
        case _:
            pass
    return microseconds(day_borders(day, zone)[0])
