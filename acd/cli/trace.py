"""`acd trace ID`: a call's SIP ladder and events, from the running server."""

import argparse
import http.client
import sys
from pathlib import Path
from urllib.parse import quote

from acd.web.token import TokenError, read_token

TIMEOUT_S = 10.0

DEFAULT_STATE = Path("var")
DEFAULT_HTTP = "127.0.0.1:8080"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("id", metavar="ID", help="interaction id or SIP Call-ID")
    parser.add_argument(
        "--state", type=Path, default=DEFAULT_STATE, help="state folder of the server"
    )
    parser.add_argument(
        "--http", metavar="HOST:PORT", default=DEFAULT_HTTP, help="HTTP address of the server"
    )
    parser.add_argument(
        "--messages", action="store_true", help="print the SIP messages below the ladder"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the trace and return 0; or say in one line why not, and return 1."""
    try:
        print(fetch(arguments.id, arguments.state, arguments.http, messages=arguments.messages))
    except (TokenError, TraceError) as error:
        print(f"acd trace: {error}", file=sys.stderr)
        return 1
    return 0


class TraceError(Exception):
    """There is no trace to show. The text is one line."""


def fetch(name: str, state: Path, address: str, *, messages: bool) -> str:
    """Return the trace as text. Raises TokenError or TraceError."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise TraceError(f"--http {address}: must be HOST:PORT")
    token = read_token(state)
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=TIMEOUT_S)
    path = f"/api/trace/{quote(name, safe='')}?messages={int(messages)}"
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException, OverflowError) as error:
        raise TraceError(f"no server answers on http://{address}: {error}") from error
    finally:
        connection.close()
    match answer.status:
        case 200:
            return text.rstrip("\n")
        case 401:
            raise TraceError(f"the server on {address} has another token than {state}: --state?")
        case 404:
            raise TraceError(f"{name} is unknown, or too long ago")
        case status:
            raise TraceError(f"the server on {address} answered {status}: {text[:200]}")
