"""`acd records`: work on the call records themselves."""

import argparse
import asyncio
import sys

from ._options import Subparsers, add_config, add_state


def add_parser(subparsers: Subparsers) -> None:
    """Add `records` with its verbs."""
    parser = subparsers.add_parser("records", help="check and repair the call records")
    verbs = parser.add_subparsers(metavar="VERB", required=True, dest="verb")
    keys_parser = verbs.add_parser(
        "keys", help="give interactions that lack it the hash of their customer's number"
    )
    add_config(keys_parser)
    add_state(keys_parser)
    keys_parser.add_argument(
        "--all", action="store_true", help="make all anew, after the key was lost"
    )
    keys_parser.set_defaults(run=keys)
    schema_parser = verbs.add_parser("schema", help="print the tables with their columns")
    add_config(schema_parser)
    add_state(schema_parser)
    schema_parser.add_argument(
        "--markdown", action="store_true", help="as the page docs/schema.md, with a picture"
    )
    schema_parser.set_defaults(run=schema)


def keys(arguments: argparse.Namespace) -> int:
    """Fill `customer_key`, beside a running server or without one."""
    from acd.config import load_config
    from acd.storage.customer_backfill import fill_customer_keys
    from acd.storage.customer_keys import CustomerKeys, load_or_create_key

    from ._database import from_database

    config = load_config(arguments.config)
    hashes = CustomerKeys(load_or_create_key(arguments.state))
    changed = asyncio.run(
        from_database(
            arguments.state,
            config,
            lambda connection: fill_customer_keys(
                connection, hashes, again=arguments.all, on_progress=_told
            ),
        )
    )
    print(f"{changed} interactions have a new customer_key")
    return 0


def schema(arguments: argparse.Namespace) -> int:
    """Print the tables as the database has them."""
    from acd.config import load_config
    from acd.storage.schema_page import as_markdown, read_schema

    from ._database import from_database

    config = load_config(arguments.config)
    tables = asyncio.run(from_database(arguments.state, config, read_schema))
    if arguments.markdown:
        print(as_markdown(tables), end="")
        return 0
    for table in tables:
        print(f"{table.name}: {table.comment}")
        for column in table.columns:
            print(f"    {column.name:<20} {column.type:<12} {column.comment}")
    return 0


def _told(changed: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{changed} interactions", end="", file=sys.stderr)
