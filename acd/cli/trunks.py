"""`acd trunks list`: how the running server's lines to the outside stand."""

import argparse
import json

from ._api import add_server, address_of, ask, unexpected
from ._options import Subparsers, add_json, print_json


def add_parser(subparsers: Subparsers) -> None:
    """Add `trunks` with its verbs."""
    parser = subparsers.add_parser("trunks", help="show the trunks and their gateways")
    verbs = parser.add_subparsers(metavar="VERB", required=True, dest="verb")
    show = verbs.add_parser("list", help="show which are up, channels in use, gateways")
    add_server(show)
    add_json(show)
    show.set_defaults(run=print_trunks)


def print_trunks(arguments: argparse.Namespace) -> int:
    """Print every trunk with its gateways, in the order of trunks.yaml."""
    address = address_of(arguments)
    status, text = ask("GET", "/api/trunks", arguments.state, address)
    if status != 200:
        raise unexpected(address, status, text)
    trunks = json.loads(text)
    if arguments.json:
        print_json(trunks)
        return 0
    for trunk in trunks:
        limit = f"/{trunk['channels']}" if trunk["channels"] else ""
        registered = {True: "  registered", False: "  not registered", None: ""}
        print(
            f"{trunk['trunk']:<20} {'up' if trunk['up'] else 'down':<5}"
            f" {trunk['channels_in_use']}{limit} calls{registered[trunk['registered']]}"
        )
        for gateway in trunk["gateways"]:
            took = "" if gateway["options_ms"] is None else f"  OPTIONS {gateway['options_ms']} ms"
            failed = f"  {gateway['failures']} failures" if gateway["failures"] else ""
            where = f"{gateway['gateway']}  {gateway['address']}"
            print(f"    {where:<50} {gateway['health']}{took}{failed}")
    if not trunks:
        print("no trunks; trunks.yaml lists them")
    return 0
