"""Changes of tables that are in use: wait for a lock shortly, step back, try again.

Who waits for an exclusive lock holds up everybody who comes later, readers too; so a change that
stood in line behind a long report would stop reports and shipping alike for as long as that lasts.
"""

import asyncio
import random

import asyncpg

from .errors import DatabaseError

LOCK_WAIT_S = 0.9
"""So long others are held up at most by one attempt. Below the 1 s after which Postgres looks for
deadlocks: of two that wait for each other this one steps back, not the shipper."""

PAUSE_S = 1.0
"Between attempts, 0.5 to 1.5 times this: those held up get through."

ATTEMPTS = 120
"Some four minutes; the shipper then tries the whole connection again, for ever."


async def with_short_locks(connection: asyncpg.Connection, *statements: str) -> None:
    """Carry out statements in one transaction that waits for no lock longer than LOCK_WAIT_S.

    Raises DatabaseError when the locks could not be had, or what the statements cause.
    """
    for _ in range(ATTEMPTS):
        try:
            async with connection.transaction():
                wait_ms = int(LOCK_WAIT_S * 1000)
                await connection.execute(f"SET LOCAL lock_timeout = {wait_ms}")
                for statement in statements:
                    await connection.execute(statement)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))
        else:
            return
    raise DatabaseError(
        f"a table is in use by another session for minutes, so that it cannot be changed:"
        f" {' '.join(statements[0].split())[:80]}; see pg_stat_activity for who holds it"
    )
