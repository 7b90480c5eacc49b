"""Keeps contacts beside their neighbours of the same customer and class (`repeat_contacts`).

A quarter-hour is computed whole, after its roll-ups (`kpi_rollup.py`), and compared with what was
known of it. Nearly always nothing has changed, such as when an order was signed for. Else all
contacts of the customers and classes concerned are linked anew, those of the weeks around too. So
a late disposition changes the neighbours of a week ago, and no day has to be gone through for it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from acd.reports.repeat import DAYS, DAYS_MAX

from .kpi_bulk import JOIN_MEMORY

REACH = timedelta(days=DAYS_MAX)
"Neighbours further away are none: no report asks for them."

COLUMNS = (
    "started_at, interaction, project, customer_key, call_class, agent, queue, category, solved"
)
"Of a contact, without its neighbours."

CHAIN = "project, customer_key, call_class"
"What neighbours have in common."

QUARTERS_A_TURN = 96
"A day's worth."

MARK = "INSERT INTO repeat_contacts_dirty (quarter_at) SELECT unnest($1::timestamptz[])"
"Marks quarter-hours $1."

DUE = """
SELECT DISTINCT quarter_at FROM repeat_contacts_dirty
WHERE quarter_at <= now() - interval '15 minutes'
    -- It will be marked again when its roll-ups have been computed.
    AND quarter_at NOT IN (SELECT quarter_at FROM kpi_dirty)
ORDER BY quarter_at LIMIT $1
"""
"The oldest $1 quarter-hours that are marked and over."


async def compute(
    connection: asyncpg.Connection,
    stretches: Sequence[tuple[datetime, datetime]],
    *,
    bulk: bool = False,
) -> None:
    """Compute the contacts of some stretches [begin, end) of a month each, within a transaction.

    `bulk`: it is a single and long one, of which everything is linked anew, by joining whole
    tables.
    """
    stretches = [one for one in stretches if await _has_records(connection, one[0])]
    if not stretches:
        return
    if bulk:
        await connection.execute(f"SET LOCAL work_mem = '{JOIN_MEMORY}'")
        await connection.execute("SET LOCAL enable_nestloop = off")
    for statement in _TABLES:
        await connection.execute(statement)
    for begin, end in stretches:
        await connection.execute("SELECT repeat_contacts_ensure($1)", begin)
        await connection.execute("INSERT INTO repeat_stretches VALUES ($1, $2)", begin, end)
        await connection.execute(_FRESH, begin, end)
    await connection.execute("ANALYZE repeat_fresh")
    if await connection.execute(_ALL_CHAINS if bulk else _CHANGED_CHAINS) != "INSERT 0 0":
        await _link(connection, min(stretches)[0], max(stretches)[1])
    await connection.execute(_END)
    if bulk:
        await connection.execute("SET LOCAL enable_nestloop = on")


async def _link(connection: asyncpg.Connection, first: datetime, last: datetime) -> None:
    """Link the chains that have changed between `first` and `last`, and store what is new."""
    await connection.execute("ANALYZE repeat_chains")
    await connection.execute(_LINKED, first, last, REACH)
    await connection.execute("ANALYZE repeat_linked")
    await connection.execute(_FIXES, first, last, REACH, timedelta(days=DAYS))
    for statement in (_GONE, _MARK_DAYS, _DELETE_GONE, _STORE):
        await connection.execute(statement)


async def forget_done(connection: asyncpg.Connection, quarters: Sequence[datetime]) -> None:
    """Take the marks away that this transaction has seen."""
    await connection.execute(
        "DELETE FROM repeat_contacts_dirty WHERE quarter_at = ANY($1)", quarters
    )


async def _has_records(connection: asyncpg.Connection, at: datetime) -> bool:
    part = f"dispositions_{at.year:04d}{at.month:02d}"
    found: bool = await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", part)
    return found


# Tables of their own: their statistics make good plans, and the statements agree on them.
_END = (
    "DROP TABLE IF EXISTS repeat_stretches, repeat_fresh, repeat_chains, repeat_linked,"
    " repeat_fixes, repeat_gone"
)

_TABLES = (
    _END,
    """
CREATE TEMP TABLE repeat_stretches (begin_at timestamptz, end_at timestamptz) ON COMMIT DROP
""",
    f"""
CREATE TEMP TABLE repeat_fresh ON COMMIT DROP AS SELECT {COLUMNS} FROM repeat_contacts LIMIT 0
""",
    f"""
CREATE TEMP TABLE repeat_chains ON COMMIT DROP AS SELECT {CHAIN} FROM repeat_contacts LIMIT 0
""",
    "CREATE TEMP TABLE repeat_linked (LIKE repeat_contacts) ON COMMIT DROP",
    """
CREATE TEMP TABLE repeat_fixes (LIKE repeat_contacts, counts boolean NOT NULL) ON COMMIT DROP
""",
    "CREATE TEMP TABLE repeat_gone (started_at timestamptz, interaction text) ON COMMIT DROP",
)

_FRESH = f"INSERT INTO repeat_fresh SELECT {COLUMNS} FROM repeat_contacts_of($1, $2)"

_KNOWN = "repeat_stretches JOIN repeat_contacts ON started_at >= begin_at AND started_at < end_at"
"What was computed of the same time before."

_CHANGED_CHAINS = f"""
INSERT INTO repeat_chains
SELECT DISTINCT {CHAIN} FROM (
    (TABLE repeat_fresh EXCEPT SELECT {COLUMNS} FROM {_KNOWN})
    UNION ALL
    (SELECT {COLUMNS} FROM {_KNOWN} EXCEPT TABLE repeat_fresh)
) changed
"""

_ALL_CHAINS = f"""
INSERT INTO repeat_chains
SELECT {CHAIN} FROM repeat_fresh
UNION
SELECT {CHAIN} FROM {_KNOWN}
"""

# What lies before all stretches keeps the former one that it has, what lies after them the next.
_LINKED = f"""
INSERT INTO repeat_linked ({COLUMNS}, former_at, next_at)
SELECT {COLUMNS},
    CASE
        WHEN started_at < $1 THEN known_former_at
        WHEN former_at >= started_at - $3::interval THEN former_at
    END,
    CASE
        WHEN started_at >= $2 THEN known_next_at
        WHEN next_at <= started_at + $3::interval THEN next_at
    END
FROM (
    SELECT one.*, lag(started_at) OVER same AS former_at, lead(started_at) OVER same AS next_at
    FROM (
        SELECT {COLUMNS}, former_at AS known_former_at, next_at AS known_next_at
        FROM repeat_chains JOIN repeat_contacts USING ({CHAIN})
        WHERE started_at >= $1::timestamptz - $3::interval
            AND started_at < $2::timestamptz + $3::interval
            AND NOT EXISTS (
                SELECT FROM repeat_stretches WHERE started_at >= begin_at AND started_at < end_at
            )
        UNION ALL
        SELECT {COLUMNS}, NULL, NULL FROM repeat_chains JOIN repeat_fresh USING ({CHAIN})
    ) one
    WINDOW same AS (PARTITION BY {CHAIN} ORDER BY started_at, interaction)
) linked
"""

_FIXES = f"""
INSERT INTO repeat_fixes ({COLUMNS}, former_at, next_at, counts)
SELECT {", ".join(f"l.{name.strip()}" for name in COLUMNS.split(","))}, l.former_at, l.next_at,
    (s.project, s.customer_key, s.call_class, s.agent, s.queue, s.category, s.solved,
        coalesce(s.former_at >= s.started_at - $4::interval, false),
        coalesce(s.next_at <= s.started_at + $4::interval, false))
    IS DISTINCT FROM
    (l.project, l.customer_key, l.call_class, l.agent, l.queue, l.category, l.solved,
        coalesce(l.former_at >= l.started_at - $4::interval, false),
        coalesce(l.next_at <= l.started_at + $4::interval, false))
FROM repeat_linked l LEFT JOIN (
    SELECT * FROM repeat_contacts
    WHERE started_at >= $1::timestamptz - $3::interval
        AND started_at < $2::timestamptz + $3::interval
) s ON s.started_at = l.started_at AND s.interaction = l.interaction
WHERE (s.project, s.customer_key, s.call_class, s.agent, s.queue, s.category, s.solved,
        s.former_at, s.next_at)
    IS DISTINCT FROM
    (l.project, l.customer_key, l.call_class, l.agent, l.queue, l.category, l.solved,
        l.former_at, l.next_at)
"""
"What is to be stored; `counts`: it changes the sums of a day."

_GONE = f"""
INSERT INTO repeat_gone
SELECT started_at, interaction FROM {_KNOWN}
WHERE (started_at, interaction) NOT IN (SELECT started_at, interaction FROM repeat_fresh)
"""

_MARK_DAYS = """
INSERT INTO repeat_days_dirty (day)
SELECT day FROM (
    SELECT DISTINCT (changed.started_at AT TIME ZONE z.zone)::date AS day
    FROM kpi_zone z, (
        SELECT started_at FROM repeat_fixes WHERE counts
        UNION ALL
        SELECT started_at FROM repeat_gone
    ) changed
) days
WHERE day NOT IN (SELECT day FROM repeat_days_dirty)
"""

_DELETE_GONE = """
DELETE FROM repeat_contacts s USING repeat_gone g
WHERE s.started_at = g.started_at AND s.interaction = g.interaction
"""

_STORED_COLUMNS = ("project", "customer_key", "call_class", "agent", "queue", "category")

_STORE = f"""
INSERT INTO repeat_contacts ({COLUMNS}, former_at, next_at)
SELECT {COLUMNS}, former_at, next_at FROM repeat_fixes
ON CONFLICT (started_at, interaction) DO UPDATE SET
    {", ".join(f"{name} = EXCLUDED.{name}" for name in _STORED_COLUMNS)},
    solved = EXCLUDED.solved, former_at = EXCLUDED.former_at, next_at = EXCLUDED.next_at
"""
