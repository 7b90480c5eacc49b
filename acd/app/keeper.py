"""Keeps the snapshot of devices and statuses current, and gives it back after a restart."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import structlog
from msgspec import structs

from acd.calls import events
from acd.calls.centre import CallCentre
from acd.calls.journal import Record
from acd.net.driver import Driver
from acd.routing.model import AgentMemory, Counters, State, Status
from acd.routing.remembering import PASSING, memory_of
from acd.routing.router import LONGEST_WRAP_UP_S, Router
from acd.sip.events import Contact
from acd.sip.peer import Peer
from acd.storage.snapshot import (
    SavedAgent,
    SavedContact,
    Snapshot,
    SnapshotError,
    read_snapshot,
    write_snapshot,
)

log = structlog.get_logger(__name__)

SETTLE_S = 1.0
"Changes of this long are saved together: a thousand phones register in a burst after a power cut."

REFRESHED_S = 5.0
"""The same for mere refreshes, of which 2,000 phones send seven a second, and for agents' states.
What a crash may lose of them ends a few bindings before the phones' next REGISTER, which brings
them back, or a wrap-up that began just then."""

AGENTS_AT_ONCE = 50
"""Agents or accounts looked at before calls get their turn: half a millisecond. 1,200 agents took
7 ms in one go on a slow machine, and their devices 20, every five seconds while calls came."""

STATUSES = {status.value: status for status in Status}
STATES = {state.value: state for state in PASSING}


class Keeper:
    """A subscriber of the event stream that saves what it is about."""

    KINDS = frozenset(
        {
            events.DevicesChanged,
            events.AgentStatusChanged,
            events.AgentStateChanged,
            events.AwayLimitExceeded,
            events.CallMarked,
        }
    )
    "The kinds of events that change the snapshot."

    def __init__(
        self,
        folder: Path,
        centre: CallCentre,
        router: Router,
        *,
        accounts: Callable[[], Sequence[str]],
        contacts: Callable[[str], tuple[Contact, ...]],
    ) -> None:
        """Accounts with devices and their `contacts` are the registrar's.

        The call centre does not hear of refreshes.
        """
        self._folder = folder
        self._centre = centre
        self._router = router
        self._accounts = accounts
        self._contacts = contacts
        self._save_at: asyncio.TimerHandle | None = None
        self._saving: asyncio.Task[None] | None = None

    def __call__(self, record: Record) -> None:
        """Note that something changed."""
        kind = type(record.event)
        if kind is events.AgentStateChanged:
            self._save_within(REFRESHED_S)
        elif kind in self.KINDS:
            self._save_within(SETTLE_S)

    def refreshed(self) -> None:
        """Note that registrations last longer now, which no record says."""
        self._save_within(REFRESHED_S)

    def _save_within(self, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        at = loop.time() + delay_s
        if self._save_at is not None:
            if self._save_at.when() <= at:
                return
            self._save_at.cancel()
        self._save_at = loop.call_at(at, self._save_soon)

    def _save_soon(self) -> None:
        if self._saving is not None and not self._saving.done():
            # A slow disk: two writers would spoil each other's file.
            self._save_at = asyncio.get_running_loop().call_later(SETTLE_S, self._save_soon)
            return
        self._save_at = None
        self._saving = asyncio.create_task(self._save_in_turns())

    async def _save_in_turns(self) -> None:
        """Save without holding up calls: who is looked at later is kept as of then."""
        agents: list[SavedAgent] = []
        numbers = self._router.agent_numbers()
        for begin in range(0, len(numbers), AGENTS_AT_ONCE):
            agents += self._agents(numbers[begin : begin + AGENTS_AT_ONCE])
            await asyncio.sleep(0)  # let calls go first
        devices: dict[str, tuple[SavedContact, ...]] = {}
        accounts = self._accounts()
        for begin in range(0, len(accounts), AGENTS_AT_ONCE):
            devices |= self._devices(accounts[begin : begin + AGENTS_AT_ONCE])
            await asyncio.sleep(0)  # let calls go first
        await asyncio.to_thread(
            self._write, Snapshot(devices, tuple(agents), self._router.shares())
        )

    async def save(self) -> None:
        """Save now, at the end of the process."""
        if self._save_at is not None:
            self._save_at.cancel()
        if self._saving is not None:
            await self._saving
        agents = self._agents(self._router.agent_numbers())
        devices = self._devices(self._accounts())
        await asyncio.to_thread(
            self._write, Snapshot(devices, tuple(agents), self._router.shares())
        )

    def _agents(self, numbers: Sequence[str]) -> list[SavedAgent]:
        """Return these agents as they are now."""
        now = asyncio.get_running_loop().time()
        occupancies = self._router.occupancies(numbers, now)
        return [
            saved_agent(memory_of(view, now, occupancies[view.agent]), time.time())
            for view in self._router.views_of(numbers)
        ]

    def _devices(self, accounts: Iterable[str]) -> dict[str, tuple[SavedContact, ...]]:
        """Return what is known of these accounts' devices now."""
        to_wall_s = time.time() - asyncio.get_running_loop().time()
        return {
            account: tuple(
                SavedContact(
                    contact.uri,
                    *contact.peer,
                    contact.expires_at + to_wall_s,
                    contact.user_agent,
                    contact.q,
                    contact.instance,
                    contact.reg_id,
                    contact.path,
                )
                for contact in known
            )
            for account in accounts
            if (known := self._contacts(account))  # they may have gone since the last turn
        }

    def _write(self, snapshot: Snapshot) -> None:
        try:
            write_snapshot(self._folder, snapshot)
        except SnapshotError as error:
            log.warning("snapshot_not_written", error=str(error))

    def restore(self, driver: Driver) -> None:
        """Register again whom the last boot knew, and put agents where they were."""
        try:
            snapshot = read_snapshot(self._folder)
        except SnapshotError as error:
            log.warning(
                "snapshot_not_read", error=str(error), effect="phones register in their time"
            )
            return
        if snapshot is None:
            return
        to_mono_s = driver.now() - time.time()
        self._router.restore_shares(snapshot.shares)
        for account, saved in snapshot.contacts.items():
            driver.restore_contacts(account, tuple(_contact(one, to_mono_s) for one in saved))
        for agent in snapshot.agents:
            memory = remembered(agent, time.time())
            if memory is None:
                continue
            # Who was ready is so again with the device, by the rules of a registration: at once,
            # or when it has shown that it is still there.
            if memory.status is Status.READY and not self._has_device(agent.agent):
                self._centre.desk.was_ready(agent.agent)
                memory = structs.replace(memory, status=Status.LOGGED_OUT)
            driver.carry_out(self._centre.restore_agent(memory, "system", driver.now()))

    def _has_device(self, agent: str) -> bool:
        desk = self._centre.desk
        profile = desk.profile(agent)
        if profile is None:
            return False
        if desk.login_at_registration:
            return desk.contact(profile.account) is not None
        return profile.account in desk.devices()


def saved_agent(memory: AgentMemory, wall_s: float) -> SavedAgent:
    """Return it as it is kept: points in time in place of what is left of them."""
    passing = memory.state in PASSING
    counters = memory.counters
    return SavedAgent(
        agent=memory.agent,
        status=memory.status.value,
        reason=memory.reason,
        misses=memory.misses,
        state=memory.state.value if passing else "",
        until_wall_s=wall_s + memory.remaining_s if passing and not memory.owed else 0.0,
        owed_s=memory.remaining_s if memory.owed else None,
        queue=memory.queue,
        interaction=memory.interaction,
        cool_down_s=memory.cool_down_s,
        away_since_wall_s=None if memory.away_s is None else wall_s - memory.away_s,
        away_exceeded=memory.away_exceeded,
        idle_since_wall_s=None if memory.idle_s is None else wall_s - memory.idle_s,
        calls=counters.calls if counters is not None else None,
        talk_s=counters.talk_s if counters is not None else 0.0,
        turn=counters.turn if counters is not None else 0,
        occupancy=round(memory.occupancy, 4),
    )


def remembered(saved: SavedAgent, wall_s: float) -> AgentMemory | None:
    """Return what was kept, as it is by now; None: a status that there is not.

    A wall clock that went back meanwhile makes no time negative.
    """
    status = STATUSES.get(saved.status)
    if status is None:
        return None
    away, idle = saved.away_since_wall_s, saved.idle_since_wall_s
    left_s = saved.until_wall_s - wall_s if saved.owed_s is None else saved.owed_s
    return AgentMemory(
        agent=saved.agent,
        status=status,
        reason=saved.reason,
        misses=saved.misses,
        state=STATES.get(saved.state, State.OFFLINE),
        remaining_s=min(max(0.0, left_s), LONGEST_WRAP_UP_S),
        owed=saved.owed_s is not None,
        queue=saved.queue,
        interaction=saved.interaction,
        cool_down_s=saved.cool_down_s,
        away_s=None if away is None else max(0.0, wall_s - away),
        away_exceeded=saved.away_exceeded,
        idle_s=None if idle is None else max(0.0, wall_s - idle),
        counters=None if saved.calls is None else Counters(saved.calls, saved.talk_s, saved.turn),
        occupancy=saved.occupancy if 0.0 <= saved.occupancy <= 1.0 else 0.0,
    )


def _contact(saved: SavedContact, to_mono_s: float) -> Contact:
    return Contact(
        saved.uri,
        Peer(saved.transport, saved.host, saved.port),
        saved.expires_wall_s + to_mono_s,
        saved.user_agent,
        saved.q,
        saved.instance,
        saved.reg_id,
        saved.path,
    )
