"""Reliable provisional answers, PRACK both ways (RFC 3262); UPDATE before the answer (3311)."""

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

from acd.sip.early import MAX_BRANCHES
from acd.sip.endpoint import InviteTarget
from acd.sip.events import (
    EarlyAnswered,
    LegAnswered,
    LegCancelled,
    LegConfirmed,
    LegEndCause,
    LegEnded,
    LegFailed,
    LegReoffered,
    LegRinging,
    ReofferAnswered,
)
from acd.sip.message import read

TARGET = InviteTarget(uri="sip:agent@192.0.2.10:5062", peer=PHONE, caller="138")
ANSWER, OFFER, OTHER = b"v=0\r\ns=a\r\n", b"v=0\r\ns=o\r\n", b"v=0\r\ns=x\r\n"
REQUIRED = "Require: 100rel"
KNOWN = "Supported: 100rel"


class Caller:
    """A phone that calls and acknowledges provisional answers."""

    def __init__(self, *headers: str, body: bytes = SDP, **settings) -> None:
        self.endpoint = make_endpoint(**settings)
        out = self.endpoint.receive(request("INVITE", *headers, body=body), PHONE, 0.0)
        (event,) = events(out)
        self.leg, self.cseq, self.tag = event.leg, 1, ""

    def ring(self, now: float = 0.0, sdp: bytes = b"", status: int = 180):
        """Return the provisional answers that go out."""
        answers = parsed(self.endpoint.ring(self.leg, now, sdp, status))
        if answers:
            self.tag = answers[0].to.tag.decode()
        return answers

    def within(self, method: str, now: float, *headers: str, **more):
        """Send a request within the dialog."""
        self.cseq += 1
        branch = f"z9hG4bK{method}{self.cseq}"
        data = request(method, *headers, branch=branch, to_tag=self.tag, cseq=self.cseq, **more)
        return self.endpoint.receive(data, PHONE, now)

    def prack(self, rseq: int, now: float = 0.1, *, cseq: int = 1, **more):
        return self.within("PRACK", now, f"RAck: {rseq} {cseq} INVITE", **more)

    def ack(self, now: float, body: bytes = b""):
        data = request("ACK", branch="z9hG4bKa", to_tag=self.tag, body=body)
        return self.endpoint.receive(data, PHONE, now)


def rseq_of(response) -> int:
    return int(response.get(b"rseq"))


# Section 3: the UAS.


@pytest.mark.parametrize(
    ("headers", "preferred", "reliable"),
    [
        ((REQUIRED,), False, True),
        (("Require: 100REL",), False, True),
        ((KNOWN,), False, False),
        ((KNOWN,), True, True),
        ((), True, False),
        (("Require: timer",), False, False),
    ],
)
def test_who_gets_reliable_answers(headers, preferred: bool, reliable: bool) -> None:
    caller = Caller(*headers, prefer_100rel=preferred)
    (ringing,) = caller.ring()
    assert (ringing.get(b"require") == b"100rel") == reliable
    assert (b"rseq" in ringing.headers) == reliable
    if reliable:
        assert 1 <= rseq_of(ringing) < 2**31


def test_a_provisional_answer_is_repeated_until_its_prack() -> None:
    caller = Caller(REQUIRED)
    (ringing,) = caller.ring(0.0)
    fired = run_out(caller.endpoint, 10.0)
    # "an interval that starts at T1 seconds and doubles for each retransmission"
    assert [at for at, _ in fired] == [0.5, 1.5, 3.5, 7.5]
    assert {item.data for _, item in fired} == {
        sent(caller.endpoint.receive(request("INVITE", REQUIRED, body=SDP), PHONE, 10.0))[0]
    }
    assert statuses(caller.prack(rseq_of(ringing), 10.1)) == [200]
    assert run_out(caller.endpoint, 50.0) == []
    # A PRACK for what is acknowledged already is a stranger's.
    assert statuses(caller.prack(rseq_of(ringing), 50.0)) == [481]
    (again,) = [read(item.data) for at, item in run_out(caller.endpoint, 60.0)]
    assert (again.status, rseq_of(again)) == (180, rseq_of(ringing) + 1)


def test_without_prack_the_call_is_refused() -> None:
    caller = Caller(REQUIRED)
    caller.ring(0.0)
    out = [item for _, item in run_out(caller.endpoint, 32.0)]
    assert statuses(out)[-1] == 504
    (end,) = events(out)
    assert (end.leg, end.cause) == (caller.leg, LegEndCause.PEER_GONE)
    run_out(caller.endpoint)
    assert_empty(caller.endpoint)


@pytest.mark.parametrize(
    ("rack", "status"),
    [
        ("{n} 1 INVITE", 200),
        ("{other} 1 INVITE", 481),
        ("{n} 2 INVITE", 481),
        ("{n} 1 UPDATE", 481),
        ("{n} 1", 400),
        ("x y INVITE", 400),
    ],
)
def test_what_a_prack_acknowledges(rack: str, status: int) -> None:
    caller = Caller(REQUIRED)
    number = rseq_of(caller.ring()[0])
    header = "RAck: " + rack.format(n=number, other=number + 1)
    assert statuses(caller.within("PRACK", 0.1, header)) == [status]
    assert statuses(caller.within("PRACK", 0.2)) == [400]


def test_a_prack_where_nothing_is_reliable() -> None:
    caller = Caller()
    caller.ring()
    assert statuses(caller.prack(1)) == [481]


def test_the_next_provisional_answer_waits_for_the_prack() -> None:
    """Section 3: "MUST NOT send a second […] until the first is acknowledged"."""
    caller = Caller(REQUIRED)
    (first,) = caller.ring(0.0, status=180)
    assert caller.ring(0.1, status=181) == []
    assert caller.ring(0.2, status=183) == []
    out = caller.prack(rseq_of(first), 0.3)
    assert statuses(out) == [200, 183]
    assert rseq_of(parsed(out)[1]) == rseq_of(first) + 1


def test_an_answer_without_description_does_not_wait() -> None:
    caller = Caller(REQUIRED)
    (first,) = caller.ring(0.0)
    (ok,) = parsed(caller.endpoint.answer(caller.leg, ANSWER, 0.1))
    assert (ok.status, ok.body) == (200, ANSWER)
    # "it MUST be prepared to process PRACK requests for those outstanding responses"
    assert statuses(caller.prack(rseq_of(first), 0.2)) == [200]
    assert events(caller.ack(0.3)) == [LegConfirmed(caller.leg, b"")]
    assert run_out(caller.endpoint, 20.0) == []


def test_a_described_answer_comes_before_the_200() -> None:
    caller = Caller(REQUIRED)
    (progress,) = caller.ring(0.0, ANSWER, 183)
    assert progress.body == ANSWER
    assert b"UPDATE" in progress.get(b"allow")
    assert caller.endpoint.answer(caller.leg, OTHER, 0.1) == []
    out = caller.prack(rseq_of(progress), 0.2)
    assert statuses(out) == [200, 200]
    ok = parsed(out)[1]
    # RFC 3261 13.2.1: the answer has been given, there is no other.
    assert (ok.cseq.method, ok.body) == (b"INVITE", b"")
    assert events(caller.ack(0.3)) == [LegConfirmed(caller.leg, b"")]


def test_the_200_does_not_wait_for_a_second_undescribed_answer() -> None:
    caller = Caller(REQUIRED)
    (progress,) = caller.ring(0.0, ANSWER, 183)
    caller.prack(rseq_of(progress), 0.1)
    (ringing,) = caller.ring(0.2, OTHER, 180)
    assert ringing.body == b""
    (ok,) = parsed(caller.endpoint.answer(caller.leg, ANSWER, 0.3))
    assert (ok.status, ok.body) == (200, b"")


def test_a_late_offer_in_the_first_reliable_answer() -> None:
    """RFC 3262 5, RFC 3261 13.2.1: the answer to our offer comes in the PRACK."""
    caller = Caller(REQUIRED, body=b"")
    assert caller.ring(0.0) == []  # there is nothing to say without a description
    (ringing,) = caller.ring(0.1, OFFER)
    assert ringing.body == OFFER
    assert caller.endpoint.answer(caller.leg, OFFER, 0.2) == []
    out = caller.prack(rseq_of(ringing), 0.3, body=ANSWER)
    assert events(out) == [EarlyAnswered(caller.leg, ANSWER)]
    assert statuses(out) == [200, 200]
    assert parsed(out)[1].body == b""
    assert events(caller.ack(0.4)) == [LegConfirmed(caller.leg, b"")]


def test_a_late_offer_does_not_stand_in_an_unreliable_answer() -> None:
    caller = Caller(body=b"")
    (ringing,) = caller.ring(0.0, OFFER)
    assert ringing.body == b""


def test_an_offer_in_the_prack_is_answered_in_its_200() -> None:
    """RFC 3262 5; the 200 to the INVITE waits for that."""
    caller = Caller(REQUIRED)
    (progress,) = caller.ring(0.0, ANSWER, 183)
    out = caller.prack(rseq_of(progress), 0.1, body=OTHER)
    assert (statuses(out), events(out)) == ([], [LegReoffered(caller.leg, OTHER)])
    assert caller.endpoint.answer(caller.leg, ANSWER, 0.2) == []
    out = parsed(caller.endpoint.accept_offer(caller.leg, OFFER, 0.3))
    assert [(answer.cseq.method, answer.status, answer.body) for answer in out] == [
        (b"PRACK", 200, OFFER),
        (b"INVITE", 200, b""),
    ]
    assert b"session-expires" not in out[0].headers


def test_an_offer_in_a_prack_while_the_invites_own_is_open() -> None:
    caller = Caller(REQUIRED)
    (ringing,) = caller.ring(0.0)
    assert statuses(caller.prack(rseq_of(ringing), 0.1, body=OTHER)) == [491]


@pytest.mark.parametrize("end", ["cancel", "reject", "hang_up", "bye"])
def test_the_end_before_the_prack_leaves_nothing(end: str) -> None:
    caller = Caller(REQUIRED)
    (progress,) = caller.ring(0.0, ANSWER, 183)
    caller.prack(rseq_of(progress), 0.1, body=OTHER)  # its offer is not answered either
    endpoint = caller.endpoint
    endpoint.answer(caller.leg, ANSWER, 0.2)
    if end == "cancel":
        out = endpoint.receive(request("CANCEL", branch="z9hG4bKone"), PHONE, 0.3)
        assert events(out) == [LegCancelled(caller.leg)]
    elif end == "bye":
        out = caller.within("BYE", 0.3)
        assert events(out) == [LegCancelled(caller.leg)]
    elif end == "reject":
        out = endpoint.reject(caller.leg, 486, 0.3)
    else:
        out = endpoint.hang_up(caller.leg, 0.3)
    assert 487 in statuses(out)  # the PRACK's offer
    endpoint.receive(request("ACK", to_tag=caller.tag), PHONE, 0.4)
    run_out(endpoint)
    assert_empty(endpoint)


# UPDATE before the answer, to a caller (RFC 3311 section 5).


def test_update_before_the_answer() -> None:
    caller = Caller(REQUIRED, "Allow: UPDATE")
    (progress,) = caller.ring(0.0, ANSWER, 183)
    refusal = parsed(caller.within("UPDATE", 0.1, body=OTHER))[0]
    assert refusal.status == 500
    assert b"retry-after" in refusal.headers
    assert statuses(caller.within("UPDATE", 0.1)) == [200]  # without an offer it may come always
    caller.prack(rseq_of(progress), 0.2)
    out = caller.within("UPDATE", 0.3, body=OTHER)
    assert events(out) == [LegReoffered(caller.leg, OTHER)]
    (ok,) = parsed(caller.endpoint.accept_offer(caller.leg, OFFER, 0.4))
    assert (ok.status, ok.cseq.method, ok.body) == (200, b"UPDATE", OFFER)
    (ok,) = parsed(caller.endpoint.answer(caller.leg, ANSWER, 0.5))
    # The ACK has the INVITE's number, whatever came since.
    assert events(caller.ack(0.6)) == [LegConfirmed(caller.leg, b"")]
    assert run_out(caller.endpoint, 30.0) == []


def test_update_before_the_answer_where_nothing_is_reliable() -> None:
    caller = Caller("Allow: UPDATE")
    caller.ring(0.0, ANSWER, 183)
    assert statuses(caller.within("UPDATE", 0.1, body=OTHER)) == [500]
    assert statuses(caller.within("INVITE", 0.2, body=OTHER)) == [500]


def test_our_update_before_the_answer() -> None:
    caller = Caller(REQUIRED, "Allow: UPDATE", session_expires_s=600)
    (progress,) = caller.ring(0.0, ANSWER, 183)
    assert caller.endpoint.reoffer(caller.leg, OFFER, 0.1) == []
    out = caller.prack(rseq_of(progress), 0.2)
    (update,) = [item for item in parsed(out) if not hasattr(item, "status")]
    assert (update.method, update.body) == (b"UPDATE", OFFER)
    assert b"session-expires" not in update.headers
    assert statuses(caller.within("UPDATE", 0.3, body=OTHER)) == [491]
    out = caller.endpoint.receive(answer_to(sent(out)[1], 200, body=OTHER), PHONE, 0.4)
    assert events(out) == [ReofferAnswered(caller.leg, OTHER)]
    # RFC 4028 has timers of sessions, and there is none before the answer.
    assert len(caller.endpoint._core.session_clock) == 0
    (again,) = [item for at, item in run_out(caller.endpoint, 60.1)]
    assert read(again.data).status == 180 or read(again.data).status == 183


def test_a_caller_who_has_forgotten_the_early_dialog_is_refused() -> None:
    """RFC 3261 15: no BYE from this side before the answer; and the INVITE gets its own."""
    caller = Caller(REQUIRED, "Allow: UPDATE")
    (progress,) = caller.ring(0.0, ANSWER, 183)
    caller.prack(rseq_of(progress), 0.1)
    (update,) = sent(caller.endpoint.reoffer(caller.leg, OFFER, 0.2))
    caller.endpoint.receive(answer_to(update, 481, tag=""), PHONE, 0.3)
    fired = [item for _, item in run_out(caller.endpoint)]
    assert methods(fired) == []
    assert set(statuses(fired)) == {480}
    assert [event.cause for event in events(fired)] == [LegEndCause.PEER_GONE]
    assert_empty(caller.endpoint)


# Section 4: the UAC.


class Called:
    """A phone that we call, with what it is to say."""

    def __init__(self, **settings) -> None:
        self.endpoint = make_endpoint(offer_100rel=True, **settings)
        (self.invite,) = sent(self.endpoint.invite("out", TARGET, SDP, 0.0))
        self.cseq = 0

    def says(self, status: int, now: float, rseq: int = 0, *, tag: str = "peer", body=b""):
        headers = ("Require: 100rel", f"RSeq: {rseq}") if rseq else ()
        data = answer_to(self.invite, status, *headers, tag=tag, body=body)
        return self.endpoint.receive(data, PHONE, now)

    def asks(self, method: str, now: float, *, tag: str = "peer", body: bytes = b""):
        """Send a request within the dialog."""
        self.cseq += 1
        data = request(
            method,
            branch=f"z9hG4bK{method}{self.cseq}",
            from_tag=tag,
            to_tag=read(self.invite).from_.tag.decode(),
            call_id="out",
            cseq=self.cseq,
            body=body,
        )
        return self.endpoint.receive(data, PHONE, now)


def test_the_invite_says_what_it_supports() -> None:
    (invite,) = parsed(make_endpoint().invite("out", TARGET, SDP, 0.0))
    assert b"supported" not in invite.headers
    assert read(Called().invite).get(b"supported") == b"100rel"
    both = read(Called(session_expires_s=600).invite)
    assert both.all(b"supported") == [b"100rel", b"timer"]


def test_reliable_answers_are_acknowledged_once_each_in_their_order() -> None:
    called = Called()
    out = called.says(180, 0.1, 5)
    assert events(out) == [LegRinging("out", 180, b"")]
    (prack,) = parsed(out)
    assert (prack.method, prack.get(b"rack"), prack.cseq.number) == (b"PRACK", b"5 1 INVITE", 2)
    assert prack.uri == b"sip:agent@192.0.2.10:5062"
    assert called.says(180, 0.2, 5) == []  # a repetition: the PRACK repeats itself
    assert methods(called.endpoint.on_time(0.6)) == [b"PRACK"]
    called.endpoint.receive(answer_to(sent(out)[0], 200), PHONE, 0.7)
    assert called.says(183, 0.8, 7) == []  # 6 is missing
    assert methods(called.says(181, 0.9, 6)) == [b"PRACK"]
    assert parsed(called.says(183, 1.0, 7))[0].cseq.number == 4
    out = called.says(200, 1.1, body=ANSWER)
    assert events(out) == [LegAnswered("out", ANSWER)]
    (ack,) = parsed(out)
    assert (ack.method, ack.cseq.number) == (b"ACK", 1)
    assert parsed(called.endpoint.hang_up("out", 2.0))[0].cseq.number == 5


def test_an_unreliable_answer_gets_no_prack() -> None:
    called = Called()
    assert called.says(180, 0.1) == [LegRinging("out", 180, b"")]
    data = answer_to(called.invite, 183, "RSeq: 4", "Require: foo")
    assert called.endpoint.receive(data, PHONE, 0.2) == [LegRinging("out", 183, b"")]


@pytest.mark.parametrize("header", ["RSeq: x", "RSeq: 99999999999"])
def test_a_broken_rseq_is_dropped(header: str) -> None:
    called = Called()
    data = answer_to(called.invite, 183, header, "Require: 100rel")
    assert called.endpoint.receive(data, PHONE, 0.2) == []


def test_the_description_of_a_reliable_answer_is_the_answer() -> None:
    """RFC 3261 13.2.1: the first one counts."""
    called = Called()
    out = called.says(183, 0.1, 1, body=ANSWER)
    assert events(out) == [LegRinging("out", 183, ANSWER)]
    assert events(called.says(200, 0.2, body=OTHER)) == [LegAnswered("out", ANSWER)]
    called = Called()
    called.says(183, 0.1, 1, body=ANSWER)
    assert events(called.says(200, 0.2)) == [LegAnswered("out", ANSWER)]


def test_branches_of_a_fork_are_acknowledged_each_for_itself() -> None:
    called = Called()
    one = parsed(called.says(180, 0.1, 5, tag="one"))[0]
    two = parsed(called.says(183, 0.2, 9, tag="two", body=OTHER))[0]
    assert (one.to.tag, one.get(b"rack"), one.cseq.number) == (b"one", b"5 1 INVITE", 2)
    assert (two.to.tag, two.get(b"rack"), two.cseq.number) == (b"two", b"9 1 INVITE", 2)
    out = called.says(200, 0.3, tag="one", body=ANSWER)
    assert events(out) == [LegAnswered("out", ANSWER)]
    assert parsed(called.endpoint.hang_up("out", 0.4))[0].cseq.number == 3


def test_a_second_branch_that_answers_is_hung_up_with_a_number_of_its_own() -> None:
    called = Called()
    called.says(180, 0.1, 5, tag="one")
    called.says(180, 0.2, 9, tag="two")
    called.says(200, 0.3, tag="one", body=ANSWER)
    out = called.says(200, 0.4, tag="two", body=OTHER)
    ack, bye = parsed(out)
    assert (ack.method, ack.cseq.number, ack.to.tag) == (b"ACK", 1, b"two")
    assert (bye.method, bye.to.tag) == (b"BYE", b"two")
    assert bye.cseq.number > 2  # the PRACK's


def test_updates_of_the_other_side_before_its_answer() -> None:
    called = Called()
    assert statuses(called.asks("UPDATE", 0.1)) == [481]  # no dialog yet
    called.says(180, 0.2, 1)
    assert statuses(called.asks("UPDATE", 0.3)) == [200]
    assert statuses(called.asks("UPDATE", 0.4, body=OTHER)) == [491]  # our offer is open
    assert statuses(called.asks("BYE", 0.5)) == [481]
    assert statuses(called.asks("UPDATE", 0.5, tag="stranger")) == [481]
    called.says(183, 0.6, 2, body=ANSWER)
    assert events(called.asks("UPDATE", 0.7, body=OTHER)) == [LegReoffered("out", OTHER)]
    assert statuses(called.asks("UPDATE", 0.8, body=OTHER)) == [500]
    (ok,) = parsed(called.endpoint.accept_offer("out", SDP, 0.9))
    assert (ok.status, ok.cseq.method, ok.body) == (200, b"UPDATE", SDP)
    # What it described last stands for the answer now.
    assert events(called.says(200, 1.0)) == [LegAnswered("out", OTHER)]
    assert statuses(called.asks("OPTIONS", 1.1)) == [200]
    assert statuses(called.asks("BYE", 1.2)) == [200]


@pytest.mark.parametrize("end", ["refusal", "cancel", "transport", "cancel crossed by 200"])
def test_the_end_of_an_early_dialog_leaves_nothing(end: str) -> None:
    called = Called()
    endpoint = called.endpoint
    called.says(183, 0.1, 1, body=ANSWER)
    called.asks("UPDATE", 0.2, body=OTHER)
    if end == "refusal":
        out = called.says(486, 0.3)
        assert events(out) == [LegFailed("out", 486, "Whatever")]
    elif end == "transport":
        out = endpoint.transport_failed(PHONE, 0.3)
    else:
        out = endpoint.cancel("out", 0.3)
        assert b"CANCEL" in methods(out)
        if end == "cancel":
            called.says(487, 0.4)
        else:
            after = called.says(200, 0.4, body=ANSWER)
            assert methods(after) == [b"ACK", b"BYE"]
            assert [item.cseq.number for item in parsed(after)] == [1, 3]
    assert 487 in statuses(out)  # the UPDATE's offer
    assert statuses(called.asks("UPDATE", 0.5)) == [481]
    run_out(endpoint)
    assert_empty(endpoint)


def test_pracks_are_not_for_a_call_given_up() -> None:
    called = Called()
    called.endpoint.cancel("out", 0.1)
    assert methods(called.says(180, 0.2, 1)) == [b"CANCEL"]
    assert not any(isinstance(item, LegEnded) for item in called.says(487, 0.3))


def test_what_is_described_while_a_prack_is_awaited_is_said_after_it() -> None:
    """The last status counts, and no description is lost by it."""
    caller = Caller(REQUIRED)
    (first,) = caller.ring(0.0)
    assert caller.ring(0.1, ANSWER, 183) == []
    assert caller.ring(0.2) == []
    answers = [item for item in parsed(caller.prack(rseq_of(first))) if item.status < 200]
    assert [(item.status, item.body) for item in answers] == [(180, ANSWER)]


def test_branches_that_are_acknowledged_are_limited() -> None:
    called = Called()
    out = [called.says(180, 0.1, 1, tag=f"t{n}") for n in range(MAX_BRANCHES + 3)]
    assert sum(methods(one).count(b"PRACK") for one in out) == MAX_BRANCHES


def test_a_prack_proves_itself_as_its_invite_did() -> None:
    endpoint = make_endpoint(offer_100rel=True)
    target = structs.replace(TARGET, username="u", password="p")
    (invite,) = sent(endpoint.invite("out", target, SDP, 0.0))
    challenge = 'Proxy-Authenticate: Digest realm="r", nonce="n", qop="auth"'
    _, invite = sent(endpoint.receive(answer_to(invite, 407, challenge), PHONE, 0.1))
    ringing = answer_to(invite, 180, "Require: 100rel", "RSeq: 1")
    (prack,) = parsed(endpoint.receive(ringing, PHONE, 0.2))
    assert b"nc=00000002" in prack.get(b"proxy-authorization")


def test_only_the_first_reliable_description_is_the_answer() -> None:
    """RFC 3261 13.2.1: "MUST treat the first session description it receives as the answer"."""
    called = Called()
    called.says(183, 0.1, 1, body=ANSWER)
    called.says(183, 0.2, 2, body=OTHER)
    assert events(called.says(200, 0.3)) == [LegAnswered("out", ANSWER)]


def test_an_early_dialog_is_named_by_more_than_its_tags() -> None:
    called = Called()
    called.says(183, 0.1, 1, body=ANSWER)
    tag = read(called.invite).from_.tag.decode()
    update = request("UPDATE", branch="z9hG4bKu", from_tag="peer", to_tag=tag, call_id="foreign")
    assert statuses(called.endpoint.receive(update, PHONE, 0.2)) == [481]


def test_updates_of_an_early_dialog_come_in_order() -> None:
    called = Called()
    called.says(183, 0.1, 1, body=ANSWER)
    assert statuses(called.asks("UPDATE", 0.2)) == [200]
    called.cseq -= 1
    tag = read(called.invite).from_.tag.decode()
    late = request("UPDATE", branch="z9hG4bKl", from_tag="peer", to_tag=tag, call_id="out", cseq=1)
    assert statuses(called.endpoint.receive(late, PHONE, 0.3)) == [500]
