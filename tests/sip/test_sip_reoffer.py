"""Offers of our own within a dialog: re-INVITE, glare, refusals (RFC 3261 12.2.1.2, 14)."""

import pytest
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

from acd.sip.effects import Send
from acd.sip.endpoint import InviteTarget
from acd.sip.events import (
    LegAnswered,
    LegEndCause,
    LegEnded,
    LegReoffered,
    ReofferAnswered,
    ReofferRefused,
)
from acd.sip.message import read
from acd.sip.session import MAX_TRIES

TARGET = InviteTarget(
    uri="sip:agent@192.0.2.10:5062",
    peer=PHONE,
    caller="138",
    username="trunk",
    password="pw",
)
HOLD = b"v=0\r\na=sendonly\r\n"
HELD = b"v=0\r\na=recvonly\r\n"


def talking(endpoint) -> tuple[str, str]:
    """Return leg and our tag of a call from PHONE whose ACK has come."""
    (event,) = events(endpoint.receive(request("INVITE", body=SDP), PHONE, 0.0))
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 0.0))
    tag = ok.to.tag.decode()
    endpoint.receive(request("ACK", branch="z9hG4bKa", to_tag=tag), PHONE, 0.0)
    return event.leg, tag


def called_out(endpoint) -> str:
    """Return the leg of a call to PHONE that was answered."""
    (invite,) = sent(endpoint.invite("out", TARGET, SDP, 0.0))
    out = endpoint.receive(answer_to(invite, 200, body=SDP), PHONE, 0.0)
    assert events(out) == [LegAnswered("out", SDP)]
    return "out"


def within(method: str, tag: str, cseq: int, **more) -> bytes:
    return request(method, branch=f"z9hG4bK{method}{cseq}", to_tag=tag, cseq=cseq, **more)


def test_an_offer_is_answered_and_acknowledged() -> None:
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    (data,) = sent(endpoint.reoffer(leg, HOLD, 1.0))
    invite = read(data)
    assert endpoint.reoffer("nobody", HOLD, 1.0) == []
    assert (invite.method, invite.uri) == (b"INVITE", b"sip:alice@192.0.2.10:5062")
    assert (invite.from_.tag.decode(), invite.to.tag, invite.cseq.number) == (tag, b"ft", 1)
    assert invite.body == HOLD
    assert b"supported" not in invite.headers
    ok = answer_to(data, 200, body=HELD, contact="<sip:moved@192.0.2.11>")
    out = endpoint.receive(ok, PHONE, 1.1)
    assert events(out) == [ReofferAnswered(leg, HELD)]
    (ack,) = parsed(out)
    # 13.2.2.4, and 12.2.1.2 for the target.
    assert (ack.method, ack.cseq.number, ack.uri) == (b"ACK", 1, b"sip:moved@192.0.2.11")
    # The 2xx comes again because the ACK was lost: so does the ACK.
    assert methods(endpoint.receive(ok, PHONE, 1.6)) == [b"ACK"]
    (bye,) = parsed(endpoint.hang_up(leg, 2.0))
    assert (bye.method, bye.cseq.number) == (b"BYE", 2)


@pytest.mark.parametrize("status", [400, 488, 606])
def test_a_refused_offer_leaves_the_session(status: int) -> None:
    endpoint = make_endpoint()
    leg, _ = talking(endpoint)
    (data,) = sent(endpoint.reoffer(leg, HOLD, 1.0))
    out = endpoint.receive(answer_to(data, status), PHONE, 1.1)
    assert (methods(out), events(out)) == ([b"ACK"], [ReofferRefused(leg, status)])
    assert endpoint.legs == 1


@pytest.mark.parametrize("status", [408, 481, None])
def test_a_peer_that_knows_no_call(status: int | None) -> None:
    """12.2.1.2: the dialog is terminated, by BYE."""
    endpoint = make_endpoint()
    leg, _ = talking(endpoint)
    (data,) = sent(endpoint.reoffer(leg, HOLD, 1.0))
    if status is None:
        out = [item for _, item in run_out(endpoint, 33.0)]
    else:
        out = endpoint.receive(answer_to(data, status), PHONE, 1.1)
    if status == 481:
        assert events(out) == []  # its BYE may be on the way
        out = [item for _, item in run_out(endpoint, 3.1)]
    (end,) = events(out)
    assert (end.leg, end.cause) == (leg, LegEndCause.PEER_GONE)
    assert methods(out)[-1] == b"BYE"
    run_out(endpoint)
    assert_empty(endpoint)


def test_an_offer_that_crosses_a_bye() -> None:
    """The 481 comes before the BYE of the same phone: the call ends as by BYE."""
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    (data,) = sent(endpoint.reoffer(leg, HOLD, 1.0))
    assert events(endpoint.receive(answer_to(data, 481), PHONE, 1.1)) == []
    # The first BYE was lost; the phone repeats it after T1, and again after 2*T1.
    assert run_out(endpoint, 2.6) == []
    out = endpoint.receive(within("BYE", tag, 2), PHONE, 2.6)
    assert events(out) == [LegEnded(leg, LegEndCause.BYE, "")]
    assert [item for _, item in run_out(endpoint) if not isinstance(item, Send)] == []
    assert_empty(endpoint)


def test_patience_with_a_provisional_answer_has_an_end() -> None:
    endpoint = make_endpoint()
    leg, _ = talking(endpoint)
    (data,) = sent(endpoint.reoffer(leg, HOLD, 1.0))
    endpoint.receive(answer_to(data, 100), PHONE, 1.1)
    out = [item for _, item in run_out(endpoint)]
    (end,) = events(out)
    assert (end.leg, end.cause) == (leg, LegEndCause.PEER_GONE)
    assert_empty(endpoint)


def test_a_lost_connection_refuses_the_offer_only() -> None:
    endpoint = make_endpoint()
    leg, _ = talking(endpoint)
    endpoint.reoffer(leg, HOLD, 1.0)
    assert events(endpoint.transport_failed(PHONE, 1.1)) == [ReofferRefused(leg, 503)]
    assert endpoint.legs == 1


@pytest.mark.parametrize("outgoing", [True, False])
def test_glare_waits_as_long_as_14_1_says(outgoing: bool) -> None:
    waits = set()
    for seed in range(40):
        endpoint = make_endpoint(b"%d" % seed)
        leg = called_out(endpoint) if outgoing else talking(endpoint)[0]
        (data,) = sent(endpoint.reoffer(leg, HOLD, 1.0))
        out = endpoint.receive(answer_to(data, 491), PHONE, 1.0)
        assert (methods(out), events(out)) in (([b"ACK"], []), ([b"ACK", b"INVITE"], []))
        wait_s = 0.0 if len(methods(out)) == 2 else endpoint._core.deadlines.next() - 1.0
        waits.add(round(wait_s, 6))
        if wait_s:
            assert methods(endpoint.on_time(1.0 + wait_s)) == [b"INVITE"]
    least, most = (2.1, 4.0) if outgoing else (0.0, 2.0)
    assert least <= min(waits) < max(waits) <= most
    assert all(abs(wait * 100 - round(wait * 100)) < 1e-6 for wait in waits)
    assert len(waits) > 20


def test_glare_without_end_is_a_refusal() -> None:
    endpoint = make_endpoint()
    leg = called_out(endpoint)
    out, tries = endpoint.reoffer(leg, HOLD, 1.0), 0
    while not events(out):
        tries += b"INVITE" in methods(out)
        invites = [data for data in sent(out) if data.startswith(b"INVITE")]
        if invites:
            out = endpoint.receive(answer_to(invites[0], 491), PHONE, 1.0)
        else:
            out = endpoint.on_time(endpoint._core.deadlines.next())
    assert (events(out), tries) == ([ReofferRefused(leg, 491)], 7)


@pytest.mark.parametrize(("value", "waits"), [("3", True), ("3 (busy)", True), ("11", False)])
def test_500_with_retry_after_is_waited_for(value: str, waits: bool) -> None:
    """14.2: "a Retry-After header field with a randomly chosen value of between 0 and 10"."""
    endpoint = make_endpoint()
    leg, _ = talking(endpoint)
    (data,) = sent(endpoint.reoffer(leg, HOLD, 1.0))
    out = endpoint.receive(answer_to(data, 500, f"Retry-After: {value}"), PHONE, 1.0)
    if waits:
        assert events(out) == []
        assert endpoint._core.deadlines.next() == 4.0
        assert methods(endpoint.on_time(4.0)) == [b"INVITE"]
    else:
        assert events(out) == [ReofferRefused(leg, 500)]


def test_the_other_sides_offer_during_ours_gets_491() -> None:
    """14.2, and RFC 3311 5.2; an UPDATE without offer is served all the same."""
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    (data,) = sent(endpoint.reoffer(leg, HOLD, 1.0))
    reinvite = within("INVITE", tag, 2, body=HOLD)
    assert statuses(endpoint.receive(reinvite, PHONE, 1.1)) == [491]
    assert statuses(endpoint.receive(reinvite, PHONE, 1.2)) == [491]
    endpoint.receive(request("ACK", branch="z9hG4bKINVITE2", to_tag=tag, cseq=2), PHONE, 1.3)
    assert statuses(endpoint.receive(within("UPDATE", tag, 3, body=HOLD), PHONE, 1.4)) == [491]
    assert statuses(endpoint.receive(within("UPDATE", tag, 4), PHONE, 1.5)) == [200]
    endpoint.receive(answer_to(data, 200, body=HELD), PHONE, 1.6)
    # A late repetition of the refused re-INVITE is no new one.
    assert endpoint.receive(reinvite, PHONE, 1.7) == []
    out = endpoint.receive(within("INVITE", tag, 5, body=HOLD), PHONE, 1.8)
    assert events(out) == [LegReoffered(leg, HOLD)]


def test_an_offer_waits_for_the_other_sides() -> None:
    """14.1: no INVITE "while another INVITE transaction is in progress in either direction"."""
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    endpoint.receive(within("INVITE", tag, 2, body=HOLD), PHONE, 1.0)
    assert endpoint.reoffer(leg, HOLD, 1.1) == []
    assert endpoint.reoffer(leg, HELD, 1.1) == []
    assert methods(endpoint.accept_offer(leg, SDP, 1.2)) == []
    out = endpoint.receive(within("ACK", tag, 2), PHONE, 1.3)
    (invite,) = parsed(out)
    assert (invite.method, invite.body) == (b"INVITE", HELD)


def test_one_offer_after_the_other() -> None:
    endpoint = make_endpoint()
    leg, _ = talking(endpoint)
    (first,) = sent(endpoint.reoffer(leg, HOLD, 1.0))
    assert endpoint.reoffer(leg, SDP, 1.1) == []
    out = endpoint.receive(answer_to(first, 200, body=HELD), PHONE, 1.2)
    assert events(out) == [ReofferAnswered(leg, HELD)]
    assert methods(out) == [b"ACK", b"INVITE"]
    out = endpoint.receive(answer_to(sent(out)[1], 200, body=SDP), PHONE, 1.3)
    assert events(out) == [ReofferAnswered(leg, SDP)]


def test_an_offer_waits_for_our_call_to_be_confirmed() -> None:
    endpoint = make_endpoint()
    (event,) = events(endpoint.receive(request("INVITE", body=SDP), PHONE, 0.0))
    assert endpoint.reoffer(event.leg, HOLD, 0.1) == []
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 0.2))
    ack = request("ACK", branch="z9hG4bKa", to_tag=ok.to.tag.decode())
    assert methods(endpoint.receive(ack, PHONE, 0.3)) == [b"INVITE"]


def test_a_challenge_within_the_dialog_is_answered_once() -> None:
    endpoint = make_endpoint()
    leg = called_out(endpoint)
    challenge = 'Proxy-Authenticate: Digest realm="r", nonce="n", qop="auth"'
    (data,) = sent(endpoint.reoffer(leg, HOLD, 1.0))
    out = endpoint.receive(answer_to(data, 407, challenge), PHONE, 1.1)
    assert methods(out) == [b"ACK", b"INVITE"]
    assert b"Proxy-Authorization: Digest " in sent(out)[1]
    out = endpoint.receive(answer_to(sent(out)[1], 407, challenge), PHONE, 1.2)
    assert events(out) == [ReofferRefused(leg, 407)]


def test_a_call_hung_up_during_an_offer() -> None:
    """The 2xx crosses our BYE: it still gets its ACK, and nothing is left behind."""
    endpoint = make_endpoint()
    leg, _ = talking(endpoint)
    (data,) = sent(endpoint.reoffer(leg, HOLD, 1.0))
    endpoint.receive(answer_to(data, 100), PHONE, 1.1)
    assert methods(endpoint.hang_up(leg, 1.2)) == [b"BYE"]
    out = endpoint.receive(answer_to(data, 200, body=HELD), PHONE, 1.3)
    assert (methods(out), events(out)) == ([b"ACK"], [])
    run_out(endpoint)
    assert_empty(endpoint)


def test_a_bye_during_our_offer() -> None:
    endpoint = make_endpoint()
    leg, tag = talking(endpoint)
    (data,) = sent(endpoint.reoffer(leg, HOLD, 1.0))
    endpoint.receive(answer_to(data, 100), PHONE, 1.1)
    assert statuses(endpoint.receive(within("BYE", tag, 2), PHONE, 1.2)) == [200]
    assert methods(endpoint.receive(answer_to(data, 487), PHONE, 1.3)) == [b"ACK"]
    run_out(endpoint)
    assert_empty(endpoint)


def test_an_offer_waits_for_the_ack_of_our_2xx() -> None:
    """14.1: "MUST NOT initiate a new INVITE transaction […] while another […] is in progress"."""
    endpoint = make_endpoint()
    (event,) = events(endpoint.receive(request("INVITE", body=SDP), PHONE, 0.0))
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 0.1))
    assert endpoint.reoffer(event.leg, HOLD, 0.2) == []
    ack = request("ACK", branch="z9hG4bKa", to_tag=ok.to.tag.decode())
    assert methods(endpoint.receive(ack, PHONE, 0.3)) == [b"INVITE"]


def test_an_offer_goes_by_invite_even_to_one_who_takes_update() -> None:
    """RFC 3311 5.1 recommends it: an UPDATE has to be answered at once, a person may be asked."""
    endpoint = make_endpoint()
    invite = request("INVITE", "Allow: INVITE, UPDATE", body=SDP)
    (event,) = events(endpoint.receive(invite, PHONE, 0.0))
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 0.0))
    endpoint.receive(request("ACK", branch="z9hG4bKa", to_tag=ok.to.tag.decode()), PHONE, 0.0)
    assert methods(endpoint.reoffer(event.leg, HOLD, 1.0)) == [b"INVITE"]


def test_another_offer_has_tries_of_its_own() -> None:
    """What was refused by glare was the offer before."""
    endpoint = make_endpoint()
    leg, _ = talking(endpoint)
    out, now, tries = endpoint.reoffer(leg, HOLD, 1.0), 1.0, 0
    while not any(isinstance(item, ReofferRefused) for item in out):
        invites = [data for data in sent(out) if data.startswith(b"INVITE ")]
        if invites:
            tries += 1
            out = endpoint.receive(answer_to(invites[0], 491), PHONE, now)
            if tries == MAX_TRIES - 1:
                assert endpoint.reoffer(leg, SDP, now) == []
        else:
            now = endpoint.next_deadline()
            out = endpoint.on_time(now)
    assert tries == 2 * MAX_TRIES  # five of the first, then as many as an offer has
