"""One real embedded Postgres for the session, a database of its own for each test."""

import asyncio
import itertools
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from acd.storage.migrate import migrate
from acd.storage.postgres import EmbeddedPostgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that any account can pass through; pytest's own are closed to `nobody`."""
    folder = Path(tempfile.mkdtemp(prefix="acd-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def state(open_folder: Path) -> Path:
    """An empty state folder in which an embedded Postgres can run, also as root."""
    folder = open_folder / f"state{next(_numbers)}"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def server(open_folder: Path) -> Iterator[str]:
    """The DSN of a running embedded server; it lives in a loop and thread of its own."""
    # The disk of a busy test machine is not what is tested: this server need not outlive a crash.
    quick = {"fsync": "off", "full_page_writes": "off"}
    postgres = EmbeddedPostgres(open_folder / "shared", on_event=print, settings=quick)
    started = threading.Event()
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()

    async def live() -> None:
        try:
            dsn = await postgres.start()
            connection = await asyncpg.connect(dsn)
            await migrate(connection)
            await connection.close()
        finally:
            started.set()
        await stop.wait()
        await postgres.stop()

    thread = threading.Thread(target=loop.run_until_complete, args=(live(),))
    thread.start()
    started.wait()
    yield postgres.dsn
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@pytest.fixture
def dsn(server: str) -> str:
    """The DSN of a fresh database with the current schema."""
    return new_database(server, template="acd")


@pytest.fixture
def empty_dsn(server: str) -> str:
    """The DSN of a fresh database without any schema."""
    return new_database(server, template="template0")


@pytest.fixture
def copied(server: str) -> Callable[[str], str]:
    """Make a copy of a database nobody is connected to, as a backup is one; returns its DSN."""
    return lambda dsn: new_database(server, template=dsn.partition("@/")[2].partition("?")[0])


def new_database(server: str, *, template: str) -> str:
    name = f"test{next(_numbers)}"

    async def create() -> None:
        connection = await asyncpg.connect(server.replace("/acd?", "/postgres?"))
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        await connection.close()

    asyncio.run(create())
    return server.replace("/acd?", f"/{name}?")
