"""Metrics and traces: noted on a call's way, entered together.

To count a message and file it under its call took an eighth of what the call cost, spread over its
every step. A note costs a hundredth, and entering some hundred of them in one go, with everything
at hand, half of what it did. Whoever reads metrics or traces sees all that has been noted.
"""

from collections.abc import Callable

from acd.calls.journal import Record
from acd.calls.ports import Direction
from acd.sip.peer import Peer

from .metrics import Metrics
from .trace import Message, Tracer

NOTES_MAX = 256
"Messages or events that wait to be entered: 20 calls' worth, about a millisecond of work."


class Bookkeeping:
    """A tap and a subscriber in one. Lives in the event loop's thread."""

    KINDS = Metrics.KINDS | Tracer.KINDS

    def __init__(self, metrics: Metrics, tracer: Tracer, wall_us: Callable[[], int]) -> None:
        self._metrics = metrics
        self._tracer = tracer
        self._wall_us = wall_us
        self._messages: list[Message] = []
        self._records: list[Record] = []

    def tap(self, direction: Direction, peer: Peer, data: bytes) -> None:
        """Note a SIP message."""
        messages = self._messages
        messages.append((self._wall_us(), direction, peer, data))
        if len(messages) >= NOTES_MAX:
            self.settle()

    def observe(self, record: Record) -> None:
        """Note an event."""
        records = self._records
        records.append(record)
        if len(records) >= NOTES_MAX:
            self.settle()

    def settle(self) -> None:
        """Enter what has been noted: a call's messages before its events, as they came."""
        messages, self._messages = self._messages, []
        records, self._records = self._records, []
        self._metrics.sip_messages(messages)
        self._tracer.messages(messages)
        for record in records:
            self._metrics.observe(record.event, record.mono_s)
            self._tracer.observe(record.event, record.wall_us)

    # --- what is read ---

    def metrics_text(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        self.settle()
        return self._metrics.text()

    def ladder(self, interaction_or_call_id: str, *, messages: bool = False) -> str | None:
        """Draw a call, as `Tracer.ladder` does."""
        self.settle()
        return self._tracer.ladder(interaction_or_call_id, messages=messages)
