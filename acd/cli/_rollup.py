"""`acd records rollup`: the sums that reports are made of, brought up to date."""

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg

    from acd.storage.kpi_rollup import Turn


def rollup(arguments: argparse.Namespace) -> int:
    """Bring the roll-ups of the KPIs up to date, beside a running server or without one."""
    from acd.config import load_config

    from ._database import from_database

    config = load_config(arguments.config)
    zone = config.server.centre.timezone
    done = asyncio.run(
        from_database(
            arguments.state,
            config,
            lambda connection: _rolled_up(connection, zone, again=arguments.all),
        )
    )
    print(f"{done.quarters} quarter-hours and {done.days} days are computed")
    return 0


async def _rolled_up(connection: "asyncpg.Connection", zone: str, *, again: bool) -> "Turn":
    from acd.storage.kpi_rollup import RollUps, Turn

    rolls = RollUps(connection, zone, patient=True)
    left = await rolls.mark_all() if again else 0
    done = Turn()

    def on_turn(turn: Turn) -> None:
        nonlocal done
        done += turn
        if sys.stderr.isatty():
            of = f" of {left}" if left else ""
            contacts = f", contacts of {done.repeat_quarters}" if done.repeat_quarters else ""
            print(f"\r{done.quarters}{of} quarter-hours{contacts}", end="", file=sys.stderr)

    return await rolls.all_turns(on_turn)
