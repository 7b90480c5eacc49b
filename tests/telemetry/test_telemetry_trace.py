"""What the tracer keeps, forgets and draws."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.calls import events
from acd.routing.model import Choice
from acd.sip.peer import Peer
from acd.telemetry.trace import TraceLimits, Tracer

CALLER = Peer("udp", "192.0.2.7", 5060)
AGENT = Peer("tcp", "192.0.2.8", 40112)
NOON_US = 1_795_435_200_000_000
"2026-11-23 12:00:00 UTC."


def request(method, user, call_id, *headers):
    lines = [f"{method} sip:{user}@acd SIP/2.0", "Via: SIP/2.0/UDP x", f"Call-ID: {call_id}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode()


def response(status, reason, call_id):
    return f"SIP/2.0 {status} {reason}\r\ni: {call_id}\r\n\r\n".encode()


def call_started(interaction="I1", call_id="from-caller"):
    return events.CallStarted(
        interaction=interaction,
        leg="L1",
        sip_call_id=call_id,
        caller="13800138000",
        called="4000",
        peer="udp:192.0.2.7:5060",
    )


def offer_made(interaction="I1", call_id="to-agent"):
    return events.OfferMade(
        interaction=interaction,
        visit="V1",
        queue="sales",
        offer="O1",
        agent="1001",
        leg="L2",
        sip_call_id=call_id,
        choice=Choice("first", "conversion", ((-0.5, 12.0, "1001"),), 3, 2.0),
    )


def a_call(tracer):
    tracer.message("in", CALLER, request("INVITE", "4000", "from-caller"), NOON_US)
    tracer.observe(call_started(), NOON_US + 100)
    tracer.message("out", CALLER, response(180, "Ringing", "from-caller"), NOON_US + 200)
    tracer.observe(offer_made(), NOON_US + 300)
    tracer.message("out", AGENT, request("INVITE", "1001", "to-agent"), NOON_US + 400)
    tracer.message("in", AGENT, response(200, "OK", "to-agent"), NOON_US + 500)


def rows(ladder):
    return [line for line in ladder.splitlines() if line.startswith("12:00:00")]


def test_a_leg_that_joins_is_drawn_in_both_interactions():
    tracer = Tracer()
    a_call(tracer)
    consult = {"interaction": "I2", "call_id": "from-1001"}
    tracer.observe(call_started(**consult), NOON_US + 600)
    called = events.PartyCalled(
        interaction="I2", leg="L4", sip_call_id="to-other", agent="1005", number="1005"
    )
    tracer.observe(called, NOON_US + 700)
    tracer.message("out", AGENT, request("INVITE", "1005", "to-other"), NOON_US + 800)
    joined = events.TransferCompleted(
        interaction="I1",
        transfer="T1",
        agent="1001",
        kind="attended",
        to_agent="1005",
        leg="L4",
        sip_call_id="to-other",
    )
    tracer.observe(joined, NOON_US + 900)
    tracer.message("in", AGENT, request("BYE", "1005", "to-other"), NOON_US + 1000)

    for ladder in (tracer.ladder("I1"), tracer.ladder("I2")):
        assert "agent 1005" in ladder
        assert "INVITE 1005" in ladder
        assert "BYE 1005" in ladder
    assert "TransferCompleted" in tracer.ladder("to-other")


def test_a_call_is_drawn_in_order_of_time_with_both_legs_and_its_events():
    tracer = Tracer()
    a_call(tracer)

    ladder = tracer.ladder("I1")

    assert "2026-11-23 UTC" in ladder
    assert "caller 13800138000" in ladder
    assert "udp:192.0.2.7:5060" in ladder
    assert "agent 1001" in ladder
    assert "tcp:192.0.2.8:40112" in ladder
    labels = ["INVITE 4000", "CallStarted", "180 Ringing", "OfferMade", "INVITE 1001", "200 OK"]
    for label, row in zip(labels, rows(ladder), strict=True):
        assert label in row


def test_arrows_point_from_the_sender_to_the_receiver():
    tracer = Tracer()
    a_call(tracer)

    from_caller, _, to_caller, _, to_agent, from_agent = rows(tracer.ladder("I1"))

    assert "|-" in from_caller
    assert "->|" in from_caller
    assert "|<-" in to_caller
    assert to_agent.rstrip().endswith("->|")
    assert from_agent.index("<") > to_caller.index("<")
    assert len(to_agent) > len(from_caller.rstrip().rstrip("|"))


def test_the_reason_of_a_choice_stands_beside_the_offer():
    tracer = Tracer()
    a_call(tracer)

    offer = rows(tracer.ladder("I1"))[3]

    assert "layer=first" in offer
    assert "order=conversion" in offer
    assert "1001,0.5" in offer


def test_any_of_its_ids_finds_the_call():
    tracer = Tracer()
    a_call(tracer)

    assert tracer.ladder("from-caller") == tracer.ladder("I1")
    assert tracer.ladder("to-agent") == tracer.ladder("I1")


def test_an_unknown_id_is_none():
    assert Tracer().ladder("nobody") is None


def test_a_registration_is_found_by_its_call_id():
    tracer = Tracer()
    tracer.message("in", AGENT, request("REGISTER", "acd", "reg-1"), NOON_US)

    assert "REGISTER" in tracer.ladder("reg-1")


def test_registrations_do_not_push_calls_out():
    tracer = Tracer(TraceLimits(calls=2, requests=3))
    a_call(tracer)
    for number in range(100):
        tracer.message("in", AGENT, request("REGISTER", "acd", f"reg-{number}"), NOON_US)

    assert "INVITE 4000" in tracer.ladder("I1")
    assert tracer.ladder("reg-0") is None
    assert tracer.ladder("reg-99") is not None


def test_the_oldest_calls_are_forgotten():
    tracer = Tracer(TraceLimits(calls=2))
    for number in range(10):
        call_id = f"call-{number}"
        tracer.message("in", CALLER, request("INVITE", "4000", call_id), NOON_US)
        tracer.observe(call_started(f"I{number}", call_id), NOON_US)

    assert tracer.ladder("I0") is None
    assert tracer.ladder("call-0") is None
    assert tracer.ladder("I9") is not None


def test_messages_are_kept_within_the_byte_limit():
    tracer = Tracer(TraceLimits(bytes=10_000))
    for number in range(100):
        data = request("INVITE", "4000", f"call-{number}") + b"x" * 1_000
        tracer.message("in", CALLER, data, NOON_US)

    kept = [number for number in range(100) if tracer.ladder(f"call-{number}") is not None]
    assert kept == list(range(100 - len(kept), 100))
    assert 1 <= len(kept) < 10


def test_one_message_beyond_the_whole_limit_is_forgotten_at_once():
    tracer = Tracer(TraceLimits(bytes=100))
    tracer.message("in", CALLER, request("INVITE", "4000", "big") + b"x" * 1_000, NOON_US)

    assert tracer.ladder("big") is None


def test_endless_retransmissions_stop_being_kept():
    tracer = Tracer(TraceLimits(messages_per_call=5))
    for _ in range(50):
        tracer.message("in", CALLER, request("INVITE", "4000", "loop"), NOON_US)

    assert len(rows(tracer.ladder("loop"))) == 5


def test_secrets_and_terminal_escapes_are_not_shown():
    tracer = Tracer()
    data = request(
        "INVITE",
        "4000:hunter2",
        "secret",
        'Authorization: Digest response="5d41402abc4b"',
        "Subject: \x1b]0;owned\x07",
    )
    tracer.message("in", CALLER, data, NOON_US)

    ladder = tracer.ladder("secret", messages=True)

    assert "Authorization: Digest ***" in ladder
    for hidden in ("5d41402abc4b", "hunter2", "\x1b", "\x07"):
        assert hidden not in ladder


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/dtmf-relay", "Signal=4\r\nDuration=160"), ("Application/DTMF", "4")],
)
def test_keys_pressed_are_not_shown(kind, body):
    tracer = Tracer()
    tracer.message("in", CALLER, request("INVITE", "4000", "card"), NOON_US)
    info = request("INFO", "4000", "card", f"Content-Type: {kind}") + body.encode()
    tracer.message("in", CALLER, info, NOON_US)

    ladder = tracer.ladder("card", messages=True)

    assert "INFO" in ladder
    assert ladder.rstrip().endswith("***")
    assert "Signal" not in ladder


@pytest.mark.parametrize(
    "change",
    [
        lambda info: b"\r\n" + info,
        lambda info: info.replace(b"\r\n\r\n", b"\r\n\n", 1),
        lambda info: info.replace(b"\r\n\r\n", b"\n\n", 1),
        lambda info: info.replace(b"application/dtmf", b"multipart/mixed").replace(
            b"\r\n\r\n", b"\r\n\r\n--b\r\nContent-Type: application/dtmf\r\n\r\n", 1
        ),
    ],
)
def test_keys_pressed_are_not_shown_of_phones_that_write_differently(change):
    tracer = Tracer()
    tracer.message("in", CALLER, request("INVITE", "4000", "card"), NOON_US)
    info = request("INFO", "4000", "card", "Content-Type: application/dtmf") + b"Signal=4"
    tracer.message("in", CALLER, change(info), NOON_US)
    assert "Signal" not in tracer.ladder("card", messages=True)


def test_messages_are_printed_whole_when_asked_for():
    tracer = Tracer()
    a_call(tracer)

    ladder = tracer.ladder("I1", messages=True)

    assert "--- 12:00:00.000000 from udp:192.0.2.7:5060 caller 13800138000\nINVITE" in ladder
    assert "Via: SIP/2.0/UDP x\nCall-ID: to-agent" in ladder
    assert "Via:" not in tracer.ladder("I1")


def test_many_parties_share_the_last_lane():
    tracer = Tracer()
    for number in range(20):
        peer = Peer("udp", "192.0.2.9", 5000 + number)
        tracer.message("in", peer, request("INVITE", "4000", "fork"), NOON_US + number)

    ladder = tracer.ladder("fork")

    assert len(rows(ladder)) == 20
    assert max(map(len, ladder.splitlines())) < 250


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["in", "out"]),
            st.binary(max_size=60)
            | st.binary(max_size=30).map(lambda b: b"INVITE x\r\nCall-ID: a\r\n" + b)
            | st.binary(max_size=30).map(lambda b: b + b"\r\ncall-id :a"),
        ),
        max_size=30,
    )
)
def test_no_bytes_break_the_tracer(messages):
    tracer = Tracer(TraceLimits(calls=1, bytes=400, requests=2))
    for direction, data in messages:
        tracer.message(direction, CALLER, data, NOON_US)

    text = tracer.ladder("a", messages=True) or ""
    assert all(character.isprintable() or character == "\n" for character in text)


def test_a_call_id_that_is_no_text_is_found_by_what_an_event_says_of_it():
    tracer = Tracer()
    raw = request("INVITE", "4000", "CALLID").replace(b"CALLID", b"z\xfe-\xc3\xa9")
    tracer.message("in", CALLER, raw, NOON_US)
    tracer.observe(call_started(call_id="z\ufffd-é"), NOON_US + 100)
    assert "INVITE" in tracer.ladder("I1")
    assert tracer.ladder("z\ufffd-é") == tracer.ladder("I1")
