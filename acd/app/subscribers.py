"""Passes each record of the event stream to those only who do something with its kind."""

from collections.abc import Collection, Iterable
from typing import get_args

from acd.calls.events import Event
from acd.calls.journal import Record
from acd.calls.ports import Subscriber

ALL_KINDS: frozenset[type] = frozenset(get_args(Event))


class Subscribers:
    """One subscriber that stands for several: most kinds of events concern one or two of them."""

    def __init__(self, subscribers: Iterable[tuple[Subscriber, Collection[type]]]) -> None:
        """Take subscribers with the kinds of events they want; they are called in this order."""
        wanted = list(subscribers)
        self._by_kind: dict[type, tuple[Subscriber, ...]] = {
            kind: tuple(subscriber for subscriber, kinds in wanted if kind in kinds)
            for kind in ALL_KINDS
        }

    def __call__(self, record: Record) -> None:
        """Pass the record on."""
        for subscriber in self._by_kind[type(record.event)]:
            subscriber(record)
