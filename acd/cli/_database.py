"""A database that holds all of a state folder's records, for commands that ask it."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ._options import CommandError
from ._running import find_running

if TYPE_CHECKING:
    import asyncpg

    from acd.config import Config
    from acd.storage.journal import Journal

T = TypeVar("T")


async def from_database(
    state: Path,
    config: "Config",
    query: "Callable[[asyncpg.Connection], Awaitable[T]]",
) -> T:
    """Return what `query` makes of the state folder's database. Raises CommandError."""
    import asyncpg

    from acd.storage.database import UNREACHABLE

    async with database(state, config) as dsn:
        try:
            connection = await asyncpg.connect(dsn, timeout=5)
            try:
                return await query(connection)
            finally:
                await connection.close()
        except UNREACHABLE as error:
            reason = str(error) or type(error).__name__
            raise CommandError(f"the database does not answer: {reason}") from error


@asynccontextmanager
async def database(state: Path, config: "Config") -> AsyncIterator[str]:
    """Give the DSN of a database that holds all of the state folder's records.

    Beside a running server that is the server's. Otherwise its work is done first: the embedded
    Postgres started, calls that a killed server left open closed, the journal shipped.
    """
    from acd.storage.journal_files import is_locked
    from acd.storage.postgres import EmbeddedPostgres, embedded_dsn

    dsn = config.server.database.dsn
    if is_locked(state / "journal"):
        server = find_running(state)
        yield (server.database if server else "") or dsn or embedded_dsn(state)
        return
    if not (state / "journal").is_dir():
        if not dsn:
            raise CommandError(
                f"{state}: no server has run on this state folder; start `acd run`, or name"
                " another with --state"
            )
        yield dsn
        return
    postgres = None if dsn else EmbeddedPostgres(state, on_event=_tell)
    try:
        if postgres is not None:
            dsn = await postgres.start()
        await ship_rest(state, config, dsn)
        yield dsn
    finally:
        if postgres is not None:
            await postgres.stop()


async def ship_rest(state: Path, config: "Config", dsn: str) -> None:
    """Bring the records of a server that does not run into the database."""
    import socket
    import uuid

    from acd.storage.customer_keys import load_or_create_key
    from acd.storage.erasures import FILE
    from acd.storage.journal import Journal

    journal = Journal.open(
        state / "journal",
        node=socket.gethostname(),
        boot=str(uuid.uuid4()),
        wall_us=lambda: time.time_ns() // 1000,
        on_alarm=_tell,
        settings=config.journal_settings(),
    )
    try:
        await _recover_and_ship(journal, dsn, load_or_create_key(state), state / FILE)
    finally:
        journal.close()


async def _recover_and_ship(
    journal: "Journal", dsn: str, customer_key: bytes, erased: Path
) -> None:
    from importlib.metadata import version

    from acd.calls.events import ServerStopped
    from acd.storage.recovery import begin_boot, needs_recovery
    from acd.storage.shipper import Shipper

    if needs_recovery(journal):
        begin_boot(journal, version=version("acd"), mono_s=time.monotonic())
        journal.append([ServerStopped()], time.monotonic())
    trouble: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def on_alarm(text: str) -> None:
        _tell(text)
        if not shipper.connected and not trouble.done():
            trouble.set_result(text)

    shipper = Shipper(journal, dsn, on_alarm=on_alarm, customer_key=customer_key, erased=erased)
    running = asyncio.create_task(shipper.run())
    drained = asyncio.create_task(shipper.drain())
    try:
        await asyncio.wait((running, drained, trouble), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        if not drained.done():
            raise CommandError("the journal could not be brought into the database")
    finally:
        running.cancel()
        drained.cancel()
        await asyncio.gather(running, drained, return_exceptions=True)


def _tell(text: str) -> None:
    print(f"acd: {text}", file=sys.stderr)
