"""Prometheus metrics: the only file that knows prometheus_client.

Counting happens on the paths of calls and messages and is a plain dict's `+= 1`; what Prometheus
reads is made at scrape time by a collector. Everything here runs in the event loop's thread.
docs/metrics.md is the table below in words; a test holds the two together.
"""

import platform
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any, ClassVar

from msgspec import Struct
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from acd.calls import events
from acd.calls.events import Event
from acd.sip.trunk_settings import GatewayState, Health, TrunkState

from .families import FAMILIES, LOOP_DELAY_BUCKETS_S, WAIT_BUCKETS_S, Family

Labels = tuple[str, ...]

SIP_METHODS = frozenset(
    b"INVITE ACK BYE CANCEL OPTIONS REGISTER INFO PRACK UPDATE REFER NOTIFY SUBSCRIBE MESSAGE"
    b" PUBLISH".split()
)
"IANA's registry. Every other method counts as `other`, or peers could fill our memory."

OTHER = b"other"


class QueueDepth(Struct, frozen=True):
    """How one queue stands at this moment."""

    queue: str
    waiting: int
    oldest_wait_s: float


class JournalState(Struct, frozen=True):
    """How the journal stands at this moment."""

    lag_records: int
    lag_s: float
    failing: bool
    size_bytes: int = 0
    "Of the segments that are not shipped as a whole."

    limit_bytes: int = 0
    partitions_dropped: int = 0


class MediaState(Struct, frozen=True):
    """What the media workers told last."""

    streams: int = 0
    ports_ready: int = 0
    workers: int = 0
    worker_restarts: int = 0


class ProtectionState(Struct, frozen=True):
    """How the door stands at this moment."""

    turned_away: dict[str, int]
    "By what was done: shed, dropped, banned."

    level: int = 0
    "`acd.sip.admission.Level`."

    sources: int = 0
    offences: dict[str, int] = {}
    bans: int = 0
    banned: int = 0


class TransportState(Struct, frozen=True, kw_only=True):
    """What the SIP transports have counted since the start."""

    connections: Mapping[str, int] = {}
    "Now, by transport."

    refused: Mapping[Labels, int] = {}
    "By transport and cause, as `cut`."

    cut: Mapping[Labels, int] = {}

    handshakes_failed: Mapping[Labels, int] = {}
    "By transport and direction."

    datagrams_dropped: int = 0


class SipState(Struct, frozen=True):
    """What the SIP endpoint holds at this moment."""

    legs: int = 0
    transactions: int = 0

    lingering: int = 0
    "Transactions that are over and remembered for retransmissions."

    transfers: int = 0


class MetricsViews(Struct, frozen=True, kw_only=True):
    """Where gauges are read from, at scrape time and in the loop's thread; all must be quick."""

    calls_active: Callable[[], int]
    queues: Callable[[], Iterable[QueueDepth]]
    callbacks_open: Callable[[], int] = int
    queues_closed: Callable[[], Mapping[str, bool]] = dict

    agents_by_state: Callable[[], Mapping[str, int]]
    "Keys: values of `acd.routing.model.State`."

    registrations: Callable[[], Mapping[str, int]]
    "Keys: transports."

    contacts_unreachable: Callable[[], int]
    media: Callable[[], MediaState] = MediaState
    journal: Callable[[], JournalState]
    database_up: Callable[[], bool] = bool

    service_level_s: Callable[[str], float] = lambda queue: 0.0
    "A queue's threshold; asked when an agent has answered."

    protection: Callable[[], ProtectionState] = lambda: ProtectionState({})
    transports: Callable[[], TransportState] = TransportState
    sip: Callable[[], SipState] = SipState
    trunks: Callable[[], Iterable[TrunkState]] = tuple
    tasks: Callable[[], int] = int


class _Histogram:
    """Counts per bucket, and the sum, of one set of labels."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def sample(self) -> tuple[list[tuple[str, float]], float]:
        """Return (upper bound, cumulated count) pairs up to +Inf, and the sum."""
        names = [*(str(bound) for bound in self._bounds), "+Inf"]
        return list(zip(names, accumulate(self._counts), strict=True)), self._sum


class Metrics:
    """Counts what happens and renders it for Prometheus."""

    content_type = CONTENT_TYPE_PLAIN_0_0_4
    "Of `text()`."

    KINDS: ClassVar[frozenset[type]]
    "The kinds of events that are counted."

    def __init__(self, views: MetricsViews, *, version: str) -> None:
        self._views = views
        self._counts: dict[str, defaultdict[Labels, float]] = {
            family.name: defaultdict(float) for family in FAMILIES if family.kind == "counter"
        }
        self._waits: dict[Labels, _Histogram] = {}
        self._loop_delay = _Histogram(LOOP_DELAY_BUCKETS_S)
        self._sip: dict[str, dict[bytes, int]] = {"in": {OTHER: 0}, "out": {OTHER: 0}}
        self._version = version
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(_ScrapeCollector(self._collect))

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    # --- what happens ---

    def observe(self, event: Event, mono_s: float) -> None:
        """Count one event of the stream. `mono_s` is when it happened, in monotonic seconds.

        No state is kept from one event to the next: durations come in the events.
        """
        count = COUNTERS[type(event)]
        if count is not None:
            count(self, event)

    def sip_message(self, direction: str, data: bytes) -> None:
        """Count one message by its start line; `direction` is "in" or "out".

        Also called with garbage: it counts as other.
        """
        # The key is the method, or version and code ("SIP/2.0 200"): both end before byte 12.
        key = data[:11] if data[:4] == b"SIP/" else data[: data.find(b" ", 0, 12)]
        counts = self._sip[direction]
        try:
            counts[key] += 1
        except KeyError:
            self._count_first(counts, key)

    def authentication_failed(self, method: str) -> None:
        """Count a SIP request whose credentials proved nothing."""
        label = method if method.encode() in SIP_METHODS else OTHER.decode()
        self._counts["acd_sip_auth_failures"][label,] += 1

    def flow_reloaded(self, *, ok: bool) -> None:
        """Count one reading of changed flow files; not ok: the old version serves on."""
        self._counts["acd_flow_reloads"]["ok" if ok else "failed",] += 1

    def loop_delayed(self, delay_s: float) -> None:
        """Take one sample of the event loop's lateness."""
        self._loop_delay.observe(delay_s)

    # --- by event type; COUNTERS below names each ---

    def _call_started(self, event: events.CallStarted) -> None:
        self._counts["acd_calls_started"][event.direction,] += 1

    def _call_rejected(self, event: events.CallRejected) -> None:
        self._counts["acd_calls_rejected"][event.reason,] += 1

    def _call_ended(self, event: events.CallEnded) -> None:
        self._counts["acd_calls"][event.ended_by, event.reason] += 1

    def _queue_entered(self, event: events.QueueEntered) -> None:
        self._counts["acd_queue_entered"][event.queue,] += 1

    def _queue_left(self, event: events.QueueLeft) -> None:
        self._counts["acd_queue_left"][event.queue, event.reason] += 1
        answered = event.reason == "answered"
        if answered and event.waited_s <= self._views.service_level_s(event.queue):
            self._counts["acd_queue_answered_in_time"][event.queue,] += 1
        labels = (event.queue, "yes" if answered else "no")
        waits = self._waits.get(labels)
        if waits is None:
            waits = self._waits[labels] = _Histogram(WAIT_BUCKETS_S)
        waits.observe(event.waited_s)

    def _offer_made(self, event: events.OfferMade) -> None:
        self._counts["acd_offer_choices"][event.queue, event.choice.order] += 1

    def _offer_ended(self, event: events.OfferEnded) -> None:
        self._counts["acd_offers"][event.outcome,] += 1
        self._counts["acd_offer_ring_seconds"][event.outcome,] += event.ring_s

    def _party_answered(self, event: events.PartyAnswered) -> None:
        self._counts["acd_party_ring_seconds"][()] += event.ring_s
        self._counts["acd_parties_answered"][()] += 1

    def _agent_disconnected(self, event: events.AgentDisconnected) -> None:
        self._counts["acd_talk_seconds"][event.queue,] += event.talk_s
        self._counts["acd_hold_seconds"][event.queue,] += event.hold_s

    def _transfer_completed(self, event: events.TransferCompleted) -> None:
        self._counts["acd_transfers"][event.kind, "completed"] += 1

    def _transfer_failed(self, event: events.TransferFailed) -> None:
        self._counts["acd_transfers"][event.kind, event.reason] += 1

    def _away_limit_exceeded(self, event: events.AwayLimitExceeded) -> None:
        self._counts["acd_away_limits_exceeded"][event.reason,] += 1

    def _callback_requested(self, event: events.CallbackRequested) -> None:
        self._counts["acd_callbacks_requested"][(event.queue,)] += 1

    def _callback_attempted(self, event: events.CallbackAttempted) -> None:
        self._counts["acd_callback_attempts"][(event.queue,)] += 1

    def _callback_ended(self, event: events.CallbackEnded) -> None:
        self._counts["acd_callbacks_ended"][event.queue, event.outcome] += 1

    def _disposition_entered(self, event: events.DispositionEntered) -> None:
        self._counts["acd_dispositions"][event.call_class,] += 1

    def _order_changed(self, event: events.OrderChanged) -> None:
        self._counts["acd_orders_changed"][event.state,] += 1

    def _csat_recorded(self, event: events.CsatRecorded) -> None:
        told = "asked" if event.score is None else "answered"
        self._counts["acd_csat_recorded"][told,] += 1

    def _matter_settled(self, event: events.MatterSettled) -> None:
        self._counts["acd_matters_settled"]["solved" if event.solved else "open",] += 1

    def _stream_measured(self, event: events.StreamMeasured) -> None:
        counts = self._counts
        counts["acd_media_packets_received"][()] += event.packets_received
        counts["acd_media_packets_sent"][()] += event.packets_sent
        counts["acd_media_packets_lost"][()] += event.packets_lost
        counts["acd_media_packets_late"][()] += event.packets_late
        counts["acd_media_packets_foreign"][()] += event.packets_foreign

    # --- rendering ---

    @staticmethod
    def _count_first(counts: dict[bytes, int], key: bytes) -> None:
        """Begin to count a start line of a kind not seen before, if it is one there can be."""
        code = key.removeprefix(b"SIP/2.0 ")
        is_response = len(key) == 11 and code.isdigit() and 100 <= int(code) <= 699
        if key in SIP_METHODS or is_response:
            counts[key] = 1
        else:
            counts[OTHER] += 1

    def _collect(self) -> Iterator[Metric]:
        gauges = self._gauges()
        histograms: dict[str, dict[Labels, _Histogram]] = {
            "acd_queue_wait_seconds": self._waits,
            "acd_loop_delay_seconds": {(): self._loop_delay},
        }
        protection, transports = self._views.protection(), self._views.transports()
        media = self._views.media()
        counters: dict[str, Mapping[Labels, float]] = {
            **self._counts,
            **self._sip_counts(),
            "acd_messages_turned_away": {(w,): n for w, n in protection.turned_away.items()},
            "acd_offences": {(what,): count for what, count in protection.offences.items()},
            "acd_bans": {(): protection.bans},
            "acd_sip_connections_refused": transports.refused,
            "acd_sip_connections_cut": transports.cut,
            "acd_sip_tls_handshakes_failed": transports.handshakes_failed,
            "acd_partitions_dropped": {(): self._views.journal().partitions_dropped},
            "acd_sip_datagrams_dropped": {(): transports.datagrams_dropped},
            "acd_media_worker_restarts": {(): media.worker_restarts},
            "acd_gateway_failures": {
                labels: gateway.failures for labels, gateway in self._gateways()
            },
        }
        for family in FAMILIES:
            match family.kind:
                case "counter":
                    yield _counter(family, counters[family.name])
                case "gauge":
                    yield _gauge(family, gauges[family.name])
                case "histogram":
                    yield _histogram(family, histograms[family.name])
        yield InfoMetricFamily(
            "acd_build",
            "Version of this server and of its Python.",
            {"version": self._version, "python": platform.python_version()},
        )

    def _gauges(self) -> dict[str, dict[Labels, float]]:
        queues = list(self._views.queues())
        journal = self._views.journal()
        media = self._views.media()
        protection = self._views.protection()
        sip = self._views.sip()
        return {
            "acd_calls_active": {(): self._views.calls_active()},
            "acd_queue_waiting": {(depth.queue,): depth.waiting for depth in queues},
            "acd_queue_oldest_wait_seconds": {
                (depth.queue,): depth.oldest_wait_s for depth in queues
            },
            "acd_agents": {
                (state,): count for state, count in self._views.agents_by_state().items()
            },
            "acd_registrations": {
                (transport,): count for transport, count in self._views.registrations().items()
            },
            "acd_contacts_unreachable": {(): self._views.contacts_unreachable()},
            "acd_media_streams": {(): media.streams},
            "acd_media_ports_ready": {(): media.ports_ready},
            "acd_media_workers": {(): media.workers},
            "acd_journal_lag_records": {(): journal.lag_records},
            "acd_journal_lag_seconds": {(): journal.lag_s},
            "acd_journal_failing": {(): int(journal.failing)},
            "acd_journal_bytes": {(): journal.size_bytes},
            "acd_journal_limit_bytes": {(): journal.limit_bytes},
            "acd_database_up": {(): int(self._views.database_up())},
            "acd_sip_connections": {
                (transport,): count
                for transport, count in self._views.transports().connections.items()
            },
            "acd_sip_legs": {(): sip.legs},
            "acd_sip_transactions": {
                ("running",): sip.transactions,
                ("lingering",): sip.lingering,
            },
            "acd_sip_transfers": {(): sip.transfers},
            "acd_tasks": {(): self._views.tasks()},
            "acd_overload_level": {(): protection.level},
            "acd_message_sources": {(): protection.sources},
            "acd_banned_sources": {(): protection.banned},
            "acd_callbacks_open": {(): self._views.callbacks_open()},
            "acd_queue_closed": {
                (queue,): int(closed) for queue, closed in self._views.queues_closed().items()
            },
            **self._trunk_gauges(),
        }

    def _trunk_gauges(self) -> dict[str, dict[Labels, float]]:
        trunks, gateways = list(self._views.trunks()), list(self._gateways())
        return {
            "acd_trunk_up": {(trunk.name,): int(trunk.up) for trunk in trunks},
            "acd_trunk_channels_in_use": {
                (trunk.name,): trunk.channels_in_use for trunk in trunks
            },
            "acd_gateway_up": {
                labels: int(gateway.health is not Health.RESTING) for labels, gateway in gateways
            },
            "acd_gateway_options_seconds": {
                labels: gateway.round_trip_s
                for labels, gateway in gateways
                if gateway.round_trip_s is not None
            },
        }

    def _gateways(self) -> Iterator[tuple[Labels, GatewayState]]:
        for trunk in self._views.trunks():
            for gateway in trunk.gateways:
                transport, host, port = gateway.peer
                yield (trunk.name, f"{transport}:{host}:{port}"), gateway

    def _sip_counts(self) -> dict[str, dict[Labels, float]]:
        requests: dict[Labels, float] = {}
        responses: dict[Labels, float] = {}
        for direction, counts in self._sip.items():
            for key, count in counts.items():
                if key[:4] == b"SIP/":
                    responses[direction, key[8:].decode()] = count
                else:
                    requests[direction, key.decode()] = count
        return {"acd_sip_requests": requests, "acd_sip_responses": responses}


class _ScrapeCollector(Collector):
    """Calls back at scrape time."""

    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Metric]:
        return self._collect()


def _counter(family: Family, counts: Mapping[Labels, float]) -> Metric:
    metric = CounterMetricFamily(family.name, family.help, labels=family.labels)
    for labels, count in (counts if family.labels else {(): counts.get((), 0.0)}).items():
        metric.add_metric(labels, count)
    return metric


def _gauge(family: Family, values: Mapping[Labels, float]) -> Metric:
    metric = GaugeMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in values.items():
        metric.add_metric(labels, value)
    return metric


def _histogram(family: Family, histograms: Mapping[Labels, _Histogram]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    for labels, histogram in histograms.items():
        buckets, total = histogram.sample()
        metric.add_metric(labels, buckets=buckets, sum_value=total)
    return metric


COUNTERS: dict[type[Event], Callable[[Metrics, Any], None] | None] = {
    events.CallStarted: Metrics._call_started,
    events.CallRejected: Metrics._call_rejected,
    events.CallEnded: Metrics._call_ended,
    events.QueueEntered: Metrics._queue_entered,
    events.QueueLeft: Metrics._queue_left,
    events.OfferMade: Metrics._offer_made,
    events.OfferEnded: Metrics._offer_ended,
    events.PartyAnswered: Metrics._party_answered,
    events.AgentDisconnected: Metrics._agent_disconnected,
    events.TransferCompleted: Metrics._transfer_completed,
    events.TransferFailed: Metrics._transfer_failed,
    events.CallbackRequested: Metrics._callback_requested,
    events.CallbackAttempted: Metrics._callback_attempted,
    events.CallbackEnded: Metrics._callback_ended,
    events.DispositionEntered: Metrics._disposition_entered,
    events.OrderChanged: Metrics._order_changed,
    events.CsatRecorded: Metrics._csat_recorded,
    events.MatterSettled: Metrics._matter_settled,
    events.StreamMeasured: Metrics._stream_measured,
    events.AwayLimitExceeded: Metrics._away_limit_exceeded,
    # Nothing to count: the end of the same thing counts it, or a gauge shows it.
    events.CallAnswered: None,
    events.ClosureChanged: None,
    events.FlowEntered: None,
    events.PartyCalled: None,
    events.FlowStepTaken: None,
    events.PriorityChanged: None,
    events.GroupActivated: None,
    events.AgentConnected: None,
    events.TransferRequested: None,
    events.HoldStarted: None,
    events.HoldEnded: None,
    events.CauseTold: None,
    events.LegEnded: None,
    events.AgentStatusChanged: None,
    events.AgentStateChanged: None,
    events.LogInRefused: None,
    events.CallMarked: None,
    events.DeskTaken: None,
    events.DeskLeft: None,
    events.AgentDescribed: None,
    events.CommandAudited: None,
    events.DevicesChanged: None,
    events.ServerStarted: None,
    events.ServerStopped: None,
}
"How each event is counted. A test holds it complete over the union."

Metrics.KINDS = frozenset(kind for kind, count in COUNTERS.items() if count is not None)
