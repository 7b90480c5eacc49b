"""Incoming legs through the endpoint: the UAS of INVITE (RFC 3261 8.2, 9.2, 13.3, 15)."""

import pytest
from sip_support import (
    PHONE,
    SDP,
    Accounts,
    answer_challenge,
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

from acd.sip.dialog import MAX_ROUTES
from acd.sip.errors import BadTargetError
from acd.sip.events import (
    InviteReceived,
    LegCancelled,
    LegConfirmed,
    LegEndCause,
    LegEnded,
)
from acd.sip.peer import Peer

INVITE = request("INVITE", body=SDP)


def begun(endpoint, data: bytes = INVITE, peer: Peer = PHONE) -> str:
    (event,) = events(endpoint.receive(data, peer, 0.0))
    return event.leg


def answered(endpoint, data: bytes = INVITE) -> tuple[str, str]:
    """Return the leg and our tag."""
    leg = begun(endpoint, data)
    (ok,) = parsed(endpoint.answer(leg, SDP, 0.0))
    return leg, ok.to.tag.decode()


def confirmed(endpoint, data: bytes = INVITE) -> tuple[str, str]:
    leg, tag = answered(endpoint, data)
    endpoint.receive(request("ACK", branch="z9hG4bKack", to_tag=tag), PHONE, 0.0)
    return leg, tag


def test_invite_is_answered_100_and_reported() -> None:
    endpoint = make_endpoint()
    out = endpoint.receive(request("INVITE", caller="138%300000", body=SDP), PHONE, 0.0)
    assert statuses(out) == [100]
    (event,) = events(out)
    assert event == InviteReceived(
        "seed-1", "call-1", PHONE, "13800000", "", "4000", None, SDP, unproved=True
    )


def test_the_display_name_is_reported() -> None:
    data = request("INVITE").replace(b"From: <", 'From: "张 三" <'.encode())
    (event,) = events(make_endpoint().receive(data, PHONE, 0.0))
    assert (event.caller_name, event.offer) == ("张 三", b"")


def test_retransmissions_get_the_latest_answer_and_no_second_call() -> None:
    endpoint = make_endpoint()
    leg = begun(endpoint)
    assert statuses(endpoint.receive(INVITE, PHONE, 0.1)) == [100]
    endpoint.ring(leg, 0.2)
    again = endpoint.receive(INVITE, PHONE, 0.3)
    assert statuses(again) == [180]
    assert events(again) == []
    endpoint.answer(leg, SDP, 0.4)
    assert endpoint.receive(INVITE, PHONE, 0.5) == []  # RFC 6026: Accepted absorbs them


def test_answers_name_the_dialog() -> None:
    """12.1.1: Contact, Record-Route and the same To tag in all answers but 100."""
    endpoint = make_endpoint()
    leg = begun(endpoint, request("INVITE", "Record-Route: <sip:p1;lr>, <sip:p2;lr>", body=SDP))
    (ringing,), (ok,) = parsed(endpoint.ring(leg, 0.0)), parsed(endpoint.answer(leg, SDP, 0.0))
    for answer in (ringing, ok):
        assert answer.all(b"record-route") == [b"<sip:p1;lr>", b"<sip:p2;lr>"]
        assert answer.get(b"contact") == b"<sip:acd@192.0.2.1:5060>"
    assert ringing.to.tag == ok.to.tag != b""
    assert ok.body == SDP
    assert ok.get(b"content-type") == b"application/sdp"


def test_ack_confirms_once() -> None:
    endpoint = make_endpoint()
    leg, tag = answered(endpoint)
    ack = request("ACK", branch="z9hG4bKack", to_tag=tag)
    assert endpoint.receive(ack, PHONE, 0.1) == [LegConfirmed(leg, b"")]
    assert endpoint.receive(ack, PHONE, 0.2) == []
    assert [item for at, item in run_out(endpoint)] == []


def test_the_ack_of_a_late_offer_carries_the_answer() -> None:
    endpoint = make_endpoint()
    leg, tag = answered(endpoint, request("INVITE"))
    ack = request("ACK", branch="z9hG4bKack", to_tag=tag, body=b"v=0\r\n")
    assert endpoint.receive(ack, PHONE, 0.1) == [LegConfirmed(leg, b"v=0\r\n")]


def test_2xx_is_repeated_until_patience_ends_then_bye() -> None:
    """13.3.1.4: T1, doubling up to T2, for 64*T1; then BYE."""
    endpoint = make_endpoint()
    leg, _ = answered(endpoint)
    fired = run_out(endpoint, 32.0)
    times = [at for at, item in fired if statuses([item]) == [200]]
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    last = [item for at, item in fired if at == 32.0]
    assert LegEnded(leg, LegEndCause.ACK_MISSING, "") in last
    assert methods(last) == [b"BYE"]
    run_out(endpoint)
    assert_empty(endpoint)


def test_2xx_is_repeated_on_tcp_too() -> None:
    """13.3.1.4: "This is independent of whatever transport protocols are used"."""
    endpoint = make_endpoint()
    peer = Peer("tcp", "192.0.2.10", 40000)
    leg = begun(endpoint, INVITE, peer)
    (ok,) = parsed(endpoint.answer(leg, SDP, 0.0))
    assert ok.get(b"contact") == b"<sip:acd@192.0.2.1:5060;transport=tcp>"
    assert statuses(endpoint.on_time(0.5)) == [200]


def test_bye_before_ack_ends_the_leg() -> None:
    endpoint = make_endpoint()
    leg, tag = answered(endpoint)
    bye = request("BYE", "Reason: Q.850;cause=16", branch="z9hG4bKb", to_tag=tag, cseq=2)
    out = endpoint.receive(bye, PHONE, 0.2)
    assert statuses(out) == [200]
    assert events(out) == [LegEnded(leg, LegEndCause.BYE, "Q.850;cause=16")]
    assert statuses(endpoint.receive(bye, PHONE, 0.3)) == [200]  # a retransmission
    assert endpoint.hang_up(leg, 0.4) == []
    run_out(endpoint)
    assert_empty(endpoint)


def test_cancel_before_the_answer() -> None:
    """9.2: 200 to the CANCEL, 487 to the INVITE, both with the same To tag."""
    endpoint = make_endpoint()
    leg = begun(endpoint)
    endpoint.ring(leg, 0.0)
    out = endpoint.receive(request("CANCEL"), PHONE, 0.1)
    assert events(out) == [LegCancelled(leg)]
    assert statuses(out) == [200, 487]
    assert len({answer.to.tag for answer in parsed(out)}) == 1
    assert statuses(endpoint.receive(request("CANCEL"), PHONE, 0.2)) == [200]
    assert statuses(endpoint.on_time(0.6)) == [487]
    assert endpoint.receive(request("ACK"), PHONE, 0.7) == []
    assert endpoint.answer(leg, SDP, 0.8) == []
    run_out(endpoint)
    assert_empty(endpoint)


def test_cancel_that_crosses_our_200_has_no_effect() -> None:
    """9.2: "no effect on the processing of the original request"."""
    endpoint = make_endpoint()
    leg, tag = answered(endpoint)
    out = endpoint.receive(request("CANCEL"), PHONE, 0.1)
    assert (statuses(out), events(out)) == ([200], [])
    ack = request("ACK", branch="z9hG4bKack", to_tag=tag)
    assert endpoint.receive(ack, PHONE, 0.2) == [LegConfirmed(leg, b"")]


def test_cancel_of_nothing_is_481() -> None:
    assert statuses(make_endpoint().receive(request("CANCEL"), PHONE, 0.0)) == [481]


def test_reject_is_repeated_until_its_ack() -> None:
    endpoint = make_endpoint()
    leg = begun(endpoint)
    (refusal,) = parsed(endpoint.reject(leg, 486, 0.0, "Alle besetzt", retry_after_s=7))
    assert (refusal.status, refusal.reason) == (486, b"Alle besetzt")
    assert refusal.get(b"retry-after") == b"7"
    assert statuses(endpoint.on_time(0.5)) == [486]
    endpoint.receive(request("ACK", to_tag=refusal.to.tag.decode()), PHONE, 0.6)
    assert run_out(endpoint) == []
    assert_empty(endpoint)


def test_hang_up_in_each_state() -> None:
    endpoint = make_endpoint()
    leg = begun(endpoint)
    assert statuses(endpoint.hang_up(leg, 0.0)) == [480]

    endpoint = make_endpoint()
    leg, tag = answered(endpoint)
    # 15: no BYE "until it has received an ACK for its 2xx response".
    assert endpoint.hang_up(leg, 0.1) == []
    assert statuses(endpoint.on_time(0.5)) == [200]
    out = endpoint.receive(request("ACK", branch="z9hG4bKa", to_tag=tag), PHONE, 0.6)
    assert (methods(out), events(out)) == ([b"BYE"], [])

    endpoint = make_endpoint()
    leg, _ = confirmed(endpoint)
    (bye,) = parsed(endpoint.hang_up(leg, 1.0, 'over "now"'))
    assert bye.uri == b"sip:alice@192.0.2.10:5062"
    assert bye.get(b"reason") == b'SIP;cause=200;text="over now"'
    assert (bye.to.tag, bye.cseq.number) == (b"ft", 1)
    assert endpoint.hang_up(leg, 1.1) == []


def test_hang_up_without_ack_says_bye_when_patience_ends() -> None:
    endpoint = make_endpoint()
    leg, _ = answered(endpoint)
    endpoint.hang_up(leg, 0.1)
    fired = [item for at, item in run_out(endpoint, 32.0) if at == 32.0]
    assert (methods(fired), events(fired)) == ([b"BYE"], [])
    run_out(endpoint)
    assert_empty(endpoint)


def test_early_bye_ends_the_call_like_a_cancel() -> None:
    endpoint = make_endpoint()
    leg = begun(endpoint)
    (ringing,) = parsed(endpoint.ring(leg, 0.0))
    bye = request("BYE", branch="z9hG4bKb", to_tag=ringing.to.tag.decode(), cseq=2)
    out = endpoint.receive(bye, PHONE, 0.1)
    assert (statuses(out), events(out)) == ([200, 487], [LegCancelled(leg)])


def test_merged_request_is_482() -> None:
    """8.2.2.2: same From tag, Call-ID and CSeq over another path."""
    endpoint = make_endpoint()
    begun(endpoint)
    other = request("INVITE", branch="z9hG4bKother", body=SDP)
    assert statuses(endpoint.receive(other, PHONE, 0.1)) == [482]


def test_draining_and_full_are_503_with_retry_after() -> None:
    endpoint = make_endpoint()
    endpoint.draining = True
    for data in (INVITE, request("OPTIONS")):
        (refusal,) = parsed(endpoint.receive(data, PHONE, 0.0))
        assert (refusal.status, refusal.get(b"retry-after")) == (503, b"5")
    full = make_endpoint(max_legs=1)
    begun(full)
    other = request("INVITE", branch="z9hG4bK2", call_id="other", body=SDP)
    assert statuses(full.receive(other, PHONE, 0.0)) == [503]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Require: 100rel, foo", 420),
        ("Accept: text/plain", 406),
        ("Content-Encoding: gzip", 415),
        ("Contact: nonsense", 400),
    ],
)
def test_what_an_invite_may_not_ask_for(header: str, status: int) -> None:
    data = request("INVITE", header, body=SDP)
    if "Contact" in header:
        data = data.replace(b"Contact: <sip:alice@192.0.2.10:5062>\r\n", b"")
    (refusal,) = parsed(make_endpoint().receive(data, PHONE, 0.0))
    assert refusal.status == status
    if status == 420:
        assert refusal.get(b"unsupported") == b"foo"


def test_refusals_keep_no_state_and_the_same_tag() -> None:
    """8.2.7: a stateless UAS makes the same tag for the same request."""
    endpoint = make_endpoint()
    refusals = [
        parsed(endpoint.receive(request("INVITE", "Require: x"), PHONE, at))[0] for at in (0, 1)
    ]
    assert refusals[0].to.tag == refusals[1].to.tag != b""
    assert_empty(endpoint)


def test_answers_go_to_the_source_with_received_and_rport() -> None:
    """RFC 3581 section 4."""
    via = "Via: SIP/2.0/UDP 10.0.0.5:5060;rport;branch=z9hG4bKnat"
    out = make_endpoint().receive(request("OPTIONS", via=via), PHONE, 0.0)
    (answer,) = parsed(out)
    assert out[0].peer == PHONE
    assert answer.via.parameters[b"received"] == b"192.0.2.10"
    assert answer.via.parameters[b"rport"] == b"5062"


@pytest.mark.parametrize(
    ("via", "answered"),
    [
        # 18.2.1: received where the host differs; RFC 3581 4: both wherever rport was asked for.
        ("10.0.0.5;branch=z", "10.0.0.5;branch=z;received=192.0.2.10"),
        ("192.0.2.10;rport;branch=z", "192.0.2.10;rport=5062;branch=z;received=192.0.2.10"),
        ("192.0.2.10:5062;branch=z", "192.0.2.10:5062;branch=z"),
        ("[2001:db8::1]:5;branch=z", "[2001:db8::1]:5;branch=z;received=192.0.2.10"),
    ],
)
def test_what_is_written_into_the_top_via(via: str, answered: str) -> None:
    asked = request("OPTIONS", via=f"Via: SIP/2.0/UDP {via}")
    (answer,) = parsed(make_endpoint().receive(asked, PHONE, 0.0))
    assert answer.get(b"via") == f"SIP/2.0/UDP {answered}".encode()


@pytest.mark.parametrize("separator", ["\r\nVia: ", ", "])
def test_an_answer_has_all_vias_in_their_order(separator: str) -> None:
    """8.2.6.2: "MUST equal the Via header field values in the request and MUST maintain the
    same ordering"; by them it finds its way back through the proxies."""
    vias = [f"SIP/2.0/UDP 10.0.0.{n};branch=z9hG4bK{n}" for n in range(3)]
    asked = request("OPTIONS", via=f"Via: {separator.join(vias)}")
    (answer,) = parsed(make_endpoint().receive(asked, PHONE, 0.0))
    top = vias[0] + ";received=192.0.2.10"
    assert answer.all(b"via") == [via.encode() for via in (top, *vias[1:])]


@pytest.mark.parametrize("end", ["no blank line", "header name", "Request-URI"])
def test_syntax_that_cannot_be_let_pass_is_400(end: str) -> None:
    broken = {
        "no blank line": request("INVITE")[:-4],
        "header name": INVITE.replace(b"Max-Forwards: 70", b"Max Forwards: 70"),
        # 19.1.1, table 1: headers are not allowed there.
        "Request-URI": request("INVITE", uri="sip:4000@192.0.2.1?Subject=x"),
    }[end]
    assert statuses(make_endpoint().receive(broken, PHONE, 0.0)) == [400]


def test_a_200_says_which_methods_are_served() -> None:
    """13.3.1.4 and 20.5: UPDATE and REFER are used only where they were promised."""
    endpoint = make_endpoint()
    (ok,) = parsed(endpoint.answer(begun(endpoint), SDP, 0.0))
    assert {b"INVITE", b"BYE", b"UPDATE", b"REFER"} <= set(ok.all(b"allow"))


def test_an_account_has_to_prove_itself() -> None:
    endpoint = make_endpoint(credentials=Accounts(alice="secret"))
    (challenge,) = parsed(endpoint.receive(INVITE, PHONE, 0.0))
    assert challenge.status == 401
    header = answer_challenge(challenge, b"INVITE", b"sip:4000@192.0.2.1", "alice", "secret", "cn")
    assert header is not None
    proved = request("INVITE", header.decode().strip(), branch="z9hG4bK2", cseq=2, body=SDP)
    (event,) = events(endpoint.receive(proved, PHONE, 0.1))
    assert event.account == "alice"
    # Nobody else is asked, and nobody at all when the setting says so.
    stranger = request("INVITE", caller="bob", call_id="c2", branch="z9hG4bK3")
    (event,) = events(endpoint.receive(stranger, PHONE, 0.1))
    assert event.account is None
    trusting = make_endpoint(credentials=Accounts(alice="secret"), authenticate_accounts=False)
    assert events(trusting.receive(INVITE, PHONE, 0.0))[0].account is None


def test_commands_for_unknown_legs_do_nothing() -> None:
    endpoint = make_endpoint()
    for out in (
        endpoint.ring("x", 0.0),
        endpoint.answer("x", SDP, 0.0),
        endpoint.reject("x", 486, 0.0),
        endpoint.cancel("x", 0.0),
        endpoint.hang_up("x", 0.0),
        endpoint.accept_offer("x", SDP, 0.0),
        endpoint.refuse_offer("x", 488, 0.0),
        endpoint.unregister("x", 0.0),
    ):
        assert out == []


@pytest.mark.parametrize(("command", "status"), [("ring", 200), ("ring", 100), ("reject", 180)])
def test_a_status_out_of_range_is_our_own_mistake(command: str, status: int) -> None:
    endpoint = make_endpoint()
    leg = begun(endpoint)
    arguments = (leg, 0.0, b"", status) if command == "ring" else (leg, status, 0.0)
    with pytest.raises(BadTargetError, match=str(status)):
        getattr(endpoint, command)(*arguments)


def test_phones_of_rfc_2543_send_no_branch() -> None:
    """17.2.3: their requests are matched by URI, tags, Call-ID, CSeq number and Via."""
    via = "Via: SIP/2.0/UDP 192.0.2.10:5062"
    endpoint = make_endpoint()
    invite = request("INVITE", via=via, body=SDP)
    leg = begun(endpoint, invite)
    assert statuses(endpoint.receive(invite, PHONE, 0.1)) == [100]
    out = endpoint.receive(request("CANCEL", via=via), PHONE, 0.2)
    assert (statuses(out), events(out)) == ([200, 487], [LegCancelled(leg)])
    endpoint.receive(request("ACK", via=via, to_tag="any"), PHONE, 0.3)
    assert run_out(endpoint) == []
    assert_empty(endpoint)


def test_a_call_over_tcp_needs_no_retransmissions() -> None:
    endpoint = make_endpoint()
    tcp = Peer("tcp", "192.0.2.10", 40000)
    leg = begun(endpoint, INVITE, tcp)
    endpoint.reject(leg, 486, 0.0)
    fired = run_out(endpoint, 31.0)
    assert fired == []
    endpoint.receive(request("ACK"), tcp, 31.0)
    assert_empty(endpoint)


def test_transactions_are_limited() -> None:
    endpoint = make_endpoint(max_transactions=1)
    begun(endpoint)
    other = request("INVITE", branch="z9hG4bK2", call_id="other", body=SDP)
    assert statuses(endpoint.receive(other, PHONE, 0.0)) == [503]


def test_a_broken_connection_ends_what_waits_for_an_ack() -> None:
    endpoint = make_endpoint()
    peer = Peer("tcp", "192.0.2.10", 40000)
    leg = begun(endpoint, INVITE, peer)
    endpoint.answer(leg, SDP, 0.0)
    (again,) = endpoint.transport_failed(peer, 0.1)
    assert again.peer == peer._replace(port=5062)  # where its Via says that it listens
    (ended,) = endpoint.transport_failed(again.peer, 0.2)
    assert ended.cause is LegEndCause.TRANSPORT
    run_out(endpoint)
    assert_empty(endpoint)


def test_keep_alives() -> None:
    endpoint = make_endpoint()
    tcp = Peer("tcp", "192.0.2.10", 40000)
    assert sent(endpoint.receive(b"\r\n\r\n", tcp, 0.0)) == [b"\r\n"]
    assert endpoint.receive(b"\r\n\r\n", PHONE, 0.0) == []
    assert endpoint.receive(b"", PHONE, 0.0) == []


def test_ringing_is_repeated_each_minute_until_the_answer() -> None:
    """13.3.1.1: a non-100 provisional response at every minute."""
    endpoint = make_endpoint()
    leg = begun(endpoint)
    assert statuses(endpoint.ring(leg, 0.0)) == [180]
    assert endpoint.next_deadline() == 60.0
    assert statuses(endpoint.on_time(60.0)) == [180]
    assert statuses(endpoint.on_time(120.0)) == [180]
    assert statuses(endpoint.answer(leg, SDP, 121.0)) == [200]
    assert 180 not in statuses(endpoint.on_time(180.0))


def test_an_invitation_expires_when_the_caller_says() -> None:
    """13.3.1: "a 487 (Request Terminated) response SHOULD be generated"."""
    endpoint = make_endpoint()
    (event,) = events(endpoint.receive(request("INVITE", "Expires: 90", body=SDP), PHONE, 0.0))
    endpoint.ring(event.leg, 0.0)
    fired = run_out(endpoint, 90.0)
    assert [(at, statuses([item])) for at, item in fired[:2]] == [(60.0, [180]), (90.0, [487])]
    assert [item for _, item in fired[2:]] == [LegCancelled(event.leg)]
    assert endpoint.answer(event.leg, SDP, 91.0) == []
    run_out(endpoint)
    assert_empty(endpoint)


@pytest.mark.parametrize("expires", ["90", "soon", "99999999999"])
def test_an_answered_call_does_not_expire_nor_one_without_a_time(expires: str) -> None:
    endpoint = make_endpoint()
    data = request("INVITE", f"Expires: {expires}", body=SDP)
    (event,) = events(endpoint.receive(data, PHONE, 0.0))
    if expires == "90":
        (ok,) = parsed(endpoint.answer(event.leg, SDP, 89.0))
        ack = request("ACK", branch="z9hG4bKa", to_tag=ok.to.tag.decode())
        assert endpoint.receive(ack, PHONE, 89.1) == [LegConfirmed(event.leg, b"")]
    assert run_out(endpoint, 1000.0) == []
    assert endpoint.legs == 1


def test_ringing_ends_with_a_refusal() -> None:
    endpoint = make_endpoint()
    leg = begun(endpoint)
    endpoint.ring(leg, 0.0)
    endpoint.hang_up(leg, 1.0)
    assert 180 not in statuses(endpoint.on_time(60.0))


def test_a_hang_up_before_the_answer_says_why() -> None:
    """RFC 6432: Reason may stand in an answer; the reason phrase stays the status code's."""
    endpoint = make_endpoint()
    (event,) = events(endpoint.receive(request("INVITE", body=SDP), PHONE, 0.0))
    (refusal,) = parsed(endpoint.hang_up(event.leg, 0.1, 'Q.850;cause=41;text="x"'))
    assert (refusal.status, refusal.reason) == (480, b"Temporarily Unavailable")
    assert refusal.get(b"reason") == b'Q.850;cause=41;text="x"'


# Which transaction a message belongs to (17.2.3).


def test_the_same_branch_from_two_phones_is_two_calls() -> None:
    """17.2.3: "the sent-by value in the top Via" counts besides the branch."""
    endpoint = make_endpoint()
    vias = [f"Via: SIP/2.0/UDP 192.0.2.{n}:5062;branch=z9hG4bKsame" for n in (10, 11)]
    legs = [
        begun(endpoint, request("INVITE", via=via, call_id=via[-12:] + via[24:26], from_tag=tag))
        for via, tag in zip(vias, "ab", strict=True)
    ]
    assert len(set(legs)) == 2


@pytest.mark.parametrize("branch", ["", ";branch=1"])
def test_without_the_magic_cookie_cseq_and_via_tell_requests_apart(branch: str) -> None:
    """A branch of RFC 2543 need not differ: "1" in every request is one such phone's."""
    via = f"Via: SIP/2.0/UDP 192.0.2.10:5062{branch}"
    endpoint = make_endpoint()
    endpoint.reject(begun(endpoint, request("INVITE", via=via, body=SDP)), 486, 0.0)
    endpoint.receive(request("ACK", via=via, to_tag="any"), PHONE, 0.1)
    second = request("INVITE", via=via, cseq=2, body=SDP)
    assert statuses(endpoint.receive(second, PHONE, 0.2)) == [100]
    # The same request by another way is no repetition: the two have met in a loop (8.2.2.2).
    other = via.replace("5062", "5063")
    looped = request("INVITE", via=other, cseq=2, body=SDP)
    assert statuses(endpoint.receive(looped, PHONE, 0.3)) == [482]


@pytest.mark.parametrize(
    "changed", [{"cseq": 2}, {"call_id": "other"}, {"from_tag": "other"}, {"to_tag": "other"}]
)
def test_only_the_ack_of_this_2xx_ends_its_repetition(changed: dict[str, object]) -> None:
    """13.2.2.4: the CSeq number is the INVITE's; and Call-ID and both tags name the dialog."""
    endpoint = make_endpoint()
    leg, tag = answered(endpoint)
    ack = request("ACK", branch="z9hG4bKack", **({"to_tag": tag} | changed))
    assert endpoint.receive(ack, PHONE, 0.1) == []
    assert statuses(endpoint.on_time(0.5)) == [200]
    right = request("ACK", branch="z9hG4bKack", to_tag=tag)
    assert endpoint.receive(right, PHONE, 0.6) == [LegConfirmed(leg, b"")]


@pytest.mark.parametrize("value", ["x", "-1", "256", "99999999999"])
def test_a_max_forwards_that_is_none_is_400(value: str) -> None:
    """20.22: "an integer in the range 0-255"."""
    broken = INVITE.replace(b"Max-Forwards: 70", b"Max-Forwards: " + value.encode())
    assert statuses(make_endpoint().receive(broken, PHONE, 0.0)) == [400]


def test_a_route_set_has_an_end() -> None:
    lines = [f"Record-Route: <sip:p{n}.example;lr>" for n in range(MAX_ROUTES + 1)]
    endpoint = make_endpoint()
    assert statuses(endpoint.receive(request("INVITE", *lines), PHONE, 0.0)) == [400]
    assert_empty(endpoint)
    assert statuses(endpoint.receive(request("INVITE", *lines[1:]), PHONE, 0.0)) == [100]
