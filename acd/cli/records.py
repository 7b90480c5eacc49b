"""`acd records`: work on the call records themselves."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ._chain import show
from ._erase import erase
from ._options import CommandError, Subparsers, add_config, add_json, add_state, print_json
from ._rollup import rollup

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from acd.config import Config
    from acd.storage.check import TableCheck
    from acd.storage.frames import Position
    from acd.storage.replay import Moved
    from acd.storage.soundness import Broken
    from acd.storage.surplus import Lost

FOLLOW_S = 0.3
"Between two looks at how far the shipper has come."

FOLLOWED_S = 3600.0
"A gigabyte of journal is shipped in some minutes; a shipper that has not moved for an hour hangs."


def add_parser(subparsers: Subparsers) -> None:
    """Add `records` with its verbs."""
    parser = subparsers.add_parser("records", help="check and repair the call records")
    verbs = parser.add_subparsers(metavar="VERB", required=True, dest="verb")
    check_parser = _verb(verbs, "check", "compare the database with the journal, and with itself")
    check_parser.add_argument(
        "--from", dest="first", metavar="DAY", help="what began before is not looked at"
    )
    add_json(check_parser)
    check_parser.set_defaults(run=check)
    erase_parser = _verb(verbs, "erase", "take a customer's number and name out of the records")
    who = erase_parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--number", metavar="N")
    who.add_argument("--key", metavar="K", help="the customer_key of an interaction")
    erase_parser.add_argument(
        "--journal",
        action="store_true",
        help="delete the journal's shipped segments at once, which still hold it",
    )
    erase_parser.set_defaults(run=erase)
    show_parser = _verb(verbs, "show", "print all that is known of one interaction")
    show_parser.add_argument("interaction", metavar="ID")
    show_parser.add_argument("--locale", choices=("zh", "en"), help="default: the centre's")
    add_json(show_parser)
    show_parser.set_defaults(run=show)
    replay_parser = _verb(verbs, "replay", "ship again what the journal still holds")
    replay_parser.add_argument(
        "--from",
        dest="first",
        metavar="DAY|POSITION",
        help="from that day, or SEGMENT:OFFSET of `acd journal dump` (default: all there is)",
    )
    replay_parser.set_defaults(run=replay)
    keys_parser = _verb(
        verbs, "keys", "give interactions that lack it the hash of their customer's number"
    )
    keys_parser.add_argument(
        "--all", action="store_true", help="make all anew, after the key was lost"
    )
    keys_parser.set_defaults(run=keys)
    schema_parser = _verb(verbs, "schema", "print the tables with their columns")
    schema_parser.add_argument(
        "--markdown", action="store_true", help="as the page docs/schema.md, with a picture"
    )
    schema_parser.set_defaults(run=schema)
    rollup_parser = _verb(
        verbs, "rollup", "compute the sums that reports are made of where records have changed"
    )
    rollup_parser.add_argument(
        "--all", action="store_true", help="compute all anew, after records came by another way"
    )
    rollup_parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="connections that compute at once, each a core of the database (default: 1)",
    )
    rollup_parser.set_defaults(run=rollup)


def _verb(verbs: Subparsers, name: str, text: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text)
    add_config(parser)
    add_state(parser)
    return parser


def check(arguments: argparse.Namespace) -> int:
    """Print where the database differs from the journal, or breaks its own rules; 1 if it does."""
    from acd.config import load_config

    from ._database import from_database

    config = load_config(arguments.config)
    since = _since(arguments.first, config)
    tables, lost, broken = asyncio.run(
        from_database(
            arguments.state,
            config,
            lambda connection: _checked(connection, arguments.state, since),
        )
    )
    sound = not (broken or lost) and all(table.sound for table in tables)
    if arguments.json:
        import msgspec

        found = {"sound": sound, "tables": tables, "lost": lost, "rules": broken}
        print_json(msgspec.to_builtins(found))
    else:
        _print_check(tables, lost, broken)
    return 0 if sound else 1


async def _checked(
    connection: "asyncpg.Connection", state: Path, since: "datetime"
) -> "tuple[list[TableCheck], list[Lost], list[Broken]]":
    from acd.storage.check import compare
    from acd.storage.customer_keys import CustomerKeys, load_or_create_key
    from acd.storage.erasures import FILE, Eraser, read_erasures
    from acd.storage.journal_reader import JournalReader
    from acd.storage.replay import first_position, position_at, shipped_to
    from acd.storage.soundness import broken_rules
    from acd.storage.surplus import journal_faults

    folder = state / "journal"
    tables: list[TableCheck] = []
    lost: list[Lost] = []
    end = await shipped_to(connection, folder)
    if end is not None:
        begin = max(first_position(folder), position_at(folder, int(since.timestamp() * 1e6)))
        reader = JournalReader(folder, begin, on_damage=_tell)
        keys = CustomerKeys(load_or_create_key(state))
        eraser = Eraser(keys, read_erasures(state / FILE))
        try:
            tables, lost = await compare(
                connection, iter(reader), end, keys, eraser, _counting("records read")
            )
        finally:
            reader.close()
    return tables, lost, [*journal_faults(folder, end), *await broken_rules(connection, since)]


def _since(day: str | None, config: "Config") -> "datetime":
    """Return when the day begins in the centre's zone; long ago for none."""
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from acd.reports.days import DayError, day_borders, parse_day

    if day is None:
        return datetime(1970, 1, 1, tzinfo=UTC)
    zone = ZoneInfo(config.server.centre.timezone)
    try:
        return day_borders(parse_day(day, datetime.now(zone).date()), zone)[0]
    except DayError as error:
        raise CommandError(f"--from {error}") from error


def _print_check(tables: "list[TableCheck]", lost: "list[Lost]", broken: "list[Broken]") -> None:
    for gap in lost:
        print(
            f"the journal has lost records {gap.first} to {gap.last} of boot {gap.boot}, before"
            f" {gap.position}"
        )
    for table in tables:
        found = f"{table.missing} missing, {table.differing} differ, {table.surplus} too many"
        verdict = "as journalled" if table.sound else found
        print(f"{table.table:<24} {table.rows:>9} rows  {verdict}")
        for one in table.examples:
            what = f"{one.field}: journal {one.journal}, database {one.database}"
            if not one.position:
                print(f"    {one.key}  is in no record")
                continue
            print(f"    {one.key}  {what if one.field else 'is missing'}  ({one.position})")
    for rule in broken:
        print(f"broken {rule.count} times: {rule.rule}")
        for example in rule.examples:
            print(f"    {example}")
    if not broken:
        print("all rules hold")


def replay(arguments: argparse.Namespace) -> int:
    """Have everything behind a position shipped again; wait until that is done."""
    from acd.config import load_config

    config = load_config(arguments.config)
    moved = asyncio.run(_replayed(arguments.state, config, arguments.first))
    if moved is None:
        print("nothing to do: the shipper goes on from there, or earlier, by itself")
        return 0
    begin, end = (f"{at.segment}:{at.offset}" for at in (moved.begin, moved.end))
    print(f"shipped again: the journal from {begin} to {end}")
    return 0


async def _replayed(state: Path, config: "Config", first: str | None) -> "Moved | None":
    import asyncpg

    from acd.storage.journal_files import is_locked
    from acd.storage.replay import journal_id, move_back

    from ._database import database, ship_rest

    folder = state / "journal"
    if not folder.is_dir():
        raise CommandError(f"{folder}: there is no journal; name its state folder with --state")
    begin = _begin(folder, first, config)
    async with database(state, config) as dsn:
        connection = await asyncpg.connect(dsn, timeout=5)
        try:
            moved = await move_back(connection, folder, journal_id(folder), begin)
            if moved is not None and is_locked(folder):
                await _follow(connection, folder, moved)
        finally:
            await connection.close()
        if moved is not None and not is_locked(folder):
            await ship_rest(state, config, dsn)
    return moved


def _begin(folder: Path, first: str | None, config: "Config") -> "Position":
    from acd.storage.replay import first_position, parse_position, position_at

    if first is None:
        return first_position(folder)
    if ":" in first:
        return parse_position(first)
    return position_at(folder, int(_since(first, config).timestamp() * 1e6))


async def _follow(connection: "asyncpg.Connection", folder: Path, moved: "Moved") -> None:
    """Return when the running server has shipped all of it again."""
    from acd.storage.replay import shipped_to

    told = _counting("segment")
    try:
        async with asyncio.timeout(FOLLOWED_S):
            while (now := await shipped_to(connection, folder)) is None or now < moved.end:
                told(now.segment if now is not None else 0)
                # Another process ships, and tells its position in the table alone.
                await asyncio.sleep(FOLLOW_S)
    except TimeoutError as error:
        raise CommandError("the server has not shipped it within an hour; see its log") from error


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
                connection, hashes, again=arguments.all, on_progress=_counting("interactions")
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


def _counting(what: str) -> Callable[[int], None]:
    """Return what shows a growing number where somebody watches."""

    def told(number: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{what}: {number}", end="", file=sys.stderr)

    return told


def _tell(text: str) -> None:
    print(f"acd: {text}", file=sys.stderr)
