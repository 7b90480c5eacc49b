"""Requests within a dialog: re-INVITE, UPDATE, INFO, OPTIONS, order (RFC 3261 12.2, 14.2)."""

import pytest
from sip_support import (
    PHONE,
    SDP,
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

from acd.sip.events import (
    InfoDigit,
    LegConfirmed,
    LegEndCause,
    LegEnded,
    LegReoffered,
)
from acd.sip.message import read
from acd.sip.peer import Peer

HOLD = b"v=0\r\na=sendonly\r\n"


def talking(endpoint) -> tuple[str, str]:
    """Return leg and our tag of a call from PHONE whose ACK has come."""
    (event,) = events(endpoint.receive(request("INVITE", body=SDP), PHONE, 0.0))
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 0.0))
    tag = ok.to.tag.decode()
    endpoint.receive(request("ACK", branch="z9hG4bKa", to_tag=tag), PHONE, 0.1)
    return event.leg, tag


def within(method: str, tag: str, cseq: int = 2, **more) -> bytes:
    return request(method, branch=f"z9hG4bK{method}{cseq}", to_tag=tag, cseq=cseq, **more)


def test_reinvite_is_offered_accepted_and_acknowledged() -> None:
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    reinvite = within("INVITE", tag, body=HOLD)
    out = endpoint.receive(reinvite, PHONE, 1.0)
    assert (statuses(out), events(out)) == ([100], [LegReoffered(leg, HOLD)])
    assert statuses(endpoint.receive(reinvite, PHONE, 1.1)) == [100]
    (ok,) = parsed(endpoint.accept_offer(leg, SDP, 1.2))
    assert (ok.status, ok.body, ok.to.tag.decode()) == (200, SDP, tag)
    assert statuses(endpoint.on_time(1.7)) == [200]
    ack = request("ACK", branch="z9hG4bKa2", to_tag=tag, cseq=2)
    assert endpoint.receive(ack, PHONE, 1.8) == []
    assert endpoint.accept_offer(leg, SDP, 1.9) == []
    assert run_out(endpoint) == []


def test_options_that_come_again_get_the_same_answer() -> None:
    """11.2 and 17.2.2: its CSeq number is an old one then, and no disorder."""
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    asked = within("OPTIONS", tag)
    first, again = (sent(endpoint.receive(asked, PHONE, at)) for at in (1.0, 1.5))
    assert first == again
    (ok,) = map(read, first)
    assert ok.status == 200
    assert ok.get(b"supported") == b"100rel, norefersub, replaces, timer"
    assert b"PRACK" in ok.get(b"allow")
    out = endpoint.receive(asked.replace(b"z9hG4bK", b"z9hG4bKx"), PHONE, 2.0)
    assert statuses(out) == [500]
    assert methods(endpoint.hang_up(leg, 3.0)) == [b"BYE"]


def test_a_round_trip_can_be_measured() -> None:
    """8.2.6.1: "any Timestamp header field […] MUST be copied into this 100 (Trying) response"."""
    endpoint = make_endpoint()
    (trying,) = parsed(
        endpoint.receive(request("INVITE", "Timestamp: 54.21", body=SDP), PHONE, 0.0)
    )
    assert trying.get(b"timestamp") == b"54.21"
    (ok,) = parsed(endpoint.answer("seed-1", SDP, 0.0))
    assert b"timestamp" not in ok.headers
    tag = ok.to.tag.decode()
    endpoint.receive(request("ACK", branch="z9hG4bKa", to_tag=tag), PHONE, 0.1)
    reinvite = within("INVITE", tag, body=HOLD).replace(b"Max-", b"Timestamp: 7\r\nMax-")
    (trying,) = parsed(endpoint.receive(reinvite, PHONE, 1.0))
    assert (trying.status, trying.get(b"timestamp")) == (100, b"7")


def test_reinvite_without_offer_is_confirmed_with_its_answer() -> None:
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    assert events(endpoint.receive(within("INVITE", tag), PHONE, 1.0)) == [LegReoffered(leg, b"")]
    endpoint.accept_offer(leg, SDP, 1.1)
    ack = request("ACK", branch="z9hG4bKa2", to_tag=tag, cseq=2, body=HOLD)
    assert endpoint.receive(ack, PHONE, 1.2) == [LegConfirmed(leg, HOLD)]


def test_refused_reinvite_leaves_the_call() -> None:
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    endpoint.receive(within("INVITE", tag, body=HOLD), PHONE, 1.0)
    assert statuses(endpoint.refuse_offer(leg, 488, 1.1)) == [488]
    endpoint.receive(request("ACK", branch="z9hG4bKINVITE2", to_tag=tag, cseq=2), PHONE, 1.2)
    assert run_out(endpoint) == []
    assert methods(endpoint.hang_up(leg, 2.0)) == [b"BYE"]


def test_reinvite_without_ack_ends_the_call() -> None:
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    endpoint.receive(within("INVITE", tag, body=HOLD), PHONE, 1.0)
    endpoint.accept_offer(leg, SDP, 1.0)
    fired = [item for _, item in run_out(endpoint)]
    assert LegEnded(leg, LegEndCause.ACK_MISSING, "") in fired
    assert_empty(endpoint)


def test_cancelled_reinvite() -> None:
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    endpoint.receive(within("INVITE", tag, body=HOLD), PHONE, 1.0)
    cancel = request("CANCEL", branch="z9hG4bKINVITE2", to_tag=tag, cseq=2)
    out = endpoint.receive(cancel, PHONE, 1.1)
    assert (sorted(statuses(out)), events(out)) == ([200, 487], [])
    assert endpoint.accept_offer(leg, SDP, 1.2) == []


def test_a_second_offer_has_to_wait() -> None:
    """14.2: 500 with Retry-After while the first is not answered, 491 while ours is open."""
    endpoint = make_endpoint()
    _, tag = talking(endpoint)
    endpoint.receive(within("INVITE", tag, body=HOLD), PHONE, 1.0)
    (refusal,) = parsed(endpoint.receive(within("UPDATE", tag, 3, body=HOLD), PHONE, 1.1))
    assert refusal.status == 500
    assert refusal.get(b"retry-after") != b""

    endpoint = make_endpoint()
    (event,) = events(endpoint.receive(request("INVITE"), PHONE, 0.0))
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 0.0))
    early = within("UPDATE", ok.to.tag.decode(), body=HOLD)
    assert statuses(endpoint.receive(early, PHONE, 0.1)) == [491]


def test_update_offers_too() -> None:
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    update = within("UPDATE", tag, body=HOLD)
    assert events(endpoint.receive(update, PHONE, 1.0)) == [LegReoffered(leg, HOLD)]
    assert endpoint.receive(update, PHONE, 1.1) == []
    (ok,) = parsed(endpoint.accept_offer(leg, SDP, 1.2))
    assert (ok.status, ok.body) == (200, SDP)
    assert statuses(endpoint.receive(update, PHONE, 1.3)) == [200]


def test_update_without_offer_refreshes_the_target() -> None:
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    update = within("UPDATE", tag, caller="moved")
    out = endpoint.receive(update, Peer("udp", "198.51.100.7", 1024), 1.0)
    assert (statuses(out), events(out)) == ([200], [])
    out = endpoint.hang_up(leg, 2.0)
    assert out[0].peer == Peer("udp", "198.51.100.7", 1024)
    assert parsed(out)[0].uri == b"sip:moved@192.0.2.10:5062"


@pytest.mark.parametrize(
    ("body", "content_type", "digit", "duration_ms"),
    [
        (b"Signal=5\r\nDuration=160\r\n", "application/dtmf-relay", "5", 160),
        (b"Signal= *\nDuration= 250", "application/dtmf-relay; x=y", "*", 250),
        (b"Signal=11\r\nDuration=x", "Application/DTMF-Relay", "#", 160),
        (b"7", "application/dtmf", "7", 160),
        (b"a\r\n", "application/dtmf", "A", 160),
    ],
)
def test_info_digits(body: bytes, content_type: str, digit: str, duration_ms: int) -> None:
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    info = within("INFO", tag, body=body, content_type=content_type)
    out = endpoint.receive(info, PHONE, 1.0)
    assert (statuses(out), events(out)) == ([200], [InfoDigit(leg, digit, duration_ms)])
    again = endpoint.receive(info, PHONE, 1.1)
    assert (statuses(again), events(again)) == ([200], [])


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"x", "text/plain", 415),
        (b"Signal=55\r\n", "application/dtmf-relay", 400),
        (b"\xff", "application/dtmf", 400),
        (b"", "", 200),
    ],
)
def test_other_infos(body: bytes, content_type: str, status: int) -> None:
    endpoint = make_endpoint()
    _, tag = talking(endpoint)
    out = endpoint.receive(within("INFO", tag, body=body, content_type=content_type), PHONE, 1.0)
    assert (statuses(out), events(out)) == ([status], [])


def test_options_within_and_without() -> None:
    endpoint = make_endpoint()
    _, tag = talking(endpoint)
    (answer,) = parsed(endpoint.receive(within("OPTIONS", tag), PHONE, 1.0))
    assert answer.status == 200
    (answer,) = parsed(endpoint.receive(request("OPTIONS", branch="z9hG4bKo"), PHONE, 1.0))
    assert answer.status == 200
    assert b"INVITE" in answer.get(b"allow")
    assert answer.get(b"accept") == b"application/sdp"


@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE", "OPTIONS", "INVITE"])
def test_a_dialog_that_is_not_there_is_481(method: str) -> None:
    endpoint = make_endpoint()
    talking(endpoint)
    stray = request(method, branch="z9hG4bKs", to_tag="stranger")
    assert statuses(endpoint.receive(stray, PHONE, 1.0)) == [481]


def test_the_tag_alone_does_not_open_a_dialog() -> None:
    endpoint = make_endpoint()
    _, tag = talking(endpoint)
    for wrong in ({"call_id": "other"}, {"from_tag": "other"}):
        assert statuses(endpoint.receive(within("BYE", tag, **wrong), PHONE, 1.0)) == [481]


def test_a_stray_ack_is_ignored_and_a_bye_without_dialog_481() -> None:
    endpoint = make_endpoint()
    assert endpoint.receive(request("ACK", to_tag="x"), PHONE, 0.0) == []
    assert statuses(endpoint.receive(request("BYE"), PHONE, 0.0)) == [481]


def test_requests_out_of_order_are_500() -> None:
    """12.2.2."""
    endpoint = make_endpoint()
    _, tag = talking(endpoint)
    endpoint.receive(within("OPTIONS", tag, 5), PHONE, 1.0)
    assert statuses(endpoint.receive(within("INFO", tag, 4), PHONE, 1.1)) == [500]


def test_bye_settles_an_offer_that_is_open() -> None:
    """15.1.2: "RECOMMENDED that a 487 (Request Terminated) response be generated"."""
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    endpoint.receive(within("INVITE", tag, body=HOLD), PHONE, 1.0)
    out = endpoint.receive(within("BYE", tag, 3), PHONE, 1.1)
    assert statuses(out) == [200, 487]
    assert events(out) == [LegEnded(leg, LegEndCause.BYE, "")]
    run_out(endpoint)
    assert_empty(endpoint)


@pytest.mark.parametrize(
    ("method", "status"), [("MESSAGE", 405), ("SUBSCRIBE", 405), ("NEWMETHOD", 501)]
)
def test_methods_that_are_not_served(method: str, status: int) -> None:
    (answer,) = parsed(make_endpoint().receive(request(method), PHONE, 0.0))
    assert answer.status == status
    assert b"INVITE" in answer.get(b"allow")


def test_an_equal_cseq_of_another_request_is_out_of_order() -> None:
    """12.2.1.1: "The sequence number […] MUST contain strictly monotonically increasing"."""
    endpoint = make_endpoint()
    _, tag = talking(endpoint)
    assert statuses(endpoint.receive(within("INFO", tag, 5), PHONE, 1.0)) == [200]
    assert statuses(endpoint.receive(within("OPTIONS", tag, 5), PHONE, 1.1)) == [500]
    assert statuses(endpoint.receive(within("OPTIONS", tag, 6), PHONE, 1.2)) == [200]


def test_an_update_may_come_before_the_ack_of_a_settled_2xx() -> None:
    """RFC 3311 5.2 refuses where an offer is open; here the 2xx has answered the only one."""
    endpoint = make_endpoint()
    (event,) = events(endpoint.receive(request("INVITE", body=SDP), PHONE, 0.0))
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 0.0))
    out = endpoint.receive(within("UPDATE", ok.to.tag.decode(), body=HOLD), PHONE, 0.1)
    assert events(out) == [LegReoffered(event.leg, HOLD)]
    late = make_endpoint()
    (event,) = events(late.receive(request("INVITE"), PHONE, 0.0))
    (ok,) = parsed(late.answer(event.leg, SDP, 0.0))
    update = within("UPDATE", ok.to.tag.decode(), body=HOLD)
    assert statuses(late.receive(update, PHONE, 0.1)) == [491]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_an_offer_moves_the_target(method: str) -> None:
    """12.2.2: "MUST replace the dialog's remote target URI with […] the Contact"."""
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    data = within(method, tag, body=HOLD)
    moved = data.replace(b"Contact: <sip:alice@192.0.2.10:5062>", b"Contact: <sip:new@192.0.2.99>")
    assert moved != data
    endpoint.receive(moved, PHONE, 1.0)
    endpoint.accept_offer(leg, SDP, 1.1)
    endpoint.receive(request("ACK", branch="z9hG4bKa2", to_tag=tag, cseq=2), PHONE, 1.2)
    (bye,) = parsed(endpoint.hang_up(leg, 2.0))
    assert bye.uri == b"sip:new@192.0.2.99"


def test_an_update_without_offer_does_not_wait_for_an_open_one() -> None:
    endpoint = make_endpoint()
    _, tag = talking(endpoint)
    endpoint.receive(within("INVITE", tag, body=HOLD), PHONE, 1.0)
    assert statuses(endpoint.receive(within("UPDATE", tag, 3), PHONE, 1.1)) == [200]


def test_a_late_cancel_of_one_reinvite_leaves_the_next_alone() -> None:
    """9.2: it "has no effect" once the final answer is out."""
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    endpoint.receive(within("INVITE", tag, body=HOLD), PHONE, 1.0)
    endpoint.accept_offer(leg, SDP, 1.1)
    endpoint.receive(request("ACK", branch="z9hG4bKa2", to_tag=tag, cseq=2), PHONE, 1.2)
    endpoint.receive(within("INVITE", tag, 3, body=SDP), PHONE, 2.0)
    cancel = request("CANCEL", branch="z9hG4bKINVITE2", to_tag=tag, cseq=2)
    assert statuses(endpoint.receive(cancel, PHONE, 2.1)) == [200]
    assert statuses(endpoint.accept_offer(leg, SDP, 2.2)) == [200]
    endpoint.hang_up(leg, 3.0)
    assert endpoint._table.cancellable == {}


@pytest.mark.parametrize("method", ["INFO", "ACK"])
def test_requests_go_where_the_last_one_came_from(method: str) -> None:
    """The phone's NAT gave it another port: past it, only the source address is of use."""
    elsewhere = Peer("udp", "192.0.2.10", 61_000)
    endpoint = make_endpoint()
    (event,) = events(endpoint.receive(request("INVITE", body=SDP), PHONE, 0.0))
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 0.0))
    tag = ok.to.tag.decode()
    ack = request("ACK", branch="z9hG4bKa", to_tag=tag)
    endpoint.receive(ack, elsewhere if method == "ACK" else PHONE, 0.1)
    if method == "INFO":
        endpoint.receive(within("INFO", tag), elsewhere, 1.0)
    (bye,) = endpoint.hang_up(event.leg, 2.0)
    assert bye.peer == elsewhere


def test_a_digit_after_the_end_is_not_reported() -> None:
    """We have hung up, and the BYE waits for the ACK of our 2xx."""
    endpoint = make_endpoint()
    (event,) = events(endpoint.receive(request("INVITE", body=SDP), PHONE, 0.0))
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 0.0))
    endpoint.hang_up(event.leg, 0.1)
    info = within("INFO", ok.to.tag.decode(), body=b"7", content_type="application/dtmf")
    out = endpoint.receive(info, PHONE, 0.2)
    assert (statuses(out), events(out)) == ([200], [])


def test_a_lost_connection_ends_only_who_was_on_it() -> None:
    endpoint, legs = make_endpoint(), []
    peers = [Peer("tcp", "192.0.2.10", port) for port in (40_001, 40_002)]
    for peer in peers:
        name = f"call-{peer.port}"
        invite = request("INVITE", call_id=name, branch=f"z9hG4bK{name}", body=SDP)
        (event,) = events(endpoint.receive(invite, peer, 0.0))
        endpoint.answer(event.leg, SDP, 0.0)
        legs.append(event.leg)
    (again,) = endpoint.transport_failed(peers[0], 0.1)
    (ended,) = events(endpoint.transport_failed(again.peer, 0.2))
    assert (ended.leg, ended.cause) == (legs[0], LegEndCause.TRANSPORT)
    assert endpoint.legs == 1
