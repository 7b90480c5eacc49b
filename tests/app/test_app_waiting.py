"""Work that an event may overtake."""

import asyncio

import pytest

from acd.app.waiting import unless


@pytest.mark.asyncio
async def test_work_that_is_done_in_time() -> None:
    done: list[str] = []

    async def work() -> None:
        done.append("done")

    assert await unless(asyncio.Event(), work())
    assert done == ["done"]


@pytest.mark.asyncio
async def test_work_that_is_overtaken_has_cleaned_up() -> None:
    steps: list[str] = []
    event = asyncio.Event()

    async def work() -> None:
        try:
            event.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("cleaned up")

    assert not await unless(event, work())
    assert steps == ["cleaned up"]


@pytest.mark.asyncio
async def test_what_the_work_raises_is_raised() -> None:
    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await unless(asyncio.Event(), work())


@pytest.mark.asyncio
async def test_who_is_cancelled_cancels_the_work() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    task = asyncio.create_task(unless(asyncio.Event(), work()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled.is_set()
