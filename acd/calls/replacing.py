"""INVITE with Replaces (RFC 3891): a new call that takes an agent's place in a talk.

The same agent at another phone (kind "moved"), or another agent on behalf of the first one (kind
"attended"). Until its media stands the new leg belongs to no call.
"""

from msgspec import Struct

from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.model import State
from acd.routing.router import Router
from acd.sip import events as sip

from . import events
from .call import AgentLeg, Call
from .call_table import CallTable
from .commands import AnswerLeg, RejectLeg
from .desk import Desk
from .effects import Effects
from .holding import Holding
from .parting import agent_at
from .queueing import Queueing
from .transfer import Transfers

BUSY_STATES = frozenset({State.OFFERED, State.TALKING, State.HELD})
NOT_ALLOWED, GONE, BUSY = 403, 481, 486


class _Newcomer(Struct, frozen=True):
    """A leg whose media is being opened."""

    leg: str
    sip_call_id: str
    call: Call
    replaced: str
    owner: str
    "Who talks by the leg that is to be replaced."
    agent: str
    account: str


class Replacing:
    """Lets new legs take agents' places."""

    def __init__(
        self,
        *,
        table: CallTable,
        effects: Effects,
        desk: Desk,
        router: Router,
        queueing: Queueing,
        holding: Holding,
        transfers: Transfers,
    ) -> None:
        self._table = table
        self._effects = effects
        self._desk = desk
        self._router = router
        self._queueing = queueing
        self._holding = holding
        self._transfers = transfers
        self._newcomers: dict[str, _Newcomer] = {}

    def invited(self, event: sip.InviteReceived) -> None:
        """Open the new leg's media, or refuse it; the talk stays as it is until then."""
        newcomer = self._admit(event)
        if isinstance(newcomer, int):
            self._refuse(event.leg, newcomer)
            self._effects.append(
                events.CallRejected(
                    sip_call_id=event.sip_call_id,
                    caller=event.caller,
                    called=event.called,
                    peer=f"{event.peer.transport}:{event.peer.host}:{event.peer.port}",
                    sip_status=newcomer,
                    reason="not_replaceable",
                )
            )
            return
        self._newcomers[event.leg] = newcomer
        self._effects.append(
            media.OpenStream(event.leg, event.offer, near=newcomer.call.leg, codecs=event.codecs)
        )

    def _admit(self, event: sip.InviteReceived) -> _Newcomer | int:
        """Return the new leg and its place, or the status of a refusal."""
        call = self._table.by_leg.get(event.replaces)
        agent = self._desk.agent_of(event.account)
        if call is None or call.agent_leg is None or agent is None or event.account is None:
            return NOT_ALLOWED
        owner = agent_at(call, event.replaces)
        if owner == "" or call.agent_leg.leg != event.replaces:
            return NOT_ALLOWED
        if agent != owner:
            # "If the replacement request contains a Referred-By header that corresponds to the
            # user being replaced, the UA SHOULD treat the replacement as if the replacement was
            # authorized by the replaced party" (section 3).
            user = event.referred_by.partition(":")[2].partition("@")[0]
            if user not in {owner, call.agent_leg.account}:
                return NOT_ALLOWED
            if self._is_busy(agent):
                return BUSY
        return _Newcomer(
            event.leg, event.sip_call_id, call, event.replaces, owner, agent, event.account
        )

    def _is_busy(self, agent: str) -> bool:
        known = self._desk.profile(agent) is not None  # a reload may have come in between
        return not known or self._router.agent_view(agent).state in BUSY_STATES

    def _refuse(self, leg: str, status: int) -> None:
        self._effects.append(RejectLeg(leg, status))

    # --- what becomes of the new leg ---

    def stream_opened(self, event: media_in.StreamOpened) -> bool:
        """Let the new leg take the place: its media stands. False: it is no such leg."""
        newcomer = self._newcomers.pop(event.leg, None)
        if newcomer is None:
            return False
        refusal = self._too_late(newcomer)
        if refusal:
            self._refuse(event.leg, refusal)
            self._effects.append(media.CloseStream(event.leg))
        else:
            self._take_place(newcomer, event.sdp)
        return True

    def _too_late(self, new: _Newcomer) -> int:
        """Return why the place is not to be had any more, or 0: other calls went on meanwhile."""
        if agent_at(new.call, new.replaced) != new.owner:
            return GONE
        return BUSY if new.agent != new.owner and self._is_busy(new.agent) else 0

    def stream_refused(self, leg: str, status: int) -> None:
        """Refuse the new leg: "the UA MUST leave the matched dialog unchanged" (section 3)."""
        if self._newcomers.pop(leg, None) is not None:
            self._refuse(leg, status)

    def cancelled(self, leg: str) -> None:
        """Forget the new leg: whoever began it has given it up."""
        self._newcomers.pop(leg, None)

    def _take_place(self, new: _Newcomer, sdp: bytes) -> None:
        call, now, same = new.call, self._table.now, new.agent == new.owner
        earlier = self._transfers.of(call)
        if earlier is not None:
            self._transfers.let_go(earlier)
        kind = "moved" if same else "attended"
        transfer = self._transfers.begin(call, new.owner, kind, new.agent, leg=new.replaced)
        self._holding.park(call, now)
        self._transfers.part(transfer, new.replaced)
        visit = transfer.visit
        assert visit is not None  # admitted with a leg that a queue's offer had made
        self._effects.append(AnswerLeg(new.leg, sdp))
        self._transfers.completed(
            transfer,
            now,
            queue=visit.queue.name,
            to_agent=new.agent,
            leg=new.leg,
            sip_call_id=new.sip_call_id,
        )
        self._transfers.let_go(transfer, release=not same)
        if not same:
            routed = self._router.engage(
                new.agent, visit.visit, call.interaction, visit.queue.name, now
            )
            self._queueing.apply(routed, now)
        joined = AgentLeg(new.leg, "", new.agent, new.account, now, opened=True)
        self._queueing.talks.join(call, joined, visit, now)
        self._queueing.apply(self._router.carry_on(new.agent, call.interaction, now), now)
