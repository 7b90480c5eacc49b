"""Requests above 1300 bytes go over TCP, and come back where nobody takes it (RFC 3261 18.1.1)."""

import pytest
from sip_support import (
    PHONE,
    SDP,
    SERVER,
    Accounts,
    answer_to,
    assert_empty,
    events,
    make_endpoint,
    parsed,
    run_out,
    seeded_bytes,
    sent,
)

from acd.sip.effects import Send
from acd.sip.endpoint import Endpoint, EndpointSettings, InviteTarget, RegistrationSettings
from acd.sip.events import LegAnswered, LegFailed
from acd.sip.large_requests import MAX_REFUSED, REFUSED_S, LargeRequests
from acd.sip.message import read
from acd.sip.peer import Peer

STREAM = Peer("tcp", PHONE.host, PHONE.port)
LONG = SDP + b"a=x:" + b"y" * 1200 + b"\r\n"
TARGET = InviteTarget(uri="sip:agent@192.0.2.10:5062", peer=PHONE, caller="138")


def test_the_limit() -> None:
    endpoint = make_endpoint()
    (small,) = endpoint.invite("a", TARGET, SDP, 0.0)
    room = 1300 - len(small.data) - 1  # Content-Length grows from three digits to four
    (fits,) = endpoint.invite("b", TARGET, SDP + b"y" * room, 0.0)
    assert (len(fits.data), fits.peer) == (1300, PHONE)
    (above,) = endpoint.invite("c", TARGET, SDP + b"y" * (room + 1), 0.0)
    assert above.peer == STREAM


def test_via_contact_and_everything_after_go_with_it() -> None:
    endpoint = make_endpoint()
    (send,) = endpoint.invite("out", TARGET, LONG, 0.0)
    invite = read(send.data)
    assert send.peer == STREAM
    assert invite.get(b"via").startswith(b"SIP/2.0/TCP 192.0.2.1:5060;")
    assert invite.get(b"contact") == b"<sip:acd@192.0.2.1:5060;transport=tcp>"
    assert invite.body == LONG
    assert endpoint.next_deadline() == 32.0, "no timer A over TCP"
    out = endpoint.receive(answer_to(send.data, 200, body=SDP), STREAM, 0.1)
    assert events(out) == [LegAnswered("out", SDP)]
    (bye,) = endpoint.hang_up("out", 1.0)
    assert {out[0].peer, bye.peer} == {STREAM}


def test_the_cancel_goes_where_the_invite_went() -> None:
    endpoint = make_endpoint()
    (send,) = endpoint.invite("out", TARGET, LONG, 0.0)
    endpoint.receive(answer_to(send.data, 180), STREAM, 0.1)
    cancel = endpoint.cancel("out", 0.2)[0]
    assert cancel.peer == STREAM
    assert read(cancel.data).get(b"via") == read(send.data).get(b"via")
    out = endpoint.receive(answer_to(send.data, 487), STREAM, 0.3)
    assert out[0].peer == STREAM
    assert read(out[0].data).get(b"via") == read(send.data).get(b"via")


def test_back_to_udp_at_once() -> None:
    endpoint = make_endpoint()
    endpoint.invite("out", TARGET, LONG, 0.0)
    (send,) = endpoint.transport_failed(STREAM, 0.2)
    assert send.peer == PHONE
    assert read(send.data).get(b"via").startswith(b"SIP/2.0/UDP ")
    assert endpoint.next_deadline() == pytest.approx(0.7), "timer A runs"
    out = endpoint.receive(answer_to(send.data, 200, body=SDP), PHONE, 0.3)
    assert events(out) == [LegAnswered("out", SDP)]
    # The next large one does not wait for a connection that nobody takes; later ones try again.
    (again,) = endpoint.invite("next", TARGET, LONG, 5.0)
    (later,) = endpoint.invite("later", TARGET, LONG, 700.0)
    assert (again.peer, later.peer) == (PHONE, STREAM)


def test_a_call_given_up_does_not_fall_back() -> None:
    """Otherwise the phone would ring for a caller who has gone."""
    endpoint = make_endpoint()
    endpoint.invite("out", TARGET, LONG, 0.0)
    endpoint.cancel("out", 0.1)
    assert endpoint.transport_failed(STREAM, 0.2) == []
    assert_empty(endpoint)


def test_a_connection_that_breaks_while_it_rings_is_a_failure() -> None:
    endpoint = make_endpoint()
    (send,) = endpoint.invite("out", TARGET, LONG, 0.0)
    endpoint.receive(answer_to(send.data, 180), STREAM, 0.1)
    out = endpoint.transport_failed(STREAM, 0.2)
    assert out == [LegFailed("out", 503, "Service Unavailable", unreached=True)]


def test_both_ways_broken() -> None:
    endpoint = make_endpoint()
    endpoint.invite("out", TARGET, LONG, 0.0)
    endpoint.transport_failed(STREAM, 0.1)
    out = endpoint.transport_failed(PHONE, 0.2)
    assert events(out) == [LegFailed("out", 503, "Service Unavailable", unreached=True)]
    run_out(endpoint)
    assert_empty(endpoint)


def test_without_a_tcp_listener_udp_stays() -> None:
    endpoint = Endpoint(
        EndpointSettings(advertised={"udp": (SERVER.host, SERVER.port)}),
        credentials=Accounts(),
        new_id=lambda: "id",
        random_bytes=seeded_bytes(),
    )
    (send,) = endpoint.invite("out", TARGET, LONG, 0.0)
    assert send.peer == PHONE


def test_a_large_register_keeps_its_contact() -> None:
    """The binding is about calls to us; how the REGISTER itself travels does not matter to it."""
    settings = RegistrationSettings(
        id="r", registrar="sip:192.0.2.10", peer=PHONE, account="a" * 600, password="pw"
    )
    endpoint = make_endpoint()
    (send,) = endpoint.register(settings, 0.0)
    (register,) = parsed([send])
    assert send.peer == STREAM
    assert register.get(b"contact").endswith(b"@192.0.2.1:5060>")
    (again,) = sent(endpoint.transport_failed(STREAM, 0.1))
    assert read(again).get(b"via").startswith(b"SIP/2.0/UDP ")
    assert endpoint.transactions == 1


def test_peers_that_take_no_tcp_fill_no_memory() -> None:
    core = make_endpoint()._core
    large = LargeRequests(core)
    for n in range(MAX_REFUSED + 10):
        large.refused(Peer("tcp", f"10.0.{n >> 8}.{n & 255}", 5060), 0.0)
    assert len(large._refused) == MAX_REFUSED
    long = Send(Peer("udp", "10.0.0.3", 5060), b"")
    assert large.over_tcp(long, 1.0) is not None, "the oldest is tried again"
    last = Send(Peer("udp", "10.0.16.9", 5060), b"")
    assert large.over_tcp(last, 1.0) is None
    assert large.over_tcp(last, REFUSED_S) is not None
