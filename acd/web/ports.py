"""What the web needs from the rest of the server; the composition root fills it in.

All of it is called in the event loop's thread. Values that are returned become JSON: plain values,
dataclasses or msgspec Structs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from acd.reports.asking import Wish
from acd.reports.numbers import NumberSight

from .access import Actor, Order
from .bodies import Disposition
from .entry_bodies import CsatEntry, DispositionEntry, MatterEntry, OrderEntry

Outcome = object | Awaitable[object]
"What a command returns, now or later; None stands for the agent as `agent()` then shows it."


class CommandRefusedError(Exception):
    """A command was understood and cannot be done now: no such call, not in wrap-up.

    The text goes to the client.
    """

    def __init__(self, code: str, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        "For programs: snake_case, a closed set of the raiser's."
        self.field = field
        "The field of the request that is at fault, or empty."


class ServiceUnavailableError(Exception):
    """Something behind the question does not answer, such as Postgres. The text goes out."""


class UnknownReportError(Exception):
    """There is no report of this name. The text goes out and says which there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditWish:
    """Which part of the audit is wanted; an empty text: any."""

    day: str
    by: str = ""
    action: str = ""
    subject: str = ""
    "All of it, or one of its words: an agent, a call, an order."

    page: int = 1


class Moves(Protocol):
    """What supervisors do. Each may raise CommandRefusedError; agents are known ones.

    None as the result stands for the agent as it then is.
    """

    def extend_wrap_up(self, number: str, seconds: float, order: Order) -> None:
        """Give an agent more time for after-call work."""

    def cool_down(self, number: str, order: Order) -> None:
        """Mark the agent's last call as upsetting."""

    def free_up(self, number: str, order: Order) -> None:
        """End wrap-up, pause or cool-down."""

    def assign(
        self, number: str, skills: Mapping[str, str] | None, team: str | None, order: Order
    ) -> None:
        """Give an agent other skills or another team until that is taken back."""

    def unassign(self, number: str, order: Order) -> None:
        """Take an assignment back."""

    def move_call(self, interaction: str, queue: str, order: Order) -> object:
        """Line a waiting call up in another queue."""

    def set_priority(self, interaction: str, priority: int, order: Order) -> object:
        """Give a waiting call another priority."""

    def activate_group(self, queue: str, group: str, active: bool, order: Order) -> object:
        """Let a group that is held back take a queue's calls, or no longer."""

    def audit(self, wish: AuditWish) -> Awaitable[Sequence[object]]:
        """Return what was ordered and told on a day, the latest first.

        May raise ServiceUnavailableError.
        """


STOCK_SIGHT = NumberSight()


@dataclass(frozen=True, slots=True)
class Posting:
    """Under which circumstances an entry was posted."""

    actor: Actor
    key: str
    "Idempotency key; empty: none."

    fingerprint: str
    "The same for the same content."


@dataclass(frozen=True, slots=True)
class Told:
    """What an entry is answered with."""

    answer: bytes
    "JSON."

    replayed: bool = False
    "The key was used before: it is the answer of then, and nothing was told anew."


class Entries(Protocol):
    """What other systems tell of calls. Each may raise CommandRefusedError.

    ServiceUnavailableError: it cannot be kept just now.
    """

    async def order(self, entry: OrderEntry, posting: Posting) -> Told:
        """Take a state of an order."""

    async def disposition(self, entry: DispositionEntry, posting: Posting) -> Told:
        """Take how a call is classed."""

    async def csat(self, entry: CsatEntry, posting: Posting) -> Told:
        """Take a question to a customer, or its answer."""

    async def matter(self, entry: MatterEntry, posting: Posting) -> Told:
        """Take what became of a call's matter."""


class Live(Protocol):
    """Today's figures and the agents' states, and what of them is new."""

    @property
    def version(self) -> int:
        """Number of the latest change."""

    def snapshot(self) -> object:
        """Return all of it."""

    def news(self, since: int) -> object | None:
        """Return what has changed since this version, or all, where that has to be; None: nothing.

        It is as of `version`.
        """

    async def changed(self, since: int) -> None:
        """Return as soon as something is newer than this version."""


class ReportDocument(Protocol):
    """A report in a form, while it is being made."""

    @property
    def size(self) -> int:
        """How many bytes there are by now."""

    @property
    def complete(self) -> bool:
        """Whether no more will come."""

    async def more(self, than: int) -> None:
        """Return as soon as there are more bytes than this, or all.

        Raises `acd.reports.request.RequestError` or ServiceUnavailableError when that will not be.
        """

    def read(self, at: int, most: int) -> bytes:
        """Return what is there from this place on, up to so many bytes; blocks on the disk."""


def _no_report(
    name: str, _wish: Wish, _form: str, _locale: str, _role: str
) -> AbstractAsyncContextManager[ReportDocument]:
    raise UnknownReportError(f"there is no report {name}")


class _Quiet:
    """Nothing happens."""

    version = 0

    def snapshot(self) -> object:
        return {"type": "snapshot", "queues": [], "agents": []}

    def news(self, _since: int) -> object | None:
        return None

    async def changed(self, _since: int) -> None:
        await asyncio.Event().wait()


async def _nobody(_day: str) -> list[object]:
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class WebServices:
    """Everything the HTTP side can ask for or order."""

    token: str
    "The bearer token of /api; see `acd.web.token`."

    health: Callable[[], Mapping[str, object]]
    "Details for /healthz, such as version and uptime; being called at all means alive."

    readiness: Callable[[], tuple[bool, Mapping[str, object]]]
    "Whether calls are taken, and what stands and what does not."

    metrics_text: Callable[[], bytes]
    "Prometheus' text format 0.0.4."

    named_token: Callable[[str], Actor | None] = lambda _token: None
    "Whose token this is; None: nobody's. See `acd.web.access`."

    sight: NumberSight = STOCK_SIGHT
    "Which roles see customers' numbers whole."

    set_status: Callable[[str, str, str, Order], Outcome]
    """(agent number, ready | away | logged_out, reason or empty, by whom).

    May raise CommandRefusedError, as the other commands."""

    end_wrap_up: Callable[[str, Order], Outcome]
    "(agent number, by whom)."

    moves: Moves

    entries: Entries

    enter_disposition: Callable[[str, str | None, Disposition, Actor], Outcome]
    "(agent number, interaction or None for the agent's last one, what, by whom)."

    place_call: Callable[[str, str, Order], Outcome]
    "(agent number, whom to call, by whom): the agent's own phone rings first."

    hang_up: Callable[[str, Order], Outcome]
    "(agent number, by whom): end the calls that the agent placed."

    agents: Callable[[], Sequence[object]]
    agent: Callable[[str], object | None]
    "(agent number); None: there is no such agent."

    reasons: Callable[[], Sequence[object]] = list
    "What agents may be away for."

    queues: Callable[[], Sequence[object]]
    calls: Callable[[], Sequence[object]]

    live: Live = field(default_factory=_Quiet)
    "Today's figures of queues and the agents' states."

    trace: Callable[[str, bool], str | None]
    "(interaction or Call-ID, with messages); None: nothing is known of it."

    close_queue: Callable[[str, str, str], object] = lambda _queue, _reason, _by: None
    """(queue, empty for all; why; by whom): close it in an emergency; what stands closed then.

    None: there is no such queue."""

    open_queue: Callable[[str, Order], object] = lambda _queue, _order: None
    "(queue, empty for all; by whom): take that back. May raise CommandRefusedError."

    abandoned: Callable[[str], Awaitable[Sequence[object]]] = _nobody
    "(day): who gave up waiting and was not reached since. May raise ServiceUnavailableError."

    callbacks: Callable[[], Sequence[object]] = list
    cancel_callback: Callable[[str, Order], bool] = lambda _callback, _order: False
    """(id, by whom): give a call-back up; False: there is none.

    May raise CommandRefusedError."""

    trunks: Callable[[], Sequence[object]] = list
    bans: Callable[[], Sequence[object]] = list
    lift_ban: Callable[[str, Order], bool] = lambda _source, _order: False
    "(source as the list shows it, by whom); False: it is not banned."

    reports: Callable[[], Sequence[object]] = list
    "Which reports there are."

    report: Callable[[str, Wish, str, str, str], AbstractAsyncContextManager[ReportDocument]] = (
        _no_report
    )
    """(name, what is asked for, form, locale or empty for the centre's, role): the document.

    Whoever leaves it before it is complete ends the work on it.
    May raise UnknownReportError, `acd.reports.request.RequestError`, ServiceUnavailableError."""
