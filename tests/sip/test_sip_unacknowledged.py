"""Calls from made-up addresses: answered, never acknowledged, and in nobody's way."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_support import (
    PHONE,
    SDP,
    answer_challenge,
    answer_to,
    assert_empty,
    events,
    make_endpoint,
    methods,
    parsed,
    request,
    run_out,
    statuses,
)
from test_sip_trunk_calls import FIRST, GATEWAYS

from acd.sip.effects import Send
from acd.sip.events import InviteReceived, LegConfirmed, LegEndCause, LegEnded
from acd.sip.guard import Offence
from acd.sip.peer import Peer
from acd.sip.sightings import Sighting
from acd.sip.trunk_settings import TrunkSettings


class Callers:
    """Callers whose calls are answered at once."""

    def __init__(self, limit: int, own: tuple[str, ...] = (), **trunk: str) -> None:
        self.endpoint = make_endpoint(max_unacknowledged=limit, own_networks=own)
        carrier = TrunkSettings(name="carrier", gateways=GATEWAYS, options_interval_s=0.0, **trunk)
        self.endpoint.configure_trunks((carrier,), 0.0)
        self.legs: list[str] = []
        self.tags: list[str] = []

    def call(self, now: float, peer=PHONE) -> None:
        n = len(self.legs)
        invite = request("INVITE", branch=f"z9hG4bK{n}", call_id=f"c{n}", body=SDP)
        out = self.endpoint.receive(invite, peer, now)
        if statuses(out) == [401]:
            proof = answer_challenge(
                parsed(out)[0], b"INVITE", b"sip:4000@192.0.2.1", "pbx", "pw", "c"
            )
            invite = request(
                "INVITE",
                proof.decode().strip(),
                branch=f"z9hG4bK{n}p",
                call_id=f"c{n}",
                body=SDP,
            )
            out = self.endpoint.receive(invite, peer, now)
        (event,) = events(out)
        assert isinstance(event, InviteReceived)
        self.last = event
        (ok,) = parsed(self.endpoint.answer(event.leg, SDP, now))
        self.legs.append(event.leg)
        self.tags.append(ok.to.tag.decode())

    def acknowledge(self, n: int, now: float) -> list[object]:
        ack = request("ACK", branch=f"z9hG4bKa{n}", call_id=f"c{n}", to_tag=self.tags[n])
        return self.endpoint.receive(ack, PHONE, now)

    def ended(self, until: float) -> list[object]:
        return [item for _, item in run_out(self.endpoint, until) if isinstance(item, LegEnded)]


def test_beyond_the_limit_the_oldest_is_given_up_and_held_against_its_source():
    callers = Callers(limit=2)
    for n in range(3):
        callers.call(n / 10)
    fired = run_out(callers.endpoint, 0.3)
    gone = LegEnded(callers.legs[0], LegEndCause.ACK_MISSING, "")
    assert [item for _, item in fired if isinstance(item, LegEnded)] == [gone]
    assert methods([item for _, item in fired if isinstance(item, Send)]).count(b"BYE") == 1
    assert list(callers.endpoint.sightings) == [Sighting(PHONE, Offence.UNACKNOWLEDGED)]
    assert callers.acknowledge(1, 0.3) == [LegConfirmed(callers.legs[1], b"")]
    assert callers.acknowledge(2, 0.3) == [LegConfirmed(callers.legs[2], b"")]


def test_who_calls_from_ones_own_networks_is_no_made_up_caller_but_held_to_the_limit():
    callers = Callers(limit=1, own=(PHONE.host,))
    callers.call(0.0)
    assert not callers.last.unproved
    callers.call(0.1)
    assert len(callers.ended(0.1)) == 1
    callers.call(1.0, FIRST)
    assert callers.last.unproved


def test_who_acknowledges_is_in_nobodys_way():
    callers = Callers(limit=1)
    for n in range(5):
        callers.call(n / 10)
        callers.acknowledge(n, n / 10)
    assert callers.ended(100.0) == []


PROVED = [
    (Peer("tcp", FIRST.host, 40_000), {}),
    (FIRST, {"account": "pbx", "account_password": "pw"}),
]
"""By a connection, by digest."""


@pytest.mark.parametrize(("peer", "trunk"), PROVED)
def test_who_comes_by_a_trunk_that_has_proved_itself_has_the_usual_time(peer, trunk):
    callers = Callers(limit=1, **trunk)
    for n in range(3):
        callers.call(n / 10, peer)
        assert not callers.last.unproved
    assert callers.ended(31.0) == []
    assert len(callers.ended(40.0)) == 3


def test_a_trunk_known_by_a_datagrams_source_alone_is_held_to_a_limit_of_its_own():
    """Anybody can write the carrier's address, and be it to end its calls, or a stranger's."""
    callers = Callers(limit=1)
    callers.call(0.0)
    callers.call(0.1, FIRST)
    assert callers.last.unproved
    assert callers.ended(1.0) == []
    callers.call(1.0, FIRST)
    (ended,) = callers.ended(1.0)
    assert (ended.leg, ended.cause) == (callers.legs[1], LegEndCause.ACK_MISSING)
    callers.call(2.0)
    (ended,) = callers.ended(2.0)
    assert ended.leg == callers.legs[0]
    assert callers.acknowledge(2, 3.0) == [LegConfirmed(callers.legs[2], b"")]
    callers.call(4.0, FIRST)
    assert callers.ended(4.0) == []


@pytest.mark.parametrize("limit", [1, 3])
@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from(["call", "trunk", "ack", "wait"]), st.integers(0, 5)))
)
def test_any_sequence(limit, steps):
    """Never do more wait than may, and nothing is left of anything."""
    callers, now = Callers(limit), 0.0
    for what, n in steps:
        if what == "call":
            callers.call(now)
        elif what == "trunk":
            callers.call(now, FIRST)
        elif what == "ack" and n < len(callers.legs):
            callers.acknowledge(n, now)
        elif what == "wait":
            now += n
        run_out(callers.endpoint, now)
        table = callers.endpoint._table
        assert len(table.unacknowledged) <= limit
        assert len(table.unacknowledged_of_trunks) <= limit
    for leg in callers.legs:
        for sent in callers.endpoint.hang_up(leg, now):
            if isinstance(sent, Send) and sent.data.startswith(b"BYE"):
                callers.endpoint.receive(answer_to(sent.data, 200), PHONE, now)
    callers.endpoint.configure_trunks((), now)
    run_out(callers.endpoint)
    assert_empty(callers.endpoint)
