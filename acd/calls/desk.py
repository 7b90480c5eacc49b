"""The agents' side: their devices, log-in by registration, and the calls they can still class."""

from collections.abc import Callable, Iterable
from datetime import datetime

from msgspec import Struct, structs

from acd.routing.events import Event as RoutingEvent
from acd.routing.model import AgentProfile, QueueKind, QueueProfile, Status
from acd.routing.router import Router
from acd.sip.events import Contact, ContactsChanged
from acd.sip.peer import Peer

from . import events
from .contacts import Contacts
from .effects import Effects
from .ports import Certificates
from .settings import DevicePolicy

CALL_CLASSES = ("inquiry", "order", "complaint", "transfer", "other")
"Dispositions of domain.md."


def part_of(interaction: str, agent: str) -> str:
    """Name an agent's part of an interaction: what is learned from it is that agent's own."""
    return f"{interaction} {agent}"


class Disposition(Struct, frozen=True, kw_only=True):
    """How an agent classes a call."""

    call_class: str
    category: str = ""
    order_id: str = ""
    ordered: bool = False
    solved: bool | None = None
    amount: int | None = None
    "What the order is worth, in minor units of `currency`; None: not told."

    currency: str = ""
    "ISO 4217; empty without an amount."

    key: str = ""
    "Idempotency key; empty: none."

    by: str = ""
    "Who told it, where it was not the agent."

    def told(self, interaction: str, agent: str, queue: str) -> events.DispositionEntered:
        """Return the event that classes this agent's part of the call."""
        return events.DispositionEntered(
            interaction=interaction,
            agent=agent,
            queue=queue,
            call_class=self.call_class,
            category=self.category,
            order_id=self.order_id,
            ordered=self.ordered,
            solved=self.solved,
            amount=self.amount,
            currency=self.currency,
            key=self.key,
            by=self.by,
        )


class HandledCall(Struct, frozen=True, gc=False):
    """The call an agent took last, for the disposition that follows it."""

    interaction: str
    queue: str
    kind: QueueKind
    category: str
    answered_wall_s: float
    "UTC seconds."


class Desk:
    """Knows which phone rings for which agent."""

    def __init__(
        self,
        router: Router,
        effects: Effects,
        *,
        login_at_registration: bool,
        devices: DevicePolicy = DevicePolicy.NEWEST,
        wall: Callable[[], datetime],
        certificates: Certificates,
        contacts: Contacts,
    ) -> None:
        self.contacts = contacts
        "Who took which caller's call last; for agents to be preferred."

        self._certificates = certificates
        self._router = router
        self._effects = effects
        self._login_at_registration = login_at_registration
        self._policy = devices
        self._silenced: set[str] = set()
        "Agents who were ready until their devices fell silent."

        self._active: dict[str, str] = {}
        "Device that last answered or made a call, by account; only for who has devices."
        self._wall = wall
        self._agents: dict[str, AgentProfile] = {}
        self._agent_by_account: dict[str, str] = {}
        self._contacts: dict[str, tuple[Contact, ...]] = {}
        self._handled: dict[str, HandledCall] = {}

    def configure(
        self, agents: Iterable[AgentProfile], *, login_at_registration: bool | None = None
    ) -> None:
        """Replace the agents; devices and calls at hand stay. `settle` has to follow."""
        if login_at_registration is not None:
            self._login_at_registration = login_at_registration
        self._agents = {agent.number: agent for agent in agents}
        self._agent_by_account = {agent.account: agent.number for agent in self._agents.values()}
        self._handled = {n: call for n, call in self._handled.items() if n in self._agents}
        self._silenced &= self._agents.keys()
        managed = ((n, agent.number) for agent in self._agents.values() for n in agent.customers)
        self.contacts.manage(dict(managed))

    def settle(self, now: float) -> list[RoutingEvent]:
        """Log agents in and out whose account is another since the agents were replaced."""
        routed: list[RoutingEvent] = []
        for agent, profile in self._agents.items():
            reachable = self.contact(profile.account) is not None
            if self._router.agent_view(agent).reachable != reachable:
                routed += self._reachable(agent, reachable, now)
        return routed

    @property
    def login_at_registration(self) -> bool:
        """Whether an agent is ready as soon as a device registers."""
        return self._login_at_registration

    def refusal(self, agent: str) -> str:
        """Return why the agent may not log in, one word; empty: may, or is logged in."""
        if self._router.agent_view(agent).status is not Status.LOGGED_OUT:
            return ""
        return self._certificates.refusal(agent)

    def wishes(
        self, agent: str, status: Status, reason: str, by: str, now: float, note: str = ""
    ) -> list[RoutingEvent] | None:
        """Change what the agent wants; None: a log-in that is refused, see `refusal`."""
        refused = "" if status is Status.LOGGED_OUT else self.refusal(agent)
        if not refused:
            return self._router.set_status(agent, status, reason, by, now, note)
        self._effects.append(events.LogInRefused(agent=agent, reason=refused))
        return None

    def agent_of(self, account: str | None) -> str | None:
        """Return the number of the agent whose account this is."""
        return self._agent_by_account.get(account) if account else None

    def profile(self, agent: str) -> AgentProfile | None:
        """Return the agent as configured."""
        return self._agents.get(agent)

    def contact(self, account: str) -> Contact | None:
        """Return the device to ring, one that answers: the last active or the newest one."""
        contacts = self._contacts.get(account, ())
        if self._policy is DevicePolicy.LAST_ACTIVE and len(contacts) > 1:
            active = self._active.get(account)
            contacts = tuple(sorted(contacts, key=lambda one: one.uri != active))
        return next((one for one in contacts if one.reachable), None)

    def all_to_ring(self, account: str) -> list[Contact]:
        """Return the devices that ring together; none where only one does, see `contact`."""
        if self._policy is not DevicePolicy.ALL:
            return []
        ringing = [one for one in self._contacts.get(account, ()) if one.reachable]
        return ringing if len(ringing) > 1 else []

    def answered_on(self, account: str, uri: str) -> None:
        """Note that the device with this contact URI took a call."""
        if self._policy is DevicePolicy.LAST_ACTIVE and account in self._contacts:
            self._active[account] = uri

    def called_from(self, account: str, peer: Peer) -> None:
        """Note that a call came from the device at this address."""
        if self._policy is DevicePolicy.LAST_ACTIVE:
            for contact in self._contacts.get(account, ()):
                if contact.peer == peer:
                    self._active[account] = contact.uri
                    return

    def devices(self) -> dict[str, tuple[Contact, ...]]:
        """Return every account's registered devices, newest first; some may not answer."""
        return self._contacts

    def contacts_changed(self, event: ContactsChanged, now: float) -> list[RoutingEvent]:
        """Take an account's devices; the first one logs the agent in, the last one gone out.

        One that does not answer counts as gone. When it answers again, it logs in nobody who had
        logged out beside it.
        """
        account = event.account
        known = self._contacts.get(account, ())
        before = _uris(known)
        if event.contacts:
            self._contacts[account] = event.contacts
        else:
            self._contacts.pop(account, None)
            self._active.pop(account, None)
        uris = _uris(event.contacts)
        if uris != before:
            self._effects.append(
                events.DevicesChanged(account=account, contacts=uris, cause=event.cause.value)
            )
        agent = self.agent_of(account)
        if agent is None or bool(before) == bool(uris):
            return []
        if not known:
            self._silenced.discard(agent)
        fell_silent = bool(before and event.contacts)
        if fell_silent and self._router.agent_view(agent).status is Status.READY:
            self._silenced.add(agent)
        came_back = bool(known and uris)
        logs_in = not came_back or agent in self._silenced
        return self._reachable(agent, bool(uris), now, logs_in=logs_in)

    def was_ready(self, agent: str) -> None:
        """Note that the agent was ready before a restart: ready again when a device answers."""
        self._silenced.add(agent)

    def has_wished(self, agent: str) -> None:
        """Note that somebody has set the agent's status: no device changes that by waking up."""
        self._silenced.discard(agent)

    def _reachable(
        self, agent: str, reachable: bool, now: float, *, logs_in: bool = True
    ) -> list[RoutingEvent]:
        routed = self._router.set_reachable(agent, reachable, now)
        if reachable:
            self._silenced.discard(agent)
        if not self._login_at_registration:
            return routed
        status = self._router.agent_view(agent).status
        if reachable and logs_in and status is Status.LOGGED_OUT:
            routed += self.wishes(agent, Status.READY, "", "system", now) or []
        elif not reachable and status is Status.READY:
            # Away stays away: a phone that loses its registration over lunch comes back to it.
            routed += self._router.set_status(agent, Status.LOGGED_OUT, "", "system", now)
        return routed

    def remember(
        self,
        agent: str,
        *,
        interaction: str,
        queue: QueueProfile,
        category: str,
        answered: bool = True,
    ) -> None:
        """Note the call that the agent is connected to now.

        `answered` False: the agent took over what another one had answered; conversion is of
        answered calls alone, so nothing is learned from it.
        """
        kind = queue.kind if answered else QueueKind.SERVICE
        self._handled[agent] = HandledCall(
            interaction, queue.name, kind, category, self._wall().timestamp()
        )

    def handled(self, agent: str) -> HandledCall | None:
        """Return the call that the agent took last."""
        return self._handled.get(agent)

    def mark_upsetting(self, agent: str, by: str, now: float) -> list[RoutingEvent] | None:
        """Mark the agent's last call: a cool-down follows. None: there is none, or not now."""
        last = self._handled.get(agent)
        if last is None:
            return None
        routed = self._router.cool_down(agent, now)
        if routed is not None:
            marked = events.CallMarked(interaction=last.interaction, agent=agent, by=by)
            self._effects.append(marked)
        return routed

    def dispose(self, agent: str, disposition: Disposition, *, interaction: str = "") -> bool:
        """Class a call: the one named, or the agent's last when `interaction` is empty.

        Returns False when there is no such call of this agent.
        """
        last = self._handled.get(agent)
        if last is None or (interaction and interaction != last.interaction):
            return False
        category = disposition.category or last.category
        named = structs.replace(disposition, category=category)
        self._effects.append(named.told(last.interaction, agent, last.queue))
        if disposition.solved is not None:
            self.contacts.settled(last.interaction, agent, disposition.solved)
        if last.kind is QueueKind.SALES:
            # Conversion is orders per answered sales call; nothing else is learned from.
            self._router.record_outcome(
                agent,
                last.queue,
                category,
                part_of(last.interaction, agent),
                disposition.ordered,
                last.answered_wall_s,
                amount=disposition.amount,
                currency=disposition.currency,
            )
        return True


def _uris(contacts: tuple[Contact, ...]) -> tuple[str, ...]:
    """Return where an account can be rung."""
    return tuple([contact.uri for contact in contacts if contact.reachable])
