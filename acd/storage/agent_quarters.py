"""Notes which agents' quarter-hours rows touch, and has the database compute those anew."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import asyncpg

from acd.calls import cdr_rows as cdr
from acd.reports.agent_times import QUARTER_US, length_us

from .table import at

NOTES_AT_ONCE = 5_000
"Agents' quarter-hours computed in one transaction: a second or two of Postgres' work."

NOTES_OF_A_REPORT = 100_000
"""What a report computes before it reads, half a minute at most. More has come together only where
hours of records are shipped at once, and is worked off beside the shipping."""


class TouchedQuarters:
    """Agents' quarter-hours that a batch's rows add to or change."""

    def __init__(self) -> None:
        self._quarters: set[tuple[int, str]] = set()
        self._interactions: set[tuple[int, str]] = set()
        "Whose agents' quarter-hours have to be looked up."

    def add(self, kind: type[cdr.Row], rows: Iterable[cdr.Row]) -> None:
        """Take rows of one kind."""
        touch = _TOUCHES.get(kind)
        if touch is not None:
            for row in rows:
                touch(self, row)

    async def note(self, connection: asyncpg.Connection) -> None:
        """Write the notes, in the transaction of the rows."""
        if self._quarters:
            quarters, agents = zip(*self._quarters, strict=True)
            await connection.execute(_NOTE, [at(us) for us in quarters], list(agents))
        if self._interactions:
            starts, ids = zip(*self._interactions, strict=True)
            await connection.execute(_NOTE_OF_CALLS, [at(us) for us in starts], list(ids))

    # --- which row touches what ---

    def _state(self, row: cdr.AgentStateInterval) -> None:
        if row.duration_s is None or row.state == "offline":
            return
        if row.began_us % QUARTER_US + row.duration_s * 1e6 < QUARTER_US:  # nearly always
            self._moment(row.agent, row.began_us)
        else:
            self._stretch(row.agent, row.began_us, length_us(row, 0))

    def _status(self, row: cdr.AgentStatusInterval) -> None:
        if row.status == "logged_out":
            return
        # While it lasts it says already how long its agent was ready. Its open row comes within a
        # quarter-hour, and what is computed after that knows of it.
        self._stretch(row.agent, row.began_us, length_us(row, row.began_us + QUARTER_US))

    def _offer(self, row: cdr.Offer) -> None:
        self._moment(row.agent, row.offered_us)

    def _visit(self, row: cdr.QueueVisit) -> None:
        if row.outcome == "answered":
            self._moment(row.agent, row.entered_us)

    def _talk(self, row: cdr.TalkSegment) -> None:
        if not row.visit:
            self._moment(row.agent, row.began_us)

    def _profile(self, row: cdr.AgentProfileRow) -> None:
        self._moment(row.agent, row.started_us)

    def _disposition(self, row: cdr.Disposition) -> None:
        self._interactions.add((row.started_us, row.interaction))

    def _order(self, row: cdr.OrderEvent) -> None:
        if row.interaction:
            self._interactions.add((row.started_us, row.interaction))

    def _transfer(self, row: cdr.Transfer) -> None:
        if row.consult and row.outcome == "completed":
            self._interactions.add((row.started_us, row.interaction))

    def _moment(self, agent: str, at_us: int) -> None:
        self._quarters.add((at_us - at_us % QUARTER_US, agent))

    def _stretch(self, agent: str, began_us: int, lasted_us: int) -> None:
        first = began_us // QUARTER_US
        last = (began_us + max(1, lasted_us) - 1) // QUARTER_US
        self._quarters.update((n * QUARTER_US, agent) for n in range(first, last + 1))


_TOUCHES: dict[type, Callable[[TouchedQuarters, Any], None]] = {
    cdr.AgentStateInterval: TouchedQuarters._state,
    cdr.AgentStatusInterval: TouchedQuarters._status,
    cdr.Offer: TouchedQuarters._offer,
    cdr.QueueVisit: TouchedQuarters._visit,
    cdr.TalkSegment: TouchedQuarters._talk,
    cdr.AgentProfileRow: TouchedQuarters._profile,
    cdr.Disposition: TouchedQuarters._disposition,
    cdr.OrderEvent: TouchedQuarters._order,
    cdr.Transfer: TouchedQuarters._transfer,
}

_NOTE = """
INSERT INTO agent_quarters_dirty (quarter_at, agent)
SELECT * FROM unnest($1::timestamptz[], $2::text[])
"""

_NOTE_OF_CALLS = """
WITH given AS (
    SELECT * FROM unnest($1::timestamptz[], $2::text[]) AS g(started_at, interaction)
), calls AS (
    SELECT started_at, interaction FROM given
    UNION
    SELECT x.consult_started_at, x.consult
    FROM given JOIN transfers x USING (started_at, interaction)
    WHERE x.consult <> '' AND x.outcome = 'completed'
)
INSERT INTO agent_quarters_dirty (quarter_at, agent)
SELECT DISTINCT quarter_of(v.entered_at), v.agent
FROM calls JOIN queue_visits v USING (started_at, interaction)
WHERE v.outcome = 'answered'
"""


async def refresh_agent_quarters(
    connection: asyncpg.Connection,
    *,
    most: int = NOTES_OF_A_REPORT,
    until_at: datetime | None = None,
) -> int:
    """Compute what is noted, oldest first; return how many quarter-hours of agents that was.

    `most` bounds how many. Those that begin at `until_at` or later are left.
    """
    refreshed = 0
    for _ in range(0, most, NOTES_AT_ONCE):
        done: int = await connection.fetchval(
            "SELECT refresh_agent_quarters($1, coalesce($2::timestamptz, 'infinity'))",
            NOTES_AT_ONCE,
            until_at,
        )
        if not done:
            break
        refreshed += done
    return refreshed


async def has_notes(connection: asyncpg.Connection, from_at: datetime, to_at: datetime) -> bool:
    """Return whether something of a time has to be computed yet."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS ("
        "SELECT FROM agent_quarters_dirty WHERE quarter_at >= $1 AND quarter_at < $2)",
        from_at,
        to_at,
    )
    return found
