"""An agent's leg taken out of its call while the caller stays: put back, or ended on its own.

Which side the agent is on differs: the one whom a queue gave the caller, a colleague who was
called for the caller, or the one who called the customer in the first place. In the last case
the customer's leg becomes the caller's: the interaction goes on around it.
"""

from msgspec import Struct

from . import events
from .call import AgentLeg, Call, CalledLeg, Phase, Visit
from .call_table import CallTable
from .dial_plan import InternalTarget, OutsideTarget
from .effects import Effects
from .engagement import Engagement
from .hearing import Hearing
from .outbound import Outbound
from .queueing import Queueing


class OwnSide(Struct, frozen=True):
    """What a call was when it was the agent's own, and the customer the one called."""

    leg: str
    called: CalledLeg
    agent: str
    account: str | None
    caller: str
    caller_name: str


class Parted(Struct, frozen=True):
    """An agent's leg that stands without its call's caller."""

    leg: str
    agent: str
    side: AgentLeg | CalledLeg | OwnSide
    visit: Visit | None = None
    "The queue visit that the talk came from, if it came from one."


def agent_at(call: Call, leg: str) -> str:
    """Return the agent who talks to a customer by this leg; empty: nobody does."""
    if call.phase is not Phase.TALKING:
        return ""
    answered, called = call.agent_leg, call.called_leg
    if answered is not None and answered.leg == leg:
        return answered.agent
    if called is None or called.connected_at is None:
        return ""
    if isinstance(called.target, InternalTarget):
        # In a colleague's own call it is for the colleague to go elsewhere.
        return called.target.agent if called.leg == leg and not call.agent else ""
    return call.agent if leg == call.leg else ""


class Parting:
    """Takes agents' legs out of calls."""

    def __init__(
        self,
        *,
        table: CallTable,
        effects: Effects,
        hearing: Hearing,
        queueing: Queueing,
        outbound: Outbound,
        engagement: Engagement,
    ) -> None:
        self._table = table
        self._effects = effects
        self._hearing = hearing
        self._queueing = queueing
        self._outbound = outbound
        self._engagement = engagement

    def part(self, call: Call, leg: str) -> Parted | None:
        """Take the leg of the agent who talks out of the call; None: nobody talks by it."""
        agent = agent_at(call, leg)
        if agent == "":
            return None
        if call.agent_leg is not None and call.agent_leg.leg == leg:
            parted = self._queueing.talks.part(call)
            return None if parted is None else Parted(leg, agent, *parted)
        called = self._outbound.part(call)
        if called is None:
            return None
        if called.leg == leg:
            return Parted(leg, agent, called)
        side = OwnSide(leg, called, agent, call.account, call.caller, call.caller_name)
        call.leg, call.account, call.agent = called.leg, None, ""
        target = called.target
        call.caller = target.number if isinstance(target, OutsideTarget) else target.agent
        call.caller_name = ""
        return Parted(leg, agent, side)

    def rejoin(self, call: Call, parted: Parted) -> None:
        """Put the leg back; the talk goes on."""
        side = parted.side
        if isinstance(side, AgentLeg):
            assert parted.visit is not None  # a queue gave the caller
            self._queueing.talks.rejoin(call, side, parted.visit)
            return
        call.phase = Phase.TALKING
        if isinstance(side, CalledLeg):
            call.called_leg = side
            return
        call.called_leg = side.called
        call.leg, call.account, call.agent = side.leg, side.account, side.agent
        call.caller, call.caller_name = side.caller, side.caller_name

    def end_talk(
        self, call: Call, parted: Parted, ended_by: str, reason: str, *, release: bool = True
    ) -> None:
        """Book the talk of a leg that has ended; `release` frees its agent."""
        side = parted.side
        if isinstance(side, AgentLeg):
            assert parted.visit is not None  # a queue gave the caller
            now = self._table.now
            self._queueing.talks.end_talk(
                call, side, parted.visit, ended_by, reason, now, release=release
            )
        elif isinstance(side, CalledLeg):
            self._outbound.end_talk(call, side, ended_by, reason)
        else:
            self._end_own(call, side, ended_by, reason)

    def _end_own(self, call: Call, side: OwnSide, ended_by: str, reason: str) -> None:
        now, called = self._table.now, side.called
        called.book_hold(now)
        call.reoffering -= {side.leg}
        call.holding -= {side.leg}
        self._table.by_leg.pop(side.leg, None)
        self._hearing.close(call, side.leg, opened=True)
        self._effects.append(
            events.LegEnded(
                interaction=call.interaction, leg=side.leg, ended_by=ended_by, reason=reason
            )
        )
        began_at = now if called.connected_at is None else called.connected_at
        self._effects.append(
            events.AgentDisconnected(
                interaction=call.interaction,
                agent=side.agent,
                leg=side.leg,
                talk_s=now - began_at - called.hold_s,
                hold_s=called.hold_s,
            )
        )
        self._engagement.end(side.agent, call.interaction, now)
