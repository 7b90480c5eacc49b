"""REFER and its NOTIFYs (RFC 3515), attended with Replaces (RFC 3891), without them (RFC 4488)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sip_support import (
    PHONE,
    SDP,
    answer_to,
    assert_empty,
    events,
    make_endpoint,
    methods,
    on_time,
    parsed,
    request,
    run_out,
    sent,
    statuses,
)

from acd.sip.events import LegEnded, TransferRequested
from acd.sip.referring import EXPIRES_S


def call(endpoint, number: int = 1, *, ack: bool = True) -> tuple[str, str]:
    """Return leg and our tag of an answered call from PHONE with this number's Call-ID."""
    invite = request(
        "INVITE", branch=f"z9hG4bKi{number}", call_id=f"call-{number}", from_tag="ft", body=SDP
    )
    (event,) = events(endpoint.receive(invite, PHONE, 0.0))
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 0.0))
    tag = ok.to.tag.decode()
    if ack:
        acked = request("ACK", branch=f"z9hG4bKa{number}", call_id=f"call-{number}", to_tag=tag)
        endpoint.receive(acked, PHONE, 0.0)
    return event.leg, tag


def refer(tag: str, to: str = "<sip:4002@192.0.2.1>", *more: str, cseq: int = 2) -> bytes:
    return request(
        "REFER", f"Refer-To: {to}", *more, branch=f"z9hG4bKr{cseq}", to_tag=tag, cseq=cseq
    )


def notify(outputs):
    """Return Event, Subscription-State and first line of the only NOTIFY."""
    (message,) = (m for m in parsed(outputs) if getattr(m, "method", b"") == b"NOTIFY")
    assert message.get(b"content-type").startswith(b"message/sipfrag")
    return message.get(b"event"), message.get(b"subscription-state"), message.body


def acknowledge(endpoint, outputs, now: float, status: int = 200):
    """Answer the NOTIFY as the phone."""
    (data,) = (data for data in sent(outputs) if data.startswith(b"NOTIFY"))
    return endpoint.receive(answer_to(data, status), PHONE, now)


def test_an_accepted_refer_is_told_how_it_goes() -> None:
    endpoint = make_endpoint()
    leg, tag = call(endpoint)
    out = endpoint.receive(refer(tag), PHONE, 1.0)
    assert out == [TransferRequested(leg, 2, "4002", "sip:4002@192.0.2.1")]
    out = endpoint.accept_transfer(leg, 2, 1.0)
    (accepted, trying) = parsed(out)
    assert accepted.status == 202
    assert accepted.get(b"contact") != b""
    assert trying.uri == b"sip:alice@192.0.2.10:5062"
    assert notify(out) == (b"refer", b"active;expires=180", b"SIP/2.0 100 Trying\r\n")
    acknowledge(endpoint, out, 1.1)
    out = endpoint.notify_transfer(leg, 2, 180, "", 31.0, final=False)
    assert notify(out) == (b"refer", b"active;expires=150", b"SIP/2.0 180 Ringing\r\n")
    acknowledge(endpoint, out, 31.1)
    out = endpoint.notify_transfer(leg, 2, 200, "", 40.0, final=True)
    ended = b"terminated;reason=noresource"
    assert notify(out) == (b"refer", ended, b"SIP/2.0 200 OK\r\n")
    acknowledge(endpoint, out, 40.1)
    assert endpoint.transfers == 0
    assert endpoint.notify_transfer(leg, 2, 200, "", 41.0, final=True) == []


def test_what_comes_while_a_notify_is_unanswered_is_told_after_it() -> None:
    """The phone hears of the latest only, and of the end in any case."""
    endpoint = make_endpoint()
    leg, tag = call(endpoint)
    endpoint.receive(refer(tag), PHONE, 1.0)
    first = endpoint.accept_transfer(leg, 2, 1.0)
    for status, final in ((180, False), (183, False), (486, True), (180, False)):
        assert endpoint.notify_transfer(leg, 2, status, "", 1.1, final=final) == []
    out = acknowledge(endpoint, first, 1.2)
    assert notify(out)[1:] == (b"terminated;reason=noresource", b"SIP/2.0 486 Busy Here\r\n")
    assert endpoint.transfers == 0


def test_a_refused_refer_leaves_the_call() -> None:
    endpoint = make_endpoint()
    leg, tag = call(endpoint)
    endpoint.receive(refer(tag), PHONE, 1.0)
    assert statuses(endpoint.refuse_transfer(leg, 2, 403, 1.0)) == [403]
    assert statuses(endpoint.receive(refer(tag), PHONE, 1.1)) == [403]
    assert endpoint.accept_transfer(leg, 2, 1.2) == []
    assert endpoint.transfers == 0
    assert methods(endpoint.hang_up(leg, 2.0)) == [b"BYE"]


def test_several_refers_in_one_dialog_are_told_apart() -> None:
    endpoint = make_endpoint()
    leg, tag = call(endpoint)
    endpoint.receive(refer(tag), PHONE, 1.0)
    endpoint.accept_transfer(leg, 2, 1.0)
    endpoint.receive(refer(tag, cseq=3), PHONE, 2.0)
    assert notify(endpoint.accept_transfer(leg, 3, 2.0))[0] == b"refer;id=3"


def test_a_phone_may_hang_up_and_listen_on() -> None:
    endpoint = make_endpoint()
    leg, tag = call(endpoint)
    endpoint.receive(refer(tag), PHONE, 1.0)
    out = endpoint.accept_transfer(leg, 2, 1.0)
    acknowledge(endpoint, out, 1.1)
    bye = request("BYE", branch="z9hG4bKb", to_tag=tag, cseq=3)
    assert isinstance(events(endpoint.receive(bye, PHONE, 2.0))[0], LegEnded)
    out = endpoint.notify_transfer(leg, 2, 200, "", 3.0, final=True)
    assert notify(out)[2] == b"SIP/2.0 200 OK\r\n"
    acknowledge(endpoint, out, 3.1, status=481)
    run_out(endpoint)
    assert_empty(endpoint)


@pytest.mark.parametrize("status", [481, 503])
def test_a_refused_notify_ends_the_subscription(status: int) -> None:
    endpoint = make_endpoint()
    leg, tag = call(endpoint)
    endpoint.receive(refer(tag), PHONE, 1.0)
    out = endpoint.accept_transfer(leg, 2, 1.0)
    acknowledge(endpoint, out, 1.1, status)
    assert endpoint.transfers == 0
    assert endpoint.notify_transfer(leg, 2, 200, "", 2.0, final=True) == []


def test_without_a_subscription_nothing_is_told() -> None:
    endpoint = make_endpoint()
    leg, tag = call(endpoint)
    endpoint.receive(refer(tag, "<sip:4002@h>", "Refer-Sub: false"), PHONE, 1.0)
    (accepted,) = parsed(endpoint.accept_transfer(leg, 2, 1.0))
    assert (accepted.status, accepted.get(b"refer-sub")) == (202, b"false")
    assert endpoint.transfers == 0


def test_nobody_waits_for_ever() -> None:
    """An undecided REFER is answered, a subscription ends by itself."""
    endpoint = make_endpoint()
    leg, tag = call(endpoint)
    endpoint.receive(refer(tag), PHONE, 1.0)
    assert statuses(endpoint.on_time(endpoint.next_deadline())) == [500]
    endpoint.receive(refer(tag, cseq=3), PHONE, 100.0)
    acknowledge(endpoint, endpoint.accept_transfer(leg, 3, 100.0), 100.1)
    while (at := endpoint.next_deadline()) < 100.0 + EXPIRES_S:
        assert endpoint.on_time(at) == []
    assert notify(endpoint.on_time(at)) == (
        b"refer;id=3",
        b"terminated;reason=timeout",
        b"SIP/2.0 100 Trying\r\n",
    )
    assert endpoint.transfers == 0


@pytest.mark.parametrize(
    ("to", "more", "status"),
    [
        ("<sip:4002@h;method=BYE>", (), 501),
        ("<http://h/4002>", (), 416),
        ("<sip:4002@h", (), 400),
        ("<sip:4002@h>", ("Refer-To: <sip:4003@h>",), 400),
        ("<sip:4002@h>", ("Referred-By: <broken",), 400),
        ("<sip:4002@h?Replaces=call-7>", (), 400),
        ("<sip:4002@h?Replaces=call-7%3Bto-tag%3Da%3Bfrom-tag%3Db>", (), 404),
        ("<sip:4002@h>", ("Require: nothing, replaces",), 420),
    ],
)
def test_refers_that_cannot_be_served(to: str, more: tuple[str, ...], status: int) -> None:
    endpoint = make_endpoint()
    _, tag = call(endpoint)
    out = endpoint.receive(refer(tag, to, *more), PHONE, 1.0)
    assert (statuses(out), events(out), endpoint.transfers) == ([status], [], 0)


def test_refer_without_refer_to_or_dialog() -> None:
    endpoint = make_endpoint()
    _, tag = call(endpoint)
    bare = request("REFER", branch="z9hG4bKx", to_tag=tag, cseq=2)
    assert statuses(endpoint.receive(bare, PHONE, 1.0)) == [400]
    assert statuses(endpoint.receive(refer(""), PHONE, 1.0)) == [403]
    assert statuses(endpoint.receive(refer("stranger", cseq=5), PHONE, 1.0)) == [481]


def test_too_many_at_once() -> None:
    endpoint = make_endpoint()
    leg, tag = call(endpoint)
    for cseq in range(2, 6):
        endpoint.receive(refer(tag, cseq=cseq), PHONE, 1.0)
        endpoint.accept_transfer(leg, cseq, 1.0)
    assert statuses(endpoint.receive(refer(tag, cseq=6), PHONE, 1.0)) == [503]


def test_a_call_that_is_not_answered_cannot_be_transferred() -> None:
    endpoint = make_endpoint()
    (event,) = events(endpoint.receive(request("INVITE", body=SDP), PHONE, 0.0))
    (ringing,) = parsed(endpoint.ring(event.leg, 0.0))
    assert statuses(endpoint.receive(refer(ringing.to.tag.decode()), PHONE, 1.0)) == [403]


def test_an_attended_refer_names_the_other_call() -> None:
    endpoint = make_endpoint()
    leg, tag = call(endpoint)
    other, other_tag = call(endpoint, 2)
    replaces = f"call-2%3Bto-tag%3D{other_tag}%3Bfrom-tag%3Dft"
    to = f'"Line 2" <sip:4001@192.0.2.1?X=1&replaces={replaces}>;x=y'
    by = "Referred-By: <sip:1001@192.0.2.1>;cid=x"
    out = endpoint.receive(refer(tag, to, by, "Require: replaces"), PHONE, 1.0)
    asked = TransferRequested(leg, 2, "4001", "sip:4001@192.0.2.1", other, "sip:1001@192.0.2.1")
    assert events(out) == [asked]
    early = f"<sip:4001@h?Replaces={replaces}%3Bearly-only>"
    assert statuses(endpoint.receive(refer(tag, early, cseq=3), PHONE, 1.0)) == [486]
    itself = f"<sip:4001@h?Replaces=call-1%3Bto-tag%3D{tag}%3Bfrom-tag%3Dft>"
    assert statuses(endpoint.receive(refer(tag, itself, cseq=4), PHONE, 1.0)) == [404]


def test_a_notify_to_us_is_a_bad_event() -> None:
    endpoint = make_endpoint()
    leg, tag = call(endpoint)
    inside = request("NOTIFY", "Event: keep-alive", branch="z9hG4bKn", to_tag=tag, cseq=2)
    (answer,) = parsed(endpoint.receive(inside, PHONE, 1.0))
    assert (answer.status, answer.get(b"allow-events")) == (489, b"refer")
    outside = request("NOTIFY", branch="z9hG4bKm")
    assert statuses(endpoint.receive(outside, PHONE, 1.0)) == [481]
    assert endpoint.legs == 1
    assert methods(endpoint.hang_up(leg, 2.0)) == [b"BYE"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["refer", "accept", "refuse", "progress", "final", "200", "481", "silence", "bye"]
        ),
        st.floats(0.0, 40.0),
    ),
    max_size=30,
)


class Referrer:
    """A phone that refers, and what the call centre decides; checks every message of ours."""

    def __init__(self) -> None:
        self.endpoint = make_endpoint()
        self.leg, self.tag = call(self.endpoint)
        self.now, self.cseq = 0.0, 1
        self.unanswered: list[bytes] = []
        self.seen: set[bytes] = set()
        self.answers: dict[bytes, int] = {}
        self.over: set[bytes] = set()

    def take(self, outputs) -> None:
        for data, message in zip(sent(outputs), parsed(outputs), strict=True):
            if getattr(message, "method", b"") == b"NOTIFY":
                self.notified(data, message)
            elif b"REFER" in message.get(b"cseq"):
                number = message.get(b"cseq")
                assert self.answers.setdefault(number, message.status) == message.status

    def notified(self, data: bytes, message) -> None:
        if data in self.seen:
            return  # repeated over UDP
        self.seen.add(data)
        self.unanswered.append(data)
        event = message.get(b"event")
        assert event not in self.over, f"NOTIFY after the last one: {data!r}"
        if message.get(b"subscription-state").startswith(b"terminated"):
            self.over.add(event)

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (at := self.endpoint.next_deadline()) <= until:
            self.take(on_time(self.endpoint, at))
        self.now = until

    def step(self, name: str) -> None:
        endpoint, now = self.endpoint, self.now
        match name:
            case "refer" | "bye":
                self.cseq += 1
                bye = request(
                    "BYE", branch=f"z9hG4bKb{self.cseq}", to_tag=self.tag, cseq=self.cseq
                )
                data = refer(self.tag, cseq=self.cseq) if name == "refer" else bye
                self.take(endpoint.receive(data, PHONE, now))
            case "accept":
                self.take(endpoint.accept_transfer(self.leg, self.cseq, now))
            case "refuse":
                self.take(endpoint.refuse_transfer(self.leg, self.cseq, 603, now))
            case "progress" | "final":
                final = name == "final"
                out = endpoint.notify_transfer(self.leg, self.cseq, 180, "", now, final=final)
                self.take(out)
            case "200" | "481" if self.unanswered:
                answer = answer_to(self.unanswered.pop(0), int(name))
                self.take(endpoint.receive(answer, PHONE, now))
            case _:
                pass


@given(STEPS)
def test_any_order_of_things_ends_with_nothing_left(steps: list[tuple[str, float]]) -> None:
    """Each REFER gets one final answer, each subscription one end, and nothing is left."""
    world = Referrer()
    for name, pause_s in steps:
        world.wait(pause_s)
        world.step(name)
    world.take(world.endpoint.hang_up(world.leg, world.now))
    for _, output in run_out(world.endpoint):
        world.take([output])
    assert world.endpoint.transfers == 0
    assert_empty(world.endpoint)


def test_each_notify_has_a_number_of_its_own() -> None:
    """RFC 3261 12.2.1.1: "the value of the local sequence number MUST be incremented by one"."""
    endpoint = make_endpoint()
    leg, tag = call(endpoint)
    endpoint.receive(refer(tag), PHONE, 1.0)
    out, numbers = endpoint.accept_transfer(leg, 2, 1.0), []
    for status in (180, 183, 200):
        numbers += [m.cseq.number for m in parsed(out) if getattr(m, "method", b"") == b"NOTIFY"]
        acknowledge(endpoint, out, 1.1)
        out = endpoint.notify_transfer(leg, 2, status, "", 1.2, final=status == 200)
    bye = parsed(endpoint.hang_up(leg, 2.0))[0]
    assert [*numbers, bye.cseq.number] == [1, 2, 3, 5]
