"""Keeps the roll-ups of the KPIs: computes whole quarter-hours and days anew that have changed.

A turn is one transaction that sees the records as they were at its begin, with exactly the marks
that belong to them (REPEATABLE READ); marks made meanwhile stay for the next turn. Done twice, or
killed in between, it leaves what doing it once leaves. It takes locks on nothing that the shipper
writes to. Of several nodes one works at a time.

Records that retention has taken away leave their roll-ups as they were: a month without calls is
not computed again.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from operator import add

import asyncpg
from msgspec import Struct, structs

from acd.reports.traffic import OUTCOMES

from . import agent_days, kpi_bulk, order_days, repeat_contacts, repeat_days
from .kpi_sums import DIMENSION_COLUMNS, FACT_COLUMNS, MEASURE_COLUMNS, SUMS_OF_VISITS
from .order_days import DayBorders
from .sessions import end_when_deserted

LOCK_KEY = 0x6163646B
'"acdk": one computes roll-ups at a time.'

HELPERS_KEY = 0x6163646C
"""The next one: shared by connections that compute beside the one that holds LOCK_KEY. Should that
die, Postgres may still be at work for these: nobody begins before they have ended."""

QUARTER = timedelta(minutes=15)

QUARTERS_A_TURN = 96
"A day's worth: some seconds of work at 50,000 visits a day."

DAYS_A_TURN = 4

STATEMENT_LIMIT_S = 600.0
"A turn of the busiest day takes seconds; a database that hangs must not hold the lock for ever."


class Turn(Struct, frozen=True):
    """What one turn did."""

    quarters: int = 0
    days: int = 0
    order_days: int = 0
    agent_days: int = 0
    repeat_quarters: int = 0
    repeat_days: int = 0

    def __add__(self, other: "Turn") -> "Turn":
        """Return what both did."""
        sums = map(add, structs.astuple(self), structs.astuple(other))
        return Turn(*sums)


class RollUps:
    """Computes roll-ups over one connection, in one zone's days."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        zone: str,
        *,
        settle_s: float = 0.0,
        patient: bool = False,
        bulk_from: timedelta = kpi_bulk.LEAST,
    ) -> None:
        """`zone` is the centre's, an IANA name; `settle_s` as in `Keeping`.

        `patient`: wait for another process at work, instead of leaving the turn to it.
        `bulk_from`: so long a stretch is computed as a whole.
        """
        self._connection = connection
        self._zone = zone
        self._settle = timedelta(seconds=settle_s)
        self._patient = patient
        self._bulk_from = bulk_from

    async def mark_all(self) -> int:
        """Note that everything has changed; return how many quarter-hours that are."""
        async with self._connection.transaction():
            await self._connection.execute("SELECT order_days_mark_all()")
            await self._connection.execute("SELECT repeat_contacts_mark_all()")
            done = await self._connection.execute(_MARK_ALL)
        return int(done.split()[-1])

    async def turn(self) -> Turn:
        """Compute the oldest of what has changed; nothing while another process does."""
        async with self._alone() as alone:
            if not alone:
                return Turn()
            await self._begin()
            quarters = await self._quarters()
            return Turn(
                quarters,
                await self._days(),
                await self._order_days(),
                await agent_days.sum_days(self._connection, self._zone),
                await self._repeat_contacts(),
                await self._repeat_days(),
            )

    async def all_turns(self, on_turn: Callable[[Turn], None] = lambda _: None) -> Turn:
        """Compute until nothing is left that is to be computed."""
        done = Turn()
        while (turn := await self.turn()) != Turn():
            done += turn
            on_turn(turn)
        return done

    async def _begin(self) -> None:
        await set_up(self._connection)
        await self._keep_zone()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[bool]:
        # Before the transaction: one that begins while another ends would see too old a state.
        if self._patient:
            await self._connection.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
        got = self._patient or await self._connection.fetchval(
            "SELECT pg_try_advisory_lock($1)", LOCK_KEY
        )
        try:
            if got:
                await self._connection.execute(_HELPERS_HAVE_ENDED, HELPERS_KEY)
            yield got
        finally:
            if got and not self._connection.is_closed():
                await self._connection.execute("SELECT pg_advisory_unlock($1)", LOCK_KEY)

    async def _keep_zone(self) -> None:
        """Begin the days anew where they are another zone's."""
        async with self._connection.transaction():
            zone = await self._connection.fetchval("SELECT zone FROM kpi_zone")
            if zone == self._zone:
                return
            await self._connection.execute("DELETE FROM kpi_days")
            await self._connection.execute("DELETE FROM kpi_dirty_days")
            await self._connection.execute(_MARK_DAYS_OF_ALL_FACTS, self._zone)
            await self._connection.execute(
                "INSERT INTO kpi_zone (zone) VALUES ($1)"
                " ON CONFLICT (only_one) DO UPDATE SET zone = EXCLUDED.zone",
                self._zone,
            )
            await order_days.forget(self._connection)
            await repeat_days.forget(self._connection)

    async def _quarters(self) -> int:
        async with self._connection.transaction(isolation="repeatable_read"):
            due = await self._due_quarters()
            if due:
                await self._compute_quarters(due)
            return len(due)

    async def _compute_quarters(self, due: Sequence[datetime]) -> None:
        """Compute these, and take the marks away that this transaction has seen."""
        kept = await self._with_records(due)
        for begin, end in ranges(kept):
            await self._compute(begin, end)
        await self._connection.execute(_MARK_DAYS, kept, self._zone)
        await self._connection.execute(order_days.MARK, kept, self._zone)
        await self._connection.execute(repeat_contacts.MARK, kept)
        await self._connection.execute("DELETE FROM kpi_dirty WHERE quarter_at = ANY($1)", due)

    async def _due_quarters(self) -> list[datetime]:
        """Return the oldest: a long stretch of them, or else some."""
        return self._one_turn(await self._marked_quarters(kpi_bulk.MOST // QUARTER))

    async def _marked_quarters(self, most: int) -> list[datetime]:
        rows = await self._connection.fetch(_DUE_QUARTERS, self._settle, most)
        return [row["quarter_at"] for row in rows]

    def _one_turn(self, due: list[datetime]) -> list[datetime]:
        for begin, end in ranges(due)[:1]:
            if end - begin >= self._bulk_from:
                return [at for at in due if at < end]
        return due[:QUARTERS_A_TURN]

    async def _with_records(self, quarters: Sequence[datetime]) -> list[datetime]:
        """Return those whose month has its records still, and see that it can have facts."""
        months = sorted({(at.year, at.month) for at in quarters})
        kept = set()
        for year, month in months:
            first = datetime(year, month, 1, tzinfo=UTC)
            following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
            if await self._connection.fetchval(_HAS_RECORDS, first, following):
                kept.add((year, month))
                begin = next(at for at in quarters if (at.year, at.month) == (year, month))
                await self._connection.execute("SELECT kpi_ensure_facts($1)", begin)
        return [at for at in quarters if (at.year, at.month) in kept]

    async def _compute(self, begin: datetime, end: datetime) -> None:
        await self._connection.execute(_DELETE_FACTS, begin, end)
        bulk = end - begin >= self._bulk_from
        if bulk:
            await kpi_bulk.insert_facts(self._connection, begin, end)
        else:
            await self._connection.execute(_INSERT_FACTS, begin, end)
        for statement in _QUARTERS_ANEW:
            await self._connection.execute(statement, begin, end)
        await self._connection.execute(_BULK_TRAFFIC if bulk else _TRAFFIC, begin, end)

    async def _days(self) -> int:
        async with self._connection.transaction(isolation="repeatable_read"):
            due = await self._marked_days(DAYS_A_TURN)
            await self._compute_days(due)
            return len(due)

    async def _marked_days(self, most: int) -> list[date]:
        rows = await self._connection.fetch(_DUE_DAYS, self._settle, most, self._zone)
        return [row["day"] for row in rows]

    async def _compute_days(self, due: Sequence[date]) -> None:
        """Compute these, and take the marks away that this transaction has seen."""
        for day in due:
            await self._connection.execute("DELETE FROM kpi_days WHERE day = $1", day)
            await self._connection.execute(_DAY_ANEW, day, self._zone)
        await self._connection.execute("DELETE FROM kpi_dirty_days WHERE day = ANY($1)", due)

    async def _order_days(self) -> int:
        async with self._connection.transaction(isolation="repeatable_read"):
            due = await self._marked_order_days(order_days.DAYS_A_TURN)
            await order_days.compute(self._connection, due)
            return len(due)

    async def _marked_order_days(self, most: int) -> list[DayBorders]:
        return await order_days.due_days(self._connection, self._zone, self._settle, most)

    async def _repeat_contacts(self) -> int:
        async with self._connection.transaction(isolation="repeatable_read"):
            most = kpi_bulk.MOST // QUARTER
            rows = await self._connection.fetch(repeat_contacts.DUE, most)
            due = self._one_turn([row["quarter_at"] for row in rows])
            parts = [part for one in ranges(due) for part in months(*one)]
            long = [(begin, end) for begin, end in parts if end - begin >= self._bulk_from]
            for part in long:
                await repeat_contacts.compute(self._connection, [part], bulk=True)
            short = [part for part in parts if part not in long]
            await repeat_contacts.compute(self._connection, short)
            await repeat_contacts.forget_done(self._connection, due)
            return len(due)

    async def _repeat_days(self) -> int:
        async with self._connection.transaction(isolation="repeatable_read"):
            due = await self._marked_repeat_days(repeat_days.DAYS_A_TURN)
            await repeat_days.compute(self._connection, due)
            return len(due)

    async def _marked_repeat_days(self, most: int) -> list[DayBorders]:
        return await repeat_days.due_days(self._connection, self._zone, self._settle, most)


async def connect(dsn: str) -> asyncpg.Connection:
    """Return a connection on which roll-ups can be computed."""
    connection = await asyncpg.connect(
        dsn,
        timeout=5.0,
        command_timeout=STATEMENT_LIMIT_S,
        server_settings={"application_name": "acd roll-ups", "timezone": "UTC"},
    )
    try:
        await end_when_deserted(connection, idle_s=STATEMENT_LIMIT_S)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def set_up(connection: asyncpg.Connection) -> None:
    """Have the connection plan as these statements want it."""
    for setting in _SETTINGS:
        await connection.execute(setting)


def ranges(quarters: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """Return the stretches [begin, end) that quarter-hours make up."""
    found: list[tuple[datetime, datetime]] = []
    for at in sorted(quarters):
        if found and found[-1][1] == at:
            found[-1] = (found[-1][0], at + QUARTER)
        else:
            found.append((at, at + QUARTER))
    return found


def months(begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return the parts of [begin, end) that lie in one month of UTC each."""
    parts = []
    while begin < end:
        following = (begin.replace(day=1) + timedelta(days=32)).replace(day=1)
        until = min(end, following.replace(hour=0, minute=0))
        parts.append((begin, until))
        begin = until
    return parts


# Plans for the very period: a day's visits are few, a general plan would fear for all.
# In so much memory a day's groups are found by hashes, instead of by a sort for each dimension.
_SETTINGS = (
    "SET jit = off",
    "SET plan_cache_mode = force_custom_plan",
    "SET work_mem = '64MB'",
)

_HELPERS_HAVE_ENDED = "SELECT pg_advisory_lock($1), pg_advisory_unlock($1)"

_MARK_ALL = """
INSERT INTO kpi_dirty (quarter_at)
SELECT generate_series(
    kpi_quarter(least(v.first, i.first)), greatest(v.last, i.last), '15 minutes'
)
FROM
    (SELECT min(entered_at) AS first, max(entered_at) AS last FROM queue_visits) v,
    (SELECT min(started_at) AS first, max(started_at) AS last FROM interactions) i
WHERE i.first IS NOT NULL
"""

# The partition alone says nothing: it is made again, without calls, for what is told late. Then
# figures without a record are those of records that were deleted.
_HAS_RECORDS = """
SELECT to_regclass('queue_visits_' || to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYYMM'))
    IS NOT NULL AND (
        EXISTS (SELECT FROM interactions WHERE started_at >= $1 AND started_at < $2)
        OR EXISTS (SELECT FROM queue_visits WHERE started_at >= $1 AND started_at < $2)
        OR NOT EXISTS (SELECT FROM kpi_quarters WHERE quarter_at >= $1 AND quarter_at < $2)
        AND NOT EXISTS (SELECT FROM traffic_quarters WHERE quarter_at >= $1 AND quarter_at < $2)
    )
"""

_DUE_QUARTERS = """
SELECT quarter_at FROM kpi_dirty
WHERE quarter_at <= now() - interval '15 minutes'
GROUP BY quarter_at HAVING min(marked_at) <= now() - $1::interval
ORDER BY quarter_at LIMIT $2
"""

_MARK_DAYS = """
INSERT INTO kpi_dirty_days (day)
SELECT DISTINCT (at AT TIME ZONE $2)::date FROM unnest($1::timestamptz[]) AS at
"""

_MARK_DAYS_OF_ALL_FACTS = """
INSERT INTO kpi_dirty_days (day)
SELECT generate_series(
    (min(entered_at) AT TIME ZONE $1)::date, (max(entered_at) AT TIME ZONE $1)::date, '1 day'
)::date FROM kpi_facts
"""

_DUE_DAYS = """
SELECT day FROM kpi_dirty_days
WHERE day < (now() AT TIME ZONE $3)::date
    -- While quarter-hours of it are marked it would have to be done again.
    AND day NOT IN (SELECT (quarter_at AT TIME ZONE $3)::date FROM kpi_dirty)
GROUP BY day HAVING min(marked_at) <= now() - $1::interval
ORDER BY day LIMIT $2
"""


def _buckets(keys: str, group: str, of: str, value: str, source: str) -> str:
    """Return a query of sketches per key: two arrays."""
    return f"""
    SELECT {keys}, array_agg(bucket ORDER BY bucket) AS {of}_buckets,
        array_agg(times ORDER BY bucket) AS {of}_counts
    FROM (
        SELECT {group}, kpi_bucket({value}) AS bucket, count(*)::integer AS times
        FROM {source} WHERE outcome = 'answered' GROUP BY {{sets}}
    ) counted GROUP BY {keys}
"""


_HANDLED = "talk_s + hold_s + wrap_up_s"

_QUARTER_FACTS = """(
        SELECT kpi_quarter(entered_at) AS quarter_at, f.* FROM kpi_facts f
        WHERE entered_at >= $1 AND entered_at < $2
    ) f"""

_QUARTER_KEYS = "quarter_at, project, queue"


def _quarter_buckets(of: str, value: str) -> str:
    query = _buckets(_QUARTER_KEYS, _QUARTER_KEYS, of, value, _QUARTER_FACTS)
    return query.format(sets=f"{_QUARTER_KEYS}, bucket")


_SKETCH_COLUMNS = "wait_buckets, wait_counts, handle_buckets, handle_counts"

_SKETCH_VALUES = """coalesce(wait_buckets, '{}'), coalesce(wait_counts, '{}'),
    coalesce(handle_buckets, '{}'), coalesce(handle_counts, '{}')"""

_DELETE_FACTS = "DELETE FROM kpi_facts WHERE entered_at >= $1 AND entered_at < $2"

_INSERT_FACTS = f"""
INSERT INTO kpi_facts ({FACT_COLUMNS})
SELECT {FACT_COLUMNS} FROM kpi_visits
WHERE entered_at >= $1 AND entered_at < $2 AND NOT callback
"""

_QUARTERS_ANEW = (
    "DELETE FROM kpi_quarters WHERE quarter_at >= $1 AND quarter_at < $2",
    f"""
INSERT INTO kpi_quarters ({_QUARTER_KEYS}, {MEASURE_COLUMNS}, {_SKETCH_COLUMNS})
SELECT {_QUARTER_KEYS}, {MEASURE_COLUMNS}, {_SKETCH_VALUES}
FROM (
    SELECT {_QUARTER_KEYS}, {SUMS_OF_VISITS} FROM {_QUARTER_FACTS} GROUP BY {_QUARTER_KEYS}
) sums
LEFT JOIN ({_quarter_buckets("wait", "waited_s")}) waits USING ({_QUARTER_KEYS})
LEFT JOIN ({_quarter_buckets("handle", _HANDLED)}) handles USING ({_QUARTER_KEYS})
""",
    "DELETE FROM traffic_quarters WHERE quarter_at >= $1 AND quarter_at < $2",
)
"Statements that compute the quarter-hours of [$1, $2) out of their facts and records."


def _traffic(contacts: str) -> str:
    """Return the statement that computes the callers of [$1, $2)."""
    counts = ", ".join(f"count(*) FILTER (WHERE outcome = '{name}')" for name in OUTCOMES)
    return f"""
INSERT INTO traffic_quarters (
    quarter_at, project, trunk, flow_version, {", ".join(OUTCOMES)}
)
SELECT kpi_quarter(started_at), project, trunk, flow_version, {counts}
FROM {contacts} WHERE started_at >= $1 AND started_at < $2
GROUP BY 1, 2, 3, 4
"""


_TRAFFIC = _traffic("traffic_contacts")
_BULK_TRAFFIC = _traffic(f"({kpi_bulk.CONTACTS}) contacts")

_DAY_FACTS = """(
        SELECT * FROM kpi_facts
        WHERE entered_at >= ($1::date::timestamp AT TIME ZONE $2)
            AND entered_at < (($1::date + 1)::timestamp AT TIME ZONE $2)
    ) f"""

_COLUMNS = tuple(DIMENSION_COLUMNS.values())

_DIMENSION = (
    "CASE "
    + " ".join(
        f"WHEN grouping({column}) = 0 THEN '{name}'" for name, column in DIMENSION_COLUMNS.items()
    )
    + " ELSE '' END AS dimension"
)

_DAY_GROUP = f"{_DIMENSION}, project, queue, coalesce({', '.join(_COLUMNS)}, '') AS value"

_DAY_KEYS = "dimension, project, queue, value"


def _sets(*more: str) -> str:
    """Return the grouping: by queue alone, and by each dimension beside it."""
    always = ", ".join(("project", "queue", *more))
    each = ", ".join(f"({always}, {column})" for column in _COLUMNS)
    return f"GROUPING SETS (({always}), {each})"


def _day_buckets(of: str, value: str) -> str:
    return _buckets(_DAY_KEYS, _DAY_GROUP, of, value, _DAY_FACTS).format(sets=_sets("bucket"))


_DAY_ANEW = f"""
INSERT INTO kpi_days (day, {_DAY_KEYS}, {MEASURE_COLUMNS}, {_SKETCH_COLUMNS})
SELECT $1, {_DAY_KEYS}, {MEASURE_COLUMNS}, {_SKETCH_VALUES}
FROM (
    SELECT {_DAY_GROUP}, {SUMS_OF_VISITS} FROM {_DAY_FACTS} GROUP BY {_sets()}
) sums
LEFT JOIN ({_day_buckets("wait", "waited_s")}) waits USING ({_DAY_KEYS})
LEFT JOIN ({_day_buckets("handle", _HANDLED)}) handles USING ({_DAY_KEYS})
"""
"Computes day $1 of zone $2."
