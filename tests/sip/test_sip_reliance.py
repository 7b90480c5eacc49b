"""The end of a connection is told to those who count on it; elsewhere it costs nothing."""

from hypothesis import given
from hypothesis import strategies as st

from acd.sip.endpoint import InviteTarget
from acd.sip.events import LegFailed
from acd.sip.peer import Peer
from acd.sip.reliance import Reliance
from tests.sip.sip_support import SDP, make_endpoint, request

PEERS = [Peer("tcp", "192.0.2.1", port) for port in range(6)]


def test_strangers_who_come_and_go_are_not_remembered():
    endpoint = make_endpoint()
    for port in range(1, 50):
        peer = Peer("tcp", "192.0.2.66", port)
        endpoint.receive(request("OPTIONS", branch=f"z9hG4bK{port}"), peer, 0.0)
        assert endpoint.transport_failed(peer, 0.1) == []
    target = InviteTarget(uri="sip:1001@192.0.2.10", peer=PEERS[0], caller="4000")
    endpoint.invite("out", target, SDP, 1.0)
    assert endpoint.transport_failed(PEERS[1], 1.1) == []
    [failed] = endpoint.transport_failed(PEERS[0], 1.2)
    assert isinstance(failed, LegFailed)
    assert (failed.leg, failed.status) == ("out", 503)


def test_a_udp_peer_is_always_told():
    assert Reliance().ended(Peer("udp", "192.0.2.1", 5060))


@given(st.lists(st.tuples(st.sampled_from(["note", "drop", "end"]), st.sampled_from(PEERS))))
def test_nobody_who_is_counted_on_is_forgotten_however_small_the_table(steps):
    reliance = Reliance(limit=2)
    counted = set()
    reliance.truth = lambda: counted
    for step, peer in steps:
        if step == "note":
            counted.add(peer)
            reliance.note(peer)
        elif step == "drop":
            counted.discard(peer)  # a transaction ends, and nobody says so
        elif peer in counted:
            assert reliance.ended(peer)
            counted.discard(peer)
        else:
            reliance.ended(peer)
        assert len(reliance) <= 2 * len(PEERS)
