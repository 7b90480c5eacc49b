"""Keeps the file of standing orders current, and gives them back after a restart."""

import asyncio
from pathlib import Path

import structlog

from acd.calls import events
from acd.calls.centre import CallCentre
from acd.calls.journal import Record
from acd.routing.router import Router
from acd.storage.standing import Standing, StandingError, read_standing, write_standing

log = structlog.get_logger(__name__)


class StandingOrders:
    """A subscriber of the event stream that saves what it is about, at once.

    One thread writes at a time; what changes meanwhile is written right after. So a killed process
    loses what came in the last write's time, some milliseconds.
    """

    KINDS = frozenset(
        {
            events.ClosureChanged,
            events.CallbackRequested,
            events.CallbackAttempted,
            events.CallbackEnded,
            events.GroupActivated,
        }
    )
    "The kinds of events that change the file."

    def __init__(self, folder: Path, centre: CallCentre, router: Router) -> None:
        self._folder = folder
        self._centre = centre
        self._router = router
        self._writing: asyncio.Task[None] | None = None
        self._changed = False

    def restore(self, now: float) -> None:
        """Take back what stood before the restart. Raises StandingError."""
        standing = read_standing(self._folder)
        self._centre.closures.restore(standing.closures)
        self._centre.call_backs.restore(standing.callbacks, now)
        self._router.restore_groups(standing.groups)

    def __call__(self, record: Record) -> None:
        """Note that something changed."""
        self._changed = True
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        while self._changed:
            self._changed = False
            standing = Standing(
                closures=self._centre.closures.switched,
                callbacks=self._centre.call_backs.saved,
                groups=self._router.switched_groups(),
            )
            try:
                await asyncio.to_thread(write_standing, self._folder, standing)
            except StandingError as error:
                log.error("standing_orders_not_written", error=str(error))  # noqa: TRY400 - the reason says it all

    async def save(self) -> None:
        """Wait for the last write, at the end of the process."""
        if self._writing is not None:
            await self._writing
