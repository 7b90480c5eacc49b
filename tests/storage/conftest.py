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
def new_database(server: str) -> Iterator[Callable[[str], str]]:
    """Make a database of this template, returning its DSN; it goes with the test.

    Hundreds of them, each some 600 files, would keep the disk busy all along and take a minute to
    be deleted at the end; one that is dropped at once has hardly been written.
    """
    made: list[str] = []

    def make(template: str) -> str:
        name = f"test{next(_numbers)}"
        made.append(name)
        order(server, f"CREATE DATABASE {name} TEMPLATE {template}")
        return server.replace("/acd?", f"/{name}?")

    yield make
    order(server, *(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name in made))


def order(server: str, *statements: str) -> None:
    """Carry out what no database can do to itself."""

    async def run() -> None:
        connection = await asyncpg.connect(server.replace("/acd?", "/postgres?"))
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(run())


@pytest.fixture
def dsn(new_database: Callable[[str], str]) -> str:
    """The DSN of a fresh database with the current schema."""
    return new_database("acd")


@pytest.fixture
def empty_dsn(new_database: Callable[[str], str]) -> str:
    """The DSN of a fresh database without any schema."""
    return new_database("template0")


@pytest.fixture
def copied(new_database: Callable[[str], str]) -> Callable[[str], str]:
    """Make a copy of a database nobody is connected to, as a backup is one; returns its DSN."""
    return lambda dsn: new_database(dsn.partition("@/")[2].partition("?")[0])
