"""What must outlive the process besides the journal: who is registered where, who is away.

One small file, replaced as a whole. It is a convenience: without it phones register again in their
own time, so a file that cannot be read is reported and passed over, never fatal.
"""

from pathlib import Path

import msgspec

from .private_file import replace_private

FILE = "snapshot.msgpack"
VERSION = 1


class SnapshotError(Exception):
    """The file is there and cannot be used."""


class SavedContact(msgspec.Struct, frozen=True):
    """A registered device; its expiry by the wall clock, since monotonic time ends with a boot."""

    uri: str
    transport: str
    host: str
    port: int
    expires_wall_s: float
    user_agent: str
    q: float = 1.0
    instance: str = ""
    reg_id: int = 0
    path: tuple[str, ...] = ()


class SavedAgent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an agent wanted, and what of the state goes on; times are UTC seconds."""

    agent: str
    status: str
    reason: str
    misses: int = 0

    state: str = ""
    "wrap_up, paused or cool_down; empty: none of them."

    until_wall_s: float = 0.0
    "End of that state."

    owed_s: float | None = None
    "Length of a wrap-up that begins with the next process, in place of its end."

    queue: str = ""
    interaction: str = ""
    cool_down_s: float = 0.0
    "Cool-down that follows the wrap-up or the talk."

    away_since_wall_s: float | None = None
    away_exceeded: bool = False
    idle_since_wall_s: float | None = None
    calls: int | None = None
    talk_s: float = 0.0
    turn: int = 0
    "Counters since the log-in; `calls` None: of a snapshot that had none."

    occupancy: float = 0.0
    "As the queues' occupancy caps see it, 0-1."


class Snapshot(msgspec.Struct, frozen=True):
    """The whole file."""

    contacts: dict[str, tuple[SavedContact, ...]]
    agents: tuple[SavedAgent, ...]
    shares: dict[str, dict[str, float]] = {}
    "Agents' shares of the calls, by queue and agent, of queues that have a maximum share."

    version: int = VERSION


def read_snapshot(folder: Path) -> Snapshot | None:
    """Return what was saved, None if nothing was. Raises SnapshotError."""
    path = folder / FILE
    try:
        snapshot = msgspec.msgpack.decode(path.read_bytes(), type=Snapshot)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise SnapshotError(f"{path}: {error}") from error
    if snapshot.version != VERSION:
        raise SnapshotError(f"{path}: version {snapshot.version}, this server reads {VERSION}")
    return snapshot


def write_snapshot(folder: Path, snapshot: Snapshot) -> None:
    """Replace the file. Raises SnapshotError; the file before stands then."""
    try:
        replace_private(folder / FILE, msgspec.msgpack.encode(snapshot))
    except (OSError, UnicodeEncodeError) as error:
        raise SnapshotError(f"{folder / FILE}: {error}") from error
