"""Which quarter-hours of the KPIs a batch of rows changes: noted with the rows, for the roll-ups.

A row that comes late, such as after-call work, a disposition or a correction, changes the
quarter-hour in which its visit was offered, however long ago that was. Marks are only ever added
(`kpi_dirty`), in the rows' own transaction: whoever sees the rows sees the marks.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache

import asyncpg

from acd.calls import cdr_rows as cdr

from .table import RECENT_TIMES, Values, at
from .tables import TABLES

MAX_STARTS = 100_000
"Interactions whose start is remembered: over a minute of 1,200 a second. Others are looked up."

Rows = Mapping[type[cdr.Row], Mapping[Values, Values]]
"The rows of a batch by their kind and key, as `Batch.tables`: all keys begin with the start."

_MARK = """
WITH touched AS MATERIALIZED (
    SELECT * FROM unnest($2::timestamptz[], $3::text[]) AS t (started_at, interaction)
)
INSERT INTO kpi_dirty (quarter_at)
SELECT kpi_quarter(at) FROM unnest($1::timestamptz[]) AS at
UNION
SELECT kpi_quarter(v.entered_at) FROM touched
JOIN queue_visits v
    ON v.started_at = touched.started_at AND v.interaction = touched.interaction
UNION
-- What followed from a consultation's visit may lie in the interaction that it joined.
SELECT kpi_quarter(v.entered_at) FROM touched
JOIN transfers x ON x.started_at = touched.started_at AND x.interaction = touched.interaction
JOIN queue_visits v ON v.started_at = x.consult_started_at AND v.interaction = x.consult
WHERE x.consult <> ''
"""


class Starts:
    """When interactions began: their rows' keys begin with it, agents' intervals lack it."""

    def __init__(self) -> None:
        self._known: dict[str, datetime] = {}

    def remember(self, row: cdr.Row) -> None:
        """Take a row that passes by and is in the tables already."""
        if isinstance(row, cdr.QueueVisit | cdr.TalkSegment):
            self.add(row.interaction, at(row.started_us))

    def add(self, interaction: str, started_at: datetime) -> None:
        """Keep one; the oldest is forgotten for it."""
        if interaction not in self._known and len(self._known) >= MAX_STARTS:
            del self._known[next(iter(self._known))]
        self._known[interaction] = started_at

    async def find(
        self, connection: asyncpg.Connection, interactions: Iterable[str]
    ) -> set[tuple[datetime, str]]:
        """Return the starts, from the table where they are not remembered."""
        found = set()
        unknown = []
        for interaction in interactions:
            started_at = self._known.get(interaction)
            if started_at is None:
                unknown.append(interaction)
            else:
                found.add((started_at, interaction))
        if unknown:
            rows = await connection.fetch(
                "SELECT started_at, interaction FROM interactions"
                " WHERE interaction = ANY($1::text[])",
                unknown,
            )
            found |= {(row["started_at"], row["interaction"]) for row in rows}
        return found


async def mark_quarters(connection: asyncpg.Connection, rows: Rows, starts: Starts) -> None:
    """Note the quarter-hours that rows change which were stored in this transaction."""
    moments = set[datetime]()
    touched = set[tuple[datetime, str]]()
    for kind, table in rows.items():
        if kind in _AT_THEIR_START:
            moments.update(_quarter(values[0]) for values in table.values())
        if kind in _OF_VISITS:
            touched.update((key[0], key[1]) for key in table)
    touched |= _ordered(rows)
    for started_at, interaction in touched:
        starts.add(interaction, started_at)
    touched |= await starts.find(connection, _wrapped_up(rows))
    if not moments and not touched:
        return
    await connection.execute(
        _MARK,
        list(moments),
        [started_at for started_at, _ in touched],
        [interaction for _, interaction in touched],
    )


_OF_VISITS = frozenset(
    {cdr.Interaction, cdr.QueueVisit, cdr.TalkSegment, cdr.Disposition, cdr.Transfer}
)
"""Kinds whose rows change what is counted of visits of their interaction. The interaction's own do
so where they come after those of the after-call work, which could not be told whose it was."""

_AT_THEIR_START = frozenset(
    {
        *(cdr.Interaction, cdr.QueueVisit, cdr.TalkSegment),
        *(cdr.Disposition, cdr.MatterOutcome, cdr.OrderEvent),
        cdr.AgentProfileRow,
    }
)
"""Kinds whose rows change what is counted where their interaction started: what became of a
caller, the day's orders, whether the matter was closed. Profiles change the team from their own
time on."""


_INTERVAL = TABLES[cdr.AgentStateInterval].columns
_ORDERED = TABLES[cdr.OrderEvent].columns.index("interaction")
_STATE, _INTERACTION = _INTERVAL.index("state"), _INTERVAL.index("interaction")


def _wrapped_up(rows: Rows) -> set[str]:
    """Return the interactions of agents' after-call work."""
    return {
        values[_INTERACTION]
        for values in rows.get(cdr.AgentStateInterval, {}).values()
        if values[_STATE] == "wrap_up" and values[_INTERACTION]
    }


def _ordered(rows: Rows) -> set[tuple[datetime, str]]:
    """Return the interactions that orders came from."""
    return {
        (values[0], values[_ORDERED])
        for values in rows.get(cdr.OrderEvent, {}).values()
        if values[_ORDERED]
    }


@lru_cache(RECENT_TIMES)
def _quarter(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
