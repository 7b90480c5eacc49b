"""The pure core (calls, flows, routing) in a world of seeded people on a virtual clock."""

from collections.abc import Callable
from math import inf

from acd.calls import commands as sip_commands
from acd.calls import events
from acd.calls.callback import Callback, CallbackState, SavedCallback
from acd.calls.effects import Effects
from acd.calls.ids import Uuid7Source
from acd.calls.numbers import NumberPlan
from acd.calls.settings import DevicePolicy
from acd.ivr.book import FlowBook
from acd.media.commands import Command as MediaCommand
from acd.media.events import Event as MediaEvent
from acd.routing.model import AgentProfile, QueueProfile, Status
from acd.routing.policy import phones_at_most
from acd.sip.events import Event as SipEvent
from acd.sip.events import LegCancelled, LegEnded, LegFailed

from .clock import VirtualClock
from .core import build_centre
from .customers import Customer
from .engine import SimulatedEngine
from .handing_on import ConsultLine, HandingOn
from .invariant import InvariantError, require
from .ledger import Ledger, StarvationBounds
from .misfortunes import (
    LONGEST_STALL_S,
    Misfortunes,
    ServerDiedError,
    changed_agents,
    changed_queues,
)
from .people import AgentPhone, Caller
from .randomness import Randomness
from .scenario import Scenario

PROMISING = (events.CallbackRequested, events.CallbackAttempted, events.CallbackEnded)
"What changes what the state folder has of call-backs: `acd.app.standing`."

LATE_S = 2 * LONGEST_STALL_S
"How long after its end a call-back may stand: as long as the server may stand still."

CALLBACKS_CHECKED_EVERY = 64
"""Steps between two looks whether any call-back was forgotten; one that was stays so. In between
only those are looked at whose state has changed: there may be hundreds, and most rest."""

YEARS_S = 1.8e9
"Wall time at the beginning, in seconds: ids are made of it, and a clock may be set back."


class World:
    """One seeded run. `run` returns when every caller has gone; a broken promise raises."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        agents: tuple[AgentProfile, ...],
        queues: tuple[QueueProfile, ...],
        numbers: NumberPlan,
        flows: FlowBook,
        randomness: Randomness,
    ) -> None:
        self.clock = VirtualClock()
        self.ledger = Ledger(
            {queue.name: queue.wrap_up_s for queue in queues},
            {agent.account: agent.number for agent in agents},
            StarvationBounds(agents, queues),
            ring_at_most=phones_at_most(queues),
        )
        self.on_ended: Callable[[int], None] = lambda ended: None
        "Told of each call's end how many there have been, for whoever watches."

        self._scenario = scenario
        self._randomness = randomness
        new_id = Uuid7Source(
            lambda: int((YEARS_S + self.clock.now + self.clock.wall_ahead_s) * 1000),
            randomness.getrandbits,
        )
        self._new_id = new_id
        self.misfortunes = Misfortunes(scenario, self.clock, randomness)
        self._agents = agents
        self._queues = queues
        self._numbers = numbers
        self._flows = flows
        self._boot = 0
        self._saved: tuple[SavedCallback, ...] = ()
        "What the state folder has of call-backs."

        self._promised_more = False
        self._stood: dict[Callback, CallbackState] = {}
        "How each call-back stood when it was looked at last."

        self._steps = 0
        self._start_server(agents, queues)
        self._dialled = 0
        self._callers: dict[str, Caller | ConsultLine | Customer] = {}
        self._phones = {
            phone.contact.uri: phone for agent in agents for phone in self._handsets(agent.account)
        }
        self._agent_numbers = tuple(agent.number for agent in agents)
        self._phone_by_leg: dict[str, AgentPhone] = {}
        self._media_commands = frozenset(MediaCommand.__args__)
        self._sip_commands: dict[type, Callable[..., None]] = {
            sip_commands.RingLeg: lambda c: None,
            sip_commands.AnswerLeg: lambda c: self._callers[c.leg].on_answered(),
            sip_commands.RejectLeg: lambda c: self._caller_over(c.leg),
            sip_commands.InviteLeg: self._invite,
            sip_commands.HangUpLeg: self._hang_up,
            sip_commands.AcceptOffer: lambda c: None,
            sip_commands.RefuseOffer: lambda c: None,
            sip_commands.AcceptTransfer: lambda c: None,
            sip_commands.RefuseTransfer: lambda c: None,
            sip_commands.DoubtContact: lambda c: None,
            sip_commands.NotifyTransfer: lambda c: self._handing_on.notified(c),
        }
        self._handing_on = HandingOn(
            scenario,
            self._agent_numbers,
            self.clock,
            randomness,
            self._on_sip,
            new_id,
            self._consults,
        )

    def _start_server(
        self, agents: tuple[AgentProfile, ...], queues: tuple[QueueProfile, ...]
    ) -> None:
        """Build what a process holds: the core, and media that answer nobody else."""
        self._boot += 1
        self._booted_at = self.clock.now
        boot, scenario = self._boot, self._scenario
        self.ledger.queue_priorities = {queue.name: queue.priority for queue in queues}
        self.ledger.employed = frozenset(agent.number for agent in agents)
        self.centre = build_centre(
            self.clock,
            self._randomness,
            self._new_id,
            agents=agents,
            queues=queues,
            numbers=self._numbers,
            flows=self._flows,
            devices=DevicePolicy.ALL if scenario.devices > 1 else DevicePolicy.NEWEST,
        )
        self.engine = SimulatedEngine(
            scenario,
            self.clock,
            self._randomness,
            lambda event: self._on_media(event) if boot == self._boot else None,
        )
        self.engine.on_bridge = self._on_bridge

    def _handsets(self, account: str) -> tuple[AgentPhone, ...]:
        """Return the phones of one agent."""
        phones = tuple(
            AgentPhone(
                account,
                self._scenario,
                self.clock,
                self._randomness,
                self._on_sip,
                host=f"198.51.100.{number}",
            )
            for number in range(1, self._scenario.devices + 1)
        )
        for phone in phones:
            phone.beside = phones
        return phones

    def run(self) -> Ledger:
        """Let all callers come and go; return the ledger of what became of them."""
        for phone in self._phones.values():
            phone.register(registered=True)
            self._plan_whim(phone)
        if self._scenario.media_lost_every_s:
            self._plan_loss()
        self.misfortunes.plan(self._reload)
        self._plan_arrival()
        while self._busy():
            try:
                self._step()
            except ServerDiedError:
                self._revive()
        self.ledger.check_closed()
        promised = self.ledger.promises.open
        require(not promised, f"call-backs never ended: {sorted(promised)[:3]}")
        if self.engine.open:
            raise InvariantError(f"streams left open: {sorted(self.engine.open)[:3]}")
        self._rest()
        return self.ledger

    def _step(self) -> None:
        deadline = self.centre.next_deadline()
        if deadline <= self.clock.next_due():
            self.clock.now = max(self.clock.now, deadline)
            self._carry_out(self.centre.on_time(self.clock.now))
        else:
            self.clock.run_next()

    def _rest(self) -> None:
        """Let every wrap-up and pause run out, with nobody doing anything any more."""
        while (deadline := self.centre.next_deadline()) < inf:
            self.clock.now = max(self.clock.now, deadline)
            for effect in self.centre.on_time(self.clock.now):
                self._record(effect)  # type: ignore[arg-type]  # only agents change by now
        self.ledger.check_rested()

    # --- what befalls the server ---

    def _revive(self) -> None:
        """Start the server again: calls are gone, devices and statuses come from its folder."""
        statuses = self.ledger.statuses()
        for caller in self._callers.values():
            caller.on_over()
        self._callers.clear()
        self._phone_by_leg.clear()
        for phone in self._phones.values():
            phone.on_server_died()
        self.ledger.restarted()
        steady = not self._scenario.wall_jumps_every_s
        self.ledger.promises.restored(self._saved, placed=steady)
        self._start_server(self._agents, self._queues)
        self.centre.call_backs.restore(self._saved, self.clock.now)
        self._stood.clear()
        for phone in self._phones.values():
            phone.announce_again()
        for agent, (status, reason) in statuses.items():
            self._set_status(agent, Status(status), reason)
        self.on_ended(self.ledger.ended)

    def _reload(self) -> None:
        """Go on under another configuration; flows are read again as they are."""
        agents = changed_agents(self._agents, self._randomness)
        queues = changed_queues(self._queues, self._randomness)
        now = self.clock.now
        self.ledger.queue_priorities = {queue.name: queue.priority for queue in queues}
        self.ledger.employed = frozenset(agent.number for agent in agents)
        self.centre.replace_flows(self._flows)
        self._carry_out(
            self.centre.configure(agents=agents, queues=queues, numbers=self._numbers, now=now)
        )

    @property
    def callers_come(self) -> int:
        """Callers of the scenario's `calls` who have dialled; of their calls others may follow."""
        return self._dialled

    def _busy(self) -> bool:
        return (
            self._dialled < self._scenario.calls
            or self.centre.calls_total > 0
            or len(self.centre.call_backs) > 0
            or bool(self.engine.open)
        )

    # --- what people do ---

    def _plan_arrival(self) -> None:
        gap_s = self._randomness.expovariate(self._scenario.arrivals_per_s)
        self.clock.after(gap_s, self._arrive)

    def _arrive(self) -> None:
        # What comes next is planned first: the server may die of what is done now.
        self._dialled += 1
        if self._dialled < self._scenario.calls:
            self._plan_arrival()
        self._dial(None)

    def _dial(self, account: str | None) -> None:
        caller = Caller(
            self._new_id(),
            self._randomness.choice(self._scenario.numbers),
            self._scenario,
            self.clock,
            self._randomness,
            self._on_sip,
            account=account,
        )
        self._callers[caller.leg] = caller
        caller.dial()

    def _plan_whim(self, phone: AgentPhone) -> None:
        wait_s = self._randomness.expovariate(1 / self._scenario.agent_changes_every_s)
        self.clock.after(wait_s, lambda: self._have_whim(phone))

    def _have_whim(self, phone: AgentPhone) -> None:
        self._plan_whim(phone)
        # Agents would keep each other busy for ever once the callers have gone.
        dials = self._scenario.agent_dials if self._dialled < self._scenario.calls else 0.0
        if dials and self._randomness.random() < dials:
            self._dial(phone.account)
            return
        agent = self._randomness.choice(self._agent_numbers)
        match self._randomness.choice(("away", "ready", "end_wrap_up", "phone")):
            case "away":
                self.clock.after(60, lambda: self._set_status(agent, Status.READY, ""))
                self._set_status(agent, Status.AWAY, "break")
            case "ready":
                self._set_status(agent, Status.READY, "")
            case "end_wrap_up":
                self.ledger.ends_wrap_up(agent)
                self._carry_out(self.centre.end_wrap_up(agent, self.clock.now) or [])
            case _:
                self.clock.after(20, lambda: phone.register(registered=True))
                phone.register(registered=False)

    def _set_status(self, agent: str, status: Status, reason: str) -> None:
        now = self.clock.now
        self._carry_out(self.centre.set_status(agent, status, reason, "agent", now) or [])

    def _plan_loss(self) -> None:
        wait_s = self._randomness.expovariate(1 / self._scenario.media_lost_every_s)
        self.clock.after(wait_s, self._lose)

    def _lose(self) -> None:
        self._plan_loss()
        self.engine.lose_half()

    # --- what the core does ---

    def _on_sip(self, event: SipEvent) -> None:
        if isinstance(event, LegEnded | LegCancelled | LegFailed):
            self._callers.pop(event.leg, None)
            self._phone_by_leg.pop(event.leg, None)
        self._carry_out(self.centre.on_sip(event, self.clock.now))

    def _on_media(self, event: MediaEvent) -> None:
        self._carry_out(self.centre.on_media(event, self.clock.now))

    def _carry_out(self, effects: Effects) -> None:
        for effect in effects:
            self.misfortunes.strike(effect)
            kind = type(effect)
            command = self._sip_commands.get(kind)
            if command is not None:
                command(effect)
            elif kind in self._media_commands:
                self.engine.execute(effect)  # type: ignore[arg-type]  # told by its type
            else:
                self._record(effect)  # type: ignore[arg-type]  # the only kind left
        if effects:
            self._keep_promises()

    def _keep_promises(self) -> None:
        """Save what changed, as the server does between two steps; tell who stands in a line."""
        backs, now = self.centre.call_backs, self.clock.now
        if self._promised_more:
            self._promised_more = False
            self._saved = backs.saved
        self._steps += 1
        stood = self._stood
        if self._steps % CALLBACKS_CHECKED_EVERY == 0:
            stood.clear()
        for callback in backs:
            if stood.get(callback) is not callback.state:
                stood[callback] = callback.state
                self._keep_promise(callback, now)

    def _keep_promise(self, callback: Callback, now: float) -> None:
        lined_up = callback.state is CallbackState.LINED_UP
        idle = lined_up or callback.state is CallbackState.RESTING
        late = idle and now > max(callback.expires_at, self._booted_at) + LATE_S
        require(not late, f"{now}: call-back {callback.id} rests for ever")
        in_call = self.ledger.under_way(callback.id)
        require(idle or in_call, f"{now}: call-back {callback.id} was forgotten")
        self.ledger.promises.lines_up(callback.id, now if lined_up else None)

    def _record(self, event: events.Event) -> None:
        self.ledger.take(event, self.clock.now)
        if isinstance(event, PROMISING):
            self._promised_more = True
        if isinstance(event, events.CallEnded):
            self.on_ended(self.ledger.ended)

    def _invite(self, command: sip_commands.InviteLeg) -> None:
        if command.target.trunk:
            self._call_back(command.leg, command.target.uri)
            return
        phone = self._phones[command.target.uri]
        self._phone_by_leg[command.leg] = phone
        phone.on_invite(command.leg)

    def _call_back(self, leg: str, uri: str) -> None:
        number = uri.removeprefix("sip:").partition("@")[0]
        forbidden = number.startswith(self._numbers.dial_plan.forbidden)
        require(not forbidden, f"{number} is called, which nobody may call")
        customer = Customer(leg, self._scenario, self.clock, self._randomness, self._on_sip)
        self._callers[leg] = customer
        customer.on_invite()

    def _hang_up(self, command: sip_commands.HangUpLeg) -> None:
        phone = self._phone_by_leg.pop(command.leg, None)
        if phone is not None:
            phone.on_hang_up(command.leg)
        else:
            self._caller_over(command.leg)

    def _caller_over(self, leg: str) -> None:
        caller = self._callers.pop(leg, None)
        if caller is not None:
            caller.on_over()

    def _on_bridge(self, leg: str, other: str) -> None:
        """Begin the talk, on the phones that it is between."""
        caller, phone = self._callers.get(leg), self._phone_by_leg.get(other)
        if caller is None or phone is None:
            raise InvariantError(f"{leg} and {other} are bridged: not a caller with an agent")
        if phone.leg != other:
            raise InvariantError(f"{phone.account} is bridged with {leg}, and is in {phone.leg}")
        caller.on_talk()
        phone.on_talk()
        if self._scenario.hands_on:
            self._handing_on.talks(phone)

    def _consults(self, line: ConsultLine) -> None:
        self._callers[line.leg] = line
