"""When the sums of the records are computed anew: when something is due, and at no other time.

That is the roll-ups of the KPIs and the quarter-hours of the agents.

What is marked becomes due by the clock, and the database can tell when. So this sleeps until
then; when nothing is marked, until the shipper, beside this, has written something.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

import asyncpg
from msgspec import Struct

from . import repeat_days
from .agent_quarters import refresh_agent_quarters
from .database import UNREACHABLE
from .kpi_rollup import RollUps, Turn, connect


class Keeping(Struct, frozen=True, kw_only=True):
    """When what has changed is computed again."""

    settle_s: float = 60.0
    """So long after its first mark a quarter-hour is left alone: what comes late comes together,
    and a report adds up what is marked by itself."""

    every_s: float = 10.0
    """Pause between two looks at least: what is due cannot be done while another process is at
    it."""

    retry_s: float = 30.0
    "Pause after the database failed."


class Trouble:
    """Tells of looks that fail; not of the first, since the shipper makes the tables beside it."""

    def __init__(self, on_alarm: Callable[[str], None]) -> None:
        self._alarm = on_alarm
        self._failures = 0
        self._told = ""

    def failed(self, error: BaseException) -> None:
        """Tell the reason, if it is another than the one told before."""
        self._failures += 1
        reason = " ".join(str(error).split()) or type(error).__name__
        if self._failures > 1 and reason != self._told:
            self._told = reason
            self._alarm(f"sums of the records are not computed, reports are slower: {reason}")

    def over(self) -> None:
        """Tell that it is over, if anybody was told that it had begun."""
        if self._told:
            self._alarm("sums of the records are computed again")
        self._failures, self._told = 0, ""


Look = Callable[[], Awaitable[float | None]]
"""Does what is due; returns in how many seconds something is due again, not above 0: something
is and could not be done; None: nothing is marked. Raises one of UNREACHABLE."""


async def keep(
    look: Look,
    written: asyncio.Event,
    on_alarm: Callable[[str], None],
    keeping: Keeping | None = None,
) -> None:
    """Keep the roll-ups current for ever, through the database's outages; ends by cancellation.

    `written` is set by the shipper whenever it has written rows. Marks that other nodes make
    wake nobody here: those compute them. `on_alarm` gets a sentence when looks begin to fail,
    when they fail for another reason, and when one succeeds again.
    """
    keeping = keeping or Keeping()
    trouble = Trouble(on_alarm)
    while True:
        # Before the look: what comes during it may be seen or not.
        written.clear()
        try:
            due_in_s = await look()
        except UNREACHABLE as error:
            trouble.failed(error)
            await asyncio.sleep(keeping.retry_s)
        else:
            trouble.over()
            await _until_due(due_in_s, written, keeping)


async def _until_due(due_in_s: float | None, written: asyncio.Event, keeping: Keeping) -> None:
    """Wait; what is written meanwhile is due after `settle_s`, and not before."""
    limit_s = None if due_in_s is None else max(due_in_s, keeping.every_s)
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await written.wait()
            await asyncio.sleep(keeping.settle_s)


def look_at(dsn: str, zone: str, keeping: Keeping | None = None) -> Look:
    """Return a look at the roll-ups of one database, whose days are those of `zone`."""
    settle_s = (keeping or Keeping()).settle_s

    async def look() -> float | None:
        # Not kept open: the next look is a minute away, or many hours.
        connection = await connect(dsn)
        try:
            rolls = RollUps(connection, zone, settle_s=settle_s)
            while await rolls.turn() != Turn():
                pass
            await refresh_agent_quarters(connection, until_at=await _over_at(connection, settle_s))
            return await due_in_s(connection, zone, settle_s=settle_s)
        finally:
            connection.terminate()

    return look


async def _over_at(connection: asyncpg.Connection, settle_s: float) -> datetime:
    """Return the moment before which quarter-hours begin that are over and have settled.

    The one that lasts is written with every call: it is computed when it is over, or asked for.
    """
    moment: datetime = await connection.fetchval(
        "SELECT now() - interval '15 minutes' - $1::interval", timedelta(seconds=settle_s)
    )
    return moment


async def due_in_s(connection: asyncpg.Connection, zone: str, *, settle_s: float) -> float | None:
    """Return in how many seconds there is something to compute; None: nothing is marked.

    Not above 0: at once.
    """
    settle = timedelta(seconds=settle_s)
    seconds: float | None = await connection.fetchval(_DUE_IN_S, settle, zone, repeat_days.AFTER)
    return seconds


_DUE_IN_S = f"""
SELECT extract(epoch FROM min(due_at) - now())::float8 FROM (
    SELECT greatest(quarter_at + interval '15 minutes', min(marked_at) + $1::interval) AS due_at
    FROM kpi_dirty GROUP BY quarter_at
    UNION ALL
    -- Days of which quarter-hours are marked come after those, and are marked anew then.
    SELECT greatest((day + 1)::timestamp AT TIME ZONE $2, min(marked_at) + $1::interval)
    FROM (
        SELECT 'visits' AS kind, day, marked_at FROM kpi_dirty_days
        UNION ALL
        SELECT 'orders', day, marked_at FROM order_days_dirty
    ) days
    WHERE day NOT IN (SELECT (quarter_at AT TIME ZONE $2)::date FROM kpi_dirty)
    GROUP BY kind, day
    UNION ALL
    SELECT min(quarter_at) + interval '15 minutes' FROM repeat_contacts_dirty
    WHERE quarter_at NOT IN (SELECT quarter_at FROM kpi_dirty)
    UNION ALL
    SELECT greatest(
        (day + 1)::timestamp AT TIME ZONE $2 + $3::interval, min(marked_at) + $1::interval
    )
    FROM repeat_days_dirty
    WHERE day NOT IN ({repeat_days.BLOCKED.format(repeat_days.BLOCKED_DAYS, "$2")})
    GROUP BY day
    UNION ALL
    SELECT min(quarter_at) + interval '15 minutes' + $1::interval FROM agent_quarters_dirty
    UNION ALL
    -- Another zone's days are begun anew at once.
    SELECT now() WHERE NOT EXISTS (SELECT FROM kpi_zone WHERE zone = $2)
) due
"""
