"""REFER: an agent's phone hands its caller on, unseen (blind) or after a consultation (attended).

A *consult* is the other call of the same agent, placed while the caller waits on hold. Nothing of
it stays: whoever answered it goes on in the caller's interaction.
"""

from acd.routing.events import LeaveReason
from acd.routing.model import QueueProfile
from acd.routing.router import Router
from acd.sip import events as sip

from .call import AgentLeg, Call, EndReason, Phase, Playing, Visit
from .call_table import CallTable
from .commands import AcceptTransfer, RefuseTransfer
from .desk import Desk
from .dial_plan import Barred, InternalTarget, OutsideTarget
from .effects import Effects
from .flowing import Flowing
from .hearing import Hearing
from .holding import Holding
from .host import Host
from .numbers import FlowTarget, NumberPlan, QueueTarget, Target
from .outbound import Outbound
from .own_calls import OwnCalls
from .parting import agent_at
from .queueing import Queueing
from .transfer import Transfer, Transfers

NOT_ALLOWED, UNKNOWN, FULL, PENDING = 403, 404, 486, 491
REASONS = {NOT_ALLOWED: "not_allowed", UNKNOWN: "unknown_number", FULL: "full"}
FAILURES = {
    EndReason.BUSY: "busy",
    EndReason.REJECTED: "rejected",
    EndReason.NO_ANSWER: "no_answer",
}


class Transferring:
    """Serves what agents' phones ask for by REFER. Implements `PartyWatcher` for it."""

    def __init__(
        self,
        *,
        table: CallTable,
        effects: Effects,
        host: Host,
        desk: Desk,
        router: Router,
        hearing: Hearing,
        flowing: Flowing,
        queueing: Queueing,
        outbound: Outbound,
        own_calls: OwnCalls,
        holding: Holding,
        transfers: Transfers,
    ) -> None:
        self.numbers = NumberPlan(targets={})
        self._table = table
        self._effects = effects
        self._host = host
        self._desk = desk
        self._router = router
        self._hearing = hearing
        self._flowing = flowing
        self._queueing = queueing
        self._outbound = outbound
        self._own_calls = own_calls
        self._holding = holding
        self._transfers = transfers

    def requested(self, event: sip.TransferRequested) -> None:
        """Take an agent's wish; anybody else's is refused."""
        call = self._table.by_leg.get(event.leg)
        if call is None:
            self._refuse(event, NOT_ALLOWED)
        elif self._pending(call):
            self._refuse(event, PENDING)
        elif event.replaces:
            self._attended(call, event)
        elif (agent := agent_at(call, event.leg)) == "":
            self._refuse(event, NOT_ALLOWED)
        else:
            self._make_room(call)
            refer = (event.leg, event.refer)
            transfer = self._transfers.begin(
                call, agent, "blind", event.target_user, leg=event.leg, refer=refer
            )
            status = self._go(transfer, event.leg, self._target(event.target_user, agent), None)
            if status:
                self._turn_down(transfer, status)

    def _target(self, dialled: str, agent: str) -> Target | Barred:
        """Return where a number leads for this agent, whose permissions hold for the caller."""
        return self.numbers.target(dialled) or self._own_calls.reach(dialled, agent)

    def near(self, account: str | None) -> str:
        """Return the leg near which this account's new call is best placed.

        Both may be joined: media that is in two places cannot be.
        """
        agent = self._desk.agent_of(account)
        if agent is None:
            return ""
        call = self._table.by_interaction.get(self._router.agent_view(agent).interaction)
        return call.leg if call is not None and call.phase is Phase.TALKING else ""

    def _pending(self, call: Call) -> bool:
        earlier = self._transfers.of(call)
        return earlier is not None and not earlier.settled

    def _make_room(self, call: Call) -> None:
        """End what is left of an earlier transfer: the leg of an agent whose phone is slow."""
        earlier = self._transfers.of(call)
        if earlier is not None:
            self._transfers.let_go(earlier)

    def _refuse(self, event: sip.TransferRequested, status: int) -> None:
        self._effects.append(RefuseTransfer(event.leg, event.refer, status))

    def _turn_down(self, transfer: Transfer, status: int) -> None:
        """Refuse what an agent wanted; the talk goes on."""
        self._effects.append(RefuseTransfer(transfer.refer_leg, transfer.refer, status))
        self._transfers.failed(transfer, REASONS[status], status, "agent", self._table.now)

    # --- blind ---

    def _go(
        self,
        transfer: Transfer,
        leg: str,
        target: Target | Barred,
        consult: Visit | None,
        *,
        reserved: bool = False,
    ) -> int:
        """Send the caller to the target; return 0, or the status by which that is refused.

        `leg` is the agent's; `consult` the visit whose place in the line the caller takes over;
        `reserved` as in `Outbound.connect`.
        """
        match target:
            case QueueTarget(name):
                return self._to_queue(transfer, leg, name, consult)
            case FlowTarget(flow):
                return self._to_flow(transfer, leg, flow)
            case InternalTarget() | OutsideTarget():
                self._to_party(transfer, leg, target, reserved=reserved)
                return 0
            case Barred(status):
                return status if status in REASONS else NOT_ALLOWED
            case _:
                return NOT_ALLOWED

    def _to_queue(self, transfer: Transfer, leg: str, name: str, consult: Visit | None) -> int:
        queue = self._queueing.queue(name)
        if queue is None:
            return UNKNOWN
        own_place = consult is not None and consult.queue.name == name
        if self._router.queue_lengths()[name] - own_place >= queue.max_length:
            return FULL
        call, now = transfer.call, self._table.now
        self._let_go_of_caller(transfer, leg)
        self._flowing.leave(call)
        self._transfers.completed(transfer, now, queue=name)
        self._line_up(call, queue, consult)
        return 0

    def _to_flow(self, transfer: Transfer, leg: str, flow: str) -> int:
        if flow not in self._flowing.flows.flows:
            return UNKNOWN
        self._let_go_of_caller(transfer, leg)
        self._transfers.completed(transfer, self._table.now)
        self._flowing.enter(transfer.call, flow, self._table.now)
        return 0

    def _let_go_of_caller(self, transfer: Transfer, leg: str) -> None:
        """Accept the REFER and take the agent out of the call."""
        self._effects.append(AcceptTransfer(transfer.refer_leg, transfer.refer))
        self._holding.park(transfer.call, self._table.now)
        self._transfers.part(transfer, leg)

    # --- blind, to one phone (`PartyWatcher`) ---

    def _to_party(
        self,
        transfer: Transfer,
        leg: str,
        target: InternalTarget | OutsideTarget,
        *,
        reserved: bool,
    ) -> None:
        """Ring the one, with music for the caller; the agent keeps the leg meanwhile."""
        call = transfer.call
        self._let_go_of_caller(transfer, leg)
        call.phase = Phase.DIALLING
        music = self._holding.music(transfer.visit)
        if music:
            self._hearing.play(call, Playing.MUSIC, (music,), loop=True)
        caller, name = call.shown_caller, "" if call.withheld else call.caller_name
        if isinstance(target, OutsideTarget):
            # As in the agent's own calls: the house calls, under a number that is its own.
            caller, name = target.caller_id or transfer.agent, ""
        self._outbound.connect(
            call, target, self, caller=caller, caller_name=name, reserved=reserved
        )

    def ringing(self, call: Call, *, early: bool) -> None:
        """Tell the agent; let the caller hear what the far end plays."""
        transfer, leg = self._transfers.of(call), call.called_leg
        if transfer is not None:
            self._transfers.progressed(transfer, 180)
        if early and leg is not None:
            self._hearing.join(call, leg.leg)

    def connected(self, call: Call) -> None:
        """Let the caller and whoever answered talk."""
        transfer, leg = self._transfers.of(call), call.called_leg
        assert leg is not None  # it answered
        call.phase = Phase.TALKING
        self._flowing.leave(call)
        if transfer is not None:
            self._transfers.completed(
                transfer, self._table.now, to_agent=self._taken_over(call, leg.target, transfer)
            )
        self._hearing.bridge(call, leg.leg)

    def _taken_over(
        self, call: Call, target: InternalTarget | OutsideTarget, transfer: Transfer
    ) -> str:
        """Return the colleague who goes on with the caller: to class it and write it up, too."""
        if not isinstance(target, InternalTarget):
            return ""
        visit = transfer.visit or call.answered_visit
        if visit is not None:
            self._router.owe_wrap_up(target.agent, visit.queue.name, call.interaction)
            self._desk.remember(
                target.agent,
                interaction=call.interaction,
                queue=visit.queue,
                category=visit.category,
                answered=False,
            )
        return target.agent

    def failed(self, call: Call, status: int, reason: EndReason) -> None:
        """Give the caller back: to the agent, else to the queue that the caller came from."""
        transfer, now = self._transfers.of(call), self._table.now
        if transfer is None:
            self._host.end(call, "called", reason)
            return
        said = FAILURES.get(reason, "failed")
        visit = transfer.visit
        if self._transfers.take_back(transfer) is not None:
            self._transfers.turned_down(transfer, said, status, "agent", now)
            self._holding.resume(call, now)
            return
        queue = self._queueing.queue(visit.queue.name) if visit is not None else None
        if visit is None or queue is None:
            self._transfers.turned_down(transfer, said, status, "", now)
            self._host.end(call, "called", reason)
            return
        self._transfers.turned_down(transfer, said, status, "queue", now)
        self._flowing.leave(call)
        self._line_up(call, queue, visit, admitted=True)

    def parted(self, call: Call, ended_by: str, reason: EndReason) -> None:
        """Hang up on the caller, too."""
        self._host.end(call, ended_by, reason)

    def _line_up(
        self, call: Call, queue: QueueProfile, visit: Visit | None, *, admitted: bool = False
    ) -> None:
        """Line the caller up by what this visit and the caller's own one before stand for.

        The earlier first enqueue time counts, and the higher priority: whoever has waited once,
        or matters more than others, is not put behind them by a transfer.
        """
        known = [one for one in (visit, call.answered_visit) if one is not None]
        self._queueing.enter(
            call,
            queue,
            self._table.now,
            priority=max((one.own_priority for one in known), default=0),
            category=next((said for one in known if (said := _said(one, queue))), ""),
            place=min((one.place_at(self._table.now) for one in known), default=None),
            admitted=admitted,
        )

    # --- attended ---

    def _attended(self, call: Call, event: sip.TransferRequested) -> None:
        """Join the caller with whom the agent consulted; the REFER may come in either call."""
        other = self._table.by_leg.get(event.replaces)
        found = None
        if other is not None and other is not call:
            found = self._told_apart((call, event.leg), (other, event.replaces))
        if found is None:
            self._refuse(event, NOT_ALLOWED)
            return
        main, leg, consult, agent = found
        if self._pending(main) or self._pending(consult):
            self._refuse(event, PENDING)
            return
        self._make_room(main)
        self._make_room(consult)
        transfer = self._transfers.begin(
            main,
            agent,
            "attended",
            consult.called,
            leg=leg,
            refer=(event.leg, event.refer),
            consult=consult.interaction,
        )
        status = self._to_consulted(transfer, leg, consult)
        if status:
            self._turn_down(transfer, status)

    def _told_apart(
        self, asked: tuple[Call, str], replaced: tuple[Call, str]
    ) -> tuple[Call, str, Call, str] | None:
        """Return the caller's call, the agent's leg in it, the consult, and the agent.

        A call that came through a queue is the caller's; of two that the agent placed, it is
        the one in which the phone asked. None: they are not both of one agent.
        """
        pairs = [(asked, replaced), (replaced, asked)]
        pairs.sort(key=lambda pair: pair[0][0].leg == pair[0][1])
        for (main, leg), (consult, consult_leg) in pairs:
            agent = agent_at(main, leg)
            own = consult.leg == consult_leg and self._desk.agent_of(consult.account) == agent
            if agent and own:
                return main, leg, consult, agent
        return None

    def _to_consulted(self, transfer: Transfer, leg: str, consult: Call) -> int:
        """Send the caller where the consult has got to; 0, or the refusal's status."""
        consult_leg = consult.leg
        if consult.phase is Phase.TALKING:
            self._join(transfer, leg, consult)
        else:
            visit = consult.visit
            target = consult.target if visit is None else QueueTarget(visit.queue.name)
            if visit is None and consult.phase not in {Phase.IN_FLOW, Phase.DIALLING}:
                return NOT_ALLOWED
            reserved = False
            if consult.phase is Phase.DIALLING:
                # The phone that rings for the agent rings for the caller from now on, and for
                # nobody else in between.
                if isinstance(target, InternalTarget):
                    self._outbound.reserve(target.agent, transfer.call)
                    reserved = True
                self._host.end(consult, "agent", EndReason.TRANSFERRED)
            status = self._go(transfer, leg, target, visit, reserved=reserved)
            if status:
                return status
            if visit is not None:
                self._queueing.leave(consult, LeaveReason.EXITED, self._table.now)
            self._host.end(consult, "agent", EndReason.TRANSFERRED)
        if transfer.refer_leg == consult_leg and transfer.settled:
            # The agent's phone asked in the call that is over now: the other one is replaced.
            self._transfers.let_go(transfer)
        return 0

    def _join(self, transfer: Transfer, leg: str, consult: Call) -> None:
        """Let the caller talk to whoever answered the consult."""
        self._let_go_of_caller(transfer, leg)
        self._holding.park(consult, self._table.now)
        if consult.called_leg is not None:
            self._join_party(transfer, consult)
        else:
            self._join_agent(transfer, consult)
        self._holding.settle(transfer.call, self._table.now)
        self._host.end(consult, "agent", EndReason.TRANSFERRED)

    def _join_agent(self, transfer: Transfer, consult: Call) -> None:
        call, now = transfer.call, self._table.now
        parted = self._queueing.talks.part(consult)
        assert parted is not None  # the consult is talking
        leg, visit = parted
        _carry_over(call, consult, leg.leg)
        self._queueing.talks.give_away(consult, leg, visit, EndReason.TRANSFERRED.value, now)
        self._transfers.completed(
            transfer,
            now,
            queue=visit.queue.name,
            to_agent=leg.agent,
            leg=leg.leg,
            sip_call_id=leg.leg,
        )
        joined = AgentLeg(leg.leg, "", leg.agent, leg.account, leg.offered_at, opened=True)
        self._queueing.talks.join(call, joined, visit, now)
        self._queueing.apply(self._router.carry_on(leg.agent, call.interaction, now), now)

    def _join_party(self, transfer: Transfer, consult: Call) -> None:
        call, now = transfer.call, self._table.now
        leg = self._outbound.part(consult)
        assert leg is not None  # the consult is talking
        _carry_over(call, consult, leg.leg)
        self._outbound.give_away(consult, leg, EndReason.TRANSFERRED.value)
        to_agent = self._taken_over(call, leg.target, transfer)
        self._transfers.completed(
            transfer, now, to_agent=to_agent, leg=leg.leg, sip_call_id=leg.leg
        )
        self._outbound.join(call, leg, self, consult)


def _said(visit: Visit, queue: QueueProfile) -> str:
    """Return the category as the flow said it; what a queue says of its calls is its own."""
    own = visit.queue.name == queue.name or visit.category != visit.queue.category
    return visit.category if own else ""


def _carry_over(call: Call, consult: Call, leg: str) -> None:
    """Let a leg's re-INVITE under way, and its hold, count in the call that it goes to."""
    call.reoffering |= consult.reoffering & {leg}
    call.holding |= consult.holding & {leg}
