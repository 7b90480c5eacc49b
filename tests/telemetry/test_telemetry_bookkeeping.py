"""Bookkeeping: whoever reads sees all that was noted, as if each note had been entered at once."""

from hypothesis import given
from hypothesis import strategies as st

from acd.calls.journal import Record
from acd.sip.peer import Peer
from acd.telemetry.bookkeeping import NOTES_MAX, Bookkeeping
from acd.telemetry.trace import Tracer
from tests.telemetry.test_telemetry_metrics import make_metrics
from tests.telemetry.test_telemetry_trace import call_started, request, response

PEER = Peer("udp", "192.0.2.7", 5060)
MESSAGES = (
    request("INVITE", "4000", "from-caller"),
    response(200, "OK", "from-caller"),
    request("INFO", "4000", "from-caller", "Content-Type: application/dtmf-relay") + b"Signal=5",
    b"\r\n" + request("BYE", "4000", "from-caller"),
    request("OPTIONS", "4000", "elsewhere"),
    b"BYE sip:4000@x SIP/2.0\r\ni: from-caller\r\n\r\n",
    b"rubbish",
    b"\r\nCall-ID: from-caller",
    b"",
)


def make() -> Bookkeeping:
    return Bookkeeping(make_metrics(), Tracer(), lambda: 1_000_000)


def record(event: object) -> Record:
    return Record("n", "b", 1, 1_000_000, 1.0, event)


def test_what_was_noted_is_there_as_soon_as_somebody_reads():
    books = make()
    books.tap("in", PEER, MESSAGES[0])
    books.observe(record(call_started()))
    assert "INVITE" in books.ladder("I1")
    assert b'acd_sip_requests_total{direction="in",method="INVITE"} 1.0' in books.metrics_text()
    assert b"acd_calls_started_total" in books.metrics_text()


def test_notes_that_nobody_reads_are_entered_before_they_are_many():
    books = make()
    for _ in range(3 * NOTES_MAX):
        books.tap("in", PEER, MESSAGES[1])
        books.observe(record(call_started()))
        assert len(books._messages) < NOTES_MAX
        assert len(books._records) < NOTES_MAX


@given(st.lists(st.tuples(st.sampled_from(["in", "out"]), st.sampled_from(MESSAGES))))
def test_together_they_are_entered_as_one_by_one(messages):
    together = make()
    metrics, tracer = make_metrics(), Tracer()
    one_by_one = Bookkeeping(metrics, tracer, lambda: 1_000_000)
    for books in (together, one_by_one):
        books.tap("in", PEER, MESSAGES[0])
        books.observe(record(call_started()))
        books.settle()
    for direction, data in messages:
        together.tap(direction, PEER, data)
        metrics.sip_message(direction, data)
        tracer.message(direction, PEER, data, 1_000_000)
    for call in ("I1", "from-caller", "elsewhere"):
        assert together.ladder(call, messages=True) == one_by_one.ladder(call, messages=True)
    shown = [
        [line for line in books.metrics_text().splitlines() if line.startswith(b"acd_sip_re")]
        for books in (together, one_by_one)
    ]
    assert shown[0] == shown[1]
