"""Keeps the snapshot of devices and statuses current, and gives it back after a restart."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from acd.calls import events
from acd.calls.centre import CallCentre
from acd.calls.journal import Record
from acd.net.driver import Driver
from acd.routing.model import Status
from acd.routing.router import Router
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
"""The same for mere refreshes, of which 2,000 phones send seven a second. What a crash may lose of
them ends a few bindings before the phones' next REGISTER; that brings them back."""


STATUSES = {status.value: status for status in Status}


class Keeper:
    """A subscriber of the event stream that saves what it is about."""

    KINDS = frozenset({events.DevicesChanged, events.AgentStatusChanged})
    "The kinds of events that change the snapshot."

    def __init__(
        self,
        folder: Path,
        centre: CallCentre,
        router: Router,
        *,
        contacts: Callable[[], Mapping[str, tuple[Contact, ...]]],
    ) -> None:
        """`contacts` are the registrar's: the call centre does not hear of refreshes."""
        self._folder = folder
        self._centre = centre
        self._router = router
        self._contacts = contacts
        self._save_at: asyncio.TimerHandle | None = None
        self._saving: asyncio.Task[None] | None = None

    def __call__(self, record: Record) -> None:
        """Note that something changed."""
        if type(record.event) in self.KINDS:
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
        self._saving = asyncio.create_task(asyncio.to_thread(self._write, self._snapshot()))

    async def save(self) -> None:
        """Save now, at the end of the process."""
        if self._save_at is not None:
            self._save_at.cancel()
        if self._saving is not None:
            await self._saving
        await asyncio.to_thread(self._write, self._snapshot())

    def _snapshot(self) -> Snapshot:
        to_wall_s = time.time() - asyncio.get_running_loop().time()
        contacts = {
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
                for contact in devices
            )
            for account, devices in self._contacts().items()
        }
        agents = tuple(
            SavedAgent(view.agent, view.status.value, view.reason)
            for view in self._router.agents()
        )
        return Snapshot(contacts, agents)

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
        for account, saved in snapshot.contacts.items():
            driver.restore_contacts(account, tuple(_contact(one, to_mono_s) for one in saved))
        for agent in snapshot.agents:
            status = STATUSES.get(agent.status)
            # Who was ready is so again with the device, by the rules of a registration: at once,
            # or when it has shown that it is still there.
            if status is None:
                continue
            if status is Status.READY and not self._has_device(agent.agent):
                self._centre.desk.was_ready(agent.agent)
                continue
            effects = self._centre.set_status(
                agent.agent, status, agent.reason, "system", driver.now()
            )
            driver.carry_out(effects or [])

    def _has_device(self, agent: str) -> bool:
        desk = self._centre.desk
        profile = desk.profile(agent)
        if profile is None:
            return False
        if desk.login_at_registration:
            return desk.contact(profile.account) is not None
        return profile.account in desk.devices()


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
