"""Work that blocks, in a thread that nobody waits for when the server ends.

The loop's own threads are waited for at its end, however long their work takes: a mail server that
answers nothing would hold up a stop by a minute for each of its steps.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """Return what the work returns, or raise what it raises; who is cancelled leaves it alone."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def carry_out() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - whoever waits has it
            tell(done.set_exception, error)
        else:
            tell(done.set_result, result)

    def tell(settle: Callable[..., None], what: object) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(lambda: None if done.done() else settle(what))

    threading.Thread(target=carry_out, name="report mail", daemon=True).start()
    return await done
