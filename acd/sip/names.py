"""What is known from DNS: asked ahead of calls, refreshed in time, kept while DNS is down."""

import math
from collections.abc import Callable, Iterable

from .dns_records import Kind, Record, Resolve, Resolved
from .transaction import Machine

TTL_MIN_S = 30.0
"A zone with a TTL of 0 must not make us ask all day."

TTL_MAX_S = 3600.0
"A gateway that moved is found after an hour, whatever its zone promised."

NOTHING_S = 60.0
"Until a name without records is asked for again: somebody may be adding them."

RETRY_S = 15.0
"After a failure of DNS."

PATIENCE_S = 30.0
"An answer that is not there by then was lost; the question is asked again."

MAX_QUESTIONS = 1_000
"Some hundred trunks with ten names each; more are not asked."

MAX_RECORDS = 64
"Of one answer; the rest is left out."

Question = tuple[str, Kind]


class _Entry:
    __slots__ = ("ask_at", "records")

    def __init__(self, ask_at: float) -> None:
        self.records: tuple[Record, ...] | None = None
        self.ask_at = ask_at


class Names(Machine):
    """A table of questions that stay interesting, each with its last good answer."""

    __slots__ = ("_ask", "_entries", "_watch")

    def __init__(self, ask: Callable[[Resolve], None], watch: Callable[[Machine], None]) -> None:
        super().__init__()
        self._ask = ask
        self._watch = watch
        self._entries: dict[Question, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def look(self, name: str, kind: Kind, now: float) -> tuple[Record, ...] | None:
        """Return the records; None while they are not known, and then they are asked for."""
        question = (name.lower().rstrip("."), kind)
        entry = self._entries.get(question)
        if entry is None:
            if len(self._entries) >= MAX_QUESTIONS:
                return ()
            entry = self._entries[question] = _Entry(now + PATIENCE_S)
            self._ask(Resolve(*question))
            self._arm()
        return entry.records

    def resolved(self, answer: Resolved, now: float) -> bool:
        """Take an answer; return whether it says anything else than what was known."""
        entry = self._entries.get((answer.name, answer.kind))
        if entry is None:
            return False
        if answer.failed:
            # What was known stays: calls go on by it for as long as DNS is down.
            entry.ask_at = now + RETRY_S
            self._arm()
            if entry.records is not None:
                return False
            # Nothing was known: some servers never answer for NAPTR, and the name has others.
            entry.records = ()
            return True
        records = answer.records[:MAX_RECORDS]
        ttl_s = min(max(answer.ttl_s, TTL_MIN_S), TTL_MAX_S) if records else NOTHING_S
        entry.ask_at = now + ttl_s
        self._arm()
        # Servers rotate their answers; the order says nothing.
        changed = entry.records is None or set(entry.records) != set(records)
        if changed:
            entry.records = records
        return changed

    def keep(self, questions: Iterable[Question]) -> None:
        """Forget all other questions: no gateway depends on them any more."""
        wanted = {(name.lower().rstrip("."), kind) for name, kind in questions}
        for question in self._entries.keys() - wanted:
            del self._entries[question]
        self._arm()

    def on_time(self, now: float) -> None:
        """Ask again what has grown old."""
        for question, entry in self._entries.items():
            if now >= entry.ask_at:
                entry.ask_at = now + PATIENCE_S
                self._ask(Resolve(*question))
        self._arm()

    def _arm(self) -> None:
        self.deadline = min((e.ask_at for e in self._entries.values()), default=math.inf)
        self._watch(self)
