"""Connections that end while a call goes on (RFC 3261 12.2.1.1, 18.2.2)."""

import pytest
from sip_support import (
    SDP,
    answer_to,
    assert_empty,
    events,
    make_endpoint,
    methods,
    parsed,
    request,
    run_out,
    sent,
    statuses,
)

from acd.sip.effects import Send
from acd.sip.endpoint import Endpoint, InviteTarget
from acd.sip.events import (
    LegCancelled,
    LegConfirmed,
    LegEndCause,
    LegEnded,
    ReofferAnswered,
    ReofferRefused,
)
from acd.sip.peer import Peer

GATEWAY = Peer("tcp", "192.0.2.10", 5062)
"Where the other side takes connections: its Via and its Contact say so."
CONNECTION = Peer("tcp", "192.0.2.10", 40_001)
"Where it came from."
NEXT = Peer("tcp", "192.0.2.10", 40_002)


def over_tcp(method: str, *more: str, contact: str = "", **fields) -> bytes:
    data = request(method, *more, **fields).replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP")
    own = contact or "<sip:alice@192.0.2.10:5062;transport=tcp>"
    return data.replace(b"Contact: <sip:alice@192.0.2.10:5062>", f"Contact: {own}".encode())


def talking(endpoint: Endpoint, *more: str, contact: str = "") -> tuple[str, str]:
    """Return leg and our tag of a call over a connection whose ACK has come."""
    invite = over_tcp("INVITE", *more, contact=contact, body=SDP)
    (event,) = events(endpoint.receive(invite, CONNECTION, 0.0))
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 0.0))
    tag = ok.to.tag.decode()
    ack = over_tcp("ACK", branch="z9hG4bKa", to_tag=tag)
    assert events(endpoint.receive(ack, CONNECTION, 0.1)) == [LegConfirmed(event.leg, b"")]
    return event.leg, tag


def peers(outputs) -> list[Peer]:
    return [item.peer for item in outputs if isinstance(item, Send)]


def test_a_bye_finds_the_other_side_behind_another_connection() -> None:
    endpoint = make_endpoint()
    leg, _ = talking(endpoint)
    # The connection was closed in good order: nobody is told before something has to be sent.
    (bye,) = endpoint.hang_up(leg, 60.0)
    assert bye.peer == CONNECTION
    (again,) = endpoint.transport_failed(CONNECTION, 60.1)
    assert again == Send(GATEWAY, bye.data)
    assert endpoint.receive(answer_to(bye.data, 200), GATEWAY, 60.2) == []
    run_out(endpoint)
    assert_empty(endpoint)


def test_where_nobody_listens_either_it_is_over() -> None:
    endpoint = make_endpoint()
    leg, _ = talking(endpoint)
    endpoint.hang_up(leg, 60.0)
    assert peers(endpoint.transport_failed(CONNECTION, 60.1)) == [GATEWAY]
    assert endpoint.transport_failed(GATEWAY, 60.2) == []
    assert endpoint.transport_failed(GATEWAY, 60.3) == []
    run_out(endpoint)
    assert_empty(endpoint)


@pytest.mark.parametrize(
    ("lines", "contact", "found"),
    [
        # 12.2.1.1: the first Route is the next hop, and only without one the Contact.
        (("Record-Route: <sip:192.0.2.10:5070;lr>",), "", 5070),
        (("Record-Route: <sip:edge.example.com:5070;lr>, <sip:a@198.51.100.1;lr>",), "", 5070),
        ((), "<sip:alice@sbc.example.com;transport=TCP>", 5060),
        ((), "<sip:192.0.2.10>", 5060),
        # Somebody else's address, or another transport's: nobody has us connect there.
        ((), "<sip:alice@198.51.100.1:5062;transport=tcp>", None),
        ((), "<sip:alice@192.0.2.10:5062;transport=tls>", None),
        ((), "<sips:alice@192.0.2.10:5062>", None),
        ((), "<sip:alice@192.0.2.10:40001>", None),
        ((), "<tel:+1>", None),
    ],
)
def test_the_next_hop_says_where(lines: tuple[str, ...], contact: str, found: int | None) -> None:
    endpoint = make_endpoint()
    leg, _ = talking(endpoint, *lines, contact=contact)
    endpoint.hang_up(leg, 60.0)
    wanted = [] if found is None else [Peer("tcp", "192.0.2.10", found)]
    assert peers(endpoint.transport_failed(CONNECTION, 60.1)) == wanted


@pytest.mark.parametrize(
    ("peer", "contact", "port"),
    [
        (Peer("tls", "192.0.2.10", 40_001), "<sip:a@sbc.example.com;transport=tls>", 5061),
        (Peer("tls", "192.0.2.10", 40_001), "<sips:a@192.0.2.10>", 5061),
        (Peer("tcp", "2001:db8::9", 40_001), "<sip:a@[2001:DB8:0::9]:5065;transport=tcp>", 5065),
        (Peer("ws", "192.0.2.10", 40_001), "<sip:a@192.0.2.10:80;transport=ws>", None),
        (Peer("udp", "192.0.2.10", 40_001), "<sip:a@192.0.2.10:5060>", None),
    ],
)
def test_by_each_transport(peer: Peer, contact: str, port: int | None) -> None:
    endpoint = make_endpoint()
    (event,) = events(endpoint.receive(over_tcp("INVITE", contact=contact, body=SDP), peer, 0.0))
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 0.0))
    ack = over_tcp("ACK", branch="z9hG4bKa", to_tag=ok.to.tag.decode())
    endpoint.receive(ack, peer, 0.1)
    endpoint.hang_up(event.leg, 60.0)
    wanted = [] if port is None else [Peer(peer.transport, peer.host, port)]
    assert peers(endpoint.transport_failed(peer, 60.1)) == wanted


def test_an_offer_and_its_ack_go_there_too() -> None:
    endpoint = make_endpoint()
    leg, _ = talking(endpoint)
    (invite,) = endpoint.reoffer(leg, SDP, 60.0)
    (again,) = endpoint.transport_failed(CONNECTION, 60.1)
    assert again == Send(GATEWAY, invite.data)
    out = endpoint.receive(answer_to(invite.data, 200, body=SDP), GATEWAY, 60.2)
    assert events(out) == [ReofferAnswered(leg, SDP)]
    assert (methods(out), peers(out)) == ([b"ACK"], [GATEWAY])
    assert peers(endpoint.hang_up(leg, 61.0)) == [GATEWAY]


def test_an_offer_that_nobody_takes_is_told() -> None:
    endpoint = make_endpoint()
    leg, _ = talking(endpoint)
    endpoint.reoffer(leg, SDP, 60.0)
    assert peers(endpoint.transport_failed(CONNECTION, 60.1)) == [GATEWAY]
    assert endpoint.transport_failed(GATEWAY, 60.2) == [ReofferRefused(leg, 503)]


def test_who_reconnects_is_reached_by_the_new_connection() -> None:
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    options = over_tcp("OPTIONS", branch="z9hG4bKo", to_tag=tag, cseq=2)
    assert statuses(endpoint.receive(options, NEXT, 30.0)) == [200]
    assert peers(endpoint.hang_up(leg, 60.0)) == [NEXT]
    assert peers(endpoint.transport_failed(NEXT, 60.1)) == [GATEWAY]


def test_a_request_that_is_being_answered_is_not_sent_again() -> None:
    endpoint = make_endpoint()
    leg, _ = talking(endpoint)
    (invite,) = sent(endpoint.reoffer(leg, SDP, 60.0))
    endpoint.receive(answer_to(invite, 100, tag=""), CONNECTION, 60.1)
    assert sent(endpoint.transport_failed(CONNECTION, 60.2)) == []


def test_a_call_of_ours_is_ended_where_its_contact_says() -> None:
    endpoint = make_endpoint()
    target = InviteTarget(uri="sip:agent@192.0.2.10", peer=CONNECTION, caller="138")
    (invite,) = sent(endpoint.invite("out", target, SDP, 0.0))
    contact = "<sip:agent@192.0.2.10:5062;transport=tcp>"
    endpoint.receive(answer_to(invite, 200, body=SDP, contact=contact), CONNECTION, 0.1)
    (bye,) = endpoint.hang_up("out", 60.0)
    assert endpoint.transport_failed(CONNECTION, 60.1) == [Send(GATEWAY, bye.data)]


# 18.2.2: "If that connection is no longer open, the server SHOULD open a connection to the IP
# address in the "received" parameter, if present, using the port in the "sent-by" value, or the
# default port for that transport, if no port is specified."


@pytest.mark.parametrize(("sent_by", "port"), [("a.invalid:5062", 5062), ("192.0.2.10", 5060)])
def test_an_answer_finds_its_way_to_where_the_via_says(sent_by: str, port: int) -> None:
    endpoint = make_endpoint()
    via = f"Via: SIP/2.0/TCP {sent_by};branch=z9hG4bKone"
    (event,) = events(endpoint.receive(over_tcp("INVITE", via=via, body=SDP), CONNECTION, 0.0))
    endpoint.ring(event.leg, 0.0)
    (ok,) = endpoint.answer(event.leg, SDP, 50.0)
    there = Peer("tcp", "192.0.2.10", port)
    assert endpoint.transport_failed(CONNECTION, 50.1) == [Send(there, ok.data)]
    # It is repeated there, until its ACK comes.
    assert peers(endpoint.on_time(50.5)) == [there]
    tag = parsed([ok])[0].to.tag.decode()
    ack = over_tcp("ACK", branch="z9hG4bKa", to_tag=tag)
    assert endpoint.receive(ack, there, 50.6) == [LegConfirmed(event.leg, b"")]
    assert peers(endpoint.hang_up(event.leg, 60.0)) == [there]


def test_an_answer_that_nobody_takes_ends_the_call() -> None:
    endpoint = make_endpoint()
    (event,) = events(endpoint.receive(over_tcp("INVITE", body=SDP), CONNECTION, 0.0))
    endpoint.answer(event.leg, SDP, 50.0)
    assert peers(endpoint.transport_failed(CONNECTION, 50.1)) == [GATEWAY]
    (ended,) = endpoint.transport_failed(GATEWAY, 50.2)
    assert ended == LegEnded(event.leg, LegEndCause.TRANSPORT, "Connection lost before the ACK")
    run_out(endpoint)
    assert_empty(endpoint)


def test_a_refusal_finds_its_way_as_well() -> None:
    endpoint = make_endpoint()
    (event,) = events(endpoint.receive(over_tcp("INVITE", body=SDP), CONNECTION, 0.0))
    endpoint.ring(event.leg, 0.0)
    (refusal,) = endpoint.reject(event.leg, 480, 50.0)
    again = Send(GATEWAY, refusal.data)
    assert endpoint.transport_failed(CONNECTION, 50.1) == [again]
    assert endpoint.receive(over_tcp("INVITE", body=SDP), GATEWAY, 50.2) == [again]
    assert endpoint.transport_failed(GATEWAY, 50.3) == []
    endpoint.receive(over_tcp("ACK", to_tag="x"), GATEWAY, 50.4)
    assert_empty(endpoint)


def test_only_what_that_connection_bore_is_sent_again() -> None:
    endpoint = make_endpoint()
    for peer in (CONNECTION, NEXT):
        name = f"z9hG4bK{peer.port}"
        invite = over_tcp("INVITE", branch=name, call_id=name, body=SDP)
        (event,) = events(endpoint.receive(invite, peer, 0.0))
        endpoint.reject(event.leg, 486, 0.1)
    (again,) = parsed(endpoint.transport_failed(NEXT, 0.2))
    assert again.get(b"call-id") == b"z9hG4bK40002"


def test_a_caller_who_gave_up_is_sought_too() -> None:
    endpoint = make_endpoint()
    (event,) = events(endpoint.receive(over_tcp("INVITE", body=SDP), CONNECTION, 0.0))
    out = endpoint.receive(over_tcp("CANCEL"), CONNECTION, 1.0)
    assert (statuses(out), events(out)) == ([200, 487], [LegCancelled(event.leg)])
    assert statuses(endpoint.transport_failed(CONNECTION, 1.1)) == [487]
