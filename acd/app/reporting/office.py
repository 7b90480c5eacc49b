"""A running server's reports: the process that makes them, who asks for them, the schedule."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from acd.app.database import Database
from acd.config import Config

from .apart import ReportsApart
from .asked import Reports
from .scheduled import ScheduledReports


class ReportOffice:
    """Puts them together. `run` is a task beside the calls."""

    def __init__(
        self,
        state: Path,
        database: Database,
        config: Callable[[], Config],
    ) -> None:
        """`config` returns the one that serves."""
        self._apart = ReportsApart(database.dsn, config)
        self.asked = Reports(self._apart, config)
        self._scheduled = ScheduledReports(
            state,
            config,
            make=self.asked.document,
            settled=database.settled,
            now=lambda: datetime.now(UTC),
        )

    async def run(self) -> None:
        """Make what is due by itself, for ever."""
        await self._scheduled.run()

    def take(self, config: Config) -> None:
        """Go by another configuration."""
        self._scheduled.take(config)

    async def close(self) -> None:
        """End the process."""
        await self._apart.close()
