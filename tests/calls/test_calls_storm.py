"""All features at once: the records close, can be folded, and nothing stays in memory or at work.

The steps are those of `test_calls_sequences`, mixed, with what is rarer: the longest duration of
a call, a server that drains or stops, late offers, emergency calls, numbers taken away.
"""

import gc
from collections import Counter
from math import inf

import hypothesis.strategies as st
from calls_stage import ANSWER, EVENTS, NUMBERS
from hypothesis import given, settings
from test_calls_sequences import (
    ACCOUNTS,
    MOBILE,
    OVERFLOWS,
    PLAN,
    Storm,
    handing_on,
    legs,
    unusual,
    usual,
)

from acd.calls.call import AgentLeg, Call, CalledLeg, FlowTimer, Forks, RingTimer, Visit
from acd.calls.cdr import Fold
from acd.calls.cdr_recovery import recover
from acd.calls.journal import Record
from acd.calls.numbers import NumberPlan
from acd.calls.parting import Parted
from acd.calls.settings import DevicePolicy
from acd.calls.transfer import Transfer
from acd.media import events as media_in
from acd.routing.model import Overflow, State

agents = st.sampled_from(("1001", "1002", "1005"))
rare = st.one_of(
    st.tuples(st.just("refuses"), st.sampled_from((None, "draining", "journal_failing"))),
    st.tuples(st.just("stops")),
    st.tuples(st.just("renumbered"), st.booleans()),
    st.tuples(st.just("late_offer"), st.sampled_from(("4001", "4003", "4000"))),
    st.tuples(st.just("unproved"), st.sampled_from(("4001", "4003", "4000"))),
    st.tuples(st.just("asks"), agents, st.sampled_from(("110", MOBILE))),
    st.tuples(st.just("confirmed"), legs, st.sampled_from((b"", ANSWER))),
    st.tuples(st.just("reloaded"), st.booleans(), st.booleans()),
    st.tuples(st.just("pauses_to_replace"), agents, agents),
    st.tuples(st.just("opened"), legs),
    st.tuples(st.just("wait"), st.sampled_from((0.0, 3.0, 21.0, 61.0))),
)
steps = st.integers(0, 9).flatmap(
    lambda draw: rare if draw == 0 else unusual if draw < 3 else usual if draw < 5 else handing_on
)


class Tempest(Storm):
    """A storm with the rarer steps, that keeps its records as the journal would."""

    def __init__(
        self, overflow: Overflow | None, devices: DevicePolicy, max_call_s: float
    ) -> None:
        super().__init__(overflow, devices, max_call_s=max_call_s, max_ringing=1)
        self.of_people |= {
            "refuses": self.refuse,
            "stops": lambda: self.stage.take(self.stage.centre.shut_down(self.stage.now)),
            "renumbered": self.renumber,
            "late_offer": lambda number: self.callers.add(self.stage.dials(number, offer=b"")),
            "unproved": lambda number: self.callers.add(self.stage.dials(number, unproved=True)),
            "pauses_to_replace": self.begin_to_replace,
        }

    def refuse(self, reason: str | None) -> None:
        self.stage.centre.refusing = reason

    def renumber(self, fewer: bool) -> None:
        stage = self.stage
        numbers = {} if fewer else NUMBERS
        stage.take(
            stage.centre.configure(
                agents=self.agents,
                queues=stage.queues,
                numbers=NumberPlan(targets=numbers, dial_plan=PLAN),
                now=stage.now,
            )
        )

    def begin_to_replace(self, agent: str, other: str) -> None:
        """As `takes_place`, but the new leg's media is not there yet."""
        by = f"sip:{agent}@server"
        leg = self.stage.takes_place(self.at_hand(agent), f"phone{other}", referred_by=by)
        self.callers.add(leg)

    def end(self) -> None:
        self.stage.centre.refusing = None
        self.everybody_leaves()
        # Legs that were to replace another one, and whose media never came.
        for leg in sorted(self.callers):
            self.stage.on_media(media_in.StreamRefused(leg, 488, ""))

    def records(self) -> list[Record]:
        told = [effect for effect in self.stage.log if type(effect) in EVENTS]
        return [
            Record("node", "boot", number, 1_790_000_000_000_000 + number, float(number), event)
            for number, event in enumerate(told)
        ]


def run(
    happening: list[tuple[object, ...]],
    overflow: Overflow | None = None,
    devices: DevicePolicy = DevicePolicy.NEWEST,
    max_call_s: float = 0.0,
) -> Tempest:
    storm = Tempest(overflow, devices, max_call_s)
    for account in ACCOUNTS[:3]:
        storm.take("devices", account, 2)
    for name, *arguments in happening:
        storm.take(name, *arguments)  # type: ignore[arg-type]  # the strategy's
    storm.end()
    return storm


def check_at_rest(storm: Tempest) -> None:
    stage = storm.stage
    assert stage.centre.calls_total == 0
    stage.check_over()
    stage.wait(4000.0)
    at_work = {view.agent: view.state for view in stage.router.agents()}
    assert set(at_work.values()) <= {State.IDLE, State.OFFLINE}, at_work
    assert stage.centre.next_deadline() == inf
    assert not any(stage.router.queue_lengths().values())
    assert not stage.centre._hearing._ringing


def check_fold(records: list[Record]) -> None:
    fold = Fold()
    for record in records:
        fold.apply(record)
    assert (fold.strays, fold.open_calls) == (0, 0)


def check_recovery(records: list[Record], cut: int) -> None:
    """Killed after so many records: the next boot closes everything, once."""
    closing = recover(records[:cut])
    after = [
        Record("node", "next", number, 1_790_000_001_000_000 + number, float(number), event)
        for number, event in enumerate(closing)
    ]
    check_fold([*records[:cut], *after])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(steps, min_size=10, max_size=60),
    st.sampled_from(OVERFLOWS),
    st.sampled_from(DevicePolicy),
    st.sampled_from((0.0, 40.0)),
    st.integers(0, 30),
)
def test_all_at_once(
    happening: list[tuple[object, ...]],
    overflow: Overflow | None,
    devices: DevicePolicy,
    max_call_s: float,
    first_cut: int,
) -> None:
    storm = run(happening, overflow, devices, max_call_s)
    check_at_rest(storm)
    records = storm.records()
    check_fold(records)
    for cut in range(first_cut, len(records), 31):
        check_recovery(records, cut)


WORK = (Call, AgentLeg, CalledLeg, Forks, Visit, RingTimer, FlowTimer, Transfer, Parted)


def alive() -> Counter[str]:
    gc.collect()
    return Counter(type(one).__name__ for one in gc.get_objects() if isinstance(one, WORK))


@settings(max_examples=15, deadline=None)
@given(st.lists(steps, min_size=30, max_size=60), st.sampled_from(DevicePolicy))
def test_nothing_of_a_call_stays_in_memory(
    happening: list[tuple[object, ...]], devices: DevicePolicy
) -> None:
    before = alive()
    storm = run(happening, None, devices)
    check_at_rest(storm)
    assert alive() == before
    assert storm.stage.centre.calls_total == 0
