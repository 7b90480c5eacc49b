"""`acd records show`: one interaction's chain, as lines or as the rows themselves."""

import argparse
import asyncio
from zoneinfo import ZoneInfo

from ._options import CommandError, print_json


def show(arguments: argparse.Namespace) -> int:
    """Print what happened in one interaction, in the order of time."""
    from acd.config import load_config
    from acd.storage.chain import read_chain

    from ._database import from_database

    config = load_config(arguments.config)
    name = arguments.interaction
    rows = asyncio.run(
        from_database(arguments.state, config, lambda connection: read_chain(connection, name))
    )
    if not rows["interactions"]:
        raise CommandError(
            f"{name}: no such interaction; `acd report calls --day DAY` lists them, and"
            " `acd journal dump --interaction` reads those that the database does not have"
        )
    if arguments.json:
        import msgspec

        print_json(msgspec.to_builtins(rows, enc_hook=str))
        return 0
    from acd.reports.chain import chain_lines

    zone = ZoneInfo(config.server.centre.timezone)
    locale = arguments.locale or config.server.centre.locale
    print(f"{name} ({zone})")
    for line in chain_lines(rows):
        at = line.at.astimezone(zone)
        print(
            f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}  {line.what.of(locale)}"
            f"  {line.detail}".rstrip()
        )
    return 0
