"""What people or callers have ordered and a restart must not forget.

Closed queues, call-backs, and the groups that were switched by hand.

One small file, replaced as a whole whenever it changes. Other than the snapshot of devices it is
no convenience: a file that cannot be read ends the start, since it may have closed the house.
"""

from pathlib import Path

import msgspec

from acd.calls.callback import SavedCallback
from acd.calls.closures import Closure
from acd.routing.activation import SwitchedGroup

from .errors import StorageError
from .private_file import replace_private

FILE = "standing.msgpack"
VERSION = 1


class StandingError(StorageError):
    """The file is there and cannot be used, or cannot be written."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    closures: tuple[Closure, ...] = ()
    callbacks: tuple[SavedCallback, ...] = ()
    groups: tuple[SwitchedGroup, ...] = ()
    version: int = VERSION


def read_standing(folder: Path) -> Standing:
    """Return what stands, nothing if nothing was saved. Raises StandingError."""
    path = folder / FILE
    try:
        standing = msgspec.msgpack.decode(path.read_bytes(), type=Standing)
    except FileNotFoundError:
        return Standing()
    except (OSError, msgspec.MsgspecError) as error:
        raise StandingError(f"{path}: {error}; move it away to start without") from error
    if standing.version != VERSION:
        raise StandingError(f"{path}: version {standing.version}, this server reads {VERSION}")
    return standing


def write_standing(folder: Path, standing: Standing) -> None:
    """Replace the file. Raises StandingError; the file before stands then."""
    try:
        replace_private(folder / FILE, msgspec.msgpack.encode(standing))
    except (OSError, UnicodeEncodeError) as error:
        raise StandingError(f"{folder / FILE}: {error}") from error
