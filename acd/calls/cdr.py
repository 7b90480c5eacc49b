"""The call detail record: a fold over the journal's records. Pure, and the only way to rows.

Each row comes out once, when it is complete: a leg at `LegEnded`, a visit at `QueueLeft`, the
interaction at `CallEnded`. Rows still open can be asked for meanwhile (`open_rows`), so that
reports show who waits; the complete row replaces them later.

Durations are differences of monotonic time within one boot. What a boot left open when it died
ends at the time of that boot's last record: so long it surely lasted.
"""

from collections import deque
from collections.abc import Callable, Iterable
from copy import copy
from typing import Generic, TypeVar

from msgspec import Struct

from . import events as ev
from .cdr_rows import (
    AgentStateInterval,
    AgentStatusInterval,
    Disposition,
    FlowStep,
    Interaction,
    Interval,
    Leg,
    Offer,
    QueueVisit,
    Row,
    StreamQuality,
    TalkSegment,
)
from .journal import Record

MAX_OPEN_CALLS = 200_000
"Twenty times the longest queue; calls beyond it are ones whose end got lost."

REMEMBERED_CALLS = 50_000
"Ended calls whose start is still known for dispositions: an hour of 14 calls/s."

REMEMBERED_BOOTS = 1_000
"Dead boots whose last record's time is kept for the calls they left open."

INTERVAL_OPEN_ROW_S = 30.0
"An agent's interval gets a row while it lasts only when it lasts longer than most."

RESTART = "restart"
NEVER_ENDED = "never_ended"

Mark = TypeVar("Mark")


class Moment(Struct, frozen=True):
    """A boot's point in time on both clocks."""

    boot: str
    wall_us: int
    mono_s: float


class _Open(Struct, Generic[Mark]):
    """A row that is not complete, with the times needed to complete it."""

    row: Mark
    mono_s: float


class _Talk(Struct):
    row: TalkSegment
    mono_s: float
    held_at: float | None = None
    hold_s: float = 0.0


class _Call(Struct, Generic[Mark]):
    """An interaction under way."""

    row: Interaction
    mono_s: float
    mark: Mark
    version: str = ""
    steps: int = 0
    legs: dict[str, _Open[Leg]] = {}
    visits: dict[str, _Open[QueueVisit]] = {}
    offers: dict[str, _Open[Offer]] = {}
    talks: dict[str, _Talk] = {}


class Fold(Generic[Mark]):
    """Turns records into rows. A mark is whatever orders records for the caller (a position)."""

    def __init__(self) -> None:
        self.strays = 0
        "Events of interactions that were not under way, and so told nothing."
        self._calls: dict[str, _Call[Mark]] = {}
        self._unwritten_visits: dict[str, _Call[Mark]] = {}
        self._ended: dict[str, tuple[int, str]] = {}
        self._intervals: dict[tuple[str, type[Interval]], Interval] = {}
        self._unwritten: dict[tuple[str, type[Interval]], Mark] = {}
        self._last: dict[str, Moment] = {}
        self._dead: dict[tuple[str, str], Moment] = {}
        self._rows: list[Row] = []

    # --- what the caller asks ---

    @property
    def open_calls(self) -> int:
        """How many interactions are under way."""
        return len(self._calls)

    def apply(self, record: Record, mark: Mark) -> list[Row]:
        """Take the next record; return the rows that it completes."""
        last = self._last.get(record.node)
        if last is not None and last.boot != record.boot:
            self._bury(record.node, last)
        _HANDLERS[type(record.event)](self, record, record.event, mark)
        self._last[record.node] = Moment(record.boot, record.wall_us, record.mono_s)
        rows, self._rows = self._rows, []
        return rows

    def open_rows(self) -> list[Row]:
        """Return rows of what lasts and has no row yet: waiting calls, longer intervals."""
        rows: list[Row] = []
        for visit, call in self._unwritten_visits.items():
            rows += (copy(call.row), copy(call.visits[visit].row))
        self._unwritten_visits.clear()
        for key in list(self._unwritten):
            interval = self._intervals[key]
            last = self._last[interval.node]
            if (
                last.boot != interval.boot
                or last.mono_s < interval.began_mono_s + INTERVAL_OPEN_ROW_S
            ):
                break
            rows.append(copy(interval))
            del self._unwritten[key]
        return rows

    def oldest_open(self) -> Mark | None:
        """Return the mark of the first record that is still needed: from there a new fold begins.

        Agents' intervals that have an open row are not counted: `seed` brings them back.
        """
        marks = [call.mark for call in self._first(self._calls)]
        marks += self._first(self._unwritten)
        return min(marks, default=None)  # type: ignore[type-var]  # marks are ordered, see class

    @staticmethod
    def _first(table: dict[str, Row]) -> list[Row]:
        return []
