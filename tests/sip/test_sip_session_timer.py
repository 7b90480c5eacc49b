"""Session timers (RFC 4028), both sides of both kinds of legs."""

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

from acd.sip.endpoint import InviteTarget
from acd.sip.events import LegAnswered, LegEndCause, LegEnded, LegFailed, ReofferAnswered

TARGET = InviteTarget(uri="sip:agent@192.0.2.10:5062", peer=PHONE, caller="138")
KNOWS = "Supported: 100rel, Timer"
TAKES_UPDATE = "Allow: INVITE, ACK, BYE, UPDATE"
EXPIRED = LegEndCause.SESSION_EXPIRED


def answered(endpoint, *headers: str):
    """Return our leg, our tag and our 200 of a call that came with these headers."""
    (event,) = events(endpoint.receive(request("INVITE", *headers, body=SDP), PHONE, 0.0))
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 0.0))
    tag = ok.to.tag.decode()
    endpoint.receive(request("ACK", branch="z9hG4bKa", to_tag=tag), PHONE, 0.0)
    return event.leg, tag, ok


def placed(endpoint, *headers: str):
    """Return our INVITE of a call that was answered with these headers."""
    (invite,) = sent(endpoint.invite("out", TARGET, SDP, 0.0))
    out = endpoint.receive(answer_to(invite, 200, *headers, body=SDP), PHONE, 0.0)
    assert events(out) == [LegAnswered("out", SDP)]
    return invite


def fire(endpoint, at: float):
    """Fire what is due at exactly this time, and expect nothing before."""
    assert endpoint._core.deadlines.next() == pytest.approx(at)
    return endpoint.on_time(endpoint._core.deadlines.next())


def within(method: str, tag: str, cseq: int, *headers: str, **more) -> bytes:
    branch = f"z9hG4bK{method}{cseq}"
    return request(method, *headers, branch=branch, to_tag=tag, cseq=cseq, **more)


# Section 9: the UAS.


@pytest.mark.parametrize(
    ("asked", "ours_s", "agreed"),
    [
        # Table 2, row by row; without a wish of ours and with one.
        ((), 0, (b"", b"")),
        ((KNOWS,), 0, (b"", b"")),
        ((KNOWS, "Session-Expires: 600"), 0, (b"600;refresher=uac", b"timer")),
        ((KNOWS, "x: 600 ; refresher=UAC"), 0, (b"600;refresher=uac", b"timer")),
        ((KNOWS, "Session-Expires: 600;refresher=uas"), 0, (b"600;refresher=uas", b"")),
        (("Session-Expires: 600",), 0, (b"600;refresher=uas", b"")),
        (("Require: timer", "Session-Expires: 600"), 0, (b"600;refresher=uac", b"timer")),
        ((), 1800, (b"1800;refresher=uas", b"")),
        ((KNOWS,), 1800, (b"1800;refresher=uac", b"timer")),
        ((KNOWS, "Session-Expires: 600"), 1800, (b"600;refresher=uac", b"timer")),
        ((KNOWS, "Session-Expires: 9000"), 1800, (b"1800;refresher=uac", b"timer")),
        (
            (KNOWS, "Session-Expires: 9000", "Min-SE: 5000"),
            1800,
            (b"5000;refresher=uac", b"timer"),
        ),
        ((KNOWS, "Min-SE: 5000"), 1800, (b"5000;refresher=uac", b"timer")),
        ((KNOWS, "Session-Expires: 600", "Min-SE: 5000"), 1800, (b"600;refresher=uac", b"timer")),
    ],
)
def test_what_a_uas_agrees_to(asked, ours_s: int, agreed) -> None:
    _, _, ok = answered(make_endpoint(session_expires_s=ours_s), *asked)
    assert (ok.get(b"session-expires"), ok.get(b"require")) == agreed


@pytest.mark.parametrize("known", [(KNOWS,), ()])
def test_too_small_an_interval_is_422(known) -> None:
    endpoint = make_endpoint(min_se_s=120)
    invite = request("INVITE", "Session-Expires: 119", *known, body=SDP)
    (refusal,) = parsed(endpoint.receive(invite, PHONE, 0.0))
    assert (refusal.status, refusal.get(b"min-se")) == (422, b"120")
    assert_empty(endpoint)


@pytest.mark.parametrize("value", ["x", "99999999999", "1800;=x", ""])
def test_a_broken_interval_is_400(value: str) -> None:
    endpoint = make_endpoint()
    invite = request("INVITE", f"Session-Expires: {value}", body=SDP)
    assert statuses(endpoint.receive(invite, PHONE, 0.0)) == [400]
    assert_empty(endpoint)


def test_the_timer_extension_may_be_required() -> None:
    """RFC 3261 8.2.2.3: 420 names what is not supported, and only that."""
    endpoint = make_endpoint()
    (refusal,) = parsed(endpoint.receive(request("INVITE", "Require: timer, foo"), PHONE, 0.0))
    assert (refusal.status, refusal.get(b"unsupported")) == (420, b"foo")
    leg, _, ok = answered(endpoint, "Require: Timer", "Session-Expires: 100;refresher=uas")
    assert ok.get(b"session-expires") == b"100;refresher=uas"
    assert leg


# Section 10: refreshes, and the end without one.


def test_the_other_side_refreshes_or_the_call_ends() -> None:
    endpoint = make_endpoint()
    leg, tag, _ = answered(endpoint, KNOWS, "Session-Expires: 600")
    # The smaller of 32 s and a third before the end.
    update = within("UPDATE", tag, 2, KNOWS, "Session-Expires: 600;refresher=uac")
    (ok,) = parsed(endpoint.receive(update, PHONE, 300.0))
    assert (ok.status, ok.get(b"session-expires")) == (200, b"600;refresher=uac")
    out = fire(endpoint, 868.0)
    assert events(out) == [LegEnded(leg, EXPIRED, "Session expired")]
    (bye,) = parsed(out)
    assert (bye.method, bye.get(b"reason")) == (b"BYE", b'SIP;cause=408;text="Session expired"')
    endpoint.receive(answer_to(sent(out)[0], 200), PHONE, 868.1)
    run_out(endpoint)
    assert_empty(endpoint)


def test_a_third_before_the_end_of_a_short_session() -> None:
    endpoint = make_endpoint(min_se_s=3)
    leg, _, _ = answered(endpoint, KNOWS, "Session-Expires: 30")
    assert events(fire(endpoint, 20.0)) == [LegEnded(leg, EXPIRED, "Session expired")]


def test_a_reinvite_refreshes_when_it_is_taken() -> None:
    endpoint = make_endpoint()
    leg, tag, _ = answered(endpoint, KNOWS, "Session-Expires: 600")
    reinvite = within("INVITE", tag, 2, KNOWS, "Session-Expires: 600;refresher=uac", body=SDP)
    endpoint.receive(reinvite, PHONE, 300.0)
    (refusal,) = parsed(endpoint.refuse_offer(leg, 488, 300.0))
    assert refusal.get(b"session-expires") == b""
    endpoint.receive(within("ACK", tag, 2), PHONE, 300.0)
    again = within("INVITE", tag, 3, KNOWS, "Session-Expires: 600;refresher=uac", body=SDP)
    endpoint.receive(again, PHONE, 400.0)
    (ok,) = parsed(endpoint.accept_offer(leg, SDP, 400.0))
    assert ok.get(b"session-expires") == b"600;refresher=uac"
    endpoint.receive(within("ACK", tag, 3), PHONE, 400.0)
    run_out(endpoint, 900.0)
    assert events(fire(endpoint, 968.0)) == [LegEnded(leg, EXPIRED, "Session expired")]


def test_a_refresh_that_asks_too_often_or_ends_the_timer() -> None:
    endpoint = make_endpoint()
    _, tag, _ = answered(endpoint, KNOWS, "Session-Expires: 600")
    brief = within("UPDATE", tag, 2, KNOWS, "Session-Expires: 10")
    (refusal,) = parsed(endpoint.receive(brief, PHONE, 1.0))
    assert (refusal.status, refusal.get(b"min-se")) == (422, b"90")
    assert endpoint._core.deadlines.next() == 568.0
    (ok,) = parsed(endpoint.receive(within("UPDATE", tag, 3), PHONE, 2.0))
    assert (ok.status, ok.get(b"session-expires")) == (200, b"")
    assert endpoint._core.deadlines.next() == float("inf")


@pytest.mark.parametrize("takes_update", [True, False])
def test_we_refresh_after_half_the_interval(takes_update: bool) -> None:
    """Section 7.4: by UPDATE without offer, else by INVITE with the description that stands."""
    endpoint = make_endpoint()
    allow = (TAKES_UPDATE,) if takes_update else ()
    leg, _, _ = answered(endpoint, KNOWS, "Session-Expires: 600;refresher=uas", *allow)
    out = fire(endpoint, 300.0)
    (refresh,) = parsed(out)
    assert refresh.method == (b"UPDATE" if takes_update else b"INVITE")
    assert refresh.body == (b"" if takes_update else SDP)
    assert refresh.get(b"session-expires") == b"600;refresher=uac"
    assert refresh.get(b"supported") == b"timer"
    ok = answer_to(sent(out)[0], 200, "Session-Expires: 400;refresher=uac", "Require: timer")
    out = endpoint.receive(ok, PHONE, 301.0)
    assert methods(out) == ([] if takes_update else [b"ACK"])
    assert events(out) == []
    out = fire(endpoint, 501.0)
    # The role may be handed over in the answer to a refresh.
    ok = answer_to(sent(out)[0], 200, "Session-Expires: 400;refresher=uas")
    endpoint.receive(ok, PHONE, 502.0)
    assert events(fire(endpoint, 870.0)) == [LegEnded(leg, EXPIRED, "Session expired")]


@pytest.mark.parametrize(("body", "told"), [(SDP + b"a=sendonly\r\n", True), (b"", False)])
def test_the_answer_to_a_refresh_that_offers_is_an_answer(body: bytes, told: bool) -> None:
    """7.4 leaves offer and answer as they are: it may come with another address, or on hold."""
    endpoint = make_endpoint()
    leg, _, _ = answered(endpoint, KNOWS, "Session-Expires: 600;refresher=uas")
    (invite,) = sent(endpoint.on_time(300.1))
    ok = answer_to(invite, 200, "Session-Expires: 600;refresher=uac", body=body)
    out = endpoint.receive(ok, PHONE, 300.2)
    assert methods(out) == [b"ACK"]
    assert events(out) == ([ReofferAnswered(leg, body)] if told else [])


def test_a_refused_refresh_is_tried_again_until_the_session_expires() -> None:
    endpoint = make_endpoint()
    leg, _, _ = answered(endpoint, KNOWS, "Session-Expires: 600;refresher=uas", TAKES_UPDATE)
    tries, ended = 0, []
    while not ended:
        at = endpoint._core.deadlines.next()
        assert at <= 568.0
        out = endpoint.on_time(at)
        ended = events(out)
        for data in sent(out):
            tries += 1
            endpoint.receive(answer_to(data, 500), PHONE, at)
    assert ended == [LegEnded(leg, EXPIRED, "Session expired")]
    assert 5 < tries < 15


@pytest.mark.parametrize("status", [488, 500, 503, 603])
def test_a_phone_that_knows_no_timers_may_refuse_our_refreshes(status: int) -> None:
    """Its refusal is a sign of life, and there is no session interval that it had agreed to."""
    endpoint = make_endpoint(session_expires_s=600)
    leg, _, _ = answered(endpoint)
    for _ in range(20):
        at = endpoint._core.deadlines.next()
        (invite,) = sent(endpoint.on_time(at))
        assert methods(endpoint.receive(answer_to(invite, status), PHONE, at)) == [b"ACK"]
    assert at == 20 * 300.0
    assert methods(endpoint.hang_up(leg, at)) == [b"BYE"]


@pytest.mark.parametrize("status", [408, 481, None])
def test_a_peer_that_knows_nothing_of_the_call(status: int | None) -> None:
    """RFC 3261 12.2.1.2."""
    endpoint = make_endpoint()
    leg, _, _ = answered(endpoint, "Session-Expires: 600", TAKES_UPDATE)
    out = fire(endpoint, 300.0)
    if status is None:
        out = [item for _, item in run_out(endpoint, 332.0)]
    else:
        out = endpoint.receive(answer_to(sent(out)[0], status), PHONE, 300.1)
    if status == 481:
        assert events(out) == []  # its BYE may be on the way
        out = [item for _, item in run_out(endpoint, 302.1)]
    (end,) = events(out)
    assert (end.leg, end.cause) == (leg, LegEndCause.PEER_GONE)
    assert methods(out)[-1] == b"BYE"
    run_out(endpoint)
    assert_empty(endpoint)


@pytest.mark.parametrize("status", [405, 501])
def test_update_that_is_not_served_after_all(status: int) -> None:
    endpoint = make_endpoint()
    answered(endpoint, "Session-Expires: 600", TAKES_UPDATE)
    out = fire(endpoint, 300.0)
    out = endpoint.receive(answer_to(sent(out)[0], status), PHONE, 300.1)
    assert methods(out) == [b"INVITE"]


def test_a_refresh_waits_for_the_other_sides_offer() -> None:
    endpoint = make_endpoint()
    leg, tag, _ = answered(endpoint, "Session-Expires: 600")
    endpoint.receive(within("INVITE", tag, 2, body=SDP), PHONE, 299.0)
    assert methods(endpoint.on_time(300.0)) == []
    endpoint.refuse_offer(leg, 488, 301.0)
    out = [item for _, item in run_out(endpoint, 301.0)]
    assert methods(out) == []  # sent at once, within `refuse_offer`
    assert endpoint.transactions == 2


def test_a_422_to_our_refresh_lengthens_the_interval() -> None:
    endpoint = make_endpoint()
    answered(endpoint, "Session-Expires: 600", TAKES_UPDATE)
    out = fire(endpoint, 300.0)
    out = endpoint.receive(answer_to(sent(out)[0], 422, "Min-SE: 900"), PHONE, 300.1)
    (again,) = parsed(out)
    assert again.get(b"session-expires") == b"900;refresher=uac"
    assert again.get(b"min-se") == b"900"
    out = endpoint.receive(answer_to(sent(out)[0], 422, "Min-SE: 900"), PHONE, 300.2)
    assert methods(out) == []


# Section 7: the UAC.


def test_our_invite_asks_only_when_told_to() -> None:
    (invite,) = parsed(make_endpoint().invite("out", TARGET, SDP, 0.0))
    assert b"supported" not in invite.headers
    assert b"session-expires" not in invite.headers
    endpoint = make_endpoint(session_expires_s=1800, min_se_s=120)
    (invite,) = parsed(endpoint.invite("out", TARGET, SDP, 0.0))
    assert invite.get(b"supported") == b"timer"
    assert invite.get(b"session-expires") == b"1800"
    assert invite.get(b"min-se") == b"120"


@pytest.mark.parametrize(
    ("answer", "ours_s", "refresh_at", "end_at"),
    [
        ((), 0, None, None),
        # 7.2: the other side knows no timers; we refresh for our own benefit.
        ((), 600, 300.0, 568.0),
        (("Session-Expires: 400;refresher=uac", "Require: timer"), 600, 200.0, 368.0),
        (("Session-Expires: 400;refresher=uas",), 600, None, 368.0),
        (("Session-Expires: 400;refresher=uas",), 0, None, 368.0),
        # Without the parameter nobody would do it: who asked for the timer does.
        (("Session-Expires: 400",), 600, 200.0, 368.0),
        (("Session-Expires: 1;refresher=uac",), 600, 45.0, 60.0),
        (("Session-Expires: bad",), 600, 300.0, 568.0),
        (("Session-Expires: bad",), 0, None, None),
    ],
)
def test_what_the_2xx_to_our_invite_sets_up(answer, ours_s, refresh_at, end_at) -> None:
    endpoint = make_endpoint(session_expires_s=ours_s)
    placed(endpoint, *answer)
    if refresh_at is not None:
        assert methods(fire(endpoint, refresh_at)) == [b"INVITE"]
    elif end_at is not None:
        assert events(fire(endpoint, end_at)) == [LegEnded("out", EXPIRED, "Session expired")]
    else:
        assert endpoint._core.deadlines.next() == float("inf")


def test_a_422_to_our_invite_is_followed_once() -> None:
    """7.3."""
    endpoint = make_endpoint(session_expires_s=100)
    (invite,) = sent(endpoint.invite("out", TARGET, SDP, 0.0))
    out = endpoint.receive(answer_to(invite, 422, "Min-SE: 300"), PHONE, 0.1)
    assert methods(out) == [b"ACK", b"INVITE"]
    again = parsed(out)[1]
    assert (again.get(b"session-expires"), again.get(b"min-se")) == (b"300", b"300")
    assert (again.cseq.number, again.get(b"call-id")) == (2, b"out")
    out = endpoint.receive(answer_to(sent(out)[1], 422, "Min-SE: 900"), PHONE, 0.2)
    assert methods(out) == [b"ACK"]
    assert events(out) == [LegFailed("out", 422, "Whatever")]


@pytest.mark.parametrize("header", ["Min-SE: x", "Min-SE: 90", "Warning: none"])
def test_a_422_that_does_not_help_is_a_failure(header: str) -> None:
    endpoint = make_endpoint(session_expires_s=100)
    (invite,) = sent(endpoint.invite("out", TARGET, SDP, 0.0))
    out = endpoint.receive(answer_to(invite, 422, header), PHONE, 0.1)
    assert events(out) == [LegFailed("out", 422, "Whatever")]


def test_a_call_without_timer_has_no_session_object() -> None:
    """A plain call pays nothing for what it does not use."""
    endpoint = make_endpoint()
    leg, _, _ = answered(endpoint, TAKES_UPDATE, KNOWS)
    assert endpoint._table.legs[leg].session is None
    placed(endpoint, TAKES_UPDATE)
    assert endpoint._table.legs["out"].session is None


def test_timers_of_calls_that_are_over_keep_nothing() -> None:
    """Most calls end long before their timer: neither leg nor entry waits for it."""
    endpoint = make_endpoint(session_expires_s=1800)
    for number in range(20):
        name = f"out{number}"
        (invite,) = sent(endpoint.invite(name, TARGET, SDP, float(number)))
        endpoint.receive(answer_to(invite, 200, body=SDP), PHONE, float(number))
    clock = endpoint._core.session_clock
    assert (len(clock), clock.deadline) == (20, 900.0)
    for number in range(20):
        (bye,) = sent(endpoint.hang_up(f"out{number}", 30.0))
        endpoint.receive(answer_to(bye, 200), PHONE, 30.0)
    assert (len(clock), clock.deadline) == (0, float("inf"))
    run_out(endpoint)
    assert_empty(endpoint)
    assert endpoint._core.deadlines._heap == []


def test_many_sessions_due_in_one_tick() -> None:
    endpoint = make_endpoint(session_expires_s=1800)
    for number in range(20):
        (invite,) = sent(endpoint.invite(f"out{number}", TARGET, SDP, number / 1000))
        endpoint.receive(answer_to(invite, 200, body=SDP), PHONE, number / 1000)
    endpoint.hang_up("out7", 1.0)
    run_out(endpoint, 900.1)
    assert methods(endpoint.on_time(900.125)) == [b"INVITE"] * 18  # one was due at 900.0 exactly
    ended = [item for _, item in run_out(endpoint) if isinstance(item, LegEnded)]
    assert len(ended) == 19
    assert_empty(endpoint)


def test_a_422_that_wants_more_each_time_is_not_followed_for_ever() -> None:
    endpoint = make_endpoint()
    answered(endpoint, "Session-Expires: 600", TAKES_UPDATE)
    out, asked = fire(endpoint, 300.0), 0
    while sent(out):
        asked += 1
        least_s = f"Min-SE: {1000 * asked}"
        out = endpoint.receive(answer_to(sent(out)[0], 422, least_s), PHONE, 300.1)
    assert asked == 3
