"""The database's life beside the calls: started late, waited for never, drained at the end."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TypeVar

import asyncpg
import structlog

from acd.reports.abandoned import AbandonedCaller
from acd.reports.days import day_borders, parse_day
from acd.reports.live_day import Earlier
from acd.storage.abandoned import abandoned_callers
from acd.storage.audit import AuditEntry, audit_entries
from acd.storage.customer_keys import load_or_create_key
from acd.storage.database import UNREACHABLE
from acd.storage.earlier_talks import EarlierTalk, earlier_talks
from acd.storage.errors import DatabaseError
from acd.storage.homes import Handling, find_handlings, find_order_homes
from acd.storage.journal import Journal
from acd.storage.lag import Lag
from acd.storage.live import earlier_today
from acd.storage.outcomes import SalesOutcome, outcomes_of_call, sales_outcomes
from acd.storage.postgres import EmbeddedPostgres, embedded_dsn
from acd.storage.shipping import Shipping
from acd.storage.table import at
from acd.storage.upkeep import Kept
from acd.web.ports import AuditWish, ServiceUnavailableError

log = structlog.get_logger(__name__)

T = TypeVar("T")

FIRST_TRY_S = 8.0
"How long the start waits to tell the operator how the database is; calls are taken meanwhile."

DRAIN_S = 10.0
"How long the end waits for the last records to be written; what is left is shipped next time."

SETTLE_S = 60.0
"How long a scheduled report waits for the last records of its days; else it is tried again."

CONNECT_S = 5.0

RETRY_S = 10.0
"Between two attempts to start the embedded Postgres, and after a fault of the shipper's own."


class Database:
    """Embedded or the operator's own Postgres, and the shipper that fills it."""

    def __init__(self, dsn: str, state: Path, journal: Journal, kept: Kept, zone: str) -> None:
        """`zone` is the centre's, an IANA name.

        Raises CustomerKeyError when the state folder keeps no sound key.
        """
        self._trouble = "starting"
        self._embedded: EmbeddedPostgres | None = None
        if not dsn:
            self._embedded = EmbeddedPostgres(state, on_event=self._on_postgres)
        self.dsn = dsn or embedded_dsn(state)
        self._shipper = Shipping(
            journal,
            self.dsn,
            on_alarm=self._on_shipper,
            now=time.monotonic,
            customer_key=load_or_create_key(state),
            kept=kept,
            zone=zone,
        )
        self._in_trouble = asyncio.Event()

    @property
    def status(self) -> str:
        """Return "up", "starting", or "down: " and why."""
        return "up" if self._shipper.connected else self._trouble

    async def run(self) -> None:
        """Start the database and ship until cancelled, through all its outages."""
        if self._embedded is not None:
            await self._start(self._embedded)
        while True:
            try:
                await self._shipper.run()
            except Exception:  # our own bug there must not end calls here
                log.exception("shipper_failed", calls="go on, records wait in the journal")
            await asyncio.sleep(RETRY_S)

    async def _start(self, embedded: EmbeddedPostgres) -> None:
        """Start the embedded Postgres, again and again if need be."""
        while True:
            try:
                await embedded.start()
            except (DatabaseError, OSError) as error:
                self._down(str(error))
            else:
                return
            await asyncio.sleep(RETRY_S)

    async def tried_once(self) -> None:
        """Return when the database has answered or refused for the first time, or is too slow."""
        up = asyncio.create_task(self._shipper.drain())
        trouble = asyncio.create_task(self._in_trouble.wait())
        try:
            await asyncio.wait(
                (up, trouble), timeout=FIRST_TRY_S, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            up.cancel()
            trouble.cancel()
        if self.status == "starting":
            self._down("it has not answered yet")

    async def settled(self) -> None:
        """Return when all that is recorded by now is in the tables.

        Raises ServiceUnavailableError when that takes too long.
        """
        try:
            await asyncio.wait_for(self._shipper.drain(), SETTLE_S)
        except TimeoutError as error:
            raise ServiceUnavailableError(f"records wait in the journal: {self.status}") from error

    async def drain(self) -> None:
        """Write the last records, if the database is there to take them."""
        if self.status != "up":
            log.warning("records_wait_in_journal", records=self._shipper.lag().records)
            return
        try:
            await asyncio.wait_for(self._shipper.drain(), DRAIN_S)
        except TimeoutError:
            log.warning("records_wait_in_journal", records=self._shipper.lag().records)

    async def stop(self) -> None:
        """End the embedded Postgres."""
        if self._embedded is not None:
            await self._embedded.stop()

    def sales_outcomes(self) -> AsyncIterator[list[SalesOutcome]]:
        """Yield what became of earlier sales calls, as soon as the database answers."""
        return self._remembered("ranks_not_learned", sales_outcomes)

    async def handlings(self, asked: Iterable[tuple[str, str]]) -> dict[str, Handling]:
        """Return who handled calls, by interaction, as `kpi` raises."""
        async with self._asking() as connection:
            return await find_handlings(connection, asked)

    async def order_homes(self, order_ids: Iterable[str]) -> dict[str, Handling]:
        """Return the calls of orders that are known, as `kpi` raises."""
        async with self._asking() as connection:
            return await find_order_homes(connection, order_ids)

    async def outcomes_of(
        self, interactions: Iterable[str], order_ids: Iterable[str]
    ) -> AsyncIterator[list[SalesOutcome]]:
        """Yield what became of these calls, once all that is journalled now is in the records."""
        await self._shipper.drain()
        async with self._asking() as connection:
            homes = (await find_order_homes(connection, order_ids)).values()
            calls = {*interactions, *(home.interaction for home in homes if home.interaction)}
            for call in (await find_handlings(connection, ((one, "") for one in calls))).values():
                yield await outcomes_of_call(connection, call.interaction, at(call.started_us))

    def earlier_talks(self, within_s: float, most: int) -> AsyncIterator[list[EarlierTalk]]:
        """Yield who talked to whom before the start, as soon as the database answers."""
        return self._remembered(
            "contacts_not_learned",
            lambda connection: earlier_talks(connection, within_s=within_s, most=most),
        )

    def earlier_today(
        self, from_at: datetime, to_at: datetime, node: str, boot: str
    ) -> AsyncIterator[list[Earlier]]:
        """Yield what earlier boots recorded of a day, as soon as the database answers."""
        return self._remembered(
            "live_figures_not_restored",
            lambda connection: earlier_today(
                connection, from_at=from_at, to_at=to_at, node=node, boot=boot
            ),
        )

    async def _remembered(
        self, event: str, ask: Callable[[asyncpg.Connection], AsyncIterator[list[T]]]
    ) -> AsyncIterator[list[T]]:
        """Yield what the records tell of the time before the start; `event` is logged if not."""
        await self._shipper.drain()
        try:
            async with self._connected() as connection:
                async for chunk in ask(connection):
                    yield chunk
        except UNREACHABLE as error:
            log.warning(event, reason=str(error), effect="learned anew")

    @property
    def partitions_dropped(self) -> int:
        """How many partitions of too old records have been deleted."""
        return self._shipper.partitions_dropped

    def lag(self) -> Lag:
        """Return how far the tables are behind the journal."""
        return self._shipper.lag()

    def _down(self, reason: str) -> None:
        self._trouble = f"down: {reason}"
        self._in_trouble.set()
        log.critical("database_down", reason=reason, calls="go on, records wait in the journal")

    def _on_shipper(self, text: str) -> None:
        if self._shipper.connected:
            log.warning("database", alarm=text)
        else:
            self._down(text)

    def _on_postgres(self, text: str) -> None:
        log.error("postgres", trouble=text)

    async def abandoned(self, day: str, zone: tzinfo) -> list[AbandonedCaller]:
        """Return who gave up waiting on a day and was not reached since.

        Raises ServiceUnavailableError when the database does not answer, DayError for a day that
        is none.
        """
        from_at, to_at = day_borders(parse_day(day, datetime.now(zone).date()), zone)
        async with self._asking() as connection:
            return await abandoned_callers(connection, from_at=from_at, to_at=to_at)

    async def audit(self, wish: AuditWish, zone: tzinfo) -> list[AuditEntry]:
        """Return what was ordered and told, the latest first, as `abandoned` raises."""
        from_at, to_at = day_borders(parse_day(wish.day, datetime.now(zone).date()), zone)
        async with self._asking() as connection:
            return await audit_entries(
                connection,
                from_at=from_at,
                to_at=to_at,
                by=wish.by,
                action=wish.action,
                subject=wish.subject,
                page=wish.page,
            )

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[asyncpg.Connection]:
        try:
            async with self._connected() as connection:
                yield connection
        except UNREACHABLE as error:
            raise ServiceUnavailableError(f"the database does not answer: {error}") from error

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.dsn, timeout=CONNECT_S)
        try:
            yield connection
        finally:
            await connection.close()
