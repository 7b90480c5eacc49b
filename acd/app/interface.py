"""What the HTTP side can ask for and order (`acd.web.ports`), from the running server."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from acd.calls.centre import CallCentre
from acd.config import Config
from acd.net.driver import Driver
from acd.routing.router import Router
from acd.storage.entry_keys import KeyBook
from acd.telemetry.metrics import Metrics
from acd.telemetry.trace import Tracer
from acd.web.access import TokenBook
from acd.web.ports import WebServices
from acd.web.token import load_or_create_token

from .assignments import Assignments
from .database import Database
from .entries import Entries, Surroundings
from .handled_calls import HandledCalls
from .live import LiveFloor
from .moves import Moves, Server
from .protection import Protection
from .reporting.asked import Reports
from .trunk_lines import TrunkLines
from .views import Floor
from .waiting_floor import WaitingFloor


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of the server that the HTTP side shows or steers."""

    state: Path
    zone: ZoneInfo
    centre: CallCentre
    router: Router
    driver: Driver
    assignments: Assignments
    config: Callable[[], Config]
    "The one that serves."

    reconfigure: Callable[[], None]
    "Have the centre take the assignments in force."

    database: Database
    keys: KeyBook
    calls_handled: HandledCalls
    writable: Callable[[], bool]
    "Whether the journal takes events."

    metrics: Metrics
    tracer: Tracer
    lines: TrunkLines
    reports: Reports
    live: LiveFloor
    protection: Protection
    health: Callable[[], Mapping[str, object]]
    readiness: Callable[[], tuple[bool, Mapping[str, object]]]


def web_services(parts: Parts) -> WebServices:
    """Return everything that the HTTP side can ask for or order."""
    driver, database, zone = parts.driver, parts.database, parts.zone
    floor = Floor(
        parts.centre,
        parts.router,
        carry_out=driver.carry_out,
        now=driver.now,
        config=parts.config,
        assignments=parts.assignments,
        calls_handled=parts.calls_handled,
    )
    moves = Moves(
        parts.centre,
        parts.router,
        parts.assignments,
        Server(
            carry_out=driver.carry_out,
            now=driver.now,
            config=parts.config,
            reconfigure=parts.reconfigure,
            floor=floor,
            lift_ban=parts.protection.lift,
            audit=lambda wish: database.audit(wish, zone),
        ),
    )
    waiting = WaitingFloor(parts.centre, driver.carry_out, driver.now)
    entries = Entries(
        Surroundings(
            centre=parts.centre,
            calls=parts.calls_handled,
            keys=parts.keys,
            config=parts.config,
            zone=zone,
            carry_out=driver.carry_out,
            writable=parts.writable,
            wall_s=time.time,
        )
    )
    return WebServices(
        token=load_or_create_token(parts.state),
        health=parts.health,
        readiness=parts.readiness,
        metrics_text=parts.metrics.text,
        named_token=TokenBook(parts.state).identify,
        sight=parts.config().number_sight(),
        set_status=moves.set_status,
        end_wrap_up=moves.end_wrap_up,
        moves=moves,
        entries=entries,
        enter_disposition=floor.dispose,
        place_call=moves.place_call,
        hang_up=moves.hang_up,
        agents=floor.agents,
        agent=floor.agent,
        reasons=floor.reasons,
        queues=floor.queues,
        close_queue=waiting.close,
        open_queue=waiting.open,
        abandoned=lambda day: database.abandoned(day, zone),
        callbacks=waiting.callbacks,
        cancel_callback=waiting.cancel,
        calls=floor.calls,
        live=parts.live,
        trunks=parts.lines.rows,
        bans=parts.protection.bans,
        lift_ban=moves.lift_ban,
        trace=lambda name, messages: parts.tracer.ladder(name, messages=messages),
        reports=parts.reports.known,
        report=parts.reports.document,
    )
