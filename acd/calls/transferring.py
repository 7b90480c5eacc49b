"""REFER: an agent's phone hands its caller on, unseen (blind) or after a consultation (attended).

A *consult* is the other call of the same agent, placed while the caller waits on hold. Nothing of
it stays: whoever answered it goes on in the caller's interaction.
"""

from acd.routing.events import LeaveReason
from acd.routing.router import Router
from acd.sip import events as sip

from .call import AgentLeg, Call, EndReason, Phase, Visit
from .call_table import CallTable
from .commands import AcceptTransfer, RefuseTransfer
from .desk import Desk
from .effects import Effects
from .flowing import Flowing
from .holding import Holding
from .host import Host
from .numbers import FlowTarget, NumberPlan, QueueTarget, Target
from .queueing import Queueing
from .transfer import Transfer, Transfers

NOT_ALLOWED, UNKNOWN, FULL, PENDING = 403, 404, 486, 491
REASONS = {NOT_ALLOWED: "not_allowed", UNKNOWN: "unknown_number", FULL: "full"}


class Transferring:
    """Serves what agents' phones ask for by REFER."""

    def __init__(
        self,
        *,
        table: CallTable,
        effects: Effects,
        host: Host,
        numbers: NumberPlan,
        desk: Desk,
        router: Router,
        flowing: Flowing,
        queueing: Queueing,
        holding: Holding,
        transfers: Transfers,
    ) -> None:
        self.numbers = numbers
        self._table = table
        self._effects = effects
        self._host = host
        self._desk = desk
        self._router = router
        self._flowing = flowing
        self._queueing = queueing
        self._holding = holding
        self._transfers = transfers

    def requested(self, event: sip.TransferRequested) -> None:
        """Take an agent's wish; anybody else's is refused."""
        call = self._table.by_leg.get(event.leg)
        if call is None:
            self._refuse(event, NOT_ALLOWED)
        elif event.replaces:
            self._attended(call, event)
        elif (agent := self._talking_agent(call, event.leg)) == "":
            self._refuse(event, NOT_ALLOWED)
        elif self._make_room(call):
            refer = (event.leg, event.refer)
            transfer = self._transfers.begin(
                call, agent, "blind", event.target_user, leg=event.leg, refer=refer
            )
            target = self.numbers.target(event.target_user)
            status = self._go(transfer, target, None)
            if status:
                self._turn_down(transfer, status)
        else:
            self._refuse(event, PENDING)

    def near(self, account: str | None) -> str:
        """Return the leg near which this account's new call is best placed.

        Both may be joined: media that is in two places cannot be.
        """
        agent = self._desk.agent_of(account)
        if agent is None:
            return ""
        call = self._table.by_interaction.get(self._router.agent_view(agent).interaction)
        return call.leg if call is not None and call.phase is Phase.TALKING else ""

    def _talking_agent(self, call: Call, leg: str) -> str:
        """Return the agent who talks to the caller by this leg; empty: it is not one's."""
        found = call.agent_leg
        talks = found is not None and found.leg == leg and call.phase is Phase.TALKING
        return found.agent if found is not None and talks else ""

    def _make_room(self, call: Call) -> bool:
        """End what is left of an earlier transfer; False: one is still under way."""
        earlier = self._transfers.of(call)
        if earlier is None:
            return True
        if earlier.settled:
            self._transfers.let_go(earlier, self._table.now)
        return earlier.settled

    def _refuse(self, event: sip.TransferRequested, status: int) -> None:
        self._effects.append(RefuseTransfer(event.leg, event.refer, status))

    def _turn_down(self, transfer: Transfer, status: int) -> None:
        """Refuse what an agent wanted; the talk goes on."""
        self._effects.append(RefuseTransfer(transfer.refer_leg, transfer.refer, status))
        self._transfers.failed(transfer, REASONS[status], status, "agent", self._table.now)

    # --- blind ---

    def _go(self, transfer: Transfer, target: Target | None, consult: Visit | None) -> int:
        """Send the caller to the target; return 0, or the status by which that is refused.

        `consult` is the visit whose place in the line the caller takes over.
        """
        match target:
            case QueueTarget(name):
                return self._to_queue(transfer, name, consult)
            case FlowTarget(flow):
                return self._to_flow(transfer, flow)
            case None:
                return UNKNOWN
            case _:
                return NOT_ALLOWED

    def _to_queue(self, transfer: Transfer, name: str, consult: Visit | None) -> int:
        queue = self._queueing.queue(name)
        if queue is None:
            return UNKNOWN
        own_place = consult is not None and consult.queue.name == name
        if self._router.queue_lengths()[name] - own_place >= queue.max_length:
            return FULL
        call, now = transfer.call, self._table.now
        self._let_go_of_caller(transfer)
        self._flowing.leave(call)
        self._transfers.completed(transfer, now, queue=name)
        if consult is None:
            self._queueing.enter(call, queue, now)
        else:
            self._queueing.enter(
                call,
                queue,
                now,
                priority=consult.priority - consult.queue.priority,
                category=consult.category,
                first_enqueued_at=consult.first_enqueued_at,
            )
        return 0

    def _to_flow(self, transfer: Transfer, flow: str) -> int:
        if flow not in self._flowing.flows.flows:
            return UNKNOWN
        self._let_go_of_caller(transfer)
        self._transfers.completed(transfer, self._table.now)
        self._flowing.enter(transfer.call, flow, self._table.now)
        return 0

    def _let_go_of_caller(self, transfer: Transfer) -> None:
        """Accept the REFER and take the agent out of the call."""
        self._effects.append(AcceptTransfer(transfer.refer_leg, transfer.refer))
        self._holding.park(transfer.call, self._table.now)
        self._transfers.part(transfer)

    # --- attended ---

    def _attended(self, call: Call, event: sip.TransferRequested) -> None:
        """Join the caller with whom the agent consulted; the REFER may come in either call."""
        other = self._table.by_leg.get(event.replaces)
        if other is None or other is call:
            self._refuse(event, NOT_ALLOWED)
            return
        main, consult, legs = call, other, (event.leg, event.replaces)
        agent = self._talking_agent(main, legs[0])
        if agent == "":
            main, consult, legs = other, call, (event.replaces, event.leg)
            agent = self._talking_agent(main, legs[0])
        own = legs[1] == consult.leg and self._desk.agent_of(consult.account) == agent
        if agent == "" or not own:
            self._refuse(event, NOT_ALLOWED)
        elif not self._make_room(main) or not self._make_room(consult):
            self._refuse(event, PENDING)
        else:
            transfer = self._transfers.begin(
                main,
                agent,
                "attended",
                consult.called,
                leg=legs[0],
                refer=(event.leg, event.refer),
                consult=consult.interaction,
            )
            status = self._to_consulted(transfer, consult)
            if status:
                self._turn_down(transfer, status)

    def _to_consulted(self, transfer: Transfer, consult: Call) -> int:
        """Send the caller where the consult has got to; 0, or the refusal's status."""
        now = self._table.now
        if consult.phase is Phase.TALKING:
            if consult.agent_leg is None:
                return NOT_ALLOWED
            self._join(transfer, consult)
        else:
            visit = consult.visit
            target = consult.target if visit is None else QueueTarget(visit.queue.name)
            if visit is None and consult.phase is not Phase.IN_FLOW:
                return NOT_ALLOWED
            status = self._go(transfer, target, visit)
            if status:
                return status
            if visit is not None:
                self._queueing.leave(consult, LeaveReason.EXITED, now)
            self._host.end(consult, "agent", EndReason.TRANSFERRED)
        if transfer.refer_leg == consult.leg:
            # The agent's phone asked in the call that is over now: the other one is replaced.
            self._transfers.let_go(transfer, now)
        return 0

    def _join(self, transfer: Transfer, consult: Call) -> None:
        """Let the caller talk to the agent who answered the consult."""
        call, now = transfer.call, self._table.now
        self._let_go_of_caller(transfer)
        self._holding.park(consult, now)
        parted = self._queueing.part(consult)
        assert parted is not None  # the consult is talking
        leg, visit = parted
        reoffering, holding = consult.reoffering & {leg.leg}, consult.holding & {leg.leg}
        reason = EndReason.TRANSFERRED
        self._queueing.give_away(consult, leg, visit, reason.value, now)
        call.reoffering |= reoffering
        call.holding |= holding
        self._transfers.completed(
            transfer,
            now,
            queue=visit.queue.name,
            to_agent=leg.agent,
            leg=leg.leg,
            sip_call_id=leg.leg,
        )
        joined = AgentLeg(leg.leg, "", leg.agent, leg.account, leg.offered_at, opened=True)
        self._queueing.join(call, joined, visit, now)
        self._queueing.apply(self._router.carry_on(leg.agent, call.interaction, now), now)
        self._holding.settle(call, now)
        self._host.end(consult, "agent", reason)
