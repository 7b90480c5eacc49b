"""Agents in calls that no queue gave them: the router must offer them nothing meanwhile."""

from acd.routing.router import Router

from .queueing import Queueing


class Engagement:
    """Who is in which own or internal call. The one place that calls `Router.engage`.

    A phone has several lines: an agent may have an own call beside the one of a queue (to ask a
    colleague), or two of them. The router knows one talk per agent; this keeps the others, as
    many at most as there are calls.
    """

    def __init__(self, router: Router, queueing: Queueing) -> None:
        self._router = router
        self._queueing = queueing
        self._interactions: dict[str, list[str]] = {}

    def begin(self, agent: str, interaction: str, now: float) -> None:
        """Note that the agent is in this call, from its first ringing on."""
        self._interactions.setdefault(agent, []).append(interaction)
        routed = self._router.engage(agent, interaction, interaction, "", now)
        self._queueing.apply(routed, now)

    def end(self, agent: str, interaction: str, now: float) -> None:
        """Note that the agent is no longer in it; nothing if the agent never was."""
        calls = self._interactions.get(agent)
        if calls is None or interaction not in calls:
            return
        calls.remove(interaction)
        if not calls:
            del self._interactions[agent]
        if self._router.talk(agent) == interaction:
            self.release(agent, now)

    def release(self, agent: str, now: float) -> None:
        """End the talk that the router knows; another call that the agent has still goes on."""
        calls = self._interactions.get(agent)
        if calls:
            routed = self._router.switch(agent, calls[-1], calls[-1], now)
        else:
            routed = self._router.release(agent, now)
        self._queueing.apply(routed, now)

    def hold(self, agent: str, interaction: str, held: bool, now: float) -> None:
        """Note a hold within the call, if it is the talk that the router knows."""
        if self._router.talk(agent) == interaction:
            self._queueing.apply(self._router.hold(agent, held, now), now)
