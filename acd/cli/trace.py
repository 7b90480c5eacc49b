"""`acd trace ID`: a call's SIP ladder and events, from the running server."""

import argparse
import http.client
from pathlib import Path
from urllib.parse import quote

from ._options import CommandError, Subparsers, add_state
from ._running import running

TIMEOUT_S = 10.0


def add_parser(subparsers: Subparsers) -> None:
    """Add `trace`."""
    parser = subparsers.add_parser("trace", help="show a call's SIP ladder and events")
    parser.add_argument("id", metavar="ID", help="interaction id or SIP Call-ID")
    add_state(parser)
    parser.add_argument(
        "--http",
        metavar="HOST:PORT",
        help="where the server serves HTTP (default: that of the one on --state)",
    )
    parser.add_argument(
        "--messages", action="store_true", help="print the SIP messages below the ladder"
    )
    parser.set_defaults(run=print_trace)


def print_trace(arguments: argparse.Namespace) -> int:
    """Ask the running server and print what it knows of the call."""
    state: Path = arguments.state
    if arguments.http is None:
        host, port = running(state, "--http").http
        address = f"{host}:{port}"
    else:
        address = arguments.http
    print(fetch(arguments.id, state, address, messages=arguments.messages))
    return 0


def fetch(name: str, state: Path, address: str, *, messages: bool) -> str:
    """Return the trace as text. Raises CommandError."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise CommandError(f"--http {address}: must be HOST:PORT")
    token = _token(state)
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=TIMEOUT_S)
    path = f"/api/trace/{quote(name, safe='')}?messages={int(messages)}"
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException, OverflowError) as error:
        raise CommandError(f"no server answers on http://{address}: {error}") from error
    finally:
        connection.close()
    match answer.status:
        case 200:
            return text.rstrip("\n")
        case 401:
            raise CommandError(f"the server on {address} has another token than {state}: --state?")
        case 404:
            raise CommandError(f"{name} is unknown, or too long ago")
        case status:
            raise CommandError(f"the server on {address} answered {status}: {text[:200]}")


def _token(state: Path) -> str:
    from acd.web.token import TokenError, read_token  # here: aiohttp is slow to load

    try:
        return read_token(state)
    except TokenError as error:
        raise CommandError(f"{error}; is --state the server's folder?") from error
