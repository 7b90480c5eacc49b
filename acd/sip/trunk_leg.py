"""Legs of trunks. Outgoing: gateway after gateway (RFC 3263 section 4.3)."""

import math
from collections.abc import Iterator
from itertools import islice

from .core import Core
from .effects import Send
from .gateways import Candidate
from .headers import read_retry_after
from .incoming_leg import IncomingLeg
from .leg import LegTable
from .message import Request, Response
from .outgoing_leg import OutgoingLeg
from .peer import Peer
from .settings import InviteTarget
from .transactions import Transactions
from .trunk import Trunk
from .trunk_channels import Channels

MAX_TRIES = 5
"Gateways that one call tries: at 4 s each, nobody waits longer for a ring-back."


class TrunkCall:
    """One outgoing call and the gateways that it may still try."""

    __slots__ = ("candidates", "channels", "current", "offer", "trunk", "wanted")

    def __init__(
        self, trunk: Trunk, wanted: InviteTarget, offer: bytes, channels: Channels
    ) -> None:
        self.trunk = trunk
        self.wanted = wanted
        self.offer = offer
        self.channels = channels
        self.candidates: Iterator[Candidate] = islice(
            trunk.gateways.order(resting=wanted.emergency), MAX_TRIES
        )
        self.current: TrunkLeg | None = None
        "The attempt under way; what happens to earlier ones is nobody's business any more."


class TrunkLeg(OutgoingLeg):
    """One attempt of a trunk call. When it fails by the gateway's fault, the next one follows.

    RFC 3263 4.3: "If a failure occurs, the client SHOULD create a new request, which is identical
    to the previous, but has a different value of the Via branch ID than the previous". Ours has
    another From tag besides: should two gateways answer, they have made two dialogs.
    """

    __slots__ = ("_call", "_candidate", "_from_uri", "_patience_at")

    def __init__(
        self,
        core: Core,
        transactions: Transactions,
        table: LegTable,
        leg_id: str,
        call: TrunkCall,
        candidate: Candidate,
    ) -> None:
        identity = core.identity(candidate.monitor.peer)
        made = call.trunk.target(call.wanted, candidate, identity.host.decode())
        self._call = call
        self._candidate = candidate
        self._from_uri = made.from_uri
        self._patience_at = math.inf
        super().__init__(core, transactions, table, leg_id, made.target, call.offer)

    def _from(self, target: InviteTarget) -> bytes:
        """Return From with the trunk's domain in place of our own address."""
        line = super()._from(target)
        if not self._from_uri:
            return line
        name, _, rest = line.rpartition(b"<")  # a display name may have one, too
        return b"%b<%b%b" % (name, self._from_uri, rest[rest.index(b">") :])

    def begin(self, now: float) -> None:
        """Take the call over from the attempt before, if there was one."""
        self._call.current = self
        self._table.legs[self.id] = self
        self.send_invite(now)

    def send_invite(self, now: float) -> None:
        """Send the INVITE, and the one with credentials; each waits for any answer, so long."""
        self._wait_for_it(now)
        super().send_invite(now)

    def _wait_for_it(self, now: float) -> None:
        self._patience_at = self.deadline = now + self._call.trunk.settings.no_answer_s
        self._core.deadlines.watch(self)

    def on_response(self, response: Response, now: float) -> Send | None:
        """Take what the gateway says."""
        self._stop_waiting_for_it()
        if self._redirection is not None:
            return super().on_response(response, now)  # from somebody who is no gateway
        monitor = self._candidate.monitor
        if response.status != 503:
            monitor.answered(now)
        else:
            retry_after_s = read_retry_after(response.get(b"retry-after"))
            if retry_after_s:
                monitor.sent_away(retry_after_s, now)
            if self._pass_on(now):
                return None
        return super().on_response(response, now)

    def on_failure(self, status: int, now: float) -> None:
        """No answer came, or the transport failed."""
        self._stop_waiting_for_it()
        if self._redirection is not None:
            super().on_failure(status, now)
            return
        if self._call.current is self and not self.over:
            self._candidate.monitor.failed(now)
        if not self._pass_on(now):
            super().on_failure(status, now)

    def on_time(self, now: float) -> None:
        """Lose patience with the gateway; or what every leg does."""
        if now < self._patience_at:
            super().on_time(now)
            return
        self._stop_waiting_for_it()
        if self._invite is not None and self._transactions.fall_back(self._invite, now):
            # Too large for UDP, it has gone over TCP, which may be what the gateway does not take.
            self._wait_for_it(now)
            return
        if self._redirection is None:
            self._candidate.monitor.failed(now)
        # 9.1: "If no provisional response has been received, the CANCEL request MUST NOT be sent";
        # should this gateway wake up, it gets its CANCEL, or the BYE of its 2xx, then.
        if self._invite is not None:
            self._cancel_at_first_answer(self._invite)
        if not self._pass_on(now):
            self._fail(408, "Gateway does not answer")

    def _pass_on(self, now: float) -> bool:
        """Let the next gateway try; False when there is none, or the call is given up."""
        if self.over or self._call.current is not self:
            return False
        candidate = next(self._call.candidates, None)
        if candidate is None:
            return False
        self.over = True
        self._leave_early(now)
        leg = TrunkLeg(self._core, self._transactions, self._table, self.id, self._call, candidate)
        leg.begin(now)
        return True

    def _stop_waiting_for_it(self) -> None:
        if self._patience_at < math.inf:
            self._patience_at = self.deadline = math.inf

    def _forget(self) -> None:
        if self._call.current is self:
            super()._forget()
            self._call.channels.give_back(self.id)
            self._stop_waiting_for_it()


class TrunkIncomingLeg(IncomingLeg):
    """A call from a trunk, which occupies one of its channels."""

    __slots__ = ("_channels", "proved")

    by_trunk = True

    def __init__(
        self,
        core: Core,
        transactions: Transactions,
        table: LegTable,
        leg_id: str,
        key: bytes,
        invite: Request,
        peer: Peer,
        channels: Channels,
        *,
        proved: bool,
    ) -> None:
        super().__init__(core, transactions, table, leg_id, key, invite, peer)
        self._channels = channels
        self.proved = proved

    def _forget(self) -> None:
        super()._forget()
        self._channels.give_back(self.id)
