"""How long records are kept: months that are over go as whole partitions.

A partition goes in an instant and gives its disk space back; deleting rows would do neither. All
tables of a kind lose a month together, so that no part of a chain outlives the rest.
"""

import re
from collections.abc import Mapping
from datetime import date
from enum import Enum

import asyncpg
from msgspec import Struct

from .locks import with_short_locks

_CALLS = (
    *("interactions", "legs", "queue_visits", "offers", "flow_steps", "talk_segments"),
    *("hold_segments", "transfers", "callbacks", "dispositions", "streams", "recordings"),
    *("order_events", "csat_answers", "matter_outcomes", "kpi_facts"),
    "repeat_contacts",
)
_AGENTS = ("agent_status_intervals", "agent_state_intervals")
_AUDIT = ("audit", "closures")


class Kind(Enum):
    """What may be kept for how long."""

    CALLS = "calls"
    AGENTS = "agents"
    AUDIT = "audit"


TABLES_OF: Mapping[Kind, tuple[str, ...]] = {
    Kind.CALLS: _CALLS,
    Kind.AGENTS: _AGENTS,
    Kind.AUDIT: _AUDIT,
}

_PARTITIONS = """
SELECT part.inhrelid::regclass::text AS name, pg_total_relation_size(part.inhrelid) AS bytes
FROM pg_inherits part JOIN pg_class parent ON parent.oid = part.inhparent
WHERE parent.relkind = 'p' AND parent.relname = ANY($1::text[])
    AND parent.relnamespace = current_schema()::regnamespace
ORDER BY 1
"""


class Dropped(Struct, frozen=True):
    """A month of one kind that is gone."""

    kind: Kind
    month: str
    'As "2026-11".'

    partitions: tuple[str, ...]
    bytes: int


def month_number(day: date) -> int:
    """Count months, so that they can be compared and subtracted."""
    return day.year * 12 + day.month - 1


async def drop_expired(
    connection: asyncpg.Connection, months_kept: Mapping[Kind, int], today: date
) -> list[Dropped]:
    """Delete the months that lie further back than they are to be kept; 0: for ever.

    The current month does not count: of 12, a year and the days of this month stay. Not within a
    transaction; each month goes in one of its own. Raises DatabaseError when a report of minutes
    keeps the tables in use.
    """
    gone: list[Dropped] = []
    for kind, kept in months_kept.items():
        if kept == 0:
            continue
        months: dict[int, list[asyncpg.Record]] = {}
        for row in await connection.fetch(_PARTITIONS, list(TABLES_OF[kind])):
            months.setdefault(_month_of(row["name"]), []).append(row)
        expired = [month for month in sorted(months) if month < month_number(today) - kept]
        gone += [await _drop(connection, kind, month, months[month]) for month in expired]
    return gone


async def _drop(
    connection: asyncpg.Connection, kind: Kind, month: int, rows: list[asyncpg.Record]
) -> Dropped:
    names = tuple(row["name"] for row in rows)
    await with_short_locks(connection, *(f"DROP TABLE {name}" for name in names))
    text = f"{month // 12}-{month % 12 + 1:02d}"
    return Dropped(kind, text, names, sum(row["bytes"] for row in rows))


def _month_of(partition: str) -> int:
    """Return the month of a partition's name, which `ensure_month` gave it."""
    match = re.search(r"_(\d{4})(\d{2})$", partition)
    assert match is not None, partition
    return int(match[1]) * 12 + int(match[2]) - 1
