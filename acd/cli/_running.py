"""Where the server of a state folder is reached: what it noted there at its start."""

from pathlib import Path

import msgspec

from ._options import CommandError

NOTE = "run.json"
"Written by acd.app.state, which is not imported here: it brings the whole server along."

ANY_HOSTS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"A server that listens on all addresses is reached on this machine's own."


class RunningServer(msgspec.Struct, frozen=True):
    """The part of the note that commands need; hosts as other programs can reach them."""

    sip: dict[str, tuple[str, int]]
    "By transport: udp, tcp."

    http: tuple[str, int]
    database: str
    "DSN; it may hold a password."


def find_running(state: Path) -> RunningServer | None:
    """Return where the server on this state folder is reached; None if none has noted it.

    Raises CommandError where the folder belongs to another account, who alone may read the note.
    """
    try:
        noted = msgspec.json.decode((state / NOTE).read_bytes(), type=RunningServer)
    except PermissionError as error:
        raise CommandError(
            f"{error.filename}: {error.strerror}; run the command as the account of `acd run`"
        ) from error
    except (OSError, msgspec.MsgspecError):
        return None
    return RunningServer(
        {transport: _reachable(address) for transport, address in noted.sip.items()},
        _reachable(noted.http),
        noted.database,
    )


def running(state: Path, option: str) -> RunningServer:
    """Return the same; without one raise CommandError, which names the option that helps."""
    found = find_running(state)
    if found is None:
        raise CommandError(
            f"no server runs on {state}; start `acd run`, name its folder with --state,"
            f" or its address with {option}"
        )
    return found


def _reachable(address: tuple[str, int]) -> tuple[str, int]:
    host, port = address
    return ANY_HOSTS.get(host, host), port
