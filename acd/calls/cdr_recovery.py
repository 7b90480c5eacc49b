"""What a server that was killed left open, closed by the next start (part of the CDR)."""

from collections.abc import Iterable

from . import events as ev
from .cdr import Fold
from .journal import Record


def recover(records: Iterable[Record]) -> list[ev.Event]:
    """Return the events that close what earlier boots left open when they were killed.

    `records` are the earlier boots' alone; the new boot appends the result to its journal. Each
    call gets the missing end of its offers, visits, talks and legs, and a `CallEnded` by "fault",
    reason "restart".
    """
    fold = Fold()
    for record in records:
        fold.apply(record)
    return fold.closing_events()
