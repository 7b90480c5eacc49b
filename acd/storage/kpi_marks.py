"""Which quarter-hours of the KPIs a batch of rows changes: noted with the rows, for the roll-ups.

A row that comes late, such as after-call work, a disposition or a correction, changes the
quarter-hour in which its visit was offered, however long ago that was. Marks are only ever added
(`kpi_dirty`), in the rows' own transaction: whoever sees the rows sees the marks.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg

from acd.calls import cdr_rows as cdr
from acd.reports.agent_times import QUARTER_US

from .homes import microseconds
from .table import at

MAX_STARTS = 100_000
"Interactions whose start is remembered: over a minute of 1,200 a second. Others are looked up."

Rows = Mapping[type[cdr.Row], Sequence[Any]]
"The rows of a batch by their kind, as `Batch.tables`."

Start = tuple[int, str]
"When an interaction began, and which."

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
        self._known: dict[str, int] = {}

    def remember(self, row: cdr.Row) -> None:
        """Take a row that passes by and is in the tables already."""
        if isinstance(row, cdr.QueueVisit | cdr.TalkSegment):
            self.add(row.interaction, row.started_us)

    def add(self, interaction: str, started_us: int) -> None:
        """Keep one; the oldest is forgotten for it."""
        if interaction not in self._known and len(self._known) >= MAX_STARTS:
            del self._known[next(iter(self._known))]
        self._known[interaction] = started_us

    async def find(
        self, connection: asyncpg.Connection, interactions: Iterable[str]
    ) -> set[Start]:
        """Return the starts, from the table where they are not remembered."""
        found = set()
        unknown = []
        for interaction in interactions:
            started_us = self._known.get(interaction)
            if started_us is None:
                unknown.append(interaction)
            else:
                found.add((started_us, interaction))
        if unknown:
            rows = await connection.fetch(
                "SELECT started_at, interaction FROM interactions"
                " WHERE interaction = ANY($1::text[])",
                unknown,
            )
            found |= {(microseconds(row["started_at"]), row["interaction"]) for row in rows}
        return found


async def mark_quarters(connection: asyncpg.Connection, rows: Rows, starts: Starts) -> None:
    """Note the quarter-hours that rows change which were stored in this transaction."""
    quarters = set[int]()
    touched = set[Start]()
    for kind, table in rows.items():
        if kind in _AT_THEIR_START:
            quarters.update([row.started_us // QUARTER_US for row in table])
        if kind in _OF_VISITS:
            touched.update([(row.started_us, row.interaction) for row in table])
    touched |= _ordered(rows)
    for started_us, interaction in touched:
        starts.add(interaction, started_us)
    touched |= await starts.find(connection, _wrapped_up(rows))
    if not quarters and not touched:
        return
    await connection.execute(
        _MARK,
        [at(quarter * QUARTER_US) for quarter in quarters],
        [at(started_us) for started_us, _ in touched],
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


def _wrapped_up(rows: Rows) -> set[str]:
    """Return the interactions of agents' after-call work."""
    return {
        row.interaction
        for row in rows.get(cdr.AgentStateInterval, ())
        if row.state == "wrap_up" and row.interaction
    }


def _ordered(rows: Rows) -> set[Start]:
    """Return the interactions that orders came from."""
    return {
        (row.started_us, row.interaction)
        for row in rows.get(cdr.OrderEvent, ())
        if row.interaction
    }
