"""Hot-desking beside the core: PINs checked, tries counted, agents seated at desk phones."""

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from acd.calls import events
from acd.calls.centre import CallCentre
from acd.calls.commands import VerifyPin
from acd.calls.effects import Effects
from acd.calls.journal import Record
from acd.routing.model import Status
from acd.storage.pins import PinsError, PinStore

from .assignments import Assignments

log = structlog.get_logger(__name__)

TRIES_MAX = 5
TRIES_S = 900.0
"""Wrong PINs at one phone or for one agent within a quarter of an hour: then no PIN is right for
the rest of it. 480 guesses a day at four digits."""

DESK_TAKEN = "desk taken by another agent"


class Tries:
    """Wrong tries of the last while, by phone and by agent. Limited: only known ones are asked."""

    def __init__(self) -> None:
        self._wrong: dict[str, deque[float]] = {}

    def exhausted(self, key: str, now: float) -> bool:
        """Return whether there have been too many."""
        wrong = self._wrong.get(key)
        if wrong is None:
            return False
        while wrong and wrong[0] <= now - TRIES_S:
            wrong.popleft()
        if not wrong:
            del self._wrong[key]
        return len(wrong) >= TRIES_MAX

    def note(self, key: str, now: float) -> None:
        """Count a wrong one."""
        self._wrong.setdefault(key, deque(maxlen=TRIES_MAX)).append(now)

    def forget(self, key: str) -> None:
        """Begin anew after a right one."""
        self._wrong.pop(key, None)


class HotDesks:
    """Also a subscriber of the event stream: who logs out gets up."""

    KINDS = frozenset({events.AgentStatusChanged})

    def __init__(
        self,
        centre: CallCentre,
        pins: PinStore,
        assignments: Assignments,
        *,
        carry_out: Callable[[Effects], None],
        now: Callable[[], float],
        reconfigure: Callable[[], None],
    ) -> None:
        self._centre = centre
        self._pins = pins
        self._assignments = assignments
        self._carry_out = carry_out
        self._now = now
        self._reconfigure = reconfigure
        self._tries = Tries()
        self._one_at_a_time = asyncio.Lock()
        self._checks: set[asyncio.Task[None]] = set()

    def verify(self, wish: VerifyPin) -> None:
        """Check a PIN in a thread, and seat the agent if it is right."""
        check = asyncio.get_running_loop().create_task(self._verify(wish))
        self._checks.add(check)
        check.add_done_callback(self._checks.discard)

    async def _verify(self, wish: VerifyPin) -> None:
        keys = [f"desk {wish.account}"]
        # What is no agent's number may be a PIN keyed in too early: it is not written anywhere.
        agent = wish.agent if self._centre.desk.profile(wish.agent) is not None else ""
        if agent:
            keys.append(f"agent {agent}")
        # One core's worth of hashing at most, however many phones are tried at once.
        async with self._one_at_a_time:
            blocked = any(self._tries.exhausted(key, self._now()) for key in keys)
            right = not blocked and await self._matches(wish)
        if blocked:
            log.warning("desk_login_blocked", account=wish.account, agent=agent)
        elif not right:
            log.warning("desk_login_wrong", account=wish.account, agent=agent)
        for key in () if blocked else keys:
            if right:
                self._tries.forget(key)
            else:
                self._tries.note(key, self._now())
        effects, seated = self._centre.desk_login_verified(wish.interaction, right, self._now())
        self._carry_out(effects)
        if seated:
            self._sit(seated, wish.account)

    async def _matches(self, wish: VerifyPin) -> bool:
        try:
            return await asyncio.to_thread(self._pins.matches, wish.agent, wish.pin)
        except PinsError as error:
            log.error("pins_not_read", reason=str(error))  # noqa: TRY400 - the reason says it all
            return False

    def _sit(self, agent: str, account: str) -> None:
        former = self._assignments.seated_at(account)
        if former and former != agent:
            self._want(former, Status.LOGGED_OUT, "system", DESK_TAKEN)
            self._seat(former, None)
        self._seat(agent, account)
        self._want(agent, Status.READY, "agent", "")

    def _seat(self, agent: str, account: str | None) -> None:
        assignment = self._assignments.of(agent)
        left = assignment.account if assignment is not None else None
        try:
            self._assignments.seat(agent, account)
        except OSError as error:
            log.error("desk_not_kept", agent=agent, reason=str(error))  # noqa: TRY400 - as above
            return
        self._reconfigure()
        if left:
            self._carry_out([events.DeskLeft(agent=agent, account=left)])
        if account:
            self._carry_out([events.DeskTaken(agent=agent, account=account)])

    def _want(self, agent: str, status: Status, by: str, note: str) -> None:
        effects = self._centre.set_status(agent, status, "", by, self._now(), note)
        self._carry_out(effects or [])

    def __call__(self, record: Record) -> None:
        """Let an agent get up who logged out; a phone that is gone keeps its agent."""
        event = record.event
        if (
            isinstance(event, events.AgentStatusChanged)
            and event.status == Status.LOGGED_OUT.value
            and event.by != "system"
            and self._assignments.seat_of(event.agent)
        ):
            # Not from within the step that is being told of.
            asyncio.get_running_loop().call_soon(self._get_up, event.agent)

    def _get_up(self, agent: str) -> None:
        if self._assignments.seat_of(agent):
            self._seat(agent, None)
