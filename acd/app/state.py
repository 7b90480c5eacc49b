"""The state folder: made, checked, and the note in it of where a running server is reached."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

RUN_FILE = "run.json"


class StartError(Exception):
    """The server cannot start; the message is one line for the operator."""


def prepare_state(folder: Path) -> Path:
    """Make the state folder and check that it can be written; return its absolute path."""
    folder = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        reason = "a file has its name" if isinstance(error, FileExistsError) else error.strerror
        raise StartError(
            f"state folder {folder} cannot be written: {reason}; "
            "make it writable for this account or name another with --state"
        ) from error
    return folder


@dataclass(frozen=True, slots=True)
class Running:
    """Where a running server is reached; what other commands on the same state read."""

    pid: int
    sip: dict[str, tuple[str, int]]
    http: tuple[str, int]
    database: str

    def write(self, folder: Path) -> None:
        """Note it in the state folder, for this account only: the DSN may hold a password."""
        new = folder / f"{RUN_FILE}.new"
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
        new.replace(folder / RUN_FILE)

    @staticmethod
    def forget(folder: Path) -> None:
        """Take the note away: the server ends."""
        (folder / RUN_FILE).unlink(missing_ok=True)
