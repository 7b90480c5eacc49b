"""The server as a whole: built once, run until a signal, drained."""

import asyncio
import os
import secrets
import signal
import socket
import time
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from acd.calls import events
from acd.calls.centre import CallCentre
from acd.calls.describing import describe
from acd.calls.effects import Effects
from acd.calls.exchange import Exchange
from acd.calls.ids import Uuid7Source
from acd.calls.journal import Record
from acd.calls.ports import Direction
from acd.config import Config, parse_address
from acd.ivr.book import FlowBook, FlowError, load_flows
from acd.net.driver import Driver
from acd.net.entropy import Entropy
from acd.net.listener import SipTransports, TransportError
from acd.net.media_engine import MediaEngineError, WorkerMediaEngine
from acd.routing.errors import RoutingError
from acd.routing.model import AgentProfile
from acd.routing.router import Router
from acd.sip.endpoint import Endpoint
from acd.sip.events import AuthenticationFailed
from acd.sip.peer import Peer
from acd.storage.entry_keys import KeyBook
from acd.storage.errors import StorageError
from acd.storage.journal import Journal
from acd.storage.journal_settings import JournalState as Writing
from acd.storage.pins import PinStore
from acd.storage.recovery import begin_boot
from acd.storage.secrets import SecretStore
from acd.telemetry.authentication_log import AuthenticationLog
from acd.telemetry.call_log import CallLog
from acd.telemetry.handshake_log import HandshakeLog
from acd.telemetry.metrics import Metrics
from acd.telemetry.terminal import Terminal
from acd.telemetry.trace import TraceLimits, Tracer
from acd.web.app import ListenError, WebServer, build_app

from .accounts import provide_secrets
from .agent_register import AgentRegister
from .assignments import Assignments
from .banner import print_banner
from .database import Database
from .draining import Draining
from .earlier_contacts import learn_contacts
from .gauges import gauges
from .glance import Glance
from .handled_calls import HandledCalls
from .hot_desks import HotDesks
from .interface import Parts, web_services
from .keeper import Keeper
from .live import LiveFloor
from .media import media_settings
from .order_outcomes import OrderOutcomes
from .protection import Protection
from .rank_keeper import RankKeeper
from .reload import Reloader, flow_context, read_flow_files
from .reporting.office import ReportOffice
from .standing import StandingOrders
from .state import Running, StartError, prepare_state
from .subscribers import Subscribers
from .transports import CertificateWatch, advertised, listeners
from .trunk_lines import TrunkLines
from .tuning import raise_file_limit, tune_collector
from .waiting import kept_apart, unless

log = structlog.get_logger(__name__)

VERSION = version("acd")
JOURNAL_FAILING = "journal_failing"
"Why new calls are refused (`CallCentre.refusing`)."

START_ERRORS = (TransportError, ListenError, MediaEngineError, StorageError, RoutingError)
"What the rooms raise when the world does not let them begin; their messages are for operators."


class Service:
    """Everything that makes up one server process."""

    def __init__(
        self,
        config: Config,
        *,
        state_dir: Path,
        sip: str | None,
        http: str | None,
    ) -> None:
        self._config = config
        self._state_dir = state_dir
        self._sip = parse_address(sip) if sip else None
        self._http = parse_address(http) if http else config.server.http.listen
        self._zone = ZoneInfo(config.server.centre.timezone)
        self._started_at = time.monotonic()
        self._built = self._ready = False
        self._draining = Draining(config.server.drain_s)

    async def run(self) -> int:
        """Start, serve, drain; return the exit code.

        A signal during the start takes down again what had come up, and is no error.
        """
        raise_file_limit()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._draining.on_signal)
        # Before and after it serves there is nothing to look at; Python's default would end us.
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        async with AsyncExitStack() as stack:
            try:
                built = await unless(self._draining.wanted, self._build(stack))
            except START_ERRORS as error:
                raise StartError(str(error)) from error
            except OSError as error:
                # What fails in mid-write, as on a full disk, does not name its file.
                place = error.filename or f"state folder {self._state_dir}"
                raise StartError(f"{place}: {error.strerror or error}") from error
            if built:
                await self._serve()
        log.info("stopped")
        return 0

    # --- building ---

    async def _build(self, stack: AsyncExitStack) -> None:
        """Build everything from the ground up; `stack` takes it down again in reverse."""
        config = self._config
        self._state = prepare_state(self._state_dir)
        self._entropy = Entropy()
        self._new_id = Uuid7Source(lambda: time.time_ns() // 1_000_000, self._entropy.bits)
        flows = self._load_flows()
        self._open_journal(stack)
        self._secret_store = SecretStore(self._state)
        self._passwords = provide_secrets(config, self._secret_store)
        await self._build_media(stack)
        self._protection = Protection(config.server.sip, asyncio.get_running_loop().time)
        self._glance = Glance(self._look)
        self._transports = SipTransports(
            self._on_message,
            self._on_failed,
            on_batch=self._on_batch,
            admission=self._protection.admission,
            on_shed=self._on_shed,
            gather_s=config.server.sip.gather_ms / 1000,
            on_handshake_failed=HandshakeLog(asyncio.get_running_loop().time),
            limits=config.stream_limits(),
            tls=config.tls_files(),
            origins=config.server.sip.ws_origins,
        )
        stack.push_async_callback(self._transports.close)
        await self._transports.start(listeners(config.server.sip, self._sip))
        self._certificates = CertificateWatch(self._transports, config.tls_files().paths())
        self._build_core(flows)
        stack.push_async_callback(self._lines.close)
        self._build_telemetry()
        self._driver = Driver(
            self._exchange,
            event_log=self._journal,
            transports=self._transports,
            engine=self._engine,
            subscribers=(self._subscribers(),),
            taps=(self._tap,),
            on_failed_proof=self._watch_proofs,
            on_sighting=self._protection.saw,
            on_refreshed=self._keeper.refreshed,
            on_question=self._lines.ask,
            on_pin=lambda wish: self._hot_desks.verify(wish),
            on_deadline=self._on_deadline,
        )
        self._begin_journal()
        self._driver.carry_out(self._news_of_agents(config))
        self._keeper.restore(self._driver)
        self._protection.restored(self._endpoint.all_contacts().values())
        self._lines.take(config, self._driver)
        self._built = True
        await self._build_web(stack)

    def _load_flows(self) -> FlowBook:
        try:
            return load_flows(
                read_flow_files(self._config.flows_folder), flow_context(self._config)
            )
        except FlowError as error:
            raise StartError("\n".join(map(str, error.faults))) from error

    def _open_journal(self, stack: AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()

        def alarm(text: str) -> None:
            loop.call_soon_threadsafe(self._on_journal_alarm, text)

        self._journal = Journal.open(
            self._state / "journal",
            node=socket.gethostname(),
            boot=self._new_id(),
            wall_us=lambda: time.time_ns() // 1000,
            on_alarm=alarm,
            settings=self._config.journal_settings(),
        )
        stack.callback(self._journal.close)
        self._database = Database(
            self._config.server.database.dsn,
            self._state,
            self._journal,
            self._config.kept(),
            self._config.server.centre.timezone,
        )
        stack.push_async_callback(self._database.stop)

    def _build_core(self, flows: FlowBook) -> None:
        config = self._config
        self._assignments = Assignments(self._state)
        agents = self._agents(config)
        queues = config.queue_profiles()
        randomness = secrets.SystemRandom()
        self._router = Router(
            agents=agents,
            queues=queues,
            new_id=self._new_id,
            random=randomness.random,
            now=asyncio.get_running_loop().time(),
            rules=config.agent_rules(),
            wall_s=time.time,
        )
        self._centre = CallCentre(
            router=self._router,
            agents=agents,
            queues=queues,
            numbers=config.number_plan(),
            flows=flows,
            settings=config.centre_settings(),
            new_id=self._new_id,
            wall=lambda: datetime.now(self._zone),
        )
        self._endpoint = Endpoint(
            config.endpoint_settings(
                *advertised(self._transports.bound_addresses(), config.server.sip)
            ),
            credentials=self._secret_store,
            new_id=self._new_id,
            random_bytes=self._entropy.token_bytes,
            timers=config.sip_timers(),
            certificate_names=self._transports.certificate_names,
        )
        self._lines = TrunkLines(self._endpoint, self._transports)
        self._let_emergencies_in(config)
        self._protection.know(
            lambda host: self._endpoint.trunks.of(Peer("udp", host, 0)) is not None
        )
        self._exchange = Exchange(self._endpoint, self._centre)
        if self._journal.state is Writing.FAILING:
            self._centre.refusing = JOURNAL_FAILING
        self._standing = StandingOrders(self._state, self._centre, self._router)
        self._standing.restore(asyncio.get_running_loop().time())
        self._hot_desks = HotDesks(
            self._centre,
            PinStore(self._state),
            self._assignments,
            carry_out=lambda effects: self._driver.carry_out(effects),
            now=lambda: self._driver.now(),
            reconfigure=lambda: self._configure(self._reloader.config),
        )
        self._rank_keeper = RankKeeper(
            self._state, self._router, wake=lambda: self._driver.carry_out([])
        )
        self._order_outcomes = OrderOutcomes(self._router, self._database.outcomes_of)
        self._calls_handled = HandledCalls(
            self._centre.desk,
            handlings=self._database.handlings,
            orders=self._database.order_homes,
            wall_s=time.time,
        )
        self._register = AgentRegister(self._state)
        self._keeper = Keeper(
            self._state,
            self._centre,
            self._router,
            accounts=self._endpoint.registered_accounts,
            contacts=self._endpoint.contacts,
        )
        self._reloader = Reloader(
            config,
            flows,
            on_config=self._take_config,
            on_flows=self._centre.replace_flows,
            on_outcome=lambda ok: self._metrics.flow_reloaded(ok=ok),
        )
        self._live = LiveFloor(
            self._centre,
            self._router,
            config=lambda: self._reloader.config,
            now=asyncio.get_running_loop().time,
            wall_us=lambda: time.time_ns() // 1000,
        )

    async def _build_media(self, stack: AsyncExitStack) -> None:
        self._engine = WorkerMediaEngine(
            media_settings(self._config, self._sip.host if self._sip else None),
            lambda happened: self._driver.on_media(happened),
        )
        stack.push_async_callback(self._engine.stop)
        await self._engine.start()

    def _build_telemetry(self) -> None:
        self._tracer = Tracer(TraceLimits(calls=self._config.server.trace.calls_kept))
        self._authentication_log = AuthenticationLog(asyncio.get_running_loop().time)
        self._metrics = Metrics(
            gauges(
                self._centre,
                self._router,
                self._endpoint,
                engine=self._engine,
                transports=self._transports,
                journal=self._journal,
                database=self._database,
                protection=self._protection,
                lines=self._lines,
                now=lambda: self._driver.now(),
            ),
            version=VERSION,
        )

    def _subscribers(self) -> Subscribers:
        call_log = CallLog(self._config.server.log.level)
        return Subscribers(
            (
                (self._count, Metrics.KINDS),
                (self._trace, Tracer.KINDS),
                (call_log, call_log.kinds),
                (partial(self._draining.watch, self._centre), {events.CallEnded}),
                (self._protection.rejected, {events.CallRejected}),
                (self._keeper, Keeper.KINDS),
                (self._hot_desks, HotDesks.KINDS),
                (self._rank_keeper, RankKeeper.KINDS),
                (self._order_outcomes, OrderOutcomes.KINDS),
                (self._calls_handled, HandledCalls.KINDS),
                (self._standing, StandingOrders.KINDS),
                (self._register, AgentRegister.KINDS),
                *self._live.subscriptions,
            )
        )

    def _begin_journal(self) -> None:
        """Write this boot's first event, then close what a killed boot left open."""
        records = begin_boot(self._journal, version=VERSION, mono_s=self._driver.now())
        if len(records) > 1:
            log.warning("calls_cut_by_restart", events=len(records) - 1)

    async def _build_web(self, stack: AsyncExitStack) -> None:
        keys = KeyBook(self._state, time.time)
        keys.open()
        stack.callback(keys.close)
        self._reports = ReportOffice(self._state, self._database, lambda: self._reloader.config)
        stack.push_async_callback(self._reports.close)
        parts = Parts(
            state=self._state,
            keys=keys,
            calls_handled=self._calls_handled,
            writable=lambda: self._journal.state is Writing.WRITING,
            zone=self._zone,
            centre=self._centre,
            router=self._router,
            driver=self._driver,
            assignments=self._assignments,
            config=lambda: self._reloader.config,
            reconfigure=lambda: self._configure(self._reloader.config),
            database=self._database,
            metrics=self._metrics,
            tracer=self._tracer,
            lines=self._lines,
            reports=self._reports.asked,
            live=self._live,
            protection=self._protection,
            health=lambda: {"version": VERSION, "uptime_s": round(self._uptime_s(), 1)},
            readiness=self._readiness,
        )
        self._web = WebServer(build_app(web_services(parts)))
        stack.push_async_callback(self._web.close)
        await self._web.start(self._http.host, self._http.port)

    # --- serving ---

    async def _serve(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                database, kept = self._database, self._config.centre_settings()
                ranks = self._rank_keeper.learn(database.sales_outcomes())
                contacts = learn_contacts(
                    self._centre.desk.contacts,
                    database.earlier_talks(kept.contacts_kept_s, kept.contacts_kept),
                    self._driver.now,
                )
                live = self._live.restore(
                    database.earlier_today, self._journal.node, self._journal.boot
                )
                self._live.start()
                background = [
                    tasks.create_task(kept_apart("live", live)),
                    tasks.create_task(kept_apart("database", database.run())),
                    tasks.create_task(kept_apart("ranks", ranks)),
                    tasks.create_task(kept_apart("contacts", contacts)),
                    tasks.create_task(kept_apart("orders", self._order_outcomes.run())),
                    tasks.create_task(kept_apart("reload", self._reloader.run())),
                    tasks.create_task(kept_apart("scheduled reports", self._reports.run())),
                    tasks.create_task(kept_apart("certificates", self._certificates.run())),
                ]
                asyncio.get_running_loop().add_signal_handler(
                    signal.SIGHUP,
                    lambda: tasks.create_task(kept_apart("reload", self._look_again())),
                )
                if await unless(self._draining.wanted, self._database.tried_once()):
                    self._announce()
                    tune_collector()
                    await self._draining.wanted.wait()
                await self._end()
                for task in background:
                    task.cancel()
        finally:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: None)
            self._glance.stop()
            self._live.stop()
            Running.forget(self._state)

    async def _look_again(self) -> None:
        await self._certificates.look()
        await self._reloader.look()

    def _announce(self) -> None:
        """Say that calls are taken, where, and what does not stand."""
        self._ready = True
        sip = {
            transport: (host, port)
            for transport, host, port in reversed(self._transports.bound_addresses())
        }
        running = Running(os.getpid(), sip, self._web.bound_address(), self._database.dsn)
        try:
            running.write(self._state)
        except OSError as error:
            log.error("run_file_not_written", reason=str(error), effect="other commands miss us")  # noqa: TRY400 - the reason says it all
        for warning in self._config.warnings:
            log.warning("configuration", warning=str(warning))
        try:
            print_banner(Terminal(), self._config, running, self._passwords, self._state_dir)
        except OSError as error:
            # Nobody reads it any more, or the disk is full; the calls do not depend on it.
            log.warning("banner_not_printed", reason=str(error))

    async def _end(self) -> None:
        """Let calls end, and keep what the next start shall know."""
        self._ready = False
        await self._draining.end_calls(self._endpoint, self._centre, self._driver)
        await self._keeper.save()
        await self._rank_keeper.save()
        await self._standing.save()
        await self._register.save()
        self._lines.leave(self._driver)
        self._driver.stop()
        self._journal.append([events.ServerStopped()], self._driver.now())
        if not await unless(self._draining.hurried, self._database.drain()):
            log.warning("records_wait_in_journal", records=self._database.lag().records)

    # --- what happens ---

    def _on_deadline(self, delay_s: float) -> None:
        self._metrics.loop_delayed(delay_s)
        self._glance.stir()

    def _look(self) -> float:
        self._lines.look()
        return self._protection.look()

    def _on_message(self, data: bytes, peer: Peer) -> None:
        # What comes while the start is not through yet is dropped: SIP sends again after 0.5 s.
        if self._built:
            self._driver.receive(data, peer)

    def _on_shed(self, data: bytes, peer: Peer) -> None:
        if self._built:
            self._driver.turn_away(data, peer)

    def _on_batch(self) -> None:
        if self._built:
            self._driver.flush()
            self._glance.stir()

    def _on_failed(self, peer: Peer) -> None:
        if self._built:
            self._driver.transport_failed(peer)

    def _tap(self, direction: Direction, peer: Peer, data: bytes) -> None:
        """Count and keep each SIP message."""
        self._metrics.sip_message(direction, data)
        self._tracer.message(direction, peer, data, time.time_ns() // 1000)

    def _watch_proofs(self, failed: AuthenticationFailed) -> None:
        self._metrics.authentication_failed(failed.method)
        self._authentication_log(failed)
        self._protection.failed(failed)

    def _count(self, record: Record) -> None:
        self._metrics.observe(record.event, record.mono_s)

    def _trace(self, record: Record) -> None:
        self._tracer.observe(record.event, record.wall_us)

    def _on_journal_alarm(self, text: str) -> None:
        failing = self._journal.state is Writing.FAILING
        (log.critical if failing else log.warning)("journal", alarm=text)
        # A journal that had a torn tail says so before there is a call centre.
        if self._built and self._centre.refusing != Draining.REASON:
            self._centre.refusing = JOURNAL_FAILING if failing else None

    def _let_emergencies_in(self, config: Config) -> None:
        self._protection.let_in(config.numbers.dial_plan.emergency_dialled())
        self._endpoint.put_through(config.number_plan().dial_plan.is_emergency)

    def _take_config(self, config: Config) -> None:
        self._let_emergencies_in(config)
        provide_secrets(config, self._secret_store)
        self._configure(config)
        self._lines.take(config, self._driver)
        self._reports.take(config)

    def _configure(self, config: Config) -> None:
        """Have the centre go on under this configuration and the assignments in force."""
        effects = self._centre.configure(
            agents=self._agents(config),
            queues=config.queue_profiles(),
            numbers=config.number_plan(),
            login_at_registration=config.agents.log_in_at_registration,
            rules=config.agent_rules(),
            now=self._driver.now(),
        )
        self._driver.carry_out([*effects, *self._news_of_agents(config)])

    def _agents(self, config: Config) -> tuple[AgentProfile, ...]:
        """Return the agents as configured, but where they are assigned elsewhere."""
        return self._assignments.over(config.agent_profiles(), config.agents.desk_phones)

    def _news_of_agents(self, config: Config) -> Effects:
        """Return what the records have to be told of who agents are."""
        current = describe(
            self._agents(config),
            project=config.server.centre.project,
            leaders=config.agents.leaders,
        )
        return [*self._register.changes(current)]

    # --- views ---

    def _uptime_s(self) -> float:
        return time.monotonic() - self._started_at

    def _readiness(self) -> tuple[bool, dict[str, object]]:
        writing = self._journal.state is Writing.WRITING
        sip = [f"{t}:{host}:{port}" for t, host, port in self._transports.bound_addresses()]
        ok = self._ready and writing and bool(sip)
        return ok, {
            "sip": sip,
            "journal": self._journal.state.value,
            "database": self._database.status,
            "draining": self._draining.wanted.is_set(),
            "media_workers": len(self._engine.statistics().workers),
            "flows": self._reloader.flows.versions(),
            "trunks": self._lines.details(),
            "protection": self._protection.details(),
            "queues_unmeasured": self._router.unmeasured(),
            "faults": [*map(str, self._reloader.faults), *self._certificates.faults],
        }
