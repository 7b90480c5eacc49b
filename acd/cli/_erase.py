"""`acd records erase`: a customer's wish to be forgotten, carried out and written down."""

import argparse
import asyncio
import getpass
import time
from typing import TYPE_CHECKING

from ._options import CommandError

if TYPE_CHECKING:
    import asyncpg

    from acd.config import Config
    from acd.storage.erase import Erased


def erase(arguments: argparse.Namespace) -> int:
    """Take the number out of the tables; say what still holds it and until when."""
    from acd.config import load_config
    from acd.storage.erase import drop_kept

    from ._database import from_database

    config = load_config(arguments.config)
    done = asyncio.run(
        from_database(
            arguments.state, config, lambda connection: _erased(connection, arguments, config)
        )
    )
    for table, rows in done.rows.items():
        print(f"{table}: {rows} rows changed")
    if not done.rows:
        print("the tables held nothing of this customer")
    print(f"the customer's contacts stand under {done.pseudonym} now")
    folder = arguments.state / "journal"
    if arguments.journal:
        print(f"journal: {drop_kept(folder)} shipped segments deleted")
    days = config.server.journal.keep_days
    print(
        f"The journal holds the number until its segments go: {days:g} days after they were"
        " shipped. So do logs, backups and phones' own lists, which are yours to clean."
    )
    return 0


async def _erased(
    connection: "asyncpg.Connection", arguments: argparse.Namespace, config: "Config"
) -> "Erased":
    from acd.sip.phone_numbers import ways_of_writing
    from acd.storage.customer_keys import CustomerKeys, load_or_create_key
    from acd.storage.erase import erase, numbers_of

    keys = CustomerKeys(load_or_create_key(arguments.state))
    country = config.numbers.dial_plan.country
    if arguments.key is not None:
        numbers = await numbers_of(connection, arguments.key)
        if not numbers:
            raise CommandError(f"--key {arguments.key}: no interaction has it with a number")
    else:
        numbers = {arguments.number}
    numbers = {way for number in numbers for way in ways_of_writing(number, country)}
    return await erase(
        connection,
        arguments.state,
        keys,
        numbers=numbers,
        customer_key=arguments.key or "",
        now_us=time.time_ns() // 1000,
        by=getpass.getuser(),
    )
