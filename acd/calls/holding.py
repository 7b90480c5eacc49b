"""Re-INVITEs within a call: hold by either side or both, and moved media."""

from acd.media import commands as media

from .call import AgentLeg, Call, CalledLeg, Visit
from .commands import AcceptOffer, RefuseOffer
from .effects import Effects
from .hearing import Hearing
from .outbound import Outbound
from .queueing import Queueing


class Holding:
    """Answers re-INVITEs, and lets whoever is put on hold hear music."""

    def __init__(
        self,
        effects: Effects,
        hearing: Hearing,
        queueing: Queueing,
        outbound: Outbound,
        music: str,
    ) -> None:
        self._effects = effects
        self._hearing = hearing
        self._queueing = queueing
        self._outbound = outbound
        self._music = music

    def reoffered(self, call: Call, leg: str, offer: bytes) -> None:
        """Pass the phone's new offer to the media engine."""
        call.reoffering |= {leg}
        self._effects.append(media.Reoffer(leg, offer))

    def accepted(self, call: Call, leg: str, answer: bytes, held: bool, now: float) -> None:
        """Answer the phone; the talk is on hold from now on, or no longer, if it says so."""
        call.reoffering -= {leg}
        self._effects.append(AcceptOffer(leg, answer))
        self.answered(call, leg, held, now)

    def answered(self, call: Call, leg: str, held: bool, now: float) -> None:
        """Take what the phone's description says, its offer or its answer to ours.

        A phone that resumes by a re-INVITE without offer says so in the ACK only.
        """
        if held:
            call.holding |= {leg}
        else:
            call.holding -= {leg}
        self.settle(call, now)

    def refused(self, call: Call, leg: str, status: int, warning: str = "") -> bool:
        """Refuse the phone's offer, if one was pending; the session stays as it was."""
        if leg not in call.reoffering:
            return False
        call.reoffering -= {leg}
        self._effects.append(RefuseOffer(leg, status, warning))
        return True

    def settle(self, call: Call, now: float) -> None:
        """Let the talk follow who holds whom.

        A caller may have gone on hold while waiting already: then the talk begins on hold.
        """
        leg = _talking(call)
        if leg is None:
            return
        before, holding = leg.held_by, call.holding
        leg.held_by = holding & {call.leg, leg.leg} if holding else holding
        if leg.held_by == before:
            return
        self._book(call, leg, bool(leg.held_by), now)
        if not leg.held_by:
            self._hearing.bridge(call, leg.leg)
            return
        if not before:
            self._effects.append(media.Unbridge(call.leg))
        self._let_wait(call, leg, before)

    def park(self, call: Call, now: float) -> None:
        """Silence a talk that is to be taken apart; its time counts as hold from now on."""
        leg = _talking(call)
        if leg is None:
            return
        if leg.held_by:
            self._effects.append(media.StopPlay(call.leg))
            self._effects.append(media.StopPlay(leg.leg))
        else:
            self._effects.append(media.Unbridge(call.leg))
            self._book(call, leg, True, now)

    def resume(self, call: Call, now: float) -> None:
        """Let a talk go on that was parked."""
        leg = _talking(call)
        if leg is None:
            return
        self._hearing.hush(call)
        leg.held_by = call.holding & {call.leg, leg.leg}
        if leg.held_by:
            self._let_wait(call, leg, frozenset())
        else:
            self._hearing.bridge(call, leg.leg)
            self._book(call, leg, False, now)

    def music(self, visit: Visit | None) -> str:
        """Return what a caller hears who waits after this visit; empty: silence."""
        return visit.queue.music if visit is not None else self._music

    def _book(self, call: Call, leg: AgentLeg | CalledLeg, held: bool, now: float) -> None:
        if isinstance(leg, AgentLeg):
            self._queueing.talks.held(call, held, now)
        else:
            self._outbound.held(call, leg, held)

    def _let_wait(self, call: Call, leg: AgentLeg | CalledLeg, before: frozenset[str]) -> None:
        """Play music to the side that listens while the other one does not."""
        music = self.music(call.talk_visit)
        if not music:
            return
        for side, other in ((call.leg, leg.leg), (leg.leg, call.leg)):
            waits = other in leg.held_by and side not in leg.held_by
            waited = other in before and side not in before
            if waits and not waited:
                self._hearing.play_to(call, side, (music,), loop=True)
            elif waited and not waits:
                self._effects.append(media.StopPlay(side))


def _talking(call: Call) -> AgentLeg | CalledLeg | None:
    """Return the leg that the caller talks to, if it does."""
    agent, called = call.agent_leg, call.called_leg
    if agent is not None and agent.connected_at is not None and not agent.alone:
        return agent
    return called if called is not None and called.connected_at is not None else None
