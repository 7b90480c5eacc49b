"""What the tables need beside rows: partitions ahead of time, and an end of what is too old."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

import asyncpg
from msgspec import Struct

from .database import CONNECT_LIMIT_S, STATEMENT_LIMIT_S, UNREACHABLE
from .retention import Dropped, Kind, drop_expired, month_number
from .sessions import end_when_deserted

MONTHS_AHEAD = 3
"""A server whose database user has lost the right to make tables goes on for so long, and the
alarm has been in the log each hour of it."""

EVERY_S = 3600.0
"Months are long; an hour after a setting was changed and the server started, old ones are gone."

RETRY_S = 60.0
"After the database did not answer."


class Kept(Struct, frozen=True):
    """Months kept of each kind of records; 0: for ever."""

    calls: int = 0
    agents: int = 0
    audit: int = 0

    def by_kind(self) -> Mapping[Kind, int]:
        """Return the same by kind."""
        return {Kind.CALLS: self.calls, Kind.AGENTS: self.agents, Kind.AUDIT: self.audit}


class Upkeep:
    """Looks after the tables once an hour. Run `run` as a task, once the schema is there."""

    def __init__(
        self,
        dsn: str,
        kept: Kept,
        *,
        on_event: Callable[[str], None],
        on_dropped: Callable[[int], None],
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        """`on_event` gets a sentence per month deleted and per trouble; `on_dropped` a number."""
        self._dsn = dsn
        self._kept = kept
        self._on_event = on_event
        self._on_dropped = on_dropped
        self._today = today

    async def run(self) -> None:
        """Look after the tables for ever; ends by cancellation."""
        while True:
            try:
                await self.once()
            except UNREACHABLE as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                self._on_event(f"the tables' upkeep has to wait: {reason}")
                await asyncio.sleep(RETRY_S)
            else:
                await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """Make partitions ahead and delete what is too old. Raises one of UNREACHABLE."""
        connection = await asyncpg.connect(
            self._dsn,
            timeout=CONNECT_LIMIT_S,
            command_timeout=STATEMENT_LIMIT_S,
            server_settings={"application_name": "acd upkeep", "timezone": "UTC"},
        )
        try:
            await end_when_deserted(connection, idle_s=STATEMENT_LIMIT_S)
            await ensure_months(connection, self._today())
            for dropped in await drop_expired(connection, self._kept.by_kind(), self._today()):
                self._tell(dropped)
        finally:
            await connection.close()

    def _tell(self, dropped: Dropped) -> None:
        self._on_dropped(len(dropped.partitions))
        self._on_event(
            f"records deleted by age: {dropped.kind.value} of {dropped.month},"
            f" {len(dropped.partitions)} tables, {dropped.bytes / 1e6:.1f} MB"
            f" (retention.{dropped.kind.value}_months)"
        )


async def ensure_months(connection: asyncpg.Connection, today: date) -> None:
    """Make the partitions of this month and of those to come."""
    first = month_number(today)
    for month in range(first, first + MONTHS_AHEAD + 1):
        await connection.execute("SELECT ensure_month($1)", date(month // 12, month % 12 + 1, 1))
