"""Computes roll-ups by several connections: each is a process of Postgres, thus a core of its own.

What is marked is handed out in parts that do not overlap, each one transaction like a turn of
`kpi_rollup`. The links of contacts reach from part to part; so one connection makes those, while
the others are at the days. Killed at any point it leaves what a turn that was killed leaves.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date, datetime, timedelta
from functools import partial
from typing import TypeVar

import asyncpg
from msgspec import Struct

from . import agent_days, kpi_bulk, order_days, repeat_days
from .kpi_rollup import (
    DAYS_A_TURN,
    HELPERS_KEY,
    QUARTER,
    QUARTERS_A_TURN,
    RollUps,
    Turn,
    connect,
    ranges,
    set_up,
)
from .order_days import DayBorders

JOBS_MAX = 16
"Each may take three times `kpi_bulk.JOIN_MEMORY` of the database's machine, and a core."

ALL = 1_000_000
"Marks of a round: quarter-hours of 28 years."

T = TypeVar("T")

OnTurn = Callable[[Turn], None]


class Helper(RollUps):
    """One connection of several, which computes what it is given."""

    async def begin(self) -> None:
        """Be known as at work, for as long as the connection lasts."""
        await set_up(self._connection)
        await self._connection.execute("SELECT pg_advisory_lock_shared($1)", HELPERS_KEY)

    async def quarters(self, due: Sequence[datetime]) -> Turn:
        """Compute quarter-hours."""
        async with self._connection.transaction(isolation="repeatable_read"):
            await self._compute_quarters(due)
        return Turn(quarters=len(due))

    async def days(self, due: Sequence[date]) -> Turn:
        """Compute days of the KPIs."""
        async with self._connection.transaction(isolation="repeatable_read"):
            await self._compute_days(due)
        return Turn(days=len(due))

    async def order_days(self, due: Sequence[DayBorders]) -> Turn:
        """Compute days of the orders."""
        async with self._connection.transaction(isolation="repeatable_read"):
            await order_days.compute(self._connection, due)
        return Turn(order_days=len(due))

    async def repeat_days(self, due: Sequence[DayBorders]) -> Turn:
        """Compute days of the repeat calls."""
        async with self._connection.transaction(isolation="repeatable_read"):
            await repeat_days.compute(self._connection, due)
        return Turn(repeat_days=len(due))

    async def some_contacts(self) -> Turn:
        """Link the contacts of the oldest quarter-hours that are marked."""
        return Turn(repeat_quarters=await self._repeat_contacts())

    async def some_agent_days(self) -> Turn:
        """Sum up some days of the agents."""
        return Turn(agent_days=await agent_days.sum_days(self._connection, self._zone))


class Due(Struct, frozen=True):
    """What is marked and independent of each other, once the quarter-hours are computed."""

    days: list[date]
    order_days: list[DayBorders]


class Chief(RollUps):
    """The connection that holds the lock, and says what there is to do."""

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Wait for whoever else computes roll-ups, and keep them out."""
        async with self._alone():
            await self._begin()
            yield

    async def quarters(self, jobs: int) -> list[list[datetime]]:
        """Return parts of quarter-hours, and see that their months can have facts."""
        marked = await self._marked_quarters(ALL)
        # Here: two helpers at once would both make the partition.
        await self._with_records(marked)
        return parts_of(marked, jobs, self._bulk_from)

    async def due(self) -> Due:
        """Return the days that can be computed now."""
        return Due(await self._marked_days(ALL), await self._marked_order_days(ALL))

    async def repeat_days(self) -> list[DayBorders]:
        """Return the days of which all contacts are linked."""
        return await self._marked_repeat_days(ALL)


async def all_turns(
    dsn: str,
    zone: str,
    *,
    jobs: int,
    again: bool = False,
    on_turn: OnTurn = lambda _: None,
    on_marked: Callable[[int], None] = lambda _: None,
    bulk_from: timedelta = kpi_bulk.LEAST,
) -> Turn:
    """Compute until nothing is left that is to be computed; return what was done.

    `again`: everything, of which `on_marked` gets the number of quarter-hours. Waits for another
    process that computes roll-ups. Raises what the database raises.
    """
    async with AsyncExitStack() as stack:
        chief = Chief(await _opened(stack, dsn), zone, patient=True, bulk_from=bulk_from)
        async with chief.at_work():
            if again:
                on_marked(await chief.mark_all())
            helpers = []
            for _ in range(jobs):
                helper = Helper(await _opened(stack, dsn), zone, bulk_from=bulk_from)
                await helper.begin()
                helpers.append(helper)
            done = Turn()
            while (turn := await _round(chief, helpers, on_turn)) != Turn():
                done += turn
            return done


async def _opened(stack: AsyncExitStack, dsn: str) -> asyncpg.Connection:
    connection = await connect(dsn)
    # At once: whoever is cancelled does not wait for a statement of minutes.
    stack.callback(connection.terminate)
    return connection


async def _round(chief: Chief, helpers: Sequence[Helper], on_turn: OnTurn) -> Turn:
    """Compute what is marked now, in the order in which one needs the other."""
    done = Turn()

    def told(turn: Turn) -> None:
        nonlocal done
        done += turn
        on_turn(turn)

    quarters = await chief.quarters(len(helpers))
    await _share(helpers, [partial(_once, Helper.quarters, part) for part in quarters], told)
    due = await chief.due()
    # What takes longest first, so that it is not what all wait for in the end.
    work: list[Work] = [partial(_until_done, Helper.some_contacts)]
    work += [partial(_once, Helper.days, part) for part in cut(due.days, DAYS_A_TURN)]
    work += [
        partial(_once, Helper.order_days, part)
        for part in cut(due.order_days, order_days.DAYS_A_TURN)
    ]
    work.append(partial(_until_done, Helper.some_agent_days))
    await _share(helpers, work, told)
    days = cut(await chief.repeat_days(), repeat_days.DAYS_A_TURN)
    await _share(helpers, [partial(_once, Helper.repeat_days, part) for part in days], told)
    return done


Work = Callable[[Helper, OnTurn], Awaitable[None]]


async def _once(
    compute: Callable[[Helper, T], Awaitable[Turn]], part: T, helper: Helper, on_turn: OnTurn
) -> None:
    on_turn(await compute(helper, part))


async def _until_done(
    compute: Callable[[Helper], Awaitable[Turn]], helper: Helper, on_turn: OnTurn
) -> None:
    while (turn := await compute(helper)) != Turn():
        on_turn(turn)


async def _share(helpers: Sequence[Helper], work: Sequence[Work], on_turn: OnTurn) -> None:
    left = deque(work)

    async def help_out(helper: Helper) -> None:
        while left:
            await left.popleft()(helper, on_turn)

    try:
        async with asyncio.TaskGroup() as group:
            for helper in helpers:
                group.create_task(help_out(helper))
    except BaseExceptionGroup as errors:
        # The others ended because of it.
        raise errors.exceptions[0] from errors


def parts_of(
    quarters: Sequence[datetime], jobs: int, bulk_from: timedelta
) -> list[list[datetime]]:
    """Return marked quarter-hours in parts: long stretches as wholes, the others a day's worth.

    A stretch is cut so that there is a part for each of `jobs`, as far as parts stay long ones.
    """
    parts: list[list[datetime]] = []
    single: list[datetime] = []
    for begin, end in ranges(quarters):
        count = (end - begin) // QUARTER
        found = [begin + QUARTER * at for at in range(count)]
        if end - begin < bulk_from:
            single += found
            continue
        least, most = kpi_bulk.LEAST // QUARTER, kpi_bulk.MOST // QUARTER
        parts += cut(found, min(most, max(least, -(-count // jobs))))
    return parts + cut(single, QUARTERS_A_TURN)


def cut(items: Sequence[T], size: int) -> list[list[T]]:
    """Return the items in parts of this size, the last one of what is left."""
    return [list(items[at : at + size]) for at in range(0, len(items), size)]
