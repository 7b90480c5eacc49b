"""Callers who hung up waiting and call again: they get their place in the line back."""

from msgspec import Struct

from acd.routing.model import QueueProfile

from .blacklist import ANONYMOUS_NAMES
from .call import Call, Place, Visit

MAX_REMEMBERED = 20_000
"""Abandoned places of all queues together: an hour's in which five callers a second give up. The
oldest one is forgotten for the next; some 300 bytes each."""


class _Place(Struct, frozen=True):
    place: Place
    until: float
    queues: tuple[str, ...]
    "Where it stands: it is given back in one of them."


class Returning:
    """The places that were given up, by queue and caller's number. Withheld numbers have none."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], _Place] = {}

    def __len__(self) -> int:
        return len(self._places)

    def remember(self, call: Call, visit: Visit, now: float) -> None:
        """Keep the place of a caller who gave up, as long as the queue's rule says.

        It stands in each queue that handed the caller on, too: the next call begins there.
        """
        if not _has_number(call):
            return
        stood_in = (*visit.passed, visit.queue)
        keeping = [queue for queue in stood_in if queue.waiting.return_within_s]
        place = Place(visit.first_enqueued_at, visit.served_s)
        names = tuple(queue.name for queue in keeping)
        for queue in keeping:
            key = queue.name, call.caller
            # Taken out first, so that the newest stands last.
            self._places.pop(key, None)
            if len(self._places) >= MAX_REMEMBERED:
                del self._places[next(iter(self._places))]
            until = now + queue.waiting.return_within_s
            self._places[key] = _Place(place, until, names)

    def place(self, call: Call, queue: QueueProfile, now: float) -> Place:
        """Return the caller's former place, or the one of who comes now."""
        if not queue.waiting.return_within_s or not _has_number(call):
            return Place(now)
        kept = self._places.get((queue.name, call.caller))
        if kept is None:
            return Place(now)
        for name in kept.queues:
            other = self._places.get((name, call.caller))
            if other is not None and other.place == kept.place:
                del self._places[name, call.caller]
        return kept.place if now <= kept.until else Place(now)


def _has_number(call: Call) -> bool:
    return bool(call.caller) and not call.withheld and call.caller.lower() not in ANONYMOUS_NAMES
