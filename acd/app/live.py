"""Today's figures and the agents' states for screens, out of the event stream, without asking.

On the path of calls stand counters and the number of each change; rows are made when somebody
looks. The figures are of this server; what earlier boots did today is added from the records as
soon as the database answers.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from msgspec import structs

from acd.calls import events
from acd.calls.centre import CallCentre
from acd.calls.journal import Record
from acd.calls.ports import Subscriber
from acd.config import Config
from acd.reports.days import day_borders
from acd.reports.live_day import Earlier, LiveDay
from acd.reports.request import EPOCH, microseconds
from acd.reports.service_level import ServiceLevel
from acd.routing.model import AgentView, QueueProfile
from acd.routing.router import Router

log = structlog.get_logger(__name__)

EarlierToday = Callable[[datetime, datetime, str, str], AsyncIterator[list[Earlier]]]
"Begin and end of today, this node and boot -> what its earlier boots did."

COUNTED_TOGETHER = 64
"""Records that are counted in one go where nobody looks: a millisecond's work. One by one they
cost half as much again, each on the way of a call."""

LATE_S = 0.05
"After midnight: a timer may come a little early."


class LiveFloor:
    """A subscriber of the event stream that can be looked at and waited for."""

    QUEUE_KINDS = frozenset(LiveDay.KINDS)
    AGENT_KINDS = frozenset(
        {events.AgentStateChanged, events.AgentStatusChanged, events.AwayLimitExceeded}
    )
    FLOOR_KINDS = frozenset({events.ClosureChanged, events.AgentDescribed})
    "What may change anything that is shown."

    KINDS = QUEUE_KINDS | AGENT_KINDS | FLOOR_KINDS

    def __init__(
        self,
        centre: CallCentre,
        router: Router,
        *,
        config: Callable[[], Config],
        now: Callable[[], float],
        wall_us: Callable[[], int],
    ) -> None:
        self._centre = centre
        self._router = router
        self._config = config
        self._now = now
        self._wall_us = wall_us
        self._zone = ZoneInfo(config().server.centre.timezone)
        self._today = LiveDay(self._day_of, wall_us())
        self._fresh: list[Record] = []
        "Records that are not counted yet: nobody has looked since."
        self._version = 0
        self._anew = 0
        "Version from which on everything is another."
        self._queues: dict[str, int] = {}
        self._agents: dict[str, int] = {}
        "Version of the last change of each. Limited by the configuration."
        self._waiting: set[asyncio.Future[None]] = set()
        self._midnight: asyncio.TimerHandle | None = None

    # --- the stream ---

    def take(self, record: Record) -> None:
        """Take a record of one of KINDS; it is counted when somebody looks, or with others."""
        fresh = self._fresh
        fresh.append(record)
        if self._waiting or len(fresh) >= COUNTED_TOGETHER:
            self._count()
            self._wake()

    def _count(self) -> None:
        """Count what has come since somebody looked; one change of the version for all of it."""
        fresh, self._fresh = self._fresh, []
        if not fresh:
            return
        day, begin_us = self._today, self._today.begin_us
        counts, agents = LiveDay.KINDS, self._agents
        self._version = version = self._version + 1
        for record in fresh:
            kind = type(record.event)
            if kind in counts:
                day.apply(record)
            if kind in self.AGENT_KINDS:
                agents[record.event.agent] = version  # type: ignore[union-attr]  # all of AGENT_KINDS have it
            if kind in self.FLOOR_KINDS:
                self._anew = version
        for queue in day.touched:
            self._queues[queue] = version
        day.touched.clear()
        if day.begin_us != begin_us:
            self._anew = version

    @property
    def _day(self) -> LiveDay:
        """Today, with all that has happened by now."""
        self._count()
        return self._today

    @property
    def subscriptions(self) -> tuple[tuple[Subscriber, Collection[type]], ...]:
        """What of it wants which kinds of events."""
        return ((self.take, self.KINDS),)

    async def restore(self, earlier_today: EarlierToday, node: str, boot: str) -> None:
        """Add what earlier boots of this node did today; it waits for the database by itself."""
        async for chunk in earlier_today(*self.today(), node, boot):
            for one in chunk:
                self._day.restore(one)
        self._day.touched.clear()
        self._all_new()
        log.info("live_figures_restored", complete=self._day.restored)

    def today(self) -> tuple[datetime, datetime]:
        """Return begin and end of today."""
        return at(self._day.begin_us), at(self._day.end_us)

    def start(self) -> None:
        """Begin each day at its midnight from now on."""
        left_s = max(0.0, (self._day.end_us - self._wall_us()) / 1e6) + LATE_S
        self._midnight = asyncio.get_running_loop().call_later(left_s, self._on_midnight)

    def stop(self) -> None:
        """Wait for no midnight any more."""
        if self._midnight is not None:
            self._midnight.cancel()

    def _on_midnight(self) -> None:
        self._turn()
        self.start()

    def _turn(self) -> None:
        if self._day.turn(self._wall_us()):
            self._all_new()

    def _all_new(self) -> None:
        self._version += 1
        self._anew = self._version
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    # --- who looks ---

    @property
    def version(self) -> int:
        """Number of the latest change."""
        self._count()
        return self._version

    def snapshot(self) -> dict[str, object]:
        """Return all of it."""
        self._turn()
        begin, _ = self.today()
        return {
            "type": "snapshot",
            "at": _iso(datetime.now(UTC)),
            "day": begin.astimezone(self._zone).date().isoformat(),
            "timezone": self._zone.key,
            "complete": self._day.restored,
            "service_level_definition": ServiceLevel.OFFERED.value,
            "queues": self._queue_rows(self._config().queue_profiles()),
            "agents": [self._agent(view) for view in self._router.agents()],
        }

    def news(self, since: int) -> dict[str, object] | None:
        """Return what has changed since a version; all, where that is most; None: nothing."""
        self._turn()
        if since < self._anew:
            return self.snapshot()
        profiles = self._config().queue_profiles()
        queues = self._queue_rows(one for one in profiles if self._queues.get(one.name, 0) > since)
        numbers = [agent for agent, version in self._agents.items() if version > since]
        agents = [self._agent(view) for view in self._router.views_of(numbers)]
        if not queues and not agents:
            return None
        now = _iso(datetime.now(UTC))
        return {"type": "changes", "at": now, "queues": queues, "agents": agents}

    async def changed(self, since: int) -> None:
        """Return as soon as something is newer than this version."""
        while self.version <= since:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                await future
            finally:
                self._waiting.discard(future)

    # --- rows ---

    def _queue_rows(self, profiles: Iterable[QueueProfile]) -> list[dict[str, object]]:
        lengths, oldest = self._router.queue_lengths(), self._router.oldest_wait(self._now())
        return [
            self._queue(one, lengths.get(one.name, 0), oldest.get(one.name, 0.0))
            for one in profiles
        ]

    def _queue(self, profile: QueueProfile, length: int, oldest_s: float) -> dict[str, object]:
        name = profile.name
        figures = structs.asdict(self._day.figure(name))
        del figures["service_level_definition"]
        wait_s = self._router.next_wait(name)
        return {
            **figures,
            "name": profile.display_name or name,
            "kind": profile.kind.value,
            "waiting_now": length,
            "longest_wait_s": round(oldest_s, 1),
            "estimated_wait_s": None if wait_s is None else round(wait_s, 1),
            "closed_now": self._centre.closures.of(name) is not None,
        }

    def _agent(self, view: AgentView) -> dict[str, object]:
        profile = self._centre.desk.profile(view.agent)
        return {
            "agent": view.agent,
            "name": view.name,
            "team": profile.team if profile else "",
            "status": view.status.value,
            "reason": view.reason,
            "state": view.state.value,
            "since": self._since(view.since),
            "away_since": None if view.away_since is None else self._since(view.away_since),
            "away_exceeded": view.away_exceeded,
            "queue": view.queue,
            "interaction": view.interaction,
            "handled": self._day.handled(view.agent),
        }

    def _since(self, mono_s: float) -> str:
        return _iso(datetime.now(UTC) - timedelta(seconds=self._now() - mono_s))

    def _day_of(self, wall_us: int) -> tuple[int, int]:
        begin, end = day_borders(at(wall_us).astimezone(self._zone).date(), self._zone)
        return microseconds(begin), microseconds(end)


def at(wall_us: int) -> datetime:
    """Return a wall time in µs as a time in UTC."""
    return EPOCH + timedelta(microseconds=wall_us)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
