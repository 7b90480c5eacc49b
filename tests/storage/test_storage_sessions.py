"""The database ends sessions whose client is gone, and their locks go with them."""

import asyncio

import asyncpg
import pytest

from acd.storage.database import STATEMENT_LIMIT_S, Writer
from acd.storage.kpi_rollup import connect
from acd.storage.sessions import end_when_deserted

LIMIT_S = 60.0


@pytest.mark.parametrize("left", ["between two statements", "in a statement"])
def test_a_session_that_was_left_gives_its_locks_back(dsn: str, left: str) -> None:
    """As a connection that a firewall forgot: nobody closes it, and nothing comes over it."""

    async def check() -> None:
        gone = await asyncpg.connect(dsn)
        # The limits come last: a busy machine may take longer for the lock than they are long.
        await gone.execute("BEGIN; LOCK TABLE journal_position IN ACCESS EXCLUSIVE MODE")
        await end_when_deserted(gone, idle_s=0.2, statement_s=0.2)
        waiting: asyncio.Task[object] | None = None
        if left == "in a statement":
            waiting = asyncio.create_task(gone.execute("SELECT pg_sleep(600)"))
        other = await asyncpg.connect(dsn)
        async with asyncio.timeout(LIMIT_S):
            assert await other.fetchval("SELECT count(*) FROM journal_position") == 0
        await other.close()
        gone.terminate()
        if waiting is not None:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(check())


def test_whoever_writes_is_such_a_session(dsn: str) -> None:
    async def check() -> None:
        async with await Writer.connect(dsn, journal="j", node="n") as writer:
            limits = await shown(writer._connection)
            assert limits == ["1min", "1min"]
        rolling = await connect(dsn)
        assert await shown(rolling) == ["10min", "0"]
        await rolling.close()

    assert STATEMENT_LIMIT_S == 60
    asyncio.run(check())


async def shown(connection: asyncpg.Connection) -> list[str]:
    names = ("idle_in_transaction_session_timeout", "statement_timeout")
    return [await connection.fetchval(f"SHOW {name}") for name in names]
