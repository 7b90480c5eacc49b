"""The call centre: every call from its INVITE to its end.

The one place where SIP, IVR, routing and media meet. Inputs are SIP events, media events, commands
of people, and time; the result of each is a list of effects in the order to carry them out.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from acd.ivr.book import FlowBook
from acd.media import events as media_in
from acd.routing.events import LeaveReason, OfferMade
from acd.routing.model import AgentMemory, AgentProfile, AgentRules, QueueProfile, Status
from acd.routing.router import Router
from acd.sip import events as sip

from .announcing import Listener
from .call import Call, EndReason, FlowTimer, Phase, RingTimer
from .callback import Callback
from .calling_back import CallBacks
from .closures import Closures
from .desk import Desk, Disposition
from .desk_login import KeyTimer
from .dial_plan import Barred
from .effects import Effect, Effects
from .numbers import NumberPlan
from .parts import Parts
from .ports import Certificates, NoCertificates
from .settings import CentreSettings
from .steering import Steering
from .transfer import Transfer
from .waiting_room import Watch

Result = TypeVar("Result")

Handlers = dict[type, Callable[..., None]]
"Who takes an input, by its kind."


class CallCentre:
    """Joins callers, flows, queues, agents and their media. Does no I/O; `now` is monotonic."""

    def __init__(
        self,
        *,
        router: Router,
        agents: Iterable[AgentProfile],
        queues: Iterable[QueueProfile],
        numbers: NumberPlan,
        flows: FlowBook,
        settings: CentreSettings,
        new_id: Callable[[], str],
        wall: Callable[[], datetime],
        certificates: Certificates | None = None,
    ) -> None:
        """`certificates` None: nobody keeps any."""
        parts = Parts(
            self,
            router=router,
            flows=flows,
            settings=settings,
            new_id=new_id,
            wall=wall,
            certificates=certificates or NoCertificates(),
        )
        self._router = router
        self._effects, self._table, self._desk = parts.effects, parts.table, parts.desk
        self._hearing, self._flowing, self._queueing = parts.hearing, parts.flowing, parts.queueing
        self._engagement, self._outbound = parts.engagement, parts.outbound
        self._arrival, self._onward, self._ending = parts.arrival, parts.onward, parts.ending
        self._own_calls, self._transferring = parts.own_calls, parts.transferring
        self._call_backs, self._desk_logins = parts.call_backs, parts.desk_logins
        self._steering, self._durations = parts.steering, parts.durations
        self._take_numbers(numbers)
        parts.desk.configure(agents)
        parts.queueing.configure({queue.name: queue for queue in queues})
        self._on_sip = self._sip_handlers(parts)
        self._on_media = _media_handlers(parts)
        self._on_due = _deadline_handlers(parts)

    def _sip_handlers(self, parts: Parts) -> Handlers:
        leg_events = parts.leg_events
        return {
            sip.InviteReceived: parts.arrival.invited,
            sip.LegCancelled: parts.ending.cancelled,
            sip.LegConfirmed: leg_events.confirmed,
            sip.EarlyAnswered: leg_events.confirmed,
            sip.LegRinging: leg_events.leg_ringing,
            sip.LegAnswered: leg_events.leg_answered,
            sip.LegFailed: leg_events.leg_failed,
            sip.LegEnded: parts.ending.leg_ended,
            sip.LegReoffered: leg_events.leg_reoffered,
            sip.TransferRequested: parts.transferring.requested,
            sip.ReofferAnswered: leg_events.reoffer_answered,
            sip.ReofferRefused: self._ignored,
            sip.InfoDigit: leg_events.digit,
            sip.ContactsChanged: self._contacts_changed,
        }

    # --- inputs ---

    def on_sip(self, event: sip.Event, now: float) -> Effects:
        """Take what happened on the SIP side."""
        self._table.now = now
        self._on_sip[type(event)](event)
        return self._take()

    def on_media(self, event: media_in.Event, now: float) -> Effects:
        """Take what the media engine reports."""
        self._table.now = now
        self._on_media[type(event)](event)
        return self._take()

    def on_time(self, now: float) -> Effects:
        """Run every deadline that has passed."""
        self._table.now = now
        self._queueing.now = now
        while (due := self._table.deadlines.pop_due(now)) is not None:
            self._on_due[type(due)](due, now)
        self._durations.on_time(now)
        if self._router.next_deadline() <= now:
            self._queueing.apply(self._router.on_time(now), now)
        return self._take()

    def next_deadline(self) -> float:
        """Return when `on_time` must next be called; inf for never."""
        return min(
            self._table.deadlines.next(),
            self._router.next_deadline(),
            self._durations.next_deadline(),
        )

    # --- what people command ---

    def steer(self, move: Callable[[Steering], Result], now: float) -> tuple[Effects, Result]:
        """Carry out a supervisor's move; return what follows and what the move returned."""
        self._table.now = now
        result = move(self._steering)
        return self._take(), result

    def set_status(
        self, agent: str, status: Status, reason: str, by: str, now: float, note: str = ""
    ) -> Effects | None:
        """Change what an agent wants; None if there is no such agent."""
        if self._desk.profile(agent) is None:
            return None
        return self.steer(lambda s: s.set_status(agent, status, reason, by, note), now)[0]

    def desk_login_verified(
        self, interaction: str, right: bool, now: float
    ) -> tuple[Effects, str]:
        """Take what came of a `VerifyPin`; return the agent to be seated, empty: nobody."""
        self._table.now = now
        agent = self._desk_logins.verified(interaction, right)
        return self._take(), agent

    def restore_agent(self, memory: AgentMemory, by: str, now: float) -> Effects:
        """Put an agent where an earlier process had left off."""
        self._table.now = now
        self._queueing.apply(self._router.restore(memory, by, now), now)
        return self._take()

    def end_wrap_up(self, agent: str, now: float) -> Effects | None:
        """End an agent's after-call work; None if there is no such agent."""
        if self._desk.profile(agent) is None:
            return None
        self._table.now = now
        self._queueing.apply(self._router.end_wrap_up(agent, now), now)
        return self._take()

    def dispose(
        self, agent: str, disposition: Disposition, *, interaction: str = ""
    ) -> Effects | None:
        """Class an agent's last call; None if the agent took no such call."""
        if not self._desk.dispose(agent, disposition, interaction=interaction):
            return None
        return self._take()

    def place_call(self, agent: str, number: str, now: float) -> tuple[Effects, str | Barred]:
        """Call a number for an agent, whose own phone rings first.

        Returns the interaction, or why there is none: no such agent, no phone, no permission.
        """
        self._table.now = now
        placed = self._own_calls.order(agent, number, self.refusing)
        return self._take(), placed

    def hang_up_calls(self, agent: str, now: float) -> Effects:
        """End every own call of the agent."""
        self._table.now = now
        self._own_calls.hang_up(agent)
        return self._take()

    def close_queue(self, queue: str, reason: str, by: str, now: float) -> Effects | None:
        """Close a queue in an emergency, or all by `closures.EVERY_QUEUE`; None: no such queue.

        Whoever waits there is led out; talks go on.
        """
        if queue and self._queueing.queue(queue) is None:
            return None
        self._table.now = self._queueing.now = now
        self._queueing.room.close(queue, reason, by)
        return self._take()

    def open_queue(self, queue: str, by: str, why: str = "") -> Effects | None:
        """Take back `close_queue`; None: nobody had closed this queue, or all."""
        return self._take() if self._queueing.room.closures.open(queue, by, why) else None

    def cancel_callback(self, callback: str, by: str, now: float) -> tuple[Effects, bool | None]:
        """Give a call-back up; False: it is being carried out, None: there is none."""
        self._table.now = now
        done = self._call_backs.cancel(callback, by)
        return self._take(), done

    @property
    def call_backs(self) -> CallBacks:
        """Who is to be called back; read only, but for `restore` at the start."""
        return self._call_backs

    @property
    def closures(self) -> Closures:
        """Which queues are closed; read only."""
        return self._queueing.room.closures

    def configure(
        self,
        *,
        agents: tuple[AgentProfile, ...],
        queues: tuple[QueueProfile, ...],
        numbers: NumberPlan,
        login_at_registration: bool | None = None,
        rules: AgentRules | None = None,
        now: float,
    ) -> Effects:
        """Replace agents, queues and numbers at once; calls and devices stay.

        `login_at_registration` and `rules` None: as they are.
        All of it or, on the router's ConfigurationError, nothing.
        """
        self._table.now = now
        routed = self._router.configure(agents, queues, now, rules)
        self._take_numbers(numbers)
        self._desk.configure(agents, login_at_registration=login_at_registration)
        self._queueing.configure({queue.name: queue for queue in queues})
        self._queueing.apply(routed, now)
        self._arrival.adopt()
        self._queueing.apply(self._desk.settle(now), now)
        self._queueing.room.clear_closed()
        return self._take()

    def _take_numbers(self, numbers: NumberPlan) -> None:
        self._arrival.numbers = numbers
        self._own_calls.dial_plan = numbers.dial_plan
        self._outbound.dial_plan = numbers.dial_plan
        self._transferring.numbers = numbers

    def replace_flows(self, flows: FlowBook) -> None:
        """Serve new calls by these flows; calls under way finish on the book they began with."""
        self._flowing.flows = flows

    def shut_down(self, now: float) -> Effects:
        """Hang up every call."""
        self._table.now = now
        for call in tuple(self._table.by_interaction.values()):
            self.end(call, "system", EndReason.SHUTDOWN)
        return self._take()

    # --- views ---

    @property
    def refusing(self) -> str | None:
        """Why new calls get 503: "draining" or "journal_failing"; None: they are taken."""
        return self._arrival.refusing

    @refusing.setter
    def refusing(self, reason: str | None) -> None:
        self._arrival.refusing = reason
        self._call_backs.paused = reason is not None

    @property
    def calls(self) -> Iterable[Call]:
        """The calls under way; read only."""
        return self._table.by_interaction.values()

    @property
    def calls_total(self) -> int:
        """How many calls are under way."""
        return len(self._table.by_interaction)

    @property
    def desk(self) -> Desk:
        """Agents and their devices; read only."""
        return self._desk

    # --- what the parts ask of the whole (`Host`) ---

    def end(self, call: Call, ended_by: str, reason: EndReason, detail: str = "") -> None:
        """Hang up on the caller and close the call; `detail` is the flow's own word for why."""
        self._ending.end(call, ended_by, reason, detail)

    def finish(
        self,
        call: Call,
        ended_by: str,
        reason: EndReason,
        *,
        leg_ended_by: str,
        status: int = 0,
        detail: str = "",
    ) -> None:
        """Close the call's records; its caller's leg is over or on the way to be."""
        self._ending.finish(
            call, ended_by, reason, leg_ended_by=leg_ended_by, status=status, detail=detail
        )

    def release_agent(self, agent: str) -> None:
        """End the agent's talk out of a queue; an own call may go on."""
        self._engagement.release(agent, self._table.now)

    def end_with_prompt(self, call: Call, sound: str, reason: EndReason) -> None:
        """Let the caller hear one more thing, if anything, then hang up."""
        self._ending.end_with_prompt(call, sound, reason)

    def echo(self, call: Call) -> None:
        """Send the caller's own audio back until the caller hangs up."""
        call.phase = Phase.ECHO
        self._hearing.echo(call)

    def wants_callback(
        self, call: Call, queue: str, number: str, priority: int, category: str
    ) -> bool:
        """Promise to call back from this queue; False: that cannot be. `number` "": the own."""
        return self._call_backs.wishes.wished(call, queue, number, priority, category)

    def turn_came(self, event: OfferMade) -> bool:
        """Take the turn of a call-back; True: nothing is left to be offered."""
        return self._call_backs.turn_came(event)

    def turn_lost(self, visit: str, reason: LeaveReason) -> bool:
        """Take that the router has given up a call-back's place; False: it is none's."""
        return self._call_backs.turn_lost(visit, reason)

    def agent_waits(self, call: Call) -> None:
        """Call the customer: the agent of a call-back has answered."""
        self._call_backs.attempts.agent_waits(call)

    def call_over(self, call: Call) -> None:
        """Take that the call's records are closed."""
        self._call_backs.call_over(call)

    def called_in(self, call: Call, queue: str) -> None:
        """Take that an agent of the queue has answered this caller."""
        self._call_backs.called_in(call, queue)

    def enter_queue(self, call: Call, name: str, priority: int, category: str) -> None:
        """Put the caller into a queue."""
        queue = self._queueing.queue(name)
        if queue is None:
            # Taken away by a reload under a call that still follows the flow from before.
            self.end(call, "system", EndReason.QUEUE_UNKNOWN)
            return
        self._queueing.enter(call, queue, self._table.now, priority=priority, category=category)

    def queue_gave_back(
        self, call: Call, queue: QueueProfile, reason: LeaveReason, *, again: bool
    ) -> None:
        """Go on where the queue says, else where the flow says, else hang up."""
        self._onward.gave_back(call, queue, reason, again=again)

    # --- the rest ---

    def _contacts_changed(self, event: sip.ContactsChanged) -> None:
        self._queueing.apply(self._desk.contacts_changed(event, self._table.now), self._table.now)

    def _ignored(self, event: sip.ReofferRefused) -> None:
        """Do nothing on a refused offer of ours: the session stands as it was."""

    def _take(self) -> list[Effect]:
        taken = self._effects[:]
        self._effects.clear()
        return taken


def _media_handlers(parts: Parts) -> Handlers:
    leg_events = parts.leg_events
    return {
        media_in.StreamOpened: parts.arrival.stream_opened,
        media_in.StreamAccepted: leg_events.stream_accepted,
        media_in.StreamReoffered: leg_events.stream_reoffered,
        media_in.StreamRefused: leg_events.stream_refused,
        media_in.PlayFinished: leg_events.play_finished,
        media_in.DigitPressed: leg_events.digit,
        media_in.StreamClosed: parts.hearing.closed,
        media_in.StreamsLost: leg_events.streams_lost,
    }


def _deadline_handlers(parts: Parts) -> Handlers:
    return {
        FlowTimer: parts.flowing.due,
        RingTimer: parts.outbound.due,
        Transfer: parts.transfers.due,
        KeyTimer: parts.desk_logins.due,
        Listener: parts.queueing.room.prompt_due,
        Watch: parts.queueing.room.watch_due,
        Callback: parts.call_backs.due,
    }
