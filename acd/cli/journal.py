"""`acd journal dump`: the events on disk, as JSON lines."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ._options import CommandError, Subparsers, add_state

if TYPE_CHECKING:
    from acd.storage.journal_reader import Entry, JournalReader

FOLLOW_PAUSE_S = 0.2
"A person watches: files tell nobody that they grew, and a look costs some microseconds."


def add_parser(subparsers: Subparsers) -> None:
    """Add `journal`."""
    parser = subparsers.add_parser("journal", help="read the events on disk")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    dump_parser = verbs.add_parser("dump", help="print records as JSON lines, oldest first")
    add_state(dump_parser)
    dump_parser.add_argument("--interaction", metavar="ID", help="only this call's records")
    dump_parser.add_argument(
        "--follow", action="store_true", help="go on with new records, until Ctrl-C"
    )
    dump_parser.set_defaults(run=dump)


def dump(arguments: argparse.Namespace) -> int:
    """Print the records; damage is told on standard error."""
    from acd.storage.journal_reader import JournalReader

    folder = arguments.state / "journal"
    if not folder.is_dir():
        raise CommandError(f"{folder}: there is no journal; name its state folder with --state")
    reader = JournalReader(folder, on_damage=lambda text: print(text, file=sys.stderr))
    try:
        for entry in _entries(reader, follow=arguments.follow):
            if arguments.interaction in {None, _interaction(entry)}:
                print(json.dumps(_as_json(entry), ensure_ascii=False), flush=arguments.follow)
    finally:
        reader.close()
    return 0


def _entries(reader: "JournalReader", *, follow: bool) -> Iterator["Entry"]:
    yield from reader
    while follow:
        time.sleep(FOLLOW_PAUSE_S)
        yield from reader


def _interaction(entry: "Entry") -> str:
    return "" if entry.record is None else getattr(entry.record.event, "interaction", "")


def _as_json(entry: "Entry") -> dict[str, Any]:
    import msgspec

    from acd.calls.events import OfferMade
    from acd.storage.table import at

    position = f"{entry.begin.segment}:{entry.begin.offset}"
    record = entry.record
    if record is None:
        return {"position": position, "error": entry.error, "payload": entry.payload.hex()}
    event = record.event.readable() if isinstance(record.event, OfferMade) else record.event
    return {
        "position": position,
        "node": record.node,
        "boot": record.boot,
        "seq": record.seq,
        "wall": at(record.wall_us).isoformat(timespec="microseconds"),
        "mono_s": record.mono_s,
        "event": msgspec.to_builtins(event),
    }
