"""`acd records rollup`: the sums that reports are made of, brought up to date."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ._options import CommandError

if TYPE_CHECKING:
    from acd.config import Config
    from acd.storage.kpi_rollup import Turn


def rollup(arguments: argparse.Namespace) -> int:
    """Bring the roll-ups of the KPIs up to date, beside a running server or without one."""
    from acd.config import load_config
    from acd.storage.kpi_jobs import JOBS_MAX

    if not 1 <= arguments.jobs <= JOBS_MAX:
        raise CommandError(f"--jobs {arguments.jobs}: a number from 1 to {JOBS_MAX} is wanted")
    config = load_config(arguments.config)
    done = asyncio.run(
        _rolled_up(arguments.state, config, again=arguments.all, jobs=arguments.jobs)
    )
    print(f"{done.quarters} quarter-hours and {done.days} days are computed")
    return 0


class Progress:
    """Shows how far it is, where somebody watches."""

    def __init__(self) -> None:
        from acd.storage.kpi_rollup import Turn

        self._done = Turn()
        self._of = 0

    def marked(self, quarters: int) -> None:
        """Take how many quarter-hours there are."""
        self._of = quarters

    def turn(self, turn: "Turn") -> None:
        """Take what was done."""
        self._done += turn
        if not sys.stderr.isatty():
            return
        done, of = self._done, f" of {self._of}" if self._of else ""
        days = f", {done.days} days" if done.days else ""
        contacts = f", contacts of {done.repeat_quarters}" if done.repeat_quarters else ""
        print(f"\r{done.quarters}{of} quarter-hours{days}{contacts}", end="", file=sys.stderr)


async def _rolled_up(state: Path, config: "Config", *, again: bool, jobs: int) -> "Turn":
    from acd.storage.database import UNREACHABLE

    from ._database import database

    zone = config.server.centre.timezone
    async with database(state, config) as dsn:
        try:
            if jobs == 1:
                return await _by_one(dsn, zone, again=again)
            return await _by_several(dsn, zone, again=again, jobs=jobs)
        except UNREACHABLE as error:
            reason = str(error) or type(error).__name__
            raise CommandError(f"the database does not answer: {reason}") from error


async def _by_one(dsn: str, zone: str, *, again: bool) -> "Turn":
    """Turn by turn, so that a server's own may come in between."""
    from acd.storage.kpi_rollup import RollUps, connect

    progress = Progress()
    connection = await connect(dsn)
    try:
        rolls = RollUps(connection, zone, patient=True)
        if again:
            progress.marked(await rolls.mark_all())
        return await rolls.all_turns(progress.turn)
    finally:
        connection.terminate()


async def _by_several(dsn: str, zone: str, *, again: bool, jobs: int) -> "Turn":
    from acd.storage.kpi_jobs import all_turns

    progress = Progress()
    return await all_turns(
        dsn, zone, jobs=jobs, again=again, on_turn=progress.turn, on_marked=progress.marked
    )
