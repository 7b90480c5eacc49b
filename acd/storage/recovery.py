"""The first thing of a boot: close what an earlier one left open when it was killed."""

from collections import deque
from collections.abc import Iterator

from acd.calls.cdr_recovery import recover
from acd.calls.events import ServerStarted, ServerStopped
from acd.calls.journal import Record

from .journal import Journal
from .journal_reader import JournalReader
from .journal_settings import JournalState


def begin_boot(journal: Journal, *, version: str, mono_s: float) -> list[Record]:
    """Append `ServerStarted` and the events that close earlier boots' calls; return the records.

    Reads the journal from where the last recovery began: the last boot's records, usually.
    """
    closing = recover(_earlier_records(journal))
    records = journal.append([ServerStarted(version=version), *closing], mono_s)
    if journal.state is JournalState.WRITING:
        journal.mark_recovered()
    return records


def needs_recovery(journal: Journal) -> bool:
    """Return whether the last boot ended otherwise than in good order."""
    last = deque(_earlier_records(journal), maxlen=1)
    return bool(last) and not isinstance(last[0].event, ServerStopped)


def _earlier_records(journal: Journal) -> Iterator[Record]:
    reader = JournalReader(journal.folder, journal.recover_from, on_damage=lambda _: None)
    try:
        for entry in reader:
            if entry.begin >= journal.boot_begin:
                return
            if entry.record is not None:
                yield entry.record
    finally:
        reader.close()
