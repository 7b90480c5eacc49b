"""What is kept of DNS under any sequence of questions, answers and silence."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from acd.sip.dns_records import Resolve, Resolved
from acd.sip.names import NOTHING_S, PATIENCE_S, RETRY_S, TTL_MAX_S, TTL_MIN_S, Names

QUESTIONS = [("a.example", "A"), ("a.example", "AAAA"), ("b.example", "A")]
WHICH = st.integers(0, 2)
ADDRESSES = st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2"]), max_size=2, unique=True)
STEP = st.one_of(
    st.tuples(st.just("look"), WHICH),
    st.tuples(st.just("answer"), WHICH, ADDRESSES, st.sampled_from([0.0, 100.0, 1e6])),
    st.tuples(st.just("fail"), WHICH),
    st.tuples(st.just("keep"), st.sets(WHICH)),
    st.tuples(st.just("pass"), st.floats(0.0, 4000.0)),
)


class Stage:
    """The table, and what ought to be known by now."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked_at: dict[tuple[str, str], float] = {}
        self.known: dict[tuple[str, str], tuple[str, ...] | None] = {}
        self.names = Names(self.on_asked, lambda machine: None)

    def on_asked(self, question: Resolve) -> None:
        key = (question.name, question.kind)
        asked_before = self.asked_at.get(key, -math.inf)
        assert self.now - asked_before >= min(RETRY_S, PATIENCE_S, TTL_MIN_S, NOTHING_S) - 1e-6
        self.asked_at[key] = self.now

    def look(self, which: int) -> None:
        key = QUESTIONS[which]
        new = key not in self.known
        self.known.setdefault(key, None)
        found = self.names.look(key[0].upper() + ".", key[1], self.now)
        assert found == self.known[key] or set(found) == set(self.known[key])
        assert self.asked_at[key] == self.now or not new, "asked for at once"

    def answer(self, which: int, addresses: list[str], ttl_s: float) -> None:
        key, records = QUESTIONS[which], tuple(addresses)
        before = self.known.get(key, ())
        other = before is None or set(before) != set(records)
        news = self.names.resolved(Resolved(*key, records, ttl_s), self.now)
        assert news == (key in self.known and other)
        if key in self.known:
            self.known[key] = records

    def fail(self, which: int) -> None:
        key = QUESTIONS[which]
        first = key in self.known and self.known[key] is None
        assert self.names.resolved(Resolved(*key, failed=True), self.now) == first
        if first:
            self.known[key] = ()

    def keep(self, which: set[int]) -> None:
        kept = {QUESTIONS[one] for one in which}
        self.names.keep(kept)
        self.known = {key: value for key, value in self.known.items() if key in kept}
        self.asked_at = {key: at for key, at in self.asked_at.items() if key in kept}

    def pass_(self, seconds: float) -> None:
        until = self.now + seconds
        while (at := self.names.next_deadline()) <= until:
            assert at >= self.now
            self.now = at
            self.names.on_time(at)
        self.now = until
        for at in self.asked_at.values():
            # An answer comes within the patience at most; then its lifetime runs.
            assert until - at <= TTL_MAX_S + PATIENCE_S, "nothing is believed for ever"


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_any_sequence(steps) -> None:
    stage = Stage()
    for what, *arguments in steps:
        getattr(stage, "pass_" if what == "pass" else what)(*arguments)
        assert len(stage.names) == len(stage.known)
        assert (stage.names.next_deadline() == math.inf) == (not stage.known)
