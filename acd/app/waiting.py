"""Waiting for work that an event may overtake."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def unless(event: asyncio.Event, work: Coroutine[Any, Any, object]) -> bool:
    """Do the work unless the event comes first; return whether it was done.

    Work that is overtaken is cancelled, and has cleaned up after itself on return. What it raises
    is raised here.
    """
    doing = asyncio.create_task(work)
    overtaken = asyncio.create_task(event.wait())
    try:
        await asyncio.wait((doing, overtaken), return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            return False
        doing.result()
        return True
    finally:
        overtaken.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
