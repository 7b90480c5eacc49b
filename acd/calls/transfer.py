"""Transfers under way: what is kept of each, and what the record is told."""

from collections.abc import Callable

from acd.routing.deadlines import Deadlines, Timed

from . import events
from .call import Call, EndReason, Visit
from .commands import HangUpLeg, NotifyTransfer
from .effects import Effects
from .parting import Parted, Parting

LINGER_S = 3.0
"""A phone that was told of the success hangs up by itself, within a retransmission or two. One
that does not is hung up after this."""


class Transfer(Timed):
    """A caller on the way from one agent to somebody else."""

    __slots__ = ("agent", "call", "id", "kind", "parted", "refer", "refer_leg", "settled", "visit")

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
        self.parted: Parted | None = None
        "The agent's leg, taken out of the call, as long as it stands."
        self.visit: Visit | None = None
        "The queue visit that the agent's talk came from, if it came from one."
        self.settled = False
        "The outcome is told; only the agent's leg is still to end."


class Transfers:
    """The transfer under way of each call, one at most."""

    def __init__(
        self,
        effects: Effects,
        parting: Parting,
        new_id: Callable[[], str],
        deadlines: Deadlines,
    ) -> None:
        self._effects = effects
        self._parting = parting
        self._new_id = new_id
        self._by_call: dict[str, Transfer] = {}
        self._deadlines = deadlines

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

    def part(self, transfer: Transfer, leg: str) -> bool:
        """Take the agent's leg out of the call; False: the talk is over."""
        transfer.parted = self._parting.part(transfer.call, leg)
        if transfer.parted is None:
            return False
        transfer.visit = transfer.parted.visit
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

    def turned_down(
        self, transfer: Transfer, reason: str, status: int, returned_to: str, now: float
    ) -> None:
        """Tell the agent's phone of the failure, too: its REFER had been accepted."""
        self._effects.append(
            NotifyTransfer(transfer.refer_leg, transfer.refer, status, final=True)
        )
        self.failed(transfer, reason, status, returned_to, now)

    def progressed(self, transfer: Transfer, status: int) -> None:
        """Tell the agent's phone how far it has come."""
        self._effects.append(NotifyTransfer(transfer.refer_leg, transfer.refer, status))

    def _settle(self, transfer: Transfer, now: float) -> None:
        transfer.settled = True
        if transfer.parted is not None:
            self._deadlines.arm(transfer, now + LINGER_S)
        else:
            self._forget(transfer)

    # --- the agent's leg ---

    def leg_ended(self, call: Call, leg: str, ended_by: str, reason: EndReason) -> bool:
        """Take that a leg of the call ended; False: it is none that a transfer keeps."""
        transfer = self._by_call.get(call.interaction)
        if transfer is None or transfer.parted is None or transfer.parted.leg != leg:
            return False
        self._end_talk(transfer, ended_by, EndReason.TRANSFERRED if transfer.settled else reason)
        return True

    def leg_lost(self, call: Call, leg: str) -> bool:
        """Hang up a leg without media; False: it is none that a transfer keeps."""
        if not self.leg_ended(call, leg, "fault", EndReason.MEDIA_REFUSED):
            return False
        self._effects.append(HangUpLeg(leg))
        return True

    def let_go(self, transfer: Transfer, *, release: bool = True) -> None:
        """Hang up on the agent, whose part in the call is over.

        `release` False: the agent goes on in it by another leg.
        """
        if transfer.parted is not None:
            self._effects.append(HangUpLeg(transfer.parted.leg))
            self._end_talk(transfer, "server", EndReason.TRANSFERRED, release=release)

    def take_back(self, transfer: Transfer) -> Parted | None:
        """Give the call the agent's leg back; None: it has ended."""
        parted, transfer.parted = transfer.parted, None
        if parted is not None:
            self._parting.rejoin(transfer.call, parted)
        return parted

    def call_over(self, call: Call, now: float) -> None:
        """End what a call that is over leaves behind."""
        transfer = self._by_call.get(call.interaction)
        if transfer is None:
            return
        if not transfer.settled:
            self.turned_down(transfer, "caller_left", 487, "", now)
        self.let_go(transfer)

    def _end_talk(
        self, transfer: Transfer, ended_by: str, reason: EndReason, *, release: bool = True
    ) -> None:
        parted, transfer.parted = transfer.parted, None
        assert parted is not None  # asked by the callers
        if transfer.settled:
            self._forget(transfer)
        self._parting.end_talk(transfer.call, parted, ended_by, reason.value, release=release)

    def _forget(self, transfer: Transfer) -> None:
        self._deadlines.arm(transfer, float("inf"))
        self._by_call.pop(transfer.call.interaction, None)

    def due(self, transfer: Transfer, now: float) -> None:
        """Hang up on an agent whose phone did not do it itself."""
        del now  # there is nothing to reckon
        self.let_go(transfer)
