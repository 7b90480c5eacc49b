"""Work beside the calls: overtaken by an event, or kept apart from them."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)


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


async def kept_apart(name: str, work: Coroutine[Any, Any, None]) -> None:
    """Do work beside the calls: not even a bug in it may end them."""
    try:
        await work
    except Exception:
        log.exception("background_work_failed", work=name, effect="calls go on without it")
