"""Outgoing legs through the endpoint: the UAC of INVITE (RFC 3261 9.1, 13.2, 17.1.1)."""

import pytest
from msgspec import structs
from sip_support import (
    PHONE,
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

from acd.sip.endpoint import InviteTarget
from acd.sip.errors import BadTargetError
from acd.sip.events import LegAnswered, LegEndCause, LegEnded, LegFailed, LegRinging
from acd.sip.message import read
from acd.sip.peer import Peer

TARGET = InviteTarget(
    uri="sip:agent@192.0.2.10:5062", peer=PHONE, caller="138", caller_name="张三"
)


def called(endpoint, target: InviteTarget = TARGET) -> bytes:
    """Return our INVITE of leg "out"."""
    (invite,) = sent(endpoint.invite("out", target, SDP, 0.0))
    return invite


def established(endpoint) -> tuple[bytes, bytes]:
    """Return our INVITE and our tag in a leg "out" that has been answered."""
    invite = called(endpoint)
    out = endpoint.receive(answer_to(invite, 200, body=SDP), PHONE, 0.1)
    assert events(out) == [LegAnswered("out", SDP)]
    return invite, parsed(out)[0].from_.tag


def test_the_invite() -> None:
    headers = (("X-Queue", "sales\r\nEvil: yes"),)
    target = InviteTarget(
        uri="sip:agent@192.0.2.10:5062?x=y",
        peer=PHONE,
        caller="a b",
        caller_name='"Bob"',
        headers=headers,
    )
    (invite,) = parsed(make_endpoint().invite("out", target, SDP, 0.0))
    assert invite.uri == b"sip:agent@192.0.2.10:5062"
    assert invite.from_.uri == b"sip:a%20b@192.0.2.1:5060"
    assert invite.from_.display_text == '"Bob"'
    assert invite.get(b"call-id") == b"out"
    assert invite.get(b"x-queue") == b"sales  Evil: yes"
    assert b"evil" not in invite.headers
    assert (invite.body, invite.get(b"max-forwards")) == (SDP, b"70")


def test_an_anonymous_caller() -> None:
    target = InviteTarget(uri="sip:agent@192.0.2.10", peer=PHONE, caller="")
    (invite,) = parsed(make_endpoint().invite("out", target, SDP, 0.0))
    assert invite.from_.uri == b"sip:anonymous@anonymous.invalid"


def test_ringing_and_answer() -> None:
    endpoint = make_endpoint()
    invite = called(endpoint)
    assert endpoint.receive(answer_to(invite, 100, tag=""), PHONE, 0.1) == []
    out = endpoint.receive(answer_to(invite, 183, body=b"v=0\r\n"), PHONE, 0.2)
    assert out == [LegRinging("out", 183, b"v=0\r\n")]
    assert endpoint.receive(answer_to(invite, 183, body=b"v=0\r\n"), PHONE, 0.3) == []
    out = endpoint.receive(answer_to(invite, 200, body=SDP), PHONE, 100.0)
    assert events(out) == [LegAnswered("out", SDP)]
    (ack,) = parsed(out)
    # 13.2.2.4: the ACK goes to the Contact, with the INVITE's CSeq number and a branch of its own.
    assert (ack.method, ack.uri) == (b"ACK", b"sip:agent@192.0.2.10:5062")
    assert (ack.cseq.number, ack.to.tag) == (1, b"peer")
    assert ack.branch not in invite


def test_each_2xx_retransmission_is_acknowledged_again() -> None:
    endpoint = make_endpoint()
    invite = called(endpoint)
    ok = answer_to(invite, 200, body=SDP)
    first = sent(endpoint.receive(ok, PHONE, 0.1))
    assert endpoint.receive(ok, PHONE, 0.6) != []
    assert sent(endpoint.receive(ok, PHONE, 1.6)) == first
    endpoint.hang_up("out", 2.0)
    assert sent(endpoint.receive(ok, PHONE, 3.6)) == first


def test_the_other_branch_of_a_fork_is_hung_up() -> None:
    """13.2.2.4: an unwanted 2xx is acknowledged and ended by BYE, once."""
    endpoint = make_endpoint()
    invite = called(endpoint)
    endpoint.receive(answer_to(invite, 200, body=SDP), PHONE, 0.1)
    other = answer_to(invite, 200, tag="second", body=SDP)
    out = endpoint.receive(other, PHONE, 0.2)
    assert (methods(out), events(out)) == ([b"ACK", b"BYE"], [])
    assert {item.to.tag for item in parsed(out)} == {b"second"}
    assert methods(endpoint.receive(other, PHONE, 0.7)) == [b"ACK"]


def test_each_branch_of_a_fork_keeps_its_ack() -> None:
    """13.2.2.4: "The ACK MUST be passed to the client transport every time a retransmission of
    the 2xx final response that triggered the ACK arrives."
    """
    endpoint = make_endpoint()
    invite = called(endpoint)
    acks = {}
    for tag in ("one", "two", "three"):
        ok = answer_to(invite, 200, tag=tag, body=SDP)
        acks[tag] = sent(endpoint.receive(ok, PHONE, 0.1))[0]
    for tag in ("two", "one", "three", "two"):
        ok = answer_to(invite, 200, tag=tag, body=SDP)
        assert sent(endpoint.receive(ok, PHONE, 0.5)) == [acks[tag]]


def test_losing_branches_are_not_heard_any_more() -> None:
    endpoint = make_endpoint()
    invite = called(endpoint)
    endpoint.receive(answer_to(invite, 180, tag="one"), PHONE, 0.1)
    endpoint.receive(answer_to(invite, 200, tag="two", body=SDP), PHONE, 0.2)
    assert endpoint.receive(answer_to(invite, 183, tag="one", body=SDP), PHONE, 0.3) == []
    out = endpoint.receive(answer_to(invite, 200, tag="one"), PHONE, 0.4)
    assert (methods(out), events(out)) == ([b"ACK", b"BYE"], [])


def test_branches_that_cross_the_cancel_are_all_hung_up() -> None:
    endpoint = make_endpoint()
    invite = called(endpoint)
    endpoint.receive(answer_to(invite, 180, tag="one"), PHONE, 0.1)
    endpoint.receive(answer_to(invite, 180, tag="two"), PHONE, 0.1)
    endpoint.cancel("out", 1.0)
    for tag in ("one", "two"):
        out = endpoint.receive(answer_to(invite, 200, tag=tag, body=SDP), PHONE, 1.1)
        assert (methods(out), events(out)) == ([b"ACK", b"BYE"], [])
        assert {item.to.tag for item in parsed(out)} == {tag.encode()}
    run_out(endpoint)
    assert_empty(endpoint)


def test_a_flood_of_branches_ends() -> None:
    endpoint = make_endpoint()
    invite = called(endpoint)
    byes = 0
    for number in range(100):
        data = answer_to(invite, 183, tag=f"early{number}")
        endpoint.receive(data, PHONE, 0.1)
    for number in range(100):
        out = endpoint.receive(answer_to(invite, 200, tag=f"tag{number}"), PHONE, 0.2)
        byes += methods(out).count(b"BYE")
    assert byes < 20


def test_each_branch_rings_for_itself() -> None:
    endpoint = make_endpoint()
    invite = called(endpoint)
    one, two = SDP.replace(b"7000", b"7002"), SDP.replace(b"7000", b"7004")
    rings = [("a", 183, one), ("b", 183, two), ("a", 183, one), ("b", 183, two), ("a", 180, b"")]
    out = []
    for tag, status, sdp in rings:
        out += endpoint.receive(answer_to(invite, status, tag=tag, body=sdp), PHONE, 0.1)
    assert out == [
        LegRinging("out", 183, one),
        LegRinging("out", 183, two),
        LegRinging("out", 180, b""),
    ]
    # 13.2.1: the answer was in the provisional one of this very branch.
    out = endpoint.receive(answer_to(invite, 200, tag="a"), PHONE, 1.0)
    assert events(out) == [LegAnswered("out", one)]


def test_a_full_server_says_when_to_come_back() -> None:
    endpoint = make_endpoint()
    full = answer_to(called(endpoint), 503, "Retry-After: 18 (soon)")
    assert events(endpoint.receive(full, PHONE, 0.1)) == [LegFailed("out", 503, "Whatever", 18)]


def test_refusal_is_acknowledged_and_reported_once() -> None:
    endpoint = make_endpoint()
    invite = called(endpoint)
    busy = answer_to(invite, 486)
    out = endpoint.receive(busy, PHONE, 0.1)
    assert (methods(out), events(out)) == ([b"ACK"], [LegFailed("out", 486, "Whatever")])
    assert methods(endpoint.receive(busy, PHONE, 0.6)) == [b"ACK"]
    assert events(endpoint.receive(answer_to(invite, 200), PHONE, 0.7)) == []
    run_out(endpoint)
    assert_empty(endpoint)


def test_no_answer_at_all_is_408() -> None:
    endpoint = make_endpoint()
    called(endpoint)
    fired = run_out(endpoint)
    assert fired[-1] == (32.0, LegFailed("out", 408, "Request Timeout", unreached=True))
    assert_empty(endpoint)


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ('Q.850;cause=17;text="User busy"', 17),
        ('SIP;cause=580;text="a, b", q.850 ; cause=34', 34),
        ("Q.850;cause=128", 0),
        ("Q.850;cause=many", 0),
        ("Q.850;;", 0),
        ("SIP;cause=17", 0),
    ],
)
def test_a_refusal_tells_the_telephone_networks_cause(reason: str, cause: int) -> None:
    endpoint = make_endpoint()
    refusal = answer_to(called(endpoint), 480, f"Reason: {reason}")
    (failed,) = events(endpoint.receive(refusal, PHONE, 0.1))
    assert (failed.status, failed.q850_cause) == (480, cause)


def test_transport_failure_is_503() -> None:
    endpoint = make_endpoint()
    called(endpoint)
    assert endpoint.transport_failed(Peer("udp", "192.0.2.99", 1), 0.1) == []
    assert events(endpoint.transport_failed(PHONE, 0.1)) == [
        LegFailed("out", 503, "Service Unavailable", unreached=True)
    ]
    assert_empty(endpoint)


def test_cancel_while_ringing() -> None:
    endpoint = make_endpoint()
    invite = called(endpoint)
    endpoint.receive(answer_to(invite, 180), PHONE, 0.1)
    out = endpoint.cancel("out", 1.0)
    assert events(out) == [LegFailed("out", 487, "Request Terminated")]
    (cancel,) = parsed(out)
    # 9.1: "The Request-URI, Call-ID, To, the numeric part of CSeq, and From header fields in the
    # CANCEL request MUST be identical to those in the request being cancelled", one Via, equal.
    assert (cancel.method, cancel.uri) == (b"CANCEL", b"sip:agent@192.0.2.10:5062")
    assert cancel.get(b"via") in invite
    assert cancel.get(b"to") in invite
    assert cancel.get(b"from") in invite
    assert (cancel.cseq.number, cancel.get(b"call-id")) == (1, b"out")
    assert endpoint.receive(answer_to(sent(out)[0], 200), PHONE, 1.1) == []
    out = endpoint.receive(answer_to(invite, 487), PHONE, 1.2)
    assert (methods(out), events(out)) == ([b"ACK"], [])
    run_out(endpoint)
    assert_empty(endpoint)


def test_the_reason_of_a_cancel() -> None:
    """RFC 3326 2: a call taken elsewhere is not a missed one."""
    endpoint = make_endpoint()
    invite = called(endpoint)
    endpoint.receive(answer_to(invite, 180), PHONE, 0.1)
    (cancel,) = parsed(endpoint.hang_up("out", 1.0, "Call completed elsewhere"))
    assert cancel.get(b"reason") == b'SIP;cause=200;text="Call completed elsewhere"'


def test_cancel_waits_for_a_provisional_answer() -> None:
    """9.1: "the client MUST wait for the arrival of a provisional response"."""
    endpoint = make_endpoint()
    invite = called(endpoint)
    assert endpoint.cancel("out", 0.1) == [LegFailed("out", 487, "Request Terminated")]
    out = endpoint.receive(answer_to(invite, 100, tag=""), PHONE, 0.2)
    assert (methods(out), events(out)) == ([b"CANCEL"], [])


def test_200_that_crosses_the_cancel_is_hung_up() -> None:
    endpoint = make_endpoint()
    invite = called(endpoint)
    endpoint.receive(answer_to(invite, 180), PHONE, 0.1)
    endpoint.hang_up("out", 1.0)
    out = endpoint.receive(answer_to(invite, 200, body=SDP), PHONE, 1.1)
    assert (methods(out), events(out)) == ([b"ACK", b"BYE"], [])


def test_a_phone_that_never_answers_a_cancel_is_forgotten() -> None:
    endpoint = make_endpoint()
    invite = called(endpoint)
    endpoint.receive(answer_to(invite, 180), PHONE, 0.1)
    endpoint.cancel("out", 1.0)
    run_out(endpoint)
    assert_empty(endpoint)


def test_hang_up_says_bye_to_the_contact() -> None:
    endpoint = make_endpoint()
    established(endpoint)
    out = endpoint.hang_up("out", 5.0)
    (bye,) = parsed(out)
    assert (bye.method, bye.uri, bye.cseq.number) == (b"BYE", b"sip:agent@192.0.2.10:5062", 2)
    assert endpoint.receive(answer_to(sent(out)[0], 481), PHONE, 5.1) == []
    run_out(endpoint)
    assert_empty(endpoint)


def test_the_phone_hangs_up() -> None:
    """Its first request in the dialog may have any CSeq (12.2.2), here 1."""
    endpoint = make_endpoint()
    _, tag = established(endpoint)
    bye = request(
        "BYE", uri="sip:acd@192.0.2.1:5060", call_id="out", from_tag="peer", to_tag=tag.decode()
    )
    out = endpoint.receive(bye, PHONE, 5.0)
    assert statuses(out) == [200]
    assert events(out) == [LegEnded("out", LegEndCause.BYE, "")]


def test_routes_are_reversed_and_used_loosely() -> None:
    endpoint = make_endpoint()
    invite = called(endpoint)
    ok = answer_to(invite, 200, "Record-Route: <sip:p1;lr>", "Record-Route: <sip:p2;lr>", body=SDP)
    ack = parsed(endpoint.receive(ok, PHONE, 0.1))[0]
    assert ack.all(b"route") == [b"<sip:p2;lr>", b"<sip:p1;lr>"]
    assert ack.uri == b"sip:agent@192.0.2.10:5062"


def test_a_strict_router_gets_its_own_uri() -> None:
    """12.2.1.1 with a first route that has no lr."""
    endpoint = make_endpoint()
    invite = called(endpoint)
    ok = answer_to(invite, 200, "Record-Route: <sip:p1;lr>, <sip:old>", body=SDP)
    ack = parsed(endpoint.receive(ok, PHONE, 0.1))[0]
    assert ack.uri == b"sip:old"
    assert ack.all(b"route") == [b"<sip:p1;lr>", b"<sip:agent@192.0.2.10:5062>"]


def test_challenge_is_answered_once() -> None:
    endpoint = make_endpoint()
    target = InviteTarget(
        uri="sip:4000@192.0.2.10", peer=PHONE, caller="1001", username="1001", password="pw"
    )
    invite = called(endpoint, target)
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'
    out = endpoint.receive(answer_to(invite, 401, challenge), PHONE, 0.1)
    ack, second = parsed(out)
    assert (ack.method, second.method, events(out)) == (b"ACK", b"INVITE", [])
    assert second.cseq.number == 2
    assert b'username="1001"' in second.get(b"authorization")
    out = endpoint.receive(answer_to(sent(out)[1], 401, challenge), PHONE, 0.2)
    assert events(out) == [LegFailed("out", 401, "Whatever")]


TRUNK = InviteTarget(
    uri="sip:4000@192.0.2.10", peer=PHONE, caller="1001", username="1001", password="pw"
)
CHALLENGE = 'Digest realm="r", nonce="n", qop="auth"'


def test_a_proxy_and_the_far_end_both_ask() -> None:
    """22.3: the second repetition carries credentials for both."""
    endpoint = make_endpoint()
    invite = called(endpoint, TRUNK)
    asked = answer_to(invite, 407, f"Proxy-Authenticate: {CHALLENGE}")
    (_, second) = sent(endpoint.receive(asked, PHONE, 0.1))
    asked = answer_to(second, 401, f"WWW-Authenticate: {CHALLENGE}")
    (_, third) = parsed(endpoint.receive(asked, PHONE, 0.2))
    assert b"nc=00000002" in third.get(b"proxy-authorization")
    assert b"nc=00000001" in third.get(b"authorization")


def test_a_stale_nonce_of_an_invite() -> None:
    endpoint = make_endpoint()
    invite, again = called(endpoint, TRUNK), 0
    for number in range(10):
        asked = f'WWW-Authenticate: Digest realm="r", nonce="{number}", qop="auth", stale=true'
        out = endpoint.receive(answer_to(invite, 401, asked), PHONE, 0.1)
        if b"INVITE" not in methods(out):
            break
        invite, again = sent(out)[1], again + 1
    assert again == 3
    assert events(out) == [LegFailed("out", 401, "Whatever")]


def authorized(endpoint) -> list:
    """Return the ACK of an established leg that had to prove itself."""
    asked = answer_to(called(endpoint, TRUNK), 401, f"WWW-Authenticate: {CHALLENGE}")
    (_, second) = sent(endpoint.receive(asked, PHONE, 0.1))
    return parsed(endpoint.receive(answer_to(second, 200, body=SDP), PHONE, 0.2))[:1]


def test_the_ack_has_the_credentials_of_its_invite() -> None:
    """22.1: a server cannot challenge an ACK."""
    (ack,) = authorized(make_endpoint())
    assert b"nc=00000001" in ack.get(b"authorization")


def test_a_bye_proves_itself_too() -> None:
    endpoint = make_endpoint()
    authorized(endpoint)
    (bye,) = sent(endpoint.hang_up("out", 1.0))
    assert b"nc=00000002" in bye
    newer = CHALLENGE.replace('"n"', '"m"')
    (second,) = sent(
        endpoint.receive(answer_to(bye, 401, f"WWW-Authenticate: {newer}"), PHONE, 1.1)
    )
    assert b'nonce="m"' in second
    assert b"CSeq: 4 BYE" in second
    assert endpoint.receive(answer_to(second, 401, f"WWW-Authenticate: {newer}"), PHONE, 1.2) == []
    run_out(endpoint)
    assert_empty(endpoint)


def test_broken_targets_fail_and_doubled_ids_are_an_error() -> None:
    endpoint = make_endpoint()
    broken = InviteTarget(uri="no uri", peer=PHONE, caller="1")
    (failed,) = endpoint.invite("out", broken, SDP, 0.0)
    assert (failed.leg, failed.status) == ("out", 484)
    called(endpoint)
    with pytest.raises(BadTargetError, match="new id"):
        endpoint.invite("out", TARGET, SDP, 0.0)


@pytest.mark.parametrize("contact", ["<sip:>", "sip:a@b;;;", "*"])
def test_a_200_without_a_usable_contact_fails(contact: str) -> None:
    endpoint = make_endpoint()
    invite = called(endpoint)
    (failed,) = endpoint.receive(answer_to(invite, 200, contact=contact), PHONE, 0.1)
    assert failed.status == 502
    run_out(endpoint)
    assert_empty(endpoint)


def test_stray_responses_are_dropped() -> None:
    endpoint = make_endpoint()
    invite = called(endpoint)
    stranger = answer_to(invite.replace(b"z9hG4bK", b"z9hG4bKx"), 200)
    assert endpoint.receive(stranger, PHONE, 0.1) == []


def test_a_2xx_after_a_refusal_is_no_branch_of_a_fork() -> None:
    """17.1.1.2: the transaction is Completed; what the proxy sends then is its own mistake."""
    endpoint = make_endpoint()
    invite = called(endpoint)
    endpoint.receive(answer_to(invite, 486), PHONE, 0.1)
    assert endpoint.receive(answer_to(invite, 200, tag="late", body=SDP), PHONE, 0.2) == []
    run_out(endpoint)
    assert_empty(endpoint)


def test_a_broken_answer_is_no_answer() -> None:
    """Two From or Call-ID lines: nobody can tell whose it is."""
    endpoint = make_endpoint()
    invite = called(endpoint)
    doubled = answer_to(invite, 200, "Call-ID: other", body=SDP)
    assert endpoint.receive(doubled, PHONE, 0.1) == []
    assert events(endpoint.receive(answer_to(invite, 200, body=SDP), PHONE, 0.2)) == [
        LegAnswered("out", SDP)
    ]


def test_an_emergency_call_is_made_by_a_full_server_too() -> None:
    endpoint = make_endpoint(max_legs=0)
    assert (
        len(sent(endpoint.invite("out", structs.replace(TARGET, emergency=True), SDP, 0.0))) == 1
    )


# RFC 3261 12.1.2: a provisional answer with a tag makes an early dialog, whose requests are known.


def update(invite: bytes, number: int, *more: str, tag: str = "peer", body: bytes = b"") -> bytes:
    """Return an UPDATE of the branch that has answered our INVITE."""
    asked = read(invite)
    return request(
        "UPDATE",
        *more,
        branch=f"z9hG4bKup{number}",
        from_tag=tag,
        to_tag=asked.from_.tag.decode(),
        call_id=asked.get(b"call-id").decode(),
        cseq=number,
        body=body,
    )


def test_an_update_before_the_answer_is_known() -> None:
    """Gateways tell so whom they reached; a 481 would have them give the call up."""
    endpoint = make_endpoint()
    (invite,) = sent(endpoint.invite("out", TARGET, SDP, 0.0))
    assert statuses(endpoint.receive(update(invite, 1), PHONE, 0.1)) == [481]
    endpoint.receive(answer_to(invite, 180), PHONE, 0.2)
    first, again = (endpoint.receive(update(invite, 5), PHONE, at) for at in (0.3, 0.8))
    (ok,) = parsed(first)
    assert (ok.status, ok.get(b"contact")) == (200, b"<sip:acd@192.0.2.1:5060>")
    assert sent(again) == sent(first)
    # RFC 3311 5.2: "an offer […] to which it has not yet received an answer", the INVITE's.
    assert statuses(endpoint.receive(update(invite, 6, body=SDP), PHONE, 0.9)) == [491]
    assert statuses(endpoint.receive(update(invite, 4), PHONE, 1.0)) == [500]
    assert statuses(endpoint.receive(update(invite, 7, tag="other"), PHONE, 1.0)) == [481]
    astray = update(invite, 8).replace(read(invite).from_.tag, b"nobody")
    assert statuses(endpoint.receive(astray, PHONE, 1.0)) == [481]
    bye = update(invite, 9).replace(b"UPDATE", b"BYE")
    assert statuses(endpoint.receive(bye, PHONE, 1.0)) == [481]
    out = endpoint.receive(answer_to(invite, 200, body=SDP), PHONE, 2.0)
    assert events(out) == [LegAnswered("out", SDP)]
    assert statuses(endpoint.receive(astray, PHONE, 2.1)) == [481]
    assert statuses(endpoint.receive(update(invite, 10), PHONE, 2.1)) == [200]


@pytest.mark.parametrize("end", ["refused", "given up"])
def test_no_update_is_known_after_the_end(end: str) -> None:
    endpoint = make_endpoint()
    (invite,) = sent(endpoint.invite("out", TARGET, SDP, 0.0))
    endpoint.receive(answer_to(invite, 180), PHONE, 0.1)
    if end == "refused":
        endpoint.receive(answer_to(invite, 486), PHONE, 0.2)
    else:
        endpoint.cancel("out", 0.2)
    assert statuses(endpoint.receive(update(invite, 1), PHONE, 0.3)) == [481]
