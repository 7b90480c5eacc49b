"""Keeps what was learned of conversion in the state folder, and tells a new router of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import structlog

from acd.calls import events
from acd.calls.journal import Record
from acd.routing.router import Router
from acd.storage.outcomes import SalesOutcome
from acd.storage.outcomes_file import SavedOutcome, read_outcomes, write_outcomes
from acd.storage.snapshot import SnapshotError

from .order_outcomes import learn

log = structlog.get_logger(__name__)

SETTLE_S = 60.0
"""Outcomes of this long are saved together. What a crash loses of them the database tells, as soon
as it is there."""


class RankKeeper:
    """A subscriber of the event stream."""

    KINDS = frozenset({events.DispositionEntered, events.OrderChanged})

    def __init__(self, folder: Path, router: Router, *, wake: Callable[[], None]) -> None:
        """`wake` has the router asked for its next deadline."""
        self._wake = wake
        self._folder = folder
        self._router = router
        self._timer: asyncio.TimerHandle | None = None
        self._saving: asyncio.Task[None] | None = None

    def __call__(self, _record: Record) -> None:
        """Note that something was learned."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SETTLE_S, self._save_soon)

    def _save_soon(self) -> None:
        self._timer = None
        self._saving = asyncio.create_task(self._save())

    async def save(self) -> None:
        """Save now what is not saved yet, at the end of the process."""
        if self._saving is not None:
            await self._saving
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            await self._save()

    async def _save(self) -> None:
        kept = [
            SavedOutcome(
                interaction,
                one.agent,
                one.queue,
                one.category,
                one.success,
                one.wall_s,
                one.amount,
                one.currency,
            )
            for interaction, one in self._router.outcomes()
        ]
        try:
            await asyncio.to_thread(write_outcomes, self._folder, kept)
        except SnapshotError as error:
            log.warning("outcomes_not_written", error=str(error))

    async def restore(self) -> int:
        """Tell the router what an earlier process had learned; return how many outcomes."""
        told = 0
        try:
            for chunk in read_outcomes(self._folder):
                for one in chunk:
                    self._router.record_outcome(
                        one.agent,
                        one.queue,
                        one.category,
                        one.interaction,
                        one.success,
                        one.wall_s,
                        amount=one.amount,
                        currency=one.currency,
                    )
                told += len(chunk)
                await asyncio.sleep(0)  # let calls go first
        except SnapshotError as error:
            log.warning("outcomes_not_read", error=str(error), effect="the database will tell")
        return told

    def _refit(self) -> None:
        """Have what was learned fitted now: the first call is to be decided by it."""
        self._router.refit_soon(asyncio.get_running_loop().time())
        self._wake()

    async def learn(self, recorded: AsyncIterator[Sequence[SalesOutcome]]) -> None:
        """Tell the router what earlier boots learned: from the folder, then from the records.

        `recorded` waits for the database by itself.
        """
        log.info("ranks_restored", outcomes=await self.restore())
        self._refit()
        outcomes = 0
        async for chunk in recorded:
            for outcome in chunk:
                learn(self._router, outcome)
            outcomes += len(chunk)
            await asyncio.sleep(0)  # let calls go first
        log.info("ranks_learned", outcomes=outcomes)
        self._refit()
        if left_out := self._router.outcomes_left_out:
            effect = "they do not count; their calls came while the clock ran ahead, or it is late"
            log.warning("outcomes_dated_ahead", outcomes=left_out, effect=effect)
