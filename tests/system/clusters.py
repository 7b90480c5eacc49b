"""A database made once, and copied for each server: what a first start makes takes it seconds."""

import asyncio
import atexit
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import asyncpg

from acd.storage.migrate import migrate
from acd.storage.postgres import EmbeddedPostgres
from acd.storage.postgres_home import find_home

# The disk of a busy test machine is not what is tested: killed processes lose nothing by it.
NO_FSYNC = "fsync = off\n"


def put_cluster(state: Path) -> None:
    """Give a state folder what the embedded Postgres of a former start has left."""
    state.mkdir(exist_ok=True)
    home = find_home(state).folder
    subprocess.run(["cp", "-a", str(find_home(_made()).folder), str(home)], check=True)


@cache
def _made() -> Path:
    """Return the state folder of a Postgres that has the tables of today and no row."""
    state = Path(tempfile.mkdtemp(prefix="acd-cluster-", dir="/tmp"))
    state.chmod(0o755)
    atexit.register(shutil.rmtree, state, ignore_errors=True)
    asyncio.run(_make(state))
    with (find_home(state).data / "postgresql.conf").open("a") as file:
        file.write(NO_FSYNC)
    return state


async def _make(state: Path) -> None:
    postgres = EmbeddedPostgres(state, on_event=print, settings={"fsync": "off"})
    try:
        connection = await asyncpg.connect(await postgres.start())
        await migrate(connection)
        await connection.close()
    finally:
        await postgres.stop()
