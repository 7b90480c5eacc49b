"""What was learned of conversion, in the state folder: there without Postgres, too.

One file, replaced as a whole, of the newest outcomes. Like the snapshot it is a convenience: the
database tells all of it again, so a file that cannot be read is reported and passed over.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from .private_file import replace_private
from .snapshot import SnapshotError

FILE = "outcomes.msgpack"

KEPT = 50_000
"Newest outcomes: two weeks of sales calls of 250 seats, 8 MB; the database knows the older ones."

CHUNK = 2_000
"Written and read so many at a time: other threads get their turn in between."


class SavedOutcome(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One sales call; see `acd.routing.rank.Outcome`."""

    interaction: str
    agent: str
    queue: str
    category: str
    success: bool
    wall_s: float
    amount: int | None = None
    currency: str = ""


def write_outcomes(folder: Path, outcomes: Sequence[SavedOutcome]) -> None:
    """Replace the file by the newest of these, oldest first. Raises SnapshotError."""
    newest = outcomes[-KEPT:]
    starts = range(0, len(newest), CHUNK)
    chunks = [msgspec.msgpack.encode(newest[at : at + CHUNK]) for at in starts]
    try:
        replace_private(folder / FILE, msgspec.msgpack.encode(chunks))
    except OSError as error:
        raise SnapshotError(f"{folder / FILE}: {error}") from error


def read_outcomes(folder: Path) -> Iterator[list[SavedOutcome]]:
    """Yield what was kept, some thousand at a time. Raises SnapshotError."""
    path = folder / FILE
    try:
        chunks = msgspec.msgpack.decode(path.read_bytes(), type=list[bytes])
        for chunk in chunks:
            yield msgspec.msgpack.decode(chunk, type=list[SavedOutcome])
    except FileNotFoundError:
        return
    except (OSError, msgspec.MsgspecError) as error:
        raise SnapshotError(f"{path}: {error}") from error
