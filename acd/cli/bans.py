"""`acd bans`: the addresses that the running server keeps out, and letting one in again."""

import argparse
import json
from urllib.parse import quote

from ._api import add_server, address_of, ask, unexpected
from ._options import CommandError, Subparsers, add_json, print_json


def add_parser(subparsers: Subparsers) -> None:
    """Add `bans` with its verbs."""
    parser = subparsers.add_parser("bans", help="show and lift bans of SIP addresses")
    verbs = parser.add_subparsers(metavar="VERB", required=True, dest="verb")
    show = verbs.add_parser("list", help="show who is kept out, why, and for how long")
    add_server(show)
    add_json(show)
    show.set_defaults(run=print_bans)
    lift = verbs.add_parser("lift", help="let an address in again")
    lift.add_argument("source", metavar="ADDRESS", help="as the list shows it")
    add_server(lift)
    lift.set_defaults(run=lift_ban)


def print_bans(arguments: argparse.Namespace) -> int:
    """Print the bans in force, the one that ends first at the top."""
    address = address_of(arguments)
    status, text = ask("GET", "/api/bans", arguments.state, address)
    if status != 200:
        raise unexpected(address, status, text)
    bans = json.loads(text)
    if arguments.json:
        print_json(bans)
        return 0
    for ban in bans:
        print(
            f"{ban['source']:<40} {ban['reason']:<16} {ban['count']}. ban,"
            f" {ban['remaining_s']:.0f} s left"
        )
    if not bans:
        print("nobody is banned")
    return 0


def lift_ban(arguments: argparse.Namespace) -> int:
    """End one ban."""
    address = address_of(arguments)
    path = f"/api/bans/{quote(arguments.source, safe='')}"
    status, text = ask("DELETE", path, arguments.state, address)
    if status == 404:
        raise CommandError(f"{arguments.source} is not banned; `acd bans list` shows who is")
    if status != 200:
        raise unexpected(address, status, text)
    print(f"{arguments.source} is let in again")
    return 0
