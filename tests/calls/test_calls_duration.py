"""The longest that a call may last, over any sequence of beginnings and ends."""

from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st

from acd.calls.call import Call, EndReason
from acd.calls.call_table import CallTable
from acd.calls.dial_plan import OutsideTarget
from acd.calls.duration import DurationLimit
from acd.calls.numbers import EchoTarget

LIMIT_S = 60.0
STEP = st.one_of(
    st.tuples(st.just("begin"), st.booleans()),
    st.tuples(st.just("end"), st.integers(0, 5)),
    st.tuples(st.just("pass"), st.floats(0.0, 70.0)),
)


class Stage:
    """The calls, and the host that ends them."""

    def __init__(self, limit_s: float) -> None:
        self.table = CallTable()
        self.now, self.number = 100.0, 0
        self.limit = DurationLimit(self.table, self, limit_s)  # type: ignore[arg-type]  # its `end`

    def begin(self, emergency: bool) -> None:
        self.table.now = self.now
        self.number += 1
        name = f"call{self.number}"
        target = (
            OutsideTarget(number="110", trunks=(), emergency=True) if emergency else EchoTarget()
        )
        call = Call(name, name, "", "", "", target, "zh", began_at=self.now)
        self.table.by_interaction[name] = call

    def end(self, call: Call | int, ended_by: str = "", reason: EndReason | None = None) -> None:
        if isinstance(call, int):
            calls = list(self.table.by_interaction.values())
            call = (
                calls[call % len(calls)] if calls else Call("", "", "", "", "", EchoTarget(), "")
            )
        else:
            assert (ended_by, reason) == ("system", EndReason.MAX_DURATION)
            assert not isinstance(call.target, OutsideTarget), "an emergency is left alone"
            assert call.began_at + LIMIT_S <= self.now < call.began_at + LIMIT_S + 1e-6
        self.table.by_interaction.pop(call.interaction, None)

    def pass_(self, seconds: float) -> None:
        until = self.now + seconds
        while (at := self.limit.next_deadline()) <= until:
            self.now = self.table.now = max(self.now, at)
            self.limit.on_time(self.now)
        self.now = self.table.now = until


@settings(max_examples=100, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_any_sequence(steps) -> None:
    stage = Stage(LIMIT_S)
    for what, *arguments in steps:
        getattr(stage, "pass_" if what == "pass" else what)(*arguments)
        stage.limit.next_deadline()  # as the driver asks after each input
        for call in stage.table.by_interaction.values():
            overdue = call.began_at + LIMIT_S <= stage.now - 1e-6
            assert not overdue or isinstance(call.target, OutsideTarget)


@given(st.lists(STEP, max_size=10))
def test_without_a_limit_nothing_is_due(steps) -> None:
    stage = Stage(0.0)
    for what, *arguments in steps:
        getattr(stage, "pass_" if what == "pass" else what)(*arguments)
        assert stage.limit.next_deadline() == inf
