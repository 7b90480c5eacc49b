"""`acd trace ID`: a call's SIP ladder and events, from the running server."""

import argparse
from pathlib import Path
from urllib.parse import quote

from ._api import add_server, address_of, ask, unexpected
from ._options import CommandError, Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add `trace`."""
    parser = subparsers.add_parser("trace", help="show a call's SIP ladder and events")
    parser.add_argument("id", metavar="ID", help="interaction id or SIP Call-ID")
    add_server(parser)
    parser.add_argument(
        "--messages", action="store_true", help="print the SIP messages below the ladder"
    )
    parser.set_defaults(run=print_trace)


def print_trace(arguments: argparse.Namespace) -> int:
    """Ask the running server and print what it knows of the call."""
    address = address_of(arguments)
    print(fetch(arguments.id, arguments.state, address, messages=arguments.messages))
    return 0


def fetch(name: str, state: Path, address: str, *, messages: bool) -> str:
    """Return the trace as text. Raises CommandError."""
    path = f"/api/trace/{quote(name, safe='')}?messages={int(messages)}"
    status, text = ask("GET", path, state, address)
    if status == 200:
        return text.rstrip("\n")
    if status == 404:
        raise CommandError(f"{name} is unknown, or too long ago")
    raise unexpected(address, status, text)
