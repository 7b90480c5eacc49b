"""What is counted, how it is named, what it costs."""

import re
import sys
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from acd.calls import events
from acd.routing.model import Choice
from acd.telemetry.families import FAMILIES
from acd.telemetry.metrics import (
    COUNTERS,
    JournalState,
    MediaState,
    Metrics,
    MetricsViews,
    QueueDepth,
    TransportState,
)


def make_metrics(**views):
    usual = {
        "calls_active": lambda: 0,
        "queues": list,
        "agents_by_state": dict,
        "registrations": dict,
        "contacts_unreachable": lambda: 0,
        "journal": lambda: JournalState(0, 0.0, False),
    }
    return Metrics(MetricsViews(**{**usual, **views}), version="1.2.3")


def samples(metrics):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def value(metrics, name, **labels):
    return samples(metrics)[name, tuple(sorted(labels.items()))]


def test_every_event_type_is_counted_or_said_to_have_nothing_to_count():
    assert set(COUNTERS) == set(get_args(events.Event))


def test_the_documentation_names_exactly_the_exported_families():
    page = Path(__file__).parents[2] / "docs" / "metrics.md"
    rows = re.findall(
        r"^\| `(acd_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", page.read_text(), re.MULTILINE
    )

    documented = {
        (name, kind, tuple(re.findall(r"`(\w+)`", labels)), meaning)
        for name, kind, labels, meaning in rows
    }
    exported = {
        (
            f"{family.name}_total" if family.kind == "counter" else family.name,
            family.kind,
            family.labels,
            family.help,
        )
        for family in FAMILIES
    } | {
        (
            *("acd_build_info", "info", ("version", "python")),
            "Version of this server and of its Python; always 1.",
        )
    }
    assert documented == exported


def test_calls_are_counted_by_outcome():
    metrics = make_metrics()

    metrics.observe(
        events.CallStarted(
            interaction="i", leg="l", sip_call_id="c", caller="1", called="4000", peer="udp:a:1"
        ),
        1.0,
    )
    for ended_by in ("caller", "caller", "fault"):
        metrics.observe(events.CallEnded(interaction="i", ended_by=ended_by, reason="hangup"), 2.0)

    assert value(metrics, "acd_calls_started_total", direction="inbound") == 1
    assert value(metrics, "acd_calls_total", outcome="caller", reason="hangup") == 2
    assert value(metrics, "acd_calls_total", outcome="fault", reason="hangup") == 1


def test_rejected_calls_are_counted_by_reason():
    metrics = make_metrics()

    metrics.observe(
        events.CallRejected(
            sip_call_id="c",
            caller="1",
            called="999",
            peer="udp:a:1",
            sip_status=404,
            reason="unknown_number",
        ),
        1.0,
    )

    assert value(metrics, "acd_calls_rejected_total", reason="unknown_number") == 1


def test_failed_proofs_are_counted_by_method_and_no_method_can_be_made_up():
    metrics = make_metrics()
    for method in ("REGISTER", "REGISTER", "INVITE", "NONSENSE"):
        metrics.authentication_failed(method)
    assert value(metrics, "acd_sip_auth_failures_total", method="REGISTER") == 2
    assert value(metrics, "acd_sip_auth_failures_total", method="INVITE") == 1
    assert value(metrics, "acd_sip_auth_failures_total", method="other") == 1


def test_queue_visits_give_counts_and_a_histogram_of_waits():
    metrics = make_metrics()
    metrics.observe(
        events.QueueEntered(interaction="i", visit="v", queue="sales", kind="sales"), 0.0
    )
    for reason, waited_s in (("answered", 5.0), ("answered", 5.1), ("abandoned", 1e6)):
        metrics.observe(
            events.QueueLeft(
                interaction="i", visit="v", queue="sales", reason=reason, waited_s=waited_s
            ),
            9.0,
        )

    assert value(metrics, "acd_queue_entered_total", queue="sales") == 1
    assert value(metrics, "acd_queue_left_total", queue="sales", reason="answered") == 2
    bucket = {"queue": "sales", "answered": "yes"}
    assert value(metrics, "acd_queue_wait_seconds_bucket", le="2.0", **bucket) == 0
    assert value(metrics, "acd_queue_wait_seconds_bucket", le="5.0", **bucket) == 1
    assert value(metrics, "acd_queue_wait_seconds_bucket", le="10.0", **bucket) == 2
    assert value(metrics, "acd_queue_wait_seconds_sum", **bucket) == pytest.approx(10.1)
    abandoned = {"queue": "sales", "answered": "no"}
    assert value(metrics, "acd_queue_wait_seconds_bucket", le="600.0", **abandoned) == 0
    assert value(metrics, "acd_queue_wait_seconds_bucket", le="+Inf", **abandoned) == 1
    assert value(metrics, "acd_queue_wait_seconds_count", **abandoned) == 1


def test_answers_within_the_queues_own_threshold_are_in_time():
    thresholds_s = {"sales": 20.0, "vip": 8.0}
    metrics = make_metrics(service_level_s=thresholds_s.__getitem__)
    for queue, reason, waited_s in (
        *(("sales", "answered", 20.0), ("sales", "answered", 20.1), ("sales", "abandoned", 3.0)),
        *(("vip", "answered", 8.1), ("vip", "answered", 8.0), ("vip", "answered", 0.5)),
    ):
        left = {"queue": queue, "reason": reason, "waited_s": waited_s}
        metrics.observe(events.QueueLeft(interaction="i", visit="v", **left), 9.0)

    assert value(metrics, "acd_queue_answered_in_time_total", queue="sales") == 1
    assert value(metrics, "acd_queue_answered_in_time_total", queue="vip") == 2


def test_offers_talk_dispositions_and_streams_are_counted():
    metrics = make_metrics()
    common = {"interaction": "i", "visit": "v", "queue": "q", "agent": "1001", "leg": "l"}
    metrics.observe(events.OfferEnded(offer="o", outcome="busy", ring_s=2.5, **common), 1.0)
    metrics.observe(events.AgentDisconnected(talk_s=60.0, hold_s=5.0, **common), 1.0)
    metrics.observe(
        events.DispositionEntered(interaction="i", agent="1001", call_class="order"), 1.0
    )
    metrics.observe(
        events.StreamMeasured(
            interaction="i",
            leg="l",
            packets_received=100,
            packets_sent=101,
            packets_lost=3,
            packets_late=2,
            packets_foreign=1,
        ),
        1.0,
    )

    choice = Choice("all", "unmeasured", ((-0.5, 0.0, "1001"),), 1)
    made = {**common, "offer": "o", "sip_call_id": "s", "choice": choice}
    metrics.observe(events.OfferMade(**made), 1.0)

    found = samples(metrics)
    assert found["acd_offer_choices_total", (("order", "unmeasured"), ("queue", "q"))] == 1
    assert found["acd_offers_total", (("outcome", "busy"),)] == 1
    assert found["acd_offer_ring_seconds_total", (("outcome", "busy"),)] == 2.5
    assert found["acd_talk_seconds_total", (("queue", "q"),)] == 60
    assert found["acd_hold_seconds_total", (("queue", "q"),)] == 5
    assert found["acd_dispositions_total", (("class", "order"),)] == 1
    counts = {"received": 100, "sent": 101, "lost": 3, "late": 2, "foreign": 1}
    for what, count in counts.items():
        assert found[f"acd_media_packets_{what}_total", ()] == count


def test_gauges_are_read_at_scrape_time():
    waiting = 3
    metrics = make_metrics(
        calls_active=lambda: 7,
        queues=lambda: [QueueDepth("sales", waiting, 12.5)],
        agents_by_state=lambda: {"idle": 4, "talking": 2},
        registrations=lambda: {"udp": 6, "tls": 2},
        contacts_unreachable=lambda: 3,
        media=lambda: MediaState(8, 12, 2, 1),
        journal=lambda: JournalState(10, 2.5, True, 4096, 8192),
        database_up=lambda: True,
    )
    assert value(metrics, "acd_queue_waiting", queue="sales") == 3
    waiting = 0

    found = samples(metrics)
    assert found["acd_queue_waiting", (("queue", "sales"),)] == 0
    assert found["acd_queue_oldest_wait_seconds", (("queue", "sales"),)] == 12.5
    assert found["acd_agents", (("state", "talking"),)] == 2
    assert found["acd_calls_active", ()] == 7
    assert found["acd_registrations", (("transport", "udp"),)] == 6
    assert found["acd_registrations", (("transport", "tls"),)] == 2
    assert found["acd_contacts_unreachable", ()] == 3
    assert found["acd_media_streams", ()] == 8
    assert found["acd_media_ports_ready", ()] == 12
    assert found["acd_media_workers", ()] == 2
    assert found["acd_media_worker_restarts_total", ()] == 1
    assert found["acd_journal_bytes", ()] == 4096
    assert found["acd_journal_limit_bytes", ()] == 8192
    assert found["acd_database_up", ()] == 1
    assert found["acd_journal_lag_records", ()] == 10
    assert found["acd_journal_lag_seconds", ()] == 2.5
    assert found["acd_journal_failing", ()] == 1


def test_flow_reloads_build_and_process_are_exported():
    metrics = make_metrics()
    metrics.flow_reloaded(ok=True)
    metrics.flow_reloaded(ok=False)
    metrics.flow_reloaded(ok=False)

    assert value(metrics, "acd_flow_reloads_total", result="ok") == 1
    assert value(metrics, "acd_flow_reloads_total", result="failed") == 2
    assert 'version="1.2.3"' in metrics.text().decode()
    assert b"process_cpu_seconds_total" in metrics.text()


def test_sip_messages_are_counted_by_start_line():
    metrics = make_metrics()
    metrics.sip_message("in", b"INVITE sip:4000@a SIP/2.0\r\n\r\n")
    metrics.sip_message("in", b"INVITE sip:4000@a SIP/2.0\r\n\r\n")
    metrics.sip_message("out", b"SIP/2.0 180 Ringing\r\n\r\n")
    metrics.sip_message("out", b"SIP/2.0 200\r\n\r\n")
    metrics.sip_message("in", b"SUBSCRIBE sip:a SIP/2.0\r\n\r\n")

    assert value(metrics, "acd_sip_requests_total", direction="in", method="INVITE") == 2
    assert value(metrics, "acd_sip_requests_total", direction="in", method="SUBSCRIBE") == 1
    assert value(metrics, "acd_sip_responses_total", direction="out", code="180") == 1
    assert value(metrics, "acd_sip_responses_total", direction="out", code="200") == 1


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=40) | st.binary(max_size=8).map(lambda b: b"SIP/2.0 " + b)))
def test_garbage_neither_fails_nor_makes_new_series(messages):
    metrics = make_metrics()
    for data in messages:
        metrics.sip_message("in", data)

    lines = [name for name in samples(metrics) if name[0].startswith("acd_sip_re")]
    for _, labels in lines:
        label = dict(labels).get("method") or dict(labels)["code"]
        assert label == "other" or label.isupper() or 100 <= int(label) <= 699
    assert sum(value(metrics, *name[:1], **dict(name[1])) for name in lines) == len(messages)


def test_transports_are_shown_as_they_stand():
    state = TransportState(
        connections={"tls": 3},
        refused={("tcp", "host_full"): 2},
        cut={("ws", "idle"): 4},
        handshakes_failed={("tls", "in"): 5},
        datagrams_dropped=6,
    )
    metrics = make_metrics(transports=lambda: state)
    assert value(metrics, "acd_sip_connections", transport="tls") == 3
    refused = "acd_sip_connections_refused_total"
    assert value(metrics, refused, transport="tcp", cause="host_full") == 2
    assert value(metrics, "acd_sip_connections_cut_total", transport="ws", cause="idle") == 4
    failed = "acd_sip_tls_handshakes_failed_total"
    assert value(metrics, failed, transport="tls", direction="in") == 5
    assert value(metrics, "acd_sip_datagrams_dropped_total") == 6


def test_made_up_methods_count_as_other():
    metrics = make_metrics()
    for number in range(1000):
        metrics.sip_message("in", b"M%d sip:a SIP/2.0\r\n\r\n" % number)
    metrics.sip_message("in", b"SIP/2.0 999 No\r\n\r\n")

    assert value(metrics, "acd_sip_requests_total", direction="in", method="other") == 1001


@pytest.mark.parametrize(
    ("start", "work"),
    [
        (b"INVITE sip:4000@127.0.0.1 SIP/2.0", ["Metrics.sip_message", "bytes.find"]),
        (b"SIP/2.0 200 OK", ["Metrics.sip_message"]),
    ],
)
def test_counting_a_message_takes_no_more_calls_than_these(start, work):
    """Every message is counted: the kinds that there are, 0.7 µs each, in one function."""
    metrics = make_metrics()
    for length in (600, 60_000):
        data = start + b"\r\n" + b"x" * length
        metrics.sip_message("in", data)  # the first of its kind makes its counter
        assert _calls(lambda data=data: metrics.sip_message("in", data)) == work


def _calls(do):
    """Return what is called, Python's and C's, in order: the same on every machine."""
    called = []

    def note(frame, event, what):
        if event == "call":
            called.append(frame.f_code.co_qualname)
        elif event == "c_call":
            called.append(what.__qualname__)

    sys.setprofile(note)
    try:
        do()
    finally:
        sys.setprofile(None)
    return called[1:-1]  # without the lambda, and setprofile


def test_loop_delays_make_a_histogram():
    metrics = make_metrics()
    metrics.loop_delayed(0.0004)
    metrics.loop_delayed(0.3)

    assert value(metrics, "acd_loop_delay_seconds_bucket", le="0.001") == 1
    assert value(metrics, "acd_loop_delay_seconds_bucket", le="0.5") == 2
    assert value(metrics, "acd_loop_delay_seconds_count") == 2
