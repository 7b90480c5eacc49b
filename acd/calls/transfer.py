"""Transfers under way: what is kept of each, and what the record is told."""

from collections.abc import Callable

from acd.routing.deadlines import Deadlines, Timed

from . import events
from .call import AgentLeg, Call, EndReason, Visit
from .commands import HangUpLeg, NotifyTransfer
from .effects import Effects
from .queueing import Queueing

LINGER_S = 3.0
"""A phone that was told of the success hangs up by itself, within a retransmission or two. One
that does not is hung up after this."""


class Transfer(Timed):
    """A caller on the way from one agent to somebody else."""

    __slots__ = ("agent", "call", "id", "kind", "leg", "refer", "refer_leg", "settled", "visit")

    def __init__(
        self, transfer_id: str, call: Call, agent: str, kind: str, refer_leg: str, refer: int
    ) -> None:
        super().__init__()
        self.id = transfer_id
        self.call = call
        self.agent = agent
        "Who transfers."
        self.kind = kind
        self.refer_leg = refer_leg
        "The leg in which the agent's phone asked for it."
        self.refer = refer
        self.leg: AgentLeg | None = None
        "The agent's leg, taken out of the call, as long as it stands."
        self.visit: Visit | None = None
        "The visit that the agent's talk came from."
        self.settled = False
        "The outcome is told; only the agent's leg is still to end."


class Transfers:
    """The transfer under way of each call, one at most."""

    def __init__(self, effects: Effects, queueing: Queueing, new_id: Callable[[], str]) -> None:
        self._effects = effects
        self._queueing = queueing
        self._new_id = new_id
        self._by_call: dict[str, Transfer] = {}
        self._deadlines = Deadlines()

    def of(self, call: Call) -> Transfer | None:
        """Return the call's transfer, if one is under way."""
        return self._by_call.get(call.interaction)

    def begin(
        self,
        call: Call,
        agent: str,
        kind: str,
        target: str,
        *,
        leg: str,
        refer: tuple[str, int] = ("", 0),
        consult: str = "",
    ) -> Transfer:
        """Record that an agent wants it; `leg` is the agent's, `refer` names the REFER."""
        transfer = Transfer(self._new_id(), call, agent, kind, *refer)
        self._effects.append(
            events.TransferRequested(
                interaction=call.interaction,
                transfer=transfer.id,
                agent=agent,
                leg=leg,
                kind=kind,
                target=target,
                consult=consult,
            )
        )
        return transfer

    def part(self, transfer: Transfer) -> bool:
        """Take the agent's leg out of the call; False: the talk is over."""
        parted = self._queueing.part(transfer.call)
        if parted is None:
            return False
        transfer.leg, transfer.visit = parted
        self._by_call[transfer.call.interaction] = transfer
        return True

    def completed(
        self,
        transfer: Transfer,
        now: float,
        *,
        queue: str = "",
        to_agent: str = "",
        leg: str = "",
        sip_call_id: str = "",
    ) -> None:
        """Record the success and tell the agent's phone, which will hang up."""
        self._effects.append(
            events.TransferCompleted(
                interaction=transfer.call.interaction,
                transfer=transfer.id,
                agent=transfer.agent,
                kind=transfer.kind,
                queue=queue,
                to_agent=to_agent,
                leg=leg,
                sip_call_id=sip_call_id,
            )
        )
        if transfer.refer_leg:
            self._effects.append(
                NotifyTransfer(transfer.refer_leg, transfer.refer, 200, final=True)
            )
        self._settle(transfer, now)

    def failed(
        self, transfer: Transfer, reason: str, status: int, returned_to: str, now: float
    ) -> None:
        """Record that nobody took the caller over."""
        self._effects.append(
            events.TransferFailed(
                interaction=transfer.call.interaction,
                transfer=transfer.id,
                agent=transfer.agent,
                kind=transfer.kind,
                reason=reason,
                sip_status=status,
                returned_to=returned_to,
            )
        )
        self._settle(transfer, now)

    def _settle(self, transfer: Transfer, now: float) -> None:
        transfer.settled = True
        if transfer.leg is not None:
            self._deadlines.arm(transfer, now + LINGER_S)
        else:
            self._forget(transfer)

    # --- the agent's leg ---

    def leg_ended(
        self, call: Call, leg: str, ended_by: str, now: float, reason: EndReason
    ) -> bool:
        """Take that a leg of the call ended; False: it is none that a transfer keeps."""
        transfer = self._by_call.get(call.interaction)
        if transfer is None or transfer.leg is None or transfer.leg.leg != leg:
            return False
        if transfer.settled:
            reason = EndReason.TRANSFERRED
        self._end_talk(transfer, ended_by, reason, now)
        return True

    def leg_lost(self, call: Call, leg: str, now: float) -> bool:
        """Hang up a leg without media; False: it is none that a transfer keeps."""
        if not self.leg_ended(call, leg, "fault", now, EndReason.MEDIA_REFUSED):
            return False
        self._effects.append(HangUpLeg(leg))
        return True

    def let_go(self, transfer: Transfer, now: float) -> None:
        """Hang up on the agent, whose part in the call is over."""
        if transfer.leg is not None:
            self._effects.append(HangUpLeg(transfer.leg.leg))
            self._end_talk(transfer, "server", EndReason.TRANSFERRED, now)

    def take_back(self, transfer: Transfer) -> tuple[AgentLeg, Visit] | None:
        """Return the agent's leg for the call to go on with; None: it has ended."""
        leg, visit = transfer.leg, transfer.visit
        transfer.leg = None
        return None if leg is None or visit is None else (leg, visit)

    def call_over(self, call: Call, now: float) -> None:
        """End what a call that is over leaves behind."""
        transfer = self._by_call.get(call.interaction)
        if transfer is None:
            return
        if not transfer.settled:
            self._effects.append(
                NotifyTransfer(transfer.refer_leg, transfer.refer, 487, final=True)
            )
            self.failed(transfer, "caller_left", 487, "", now)
        self.let_go(transfer, now)

    def _end_talk(self, transfer: Transfer, ended_by: str, reason: EndReason, now: float) -> None:
        leg, visit, transfer.leg = transfer.leg, transfer.visit, None
        assert leg is not None  # asked by the callers
        assert visit is not None  # set with the leg
        if transfer.settled:
            self._forget(transfer)
        self._queueing.end_talk(transfer.call, leg, visit, ended_by, reason.value, now)

    def _forget(self, transfer: Transfer) -> None:
        self._deadlines.arm(transfer, float("inf"))
        self._by_call.pop(transfer.call.interaction, None)

    # --- time ---

    def on_time(self, now: float) -> None:
        """Hang up on agents whose phones did not do it themselves."""
        while (due := self._deadlines.pop_due(now)) is not None:
            assert isinstance(due, Transfer)  # nothing else is armed here
            self.let_go(due, now)

    def next_deadline(self) -> float:
        """Return when `on_time` must next be called; inf for never."""
        return self._deadlines.next()
