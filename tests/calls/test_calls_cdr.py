"""The CDR: each row once and complete; whatever a killed boot left open is closed and says why."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from acd.calls import cdr_rows as rows
from acd.calls import events as ev
from acd.calls.cdr import Fold
from acd.calls.cdr_recovery import recover
from acd.calls.journal import Record
from acd.routing.model import Candidate, Choice

START_US = 1_790_000_000_000_000
CALL = {"interaction": "call"}
VISIT = {**CALL, "visit": "visit", "queue": "sales"}
OFFER = {**VISIT, "offer": "offer", "agent": "1001", "leg": "agent-leg"}
TALK = {**VISIT, "agent": "1001", "leg": "agent-leg"}
CHOICE = Choice("best", "conversion", ((-0.5, 7.0, "1001"),), 4, 1.0, at=10.0)

STARTED = ev.CallStarted(
    **CALL,
    leg="leg",
    sip_call_id="a@b",
    caller="138",
    called="4000",
    peer="udp:127.0.0.1:5070",
    project="shop",
)

WHOLE_CALL: list[tuple[float, ev.Event]] = [
    (0.0, STARTED),
    (0.5, ev.CallAnswered(**CALL, leg="leg")),
    (0.6, ev.FlowEntered(**CALL, flow="hotline", version="7")),
    (2.0, ev.FlowStepTaken(**CALL, flow="hotline", node="menu", outcome="1")),
    (2.1, ev.FlowStepTaken(**CALL, flow="hotline", node="to_sales", outcome="queue")),
    (2.5, ev.QueueEntered(**VISIT, kind="sales", category="tea")),
    (3.5, ev.OfferMade(**OFFER, sip_call_id="c@d", choice=CHOICE)),
    (5.5, ev.OfferEnded(**OFFER, outcome="answered", ring_s=2.0)),
    (5.5, ev.QueueLeft(**VISIT, reason="answered", waited_s=3.0, agent="1001")),
    (5.6, ev.AgentConnected(**TALK)),
    (15.6, ev.HoldStarted(**CALL, agent="1001", leg="agent-leg")),
    (18.6, ev.HoldEnded(**CALL, agent="1001", leg="agent-leg")),
    (20.6, ev.AgentDisconnected(**TALK, talk_s=12.0, hold_s=3.0)),
    (20.7, ev.LegEnded(**CALL, leg="agent-leg", ended_by="server")),
    (20.8, ev.LegEnded(**CALL, leg="leg", ended_by="peer")),
    (20.8, ev.CallEnded(**CALL, ended_by="caller", reason="hangup")),
]


class Boot:
    """Numbers and times the records of one start of a node."""

    def __init__(
        self,
        boot: str = "b1",
        *,
        mono_s: float = 100.0,
        wall_us: int = START_US,
        node: str = "node",
    ):
        self.boot, self.mono_s, self.wall_us, self.seq = boot, mono_s, wall_us, 0
        self.node = node

    def record(self, at_s: float, event: ev.Event) -> Record:
        self.seq += 1
        wall_us = self.wall_us + int(at_s * 1e6)
        return Record(self.node, self.boot, self.seq, wall_us, self.mono_s + at_s, event)

    def records(self, timed: list[tuple[float, ev.Event]]) -> list[Record]:
        return [self.record(at_s, event) for at_s, event in timed]


def fold(records: list[Record]) -> list[rows.Row]:
    machine = Fold()
    return [row for record in records for row in machine.apply(record)]


def test_a_visit_knows_trunk_region_skill_and_the_first_flow_s_version() -> None:
    timed = list(WHOLE_CALL)
    timed[0] = (0.0, replace(STARTED, trunk="carrier"))
    timed[5:6] = [
        (2.2, ev.FlowEntered(**CALL, flow="night", version="9")),
        (2.5, ev.QueueEntered(**VISIT, kind="sales", skill="tv", region="广东")),
    ]
    found = fold(Boot().records(timed))
    visit, call = only(rows.QueueVisit, found), only(rows.Interaction, found)
    assert (visit.trunk, visit.skill, visit.region) == ("carrier", "tv", "广东")
    assert visit.flow_version == "hotline@7"
    assert (call.trunk, call.flow, call.flow_version) == ("carrier", "hotline", "7")
    assert {row.side: row.trunk for row in found if isinstance(row, rows.Leg)} == {
        "caller": "carrier",
        "agent": "",
    }
    (bare,) = [
        row
        for row in fold(Boot().records([timed[0], timed[6], timed[9]]))
        if isinstance(row, rows.QueueVisit)
    ]
    assert bare.flow_version == ""


def only(kind: type[rows.Row], found: list[rows.Row]):
    (row,) = [row for row in found if isinstance(row, kind)]
    return row


def test_a_whole_call_becomes_its_rows() -> None:
    found = fold(Boot().records(WHOLE_CALL))
    call = only(rows.Interaction, found)
    assert call.duration_s == 20.8
    assert (call.project, call.flow, call.ended_by, call.reason) == (
        "shop",
        "hotline",
        "caller",
        "hangup",
    )
    assert call.answered_us == START_US + 500_000
    assert call.ended_us == START_US + 20_800_000
    visit = only(rows.QueueVisit, found)
    assert (visit.outcome, visit.waited_s, visit.agent) == ("answered", 3.0, "1001")
    assert visit.entered_us == START_US + 2_500_000
    offer = only(rows.Offer, found)
    assert (offer.outcome, offer.ring_s, offer.layer, offer.ranked_by) == (
        "answered",
        2.0,
        "best",
        "conversion",
    )
    assert offer.candidates == (Candidate("1001", 0.5, 3.0),)
    talk = only(rows.TalkSegment, found)
    assert (talk.talk_s, talk.hold_s, talk.leg) == (12.0, 3.0, "agent-leg")
    steps = [row for row in found if isinstance(row, rows.FlowStep)]
    assert [(step.step, step.node, step.version) for step in steps] == [
        (1, "menu", "7"),
        (2, "to_sales", "7"),
    ]
    legs = {row.leg: row for row in found if isinstance(row, rows.Leg)}
    assert (legs["leg"].side, legs["agent-leg"].side) == ("caller", "agent")
    assert legs["agent-leg"].answered_us == START_US + 5_500_000
    assert all(row.project == "shop" and row.started_us == START_US for row in found)


def test_devices_that_rang_together_are_legs_of_one_offer() -> None:
    records = []
    for at_s, event in WHOLE_CALL:
        if isinstance(event, ev.OfferMade):
            event = replace(event, leg="desk-leg", further_legs=(event.leg,))
        records.append((at_s, event))
        if isinstance(event, ev.OfferEnded):
            gone = ev.LegEnded(
                **CALL, leg="desk-leg", ended_by="server", reason="answered_elsewhere"
            )
            records.append((at_s, gone))
    found = fold(Boot().records(records))
    assert only(rows.Offer, found).leg == "agent-leg", "the one that was answered"
    legs = {row.leg: row for row in found if isinstance(row, rows.Leg)}
    assert legs["desk-leg"].reason == "answered_elsewhere"
    assert legs["desk-leg"].answered_us is None
    assert legs["agent-leg"].answered_us == START_US + 5_500_000
    assert {legs[name].agent for name in ("desk-leg", "agent-leg")} == {"1001"}


def test_what_a_flow_says_stands_in_the_rows() -> None:
    failed = ev.FlowStepTaken(**CALL, flow="f", node="n", outcome="default", note="no value: x")
    ended = ev.CallEnded(**CALL, ended_by="flow", reason="flow_ended", detail="no_agent")
    found = fold(Boot().records([(0.0, STARTED), (1.0, failed), (2.0, ended)]))
    assert only(rows.FlowStep, found).note == "no value: x"
    assert (only(rows.Interaction, found).reason, only(rows.Interaction, found).detail) == (
        "flow_ended",
        "no_agent",
    )
    untold = fold(Boot().records(WHOLE_CALL))
    assert only(rows.Interaction, untold).detail == ""


def test_wall_time_may_jump_and_durations_do_not() -> None:
    records = Boot().records(WHOLE_CALL[:-1])
    end = WHOLE_CALL[-1][1]
    records.append(Record("node", "b1", 99, START_US - 3_600_000_000, 100.0 + 20.8, end))
    assert abs(only(rows.Interaction, fold(records)).duration_s - 20.8) < 1e-9


def test_what_comes_after_the_call_is_keyed_by_its_start() -> None:
    boot = Boot()
    records = boot.records(WHOLE_CALL)
    records.append(
        boot.record(
            30.0, ev.DispositionEntered(**CALL, agent="1001", call_class="order", ordered=True)
        )
    )
    records.append(boot.record(31.0, ev.StreamMeasured(**CALL, leg="leg", packets_lost=3)))
    found = fold(records)
    disposition, stream = only(rows.Disposition, found), only(rows.StreamQuality, found)
    assert (disposition.started_us, disposition.project) == (START_US, "shop")
    assert (disposition.ordered, disposition.entered_us) == (True, START_US + 30_000_000)
    assert (stream.started_us, stream.packets_lost) == (START_US, 3)


def test_a_forgotten_call_leaves_the_start_to_be_looked_up() -> None:
    late = ev.DispositionEntered(interaction="long ago", agent="1001", call_class="other")
    assert only(rows.Disposition, fold([Boot().record(0.0, late)])).started_us == 0


def test_who_waits_has_an_open_row_once_and_then_the_complete_one() -> None:
    machine, boot = Fold(), Boot()
    for record in boot.records(WHOLE_CALL[:6]):
        machine.apply(record)
    call, visit = machine.open_rows()
    assert isinstance(visit, rows.QueueVisit)
    assert (visit.outcome, visit.waited_s, visit.left_us) == ("waiting", None, None)
    assert call.ended_us is None
    assert machine.open_rows() == []
    left = ev.QueueLeft(**VISIT, reason="abandoned", waited_s=7.0)
    (complete,) = machine.apply(boot.record(9.5, left))
    assert (complete.visit, complete.outcome) == (visit.visit, "abandoned")
    assert visit.outcome == "waiting"


def test_an_unended_part_is_closed_with_its_call() -> None:
    hangup = (9.0, WHOLE_CALL[-1][1])
    found = fold(Boot().records([*WHOLE_CALL[:7], hangup]))
    assert only(rows.QueueVisit, found).outcome == "faulted"
    assert only(rows.Offer, found).outcome == "failed"
    assert {row.leg for row in found if isinstance(row, rows.Leg)} == {"leg", "agent-leg"}


def test_strays_are_counted_and_tell_nothing() -> None:
    machine = Fold()
    timed = [pair for pair in WHOLE_CALL if not isinstance(pair[1], ev.CallStarted)]
    out = [row for record in Boot().records(timed) for row in machine.apply(record)]
    assert out == []
    assert machine.strays == len(timed)


# --- agents ---


def status(agent: str, value: str, reason: str = "") -> ev.AgentStatusChanged:
    return ev.AgentStatusChanged(agent=agent, status=value, reason=reason)


def state(agent: str, value: str) -> ev.AgentStateChanged:
    return ev.AgentStateChanged(agent=agent, state=value)


def test_two_tracks_without_gaps() -> None:
    boot = Boot()
    timed: list[tuple[float, ev.Event]] = [
        (0.0, status("1001", "ready")),
        (1.0, state("1001", "idle")),
        (5.0, status("1001", "away", "lunch")),
        (6.0, state("1001", "talking")),
        (9.0, ev.ServerStopped()),
    ]
    found = fold(boot.records(timed))
    wanted = [row for row in found if isinstance(row, rows.AgentStatusInterval)]
    known = [row for row in found if isinstance(row, rows.AgentStateInterval)]
    assert [(row.status, row.reason, row.duration_s, row.closed_by) for row in wanted] == [
        ("ready", "", 5.0, "change"),
        ("away", "lunch", 4.0, "stopped"),
    ]
    assert [(row.state, row.duration_s, row.closed_by) for row in known] == [
        ("idle", 5.0, "change"),
        ("talking", 3.0, "stopped"),
    ]
    assert wanted[0].ended_us == wanted[1].began_us


@pytest.mark.parametrize("node", ["node", "renamed"])
def test_a_dead_boots_intervals_end_at_its_last_record(node: str) -> None:
    died = Boot("b1").records([(0.0, state("1001", "idle")), (7.0, state("1002", "idle"))])
    after = Boot("b2", mono_s=3.0, wall_us=START_US + 10**9, node=node)
    found = fold([*died, after.record(0.0, ev.ServerStarted(version="1"))])
    assert [(row.agent, row.duration_s, row.closed_by) for row in found] == [
        ("1001", 7.0, "restart"),
        ("1002", 0.0, "restart"),
    ]
    assert all(row.ended_us == START_US + 7_000_000 for row in found)


def test_only_long_intervals_have_open_rows_and_a_later_fold_takes_them_back() -> None:
    machine, boot = Fold(), Boot()
    machine.apply(boot.record(0.0, state("1001", "idle")), (1, 10))
    machine.apply(boot.record(29.0, state("1002", "idle")), (1, 20))
    assert machine.open_rows() == []
    assert machine.oldest_open() == (1, 10)
    machine.apply(boot.record(31.0, state("1003", "idle")), (1, 30))
    (row,) = machine.open_rows()
    assert (row.agent, row.ended_us) == ("1001", None)
    assert machine.oldest_open() == (1, 20)

    later = Fold()
    later.seed(machine.last, [row])
    (closed,) = later.apply(boot.record(60.0, state("1001", "talking")))
    assert (closed.agent, closed.duration_s, closed.seq) == ("1001", 60.0, row.seq)


# --- recovery ---


def events_of(died: list[Record]) -> list[ev.Event]:
    return recover(died)


def test_a_call_killed_while_ringing_is_closed_as_faulted() -> None:
    died = Boot().records(WHOLE_CALL[:7])
    assert [type(event) for event in events_of(died)] == [
        ev.OfferEnded,
        ev.QueueLeft,
        ev.LegEnded,
        ev.LegEnded,
        ev.CallEnded,
    ]
    after = Boot("b2", mono_s=5.0, wall_us=START_US + 10**9)
    found = fold([*died, *after.records([(0.0, event) for event in events_of(died)])])
    call = only(rows.Interaction, found)
    assert (call.ended_by, call.reason) == ("fault", "restart")
    assert call.duration_s == 3.5
    assert call.ended_us == START_US + 3_500_000
    assert only(rows.QueueVisit, found).outcome == "faulted"
    assert only(rows.QueueVisit, found).waited_s == 1.0


def test_a_call_killed_on_hold_keeps_the_talk_known_so_far() -> None:
    events = events_of(Boot().records([*WHOLE_CALL[:11], (17.6, state("1002", "idle"))]))
    (talk,) = [event for event in events if isinstance(event, ev.AgentDisconnected)]
    assert (round(talk.talk_s, 6), round(talk.hold_s, 6)) == (10.0, 2.0)


def test_recovery_that_was_itself_killed_is_taken_up_again() -> None:
    died = Boot().records(WHOLE_CALL[:10])
    half = Boot("b2", mono_s=1.0).records([(0.0, event) for event in events_of(died)[:2]])
    rest = events_of([*died, *half])
    found = fold([*died, *half, *Boot("b3").records([(0.0, event) for event in rest])])
    assert only(rows.Interaction, found).duration_s == 5.6
    assert only(rows.TalkSegment, found).talk_s == 0.0


@settings(max_examples=200)
@given(cut=st.integers(0, len(WHOLE_CALL)), more=st.lists(st.sampled_from(WHOLE_CALL), max_size=6))
def test_wherever_the_kill_comes_each_row_comes_out_once_and_nothing_stays_open(
    cut: int, more: list[tuple[float, ev.Event]]
) -> None:
    died = Boot().records([*WHOLE_CALL[:cut], *more])
    after = Boot("b2", mono_s=7.0).records(
        [(0.0, ev.ServerStarted(version="1")), *((0.0, event) for event in recover(died))]
    )
    machine = Fold()
    found = [row for record in (*died, *after) for row in machine.apply(record)]
    starts = sum(isinstance(record.event, ev.CallStarted) for record in died)
    calls = [row for row in found if isinstance(row, rows.Interaction)]
    assert machine.open_calls == 0
    assert machine.open_rows() == []
    assert (len(calls) >= 1) == (starts >= 1)
    assert all(row.ended_us is not None for row in calls)
    assert all(row.outcome != "waiting" for row in found if isinstance(row, rows.QueueVisit))
    assert recover([*died, *after]) == []


def test_a_call_whose_end_got_lost_is_given_up() -> None:
    machine = Fold()
    for record in Boot().records(WHOLE_CALL[:8]):
        machine.apply(record)
    assert machine.give_up(START_US) == []
    found = machine.give_up(START_US + 1)
    assert only(rows.Interaction, found).reason == "never_ended"
    assert machine.open_calls == 0


def test_every_event_has_a_handler() -> None:
    from typing import get_args

    from acd.calls.cdr import HANDLERS

    assert set(HANDLERS) == set(get_args(ev.Event))


def test_each_hold_has_a_segment_and_they_add_up_to_the_talks_hold() -> None:
    more: list[tuple[float, ev.Event]] = [
        (18.7, ev.HoldStarted(**CALL, agent="1001", leg="agent-leg")),
        (18.9, ev.HoldStarted(**CALL, agent="1001", leg="agent-leg")),
    ]
    timed = sorted(WHOLE_CALL + more, key=lambda pair: pair[0])
    found = fold(Boot().records(timed))
    holds = [row for row in found if isinstance(row, rows.HoldSegment)]
    assert [(row.hold, row.duration_s) for row in holds] == [(1, 3.0), (2, 1.9)]
    assert [(row.agent, row.queue, row.visit) for row in holds] == [("1001", "sales", "visit")] * 2
    assert holds[1].ended_us == only(rows.TalkSegment, found).ended_us


def test_a_hold_that_a_restart_cut_ends_with_its_boot() -> None:
    first = Boot()
    begun = first.records(WHOLE_CALL[:11])
    closing = recover(begun)
    second = Boot("b2", mono_s=5.0, wall_us=START_US + 900_000_000)
    found = fold(begun + [second.record(0.0, event) for event in closing])
    hold = only(rows.HoldSegment, found)
    assert (hold.began_us, hold.ended_us) == (START_US + 15_600_000,) * 2
    assert only(rows.TalkSegment, found).hold_s == 0.0


def test_what_the_other_side_said_of_its_end_stands_in_its_leg() -> None:
    told = ev.CauseTold(**CALL, leg="agent-leg", q850_cause=16)
    stray = ev.CauseTold(**CALL, leg="nobody", q850_cause=17)
    found = fold(Boot().records([*WHOLE_CALL[:13], (20.7, told), (20.7, stray), *WHOLE_CALL[13:]]))
    legs = {row.leg: row.q850_cause for row in found if isinstance(row, rows.Leg)}
    assert legs == {"agent-leg": 16, "leg": 0}


def test_a_choice_of_before_standings_keeps_its_candidates():
    """As it stands in the journal of a server that was replaced by this one."""
    written = msgspec.msgpack.encode(
        {
            "layer": "best",
            "order": "conversion",
            "candidates": [{"agent": "1001", "score": 0.5, "idle_s": 3.0}],
            "candidates_total": 4,
            "waited_s": 1.0,
            "hold_out": False,
            "spared": 0,
            "overtook_s": 0.0,
        }
    )
    choice = msgspec.msgpack.decode(written, type=Choice)
    assert choice.candidates == CHOICE.candidates == (Candidate("1001", 0.5, 3.0),)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(CHOICE), type=Choice) == CHOICE
