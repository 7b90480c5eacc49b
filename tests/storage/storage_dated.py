"""A journal whose clock is set by hand, around now: what happened days ago is told today."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from acd.calls import events as ev
from acd.storage.journal import Journal
from acd.storage.shipper import Shipper, ShipperSettings

NOW = datetime.now(UTC).replace(microsecond=0)


class DatedJournal:
    """A node's journal, and the database it is shipped to."""

    def __init__(self, folder: Path) -> None:
        self._at = NOW
        self._journal = Journal.open(
            folder,
            node="node",
            boot="boot",
            wall_us=lambda: int(self._at.timestamp() * 1e6),
            on_alarm=pytest.fail,
        )

    def note(self, at: datetime, events: Sequence[ev.Event]) -> None:
        """Let all this have happened then."""
        self._at = at
        self._journal.append(events, 0.0)

    async def shipped(self, dsn: str) -> asyncpg.Connection:
        """Close the journal, and return a connection to where all of it is."""
        quick = ShipperSettings(interval_s=0.0)
        shipper = Shipper(self._journal, dsn, on_alarm=pytest.fail, settings=quick)
        running = asyncio.create_task(shipper.run())
        await asyncio.wait_for(shipper.drain(), 120)
        running.cancel()
        self._journal.close()
        return await asyncpg.connect(dsn)
