"""Talks between caller and agent: their beginning and end, hold, and legs given from call to call.

Nothing else touches `Call.talk_visit`. What the router has to know of a talk is told it here.
"""

from collections.abc import Callable

from acd.ivr.speech import say_agent
from acd.routing import events as routing
from acd.routing.router import Router

from . import events
from .call import AgentLeg, Call, Phase, Playing, Visit
from .desk import Desk
from .effects import Effects
from .hearing import Hearing
from .host import Host


class Talks:
    """Keeps the record of who talks to whom, and for how long."""

    def __init__(
        self,
        router: Router,
        desk: Desk,
        effects: Effects,
        host: Host,
        hearing: Hearing,
        calls_by_leg: dict[str, Call],
        apply: Callable[[list[routing.Event], float], None],
    ) -> None:
        """`apply` carries out what the router decides, see `Queueing.apply`."""
        self._router = router
        self._desk = desk
        self._effects = effects
        self._host = host
        self._hearing = hearing
        self._calls_by_leg = calls_by_leg
        self._apply = apply

    def held(self, call: Call, held: bool, now: float) -> None:
        """Either side put the other on hold, or took it back."""
        leg = call.agent_leg
        if leg is None or leg.connected_at is None or held == (leg.held_since is not None):
            return
        if leg.alone:
            return
        if held:
            leg.held_since = now
            event: events.Event = events.HoldStarted(
                interaction=call.interaction, agent=leg.agent, leg=leg.leg
            )
        else:
            leg.book_hold(now)
            event = events.HoldEnded(interaction=call.interaction, agent=leg.agent, leg=leg.leg)
        self._effects.append(event)
        self._apply(self._router.hold(leg.agent, held, now), now)

    def await_customer(self, call: Call, leg: AgentLeg) -> None:
        """Let the agent of a call-back wait for the customer: no talk has begun."""
        leg.alone = True
        call.phase = Phase.DIALLING
        self._host.agent_waits(call)

    def customer_came(self, call: Call, now: float) -> None:
        """Begin the talk that the agent waits for."""
        leg, visit = call.agent_leg, call.talk_visit
        assert leg is not None  # who waits has a leg
        assert visit is not None  # and came by an offer
        leg.alone, leg.connected_at = False, now
        call.phase = Phase.TALKING
        self.introduce(call, leg, visit)
        self.connected(call, leg, visit)

    def talk_over(self, call: Call, ended_by: str, reason: str, now: float) -> None:
        """Book the talk and send the agent into wrap-up.

        `ended_by` says who ended the agent's leg: "peer", "server" or "fault"; `reason` is that
        of the whole call.
        """
        leg, visit = call.agent_leg, call.talk_visit
        if leg is None or leg.connected_at is None or visit is None:
            return
        call.talk_visit = None
        self.end_talk(call, leg, visit, ended_by, reason, now)

    def end_talk(
        self,
        call: Call,
        leg: AgentLeg,
        visit: Visit,
        ended_by: str,
        reason: str,
        now: float,
        *,
        release: bool = True,
    ) -> None:
        """Book a talk whose leg the call may have given away; `release` frees the agent."""
        self.drop(call, leg, ended_by, reason)
        self._disconnected(call, leg, visit, now)
        if release:
            self._host.release_agent(leg.agent)

    def _disconnected(self, call: Call, leg: AgentLeg, visit: Visit, now: float) -> None:
        if leg.alone:
            return
        leg.book_hold(now)
        began_at = now if leg.connected_at is None else leg.connected_at
        self._effects.append(
            events.AgentDisconnected(
                interaction=call.interaction,
                visit=visit.visit,
                queue=visit.queue.name,
                agent=leg.agent,
                leg=leg.leg,
                talk_s=now - began_at - leg.hold_s,
                hold_s=leg.hold_s,
            )
        )

    # --- the agent's number (工号播报) ---

    def introduce(self, call: Call, leg: AgentLeg, visit: Visit) -> None:
        """Let the two hear each other, after the agent's number where the queue wants it told.

        The agent hears nothing meanwhile. A hold or a transfer in it takes the caller's ear away:
        the talk then goes on without the rest.
        """
        sounds = say_agent(leg.agent, call.language) if visit.queue.announce_agent else ()
        if sounds:
            self._hearing.play(call, Playing.AGENT_NUMBER, sounds, loop=False)
        else:
            self._hearing.bridge(call, leg.leg)

    def introduced(self, call: Call) -> None:
        """Let the two hear each other: the number was heard out."""
        leg = call.agent_leg
        if leg is not None and leg.connected_at is not None and not leg.held_by:
            self._hearing.bridge(call, leg.leg)

    # --- talks that go on elsewhere (`transferring`) ---

    def part(self, call: Call) -> tuple[AgentLeg, Visit] | None:
        """Take the talking agent's leg out of the call; it stands, and so does the talk's record.

        None: nobody talks.
        """
        leg, visit = call.agent_leg, call.talk_visit
        if leg is None or leg.connected_at is None or visit is None:
            return None
        call.agent_leg = call.talk_visit = None
        return leg, visit

    def rejoin(self, call: Call, leg: AgentLeg, visit: Visit) -> None:
        """Give the call the leg back that `part` took; the talk goes on."""
        call.agent_leg, call.talk_visit = leg, visit
        call.phase = Phase.TALKING

    def give_away(self, call: Call, leg: AgentLeg, visit: Visit, reason: str, now: float) -> None:
        """Close the records of a leg that goes on in another call; its stream stands."""
        call.reoffering -= {leg.leg}
        call.holding -= {leg.leg}
        self._effects.append(
            events.LegEnded(
                interaction=call.interaction, leg=leg.leg, ended_by="server", reason=reason
            )
        )
        self._disconnected(call, leg, visit, now)

    def join(self, call: Call, leg: AgentLeg, visit: Visit, now: float) -> None:
        """Begin the talk of an agent who came by no offer of this call, from `visit`'s queue."""
        leg.connected_at = now
        self._calls_by_leg[leg.leg] = call
        self.rejoin(call, leg, visit)
        self._hearing.bridge(call, leg.leg)
        self.connected(call, leg, visit)

    def connected(self, call: Call, leg: AgentLeg, visit: Visit) -> None:
        self._effects.append(
            events.AgentConnected(
                interaction=call.interaction,
                visit=visit.visit,
                queue=visit.queue.name,
                agent=leg.agent,
                leg=leg.leg,
            )
        )
        if call.back is not None:
            call.back.agent = leg.agent
        self._desk.remember(
            leg.agent, interaction=call.interaction, queue=visit.queue, category=visit.category
        )
        if not call.withheld and leg.connected_at is not None:
            self._desk.contacts.talked(call.caller, leg.agent, call.interaction, leg.connected_at)

    # --- legs ---

    def drop(self, call: Call, leg: AgentLeg, ended_by: str, reason: str, status: int = 0) -> None:
        """Forget the agent's leg and give its media back."""
        if call.agent_leg is leg:
            call.agent_leg = None
        call.reoffering -= {leg.leg}
        call.holding -= {leg.leg}
        self._calls_by_leg.pop(leg.leg, None)
        self._hearing.close(call, leg.leg, opened=leg.opened)
        self._effects.append(
            events.LegEnded(
                interaction=call.interaction,
                leg=leg.leg,
                ended_by=ended_by,
                sip_status=status,
                reason=reason,
            )
        )
