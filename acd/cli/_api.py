"""Asking the running server over its HTTP API."""

import argparse
import http.client
from pathlib import Path

from ._options import CommandError, add_state
from ._running import running

TIMEOUT_S = 10.0


def add_server(parser: argparse.ArgumentParser) -> None:
    """Add --state DIR and --http HOST:PORT, which say which server is asked."""
    add_state(parser)
    parser.add_argument(
        "--http",
        metavar="HOST:PORT",
        help="where the server serves HTTP (default: that of the one on --state)",
    )


def address_of(arguments: argparse.Namespace) -> str:
    """Return HOST:PORT of the server that is meant; raises CommandError if none runs."""
    if arguments.http is not None:
        return str(arguments.http)
    host, port = running(arguments.state, "--http").http
    return f"{host}:{port}"


def ask(method: str, path: str, state: Path, address: str) -> tuple[int, str]:
    """Return status and text of an answer. Raises CommandError, also when the token is wrong."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise CommandError(f"--http {address}: must be HOST:PORT")
    token = token_of(state)
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=TIMEOUT_S)
    try:
        connection.request(method, path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException, OverflowError) as error:
        raise CommandError(f"no server answers on http://{address}: {error}") from error
    finally:
        connection.close()
    if answer.status == 401:
        raise CommandError(f"the server on {address} has another token than {state}: --state?")
    return answer.status, text


def unexpected(address: str, status: int, text: str) -> CommandError:
    """Return the error for an answer that no command can do anything with."""
    return CommandError(f"the server on {address} answered {status}: {text[:200]}")


def token_of(state: Path) -> str:
    from acd.web.token import TokenError, read_token  # here: aiohttp is slow to load

    try:
        return read_token(state)
    except TokenError as error:
        raise CommandError(f"{error}; is --state the server's folder?") from error
