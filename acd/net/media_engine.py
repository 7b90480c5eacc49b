"""The media engine of worker processes: commands of the call centre in, events out.

Session descriptions and the choice of a port are done here and at once: workers announce ports
that they have bound, so a stream is opened without waiting for one. Sound and packets are the
workers' (acd.net.media_worker); this process sees no packet.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from msgspec import Struct
from msgspec.structs import replace

from acd.media.commands import (
    AcceptAnswer,
    Begin,
    Bridge,
    CloseStream,
    Command,
    Echo,
    OpenStream,
    Play,
    Reoffer,
    StopPlay,
    Unbridge,
)
from acd.media.errors import MediaError
from acd.media.events import (
    Event,
    StreamAccepted,
    StreamClosed,
    StreamOpened,
    StreamRefused,
    StreamReoffered,
    StreamsLost,
)
from acd.media.sounds import SoundFailed
from acd.sdp.codec import Codec
from acd.sdp.errors import (
    INCOMPATIBLE_FORMAT,
    MISCELLANEOUS,
    SdpError,
    SdpUnusableError,
)
from acd.sdp.offer_answer import (
    UNSPECIFIED,
    Capabilities,
    Negotiated,
    answer_offer,
    make_offer,
    read_answer,
)

from .media_link import Configure, Negotiate, Open, PortsReady, ToServer, WorkerFigures
from .media_process import WorkerProcess

log = structlog.get_logger(__name__)

START_LIMIT_S = 15.0
"A worker that has no ports after this has no chance: an interpreter starts in 0.3 s."

RESTART_PAUSE_S = 1.0
"Between the death of a worker that had just started and the next: no busy loop of starts."

SPARE_PORTS = 256
"""Bound ahead per worker. At 600 calls/s with two legs each, the fastest seen, 128 of them last
100 ms, twenty times what a worker takes to bind and announce more."""

RESERVED_SHARE = 10
"One in so many places of a worker is kept for the partners (`near`) of legs that it has."

UNUSABLE, NO_ROOM = 488, 503
"SIP answers to an unusable description, and to the want of a port or worker."


class MediaEngineError(MediaError):
    """The engine cannot start; the message says what would help."""


class MediaSettings(Struct, frozen=True, kw_only=True):
    """How the engine is set up."""

    bind_host: str
    "Address whose ports receive RTP."

    advertised_host: str = ""
    "The IP address that session descriptions say instead, behind NAT; empty: `bind_host`."

    port_min: int = 20_000
    port_max: int = 29_999
    "Both included; only even ports are used, split evenly between the workers."

    workers: int = 1
    "Processes; one core carries about 500 bridged calls."

    prompts_dir: Path = Path("ivr_flows/prompts")
    "Sounds by name below this folder."

    max_streams_per_worker: int = 1000


class EngineStatistics(Struct, frozen=True):
    """For the metrics: as last told by the workers that serve, at most a second old."""

    streams_open: int
    workers: tuple[WorkerFigures, ...]
    worker_pids: tuple[int, ...]
    worker_restarts: int
    ports_ready: int


class _Leg:
    """What the server's side knows of one stream."""

    __slots__ = ("agreed", "capabilities", "closing", "sdp", "worker")

    def __init__(self, worker: WorkerProcess, capabilities: Capabilities) -> None:
        self.worker = worker
        self.capabilities = capabilities
        self.agreed: Negotiated | None = None
        self.sdp = b""
        """Our last description: an offer, or an answer, which a session refresh offers again. What
        the peer answers is read by it."""
        self.closing = False


class WorkerMediaEngine:
    """Implements the port `MediaEngine`.

    Results of `execute` come through `on_event`, some of them before it returns.
    """

    def __init__(
        self, settings: MediaSettings, on_event: Callable[[Sequence[Event]], None]
    ) -> None:
        self._settings = settings
        self._on_event = on_event
        self._legs: dict[str, _Leg] = {}
        self._workers: dict[int, WorkerProcess] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._started: list[asyncio.Future[None]] = []
        self._restarts = 0
        self._next_session_id = secrets.randbits(31)
        self._handlers: dict[type[Command], Callable[..., None]] = {
            OpenStream: self._open,
            AcceptAnswer: self._accept_answer,
            Reoffer: self._reoffer,
            Bridge: self._bridge,
            CloseStream: self._close,
            Begin: self._pass_on,
            Play: self._pass_on,
            StopPlay: self._pass_on,
            Unbridge: self._pass_on,
            Echo: self._pass_on,
        }

    async def start(self) -> None:
        """Start the workers; return when all have ports. Raise `MediaEngineError`."""
        if not self._settings.advertised_host and self._settings.bind_host in UNSPECIFIED:
            raise MediaEngineError(
                f"RTP is bound to {self._settings.bind_host}, which is no address that a phone "
                "can send to; set the advertised address"
            )
        loop = asyncio.get_running_loop()
        slots = range(self._settings.workers)
        self._started = [loop.create_future() for _ in slots]
        self._keepers = [asyncio.create_task(self._keep(slot)) for slot in slots]
        for keeper in self._keepers:
            keeper.add_done_callback(_log_fault)
        try:
            async with asyncio.timeout(START_LIMIT_S):
                await asyncio.gather(*self._started)
        except TimeoutError:
            await self.stop()
            raise MediaEngineError(
                f"no media worker is ready after {START_LIMIT_S:.0f} s; see its messages above"
            ) from None
        except MediaEngineError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End all workers and what they carried, without further events."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers.clear()
        self._legs.clear()

    def execute(self, command: Command) -> None:
        """Carry out a command. One for a leg that is not or no longer known is ignored."""
        self._handlers[type(command)](command)

    def statistics(self) -> EngineStatistics:
        workers = [worker for _, worker in sorted(self._workers.items()) if worker.serves]
        return EngineStatistics(
            streams_open=len(self._legs),
            workers=tuple(worker.figures for worker in workers),
            worker_pids=tuple(worker.pid for worker in workers),
            worker_restarts=self._restarts,
            ports_ready=sum(len(worker.ready) for worker in workers),
        )

    # Commands

    def _open(self, command: OpenStream) -> None:
        leg = command.leg
        if leg in self._legs:
            self._refuse(leg, NO_ROOM, "the leg has a stream already")
            return
        near = self._legs.get(command.near)
        worker = self._worker_for(near)
        if worker is None:
            self._refuse(leg, NO_ROOM, "no media worker with a free port")
            return
        self._next_session_id += 1
        local = Capabilities(
            address=self._settings.advertised_host or self._settings.bind_host,
            port=worker.ready[0],
            session_id=self._next_session_id,
            preferred=near.agreed.codec if near is not None and near.agreed else None,
        )
        if command.codecs:
            codecs = tuple(Codec[name] for name in command.codecs if name in Codec.__members__)
            if not codecs:
                lack = f"none of {', '.join(command.codecs)} is spoken here"
                self._refuse(leg, UNUSABLE, lack, INCOMPATIBLE_FORMAT)
                return
            local = replace(local, codecs=codecs, preferred=codecs[0])
        record = _Leg(worker, local)
        try:
            self._describe(record, command.offer)
        except SdpError as error:
            self._refuse(leg, error.status, str(error), error.warning_code)
            return
        self._legs[leg] = record
        worker.legs.add(leg)
        worker.send(Open(leg, worker.ready.popleft(), record.agreed, command.waits))
        self._on_event((StreamOpened(leg, record.sdp),))

    def _accept_answer(self, command: AcceptAnswer) -> None:
        if (record := self._leg(command.leg)) is None:
            return
        try:
            record.agreed = self._checked(read_answer(record.sdp, command.answer))
        except SdpError as error:
            self._refuse(command.leg, error.status, str(error), error.warning_code)
            return
        record.worker.send(Negotiate(command.leg, record.agreed))
        self._on_event((StreamAccepted(command.leg, record.agreed.held),))

    def _reoffer(self, command: Reoffer) -> None:
        if (record := self._leg(command.leg)) is None:
            return
        try:
            self._describe(record, command.offer)
        except SdpError as error:
            self._refuse(command.leg, error.status, str(error), error.warning_code)
            return
        if command.offer and record.agreed is not None:
            record.worker.send(Negotiate(command.leg, record.agreed))
        held = record.agreed is not None and record.agreed.held
        self._on_event((StreamReoffered(command.leg, record.sdp, held),))

    def _bridge(self, command: Bridge) -> None:
        one, other = self._leg(command.leg), self._leg(command.other)
        if one is None or other is None:
            return
        if one.worker is not other.worker:
            self._refuse(command.leg, NO_ROOM, f"{command.other} is in another media worker")
            return
        one.worker.send(command)

    def _close(self, command: CloseStream) -> None:
        if (record := self._leg(command.leg)) is not None:
            record.closing = True
            record.worker.send(command)

    def _pass_on(self, command: Begin | Play | StopPlay | Unbridge | Echo) -> None:
        if (record := self._leg(command.leg)) is not None:
            record.worker.send(command)

    def _leg(self, leg: str) -> _Leg | None:
        record = self._legs.get(leg)
        return None if record is None or record.closing else record

    def _refuse(
        self, leg: str, status: int, reason: str, warning_code: int = MISCELLANEOUS
    ) -> None:
        self._on_event((StreamRefused(leg, status, reason, warning_code),))

    # Session descriptions and room

    def _describe(self, record: _Leg, offer: bytes) -> None:
        """Answer the peer's offer, or make ours if it has none; raise `SdpError`."""
        local = record.capabilities
        if record.agreed is not None:
            local = replace(local, preferred=record.agreed.codec)
        sdp, agreed = self._described(local, offer, record.sdp)
        if record.sdp and sdp != record.sdp:
            # "The version number in the o= line MUST increment by one" for each description
            # that differs from the former (RFC 3264 section 8), and MUST NOT if none does.
            local = replace(local, session_version=local.session_version + 1)
            sdp, agreed = self._described(local, offer, record.sdp)
            record.capabilities = local
        record.sdp = sdp
        if agreed is not None:
            record.agreed = agreed

    def _described(
        self, local: Capabilities, offer: bytes, former: bytes
    ) -> tuple[bytes, Negotiated | None]:
        if not offer:
            return make_offer(local, former), None
        answer, agreed = answer_offer(offer, local)
        return answer, self._checked(agreed)

    def _checked(self, agreed: Negotiated) -> Negotiated:
        """Refuse a peer of the other address family, whom our sockets cannot reach."""
        if agreed.sending and (":" in agreed.address) != (":" in self._settings.bind_host):
            raise SdpUnusableError(
                f"{agreed.address} cannot be reached from {self._settings.bind_host}: "
                "IPv4 and IPv6 do not mix"
            )
        return agreed

    def _worker_for(self, near: _Leg | None) -> WorkerProcess | None:
        most = self._settings.max_streams_per_worker
        if near is not None:
            worker = near.worker
            return worker if worker.ready and len(worker.legs) < most else None
        most -= most // RESERVED_SHARE
        free = [w for w in self._workers.values() if w.ready and len(w.legs) < most]
        return min(free, key=lambda w: len(w.legs), default=None)

    # Workers

    async def _keep(self, slot: int) -> None:
        """Have a worker in this place, and another when it dies, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            worker = WorkerProcess(slot, self._on_messages)
            try:
                await worker.spawn(self._configuration(slot))
                self._workers[slot] = worker
                log.info("media_worker_started", slot=slot, pid=worker.pid)
                await worker.gone.wait()
                self._lose(worker)
            except OSError as error:
                log.error("media_worker_not_started", slot=slot, reason=str(error))  # noqa: TRY400 - the reason says it all
            finally:
                self._workers.pop(slot, None)
                await worker.end()
            self._restarts += 1
            if loop.time() - began < RESTART_PAUSE_S:
                await asyncio.sleep(RESTART_PAUSE_S)

    def _configuration(self, slot: int) -> Configure:
        settings = self._settings
        pairs = (settings.port_max - settings.port_min + 1) // 2 // settings.workers
        first = settings.port_min + settings.port_min % 2 + 2 * pairs * slot
        return Configure(
            settings.bind_host,
            first,
            min(first + 2 * pairs - 1, settings.port_max),
            str(settings.prompts_dir),
            min(SPARE_PORTS, settings.max_streams_per_worker),
        )

    def _lose(self, worker: WorkerProcess) -> None:
        del self._workers[worker.slot]
        legs = tuple(sorted(worker.legs))
        log.error("media_worker_lost", slot=worker.slot, pid=worker.pid, streams=len(legs))
        for leg in legs:
            del self._legs[leg]
        if legs:
            self._tell((StreamsLost(legs, f"media worker {worker.pid} died"),))

    def _on_messages(self, worker: WorkerProcess, messages: list[ToServer]) -> None:
        events: list[Event] = []
        for message in messages:
            match message:
                case StreamClosed():
                    worker.legs.discard(message.leg)
                    self._legs.pop(message.leg, None)
                    events.append(message)
                case PortsReady():
                    self._on_ports(worker, message)
                case WorkerFigures():
                    worker.figures = message
                case SoundFailed():
                    log.error("sound_unusable", sound=message.name, reason=message.reason)
                case _:
                    events.append(message)
        if events:
            self._tell(events)

    def _tell(self, events: Sequence[Event]) -> None:
        """Report in a turn of its own: a fault of the listener is not one of the worker's line."""
        asyncio.get_running_loop().call_soon(self._on_event, events)

    def _on_ports(self, worker: WorkerProcess, message: PortsReady) -> None:
        worker.ready.extend(message.ports)
        worker.serves = worker.serves or bool(message.ports)
        started = self._started[worker.slot]
        if message.fault:
            log.warning("media_ports_short", slot=worker.slot, reason=message.fault)
        if started.done():
            return
        if worker.ready:
            started.set_result(None)
        else:
            settings = self._settings
            started.set_exception(
                MediaEngineError(
                    f"no RTP port of {settings.port_min}-{settings.port_max} can be bound "
                    f"({message.fault or 'the range is empty'}); choose another range or address"
                )
            )


def _log_fault(keeper: asyncio.Task[None]) -> None:
    """Keepers end by being cancelled only; anything else leaves a place without a worker."""
    if not keeper.cancelled() and (error := keeper.exception()) is not None:
        log.error("media_worker_given_up", exc_info=error)
