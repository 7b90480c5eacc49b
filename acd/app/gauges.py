"""What /metrics asks at each scrape, in place of being told: how much there is of everything."""

import asyncio
from collections.abc import Callable

from acd.calls.centre import CallCentre
from acd.net.listener import SipTransports
from acd.net.media_engine import WorkerMediaEngine
from acd.routing.router import Router
from acd.sip.endpoint import Endpoint
from acd.storage.journal import Journal
from acd.storage.journal_settings import JournalState as Writing
from acd.telemetry.metrics import JournalState, MediaState, MetricsViews, QueueDepth, SipState

from .database import Database
from .devices import by_transport, unreachable
from .protection import Protection
from .transports import transport_state
from .trunk_lines import TrunkLines


def gauges(
    centre: CallCentre,
    router: Router,
    endpoint: Endpoint,
    *,
    engine: WorkerMediaEngine,
    transports: SipTransports,
    journal: Journal,
    database: Database,
    protection: Protection,
    lines: TrunkLines,
    now: Callable[[], float],
) -> MetricsViews:
    """Return where each gauge looks; nothing is looked at before a scrape."""

    def journal_state() -> JournalState:
        lag = database.lag()
        failing = journal.state is Writing.FAILING
        return JournalState(
            *(lag.records, lag.seconds, failing),
            *(journal.waiting_bytes, journal.limit_bytes, database.partitions_dropped),
        )

    def media_state() -> MediaState:
        told = engine.statistics()
        return MediaState(
            told.streams_open, told.ports_ready, len(told.workers), told.worker_restarts
        )

    def sip_state() -> SipState:
        return SipState(
            endpoint.legs, endpoint.transactions, endpoint.lingering, endpoint.transfers
        )

    return MetricsViews(
        calls_active=lambda: centre.calls_total,
        queues=lambda: queue_depths(router, now()),
        callbacks_open=lambda: len(centre.call_backs),
        queues_closed=lambda: {
            queue: centre.closures.of(queue) is not None for queue in router.queue_lengths()
        },
        agents_by_state=lambda: agents_by_state(router),
        registrations=lambda: by_transport(centre.desk.devices()),
        contacts_unreachable=lambda: unreachable(centre.desk.devices()),
        media=media_state,
        journal=journal_state,
        database_up=lambda: database.status == "up",
        service_level_s=router.service_level_s,
        protection=protection.state,
        transports=lambda: transport_state(transports.statistics()),
        sip=sip_state,
        trunks=lines.state,
        tasks=lambda: len(asyncio.all_tasks()),
    )


def queue_depths(router: Router, now: float) -> list[QueueDepth]:
    """Return how many wait in each queue, and the oldest of them for how long."""
    oldest = router.oldest_wait(now)
    return [
        QueueDepth(queue, length, oldest.get(queue, 0.0))
        for queue, length in router.queue_lengths().items()
    ]


def agents_by_state(router: Router) -> dict[str, int]:
    """Count the agents in each state that occurs."""
    counts: dict[str, int] = {}
    for view in router.agents():
        counts[view.state.value] = counts.get(view.state.value, 0) + 1
    return counts
