"""How far the tables are behind the journal."""

from msgspec import Struct

from .database import Progress
from .frames import START
from .journal import Journal

TYPICAL_RECORD_BYTES = 230
"For an estimate of how many records of earlier boots wait."


class Lag(Struct, frozen=True):
    """How far the tables are behind the journal."""

    records: int
    seconds: float
    "Since the tables were last up to date; 0: they are."

    bytes: int


def lag_of(journal: Journal, shipped: Progress | None, behind_s: float) -> Lag:
    """Return the lag of tables that hold what `shipped` says; None: nothing, as far as known.

    `behind_s` is how long it has been since they were last up to date.
    """
    behind = journal.bytes_from(shipped.confirmed if shipped else START)
    if behind == 0 or (shipped is not None and shipped.confirmed >= journal.end):
        return Lag(0, 0.0, 0)
    if shipped is not None and shipped.boot == journal.boot:
        return Lag(journal.sequence - shipped.seq, behind_s, behind)
    return Lag(max(journal.sequence, behind // TYPICAL_RECORD_BYTES), behind_s, behind)
