"""The shipper's process ends with its server, whatever becomes of a cancellation on the way."""

import asyncio

import asyncpg

from acd.storage.shipper_process import end_all


async def loses_the_first_cancellation(tries: list[str]) -> None:
    """As the shipper's task when the database is gone just as it is cancelled in a transaction."""
    while True:
        try:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                tries.append("cancelled")
                if len(tries) == 1:
                    raise asyncpg.InterfaceError("the underlying connection is closed") from None
                raise
        except asyncpg.InterfaceError:
            continue  # an outage, it seems


def test_a_cancellation_that_got_lost_is_repeated() -> None:
    async def run() -> None:
        tries: list[str] = []
        stubborn = asyncio.create_task(loses_the_first_cancellation(tries))
        obedient: asyncio.Task[None] = asyncio.create_task(asyncio.sleep(3600))
        await asyncio.sleep(0)  # the tasks begin
        async with asyncio.timeout(10):
            await end_all(stubborn, obedient, again_s=0.01)
        assert stubborn.cancelled()
        assert obedient.cancelled()
        assert len(tries) == 2

    asyncio.run(run())
