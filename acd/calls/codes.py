"""Agents steer themselves by dialling: ready, away, log out, end of wrap-up, disposition."""

from acd.routing.events import Event as RoutingEvent
from acd.routing.model import State, Status
from acd.routing.router import Router

from .call import Call
from .desk import Desk, Disposition
from .numbers import CodeAction, CodeTarget
from .queueing import Queueing
from .settings import CentrePrompts

CALLS_FOLLOW = frozenset({CodeAction.READY, CodeAction.END_WRAP_UP})
"""What may bring the agent a call. It waits until the code's own call is over: as long as that
lasts the phone is in use, and one with a single line would refuse the first offer as busy."""


class Codes:
    """Carries out dialled codes."""

    def __init__(
        self, router: Router, desk: Desk, queueing: Queueing, prompts: CentrePrompts
    ) -> None:
        self._router = router
        self._desk = desk
        self._queueing = queueing
        self._prompts = prompts

    def dialled(self, call: Call, code: CodeTarget, now: float) -> str:
        """Do what an agent dialled, now or at the call's end; return the prompt that says so."""
        agent = self._desk.agent_of(call.account)
        if agent is not None and can_wait(code.action, agent, self._router, self._desk):
            call.at_end = code
            done = True
        else:
            done = agent is not None and self._do(code, agent, now)
        prompts = self._prompts
        return prompts.code_done.get(code.action, "") if done else prompts.code_refused

    def call_over(self, call: Call, code: CodeTarget, now: float) -> None:
        """Carry out the code that has waited for the end of its own call."""
        agent = self._desk.agent_of(call.account)
        if agent is not None:
            self._do(code, agent, now)

    def _do(self, code: CodeTarget, agent: str, now: float) -> bool:
        """Carry out a code; False if it cannot be done now."""
        routed = carry_out(
            code.action, code.argument, agent, router=self._router, desk=self._desk, now=now
        )
        if routed is not None:
            self._queueing.apply(routed, now)
        return routed is not None


def can_wait(action: CodeAction, agent: str, router: Router, desk: Desk) -> bool:
    """Tell whether this is carried out at the end of the code's call, and can be."""
    if action is CodeAction.END_WRAP_UP:
        return router.agent_view(agent).state is State.WRAP_UP
    if desk.refusal(agent):
        return False
    return action in CALLS_FOLLOW


def carry_out(
    action: CodeAction,
    argument: str,
    agent: str,
    *,
    router: Router,
    desk: Desk,
    now: float,
) -> list[RoutingEvent] | None:
    """Do what the agent dialled; None if it cannot be done now."""
    match action:
        case CodeAction.READY:
            return desk.wishes(agent, Status.READY, "", "agent", now)
        case CodeAction.AWAY:
            return desk.wishes(agent, Status.AWAY, argument, "agent", now)
        case CodeAction.LOG_OUT:
            return desk.wishes(agent, Status.LOGGED_OUT, "", "agent", now)
        case CodeAction.END_WRAP_UP:
            if router.agent_view(agent).state is not State.WRAP_UP:
                return None
            return router.end_wrap_up(agent, now)
        case CodeAction.DISPOSITION:
            disposition = Disposition(call_class=argument, ordered=argument == "order")
            return [] if desk.dispose(agent, disposition) else None
        case CodeAction.COOL_DOWN:
            return desk.mark_upsetting(agent, "agent", now)
        case CodeAction.DESK_LOGIN:
            return None  # it is no command but a conversation: acd.calls.desk_login
        case CodeAction.EXTEND_WRAP_UP:
            return extend_wrap_up(agent, router.rules.wrap_up_extension_s, router, now)


def extend_wrap_up(
    agent: str, extra_s: float, router: Router, now: float
) -> list[RoutingEvent] | None:
    """Prolong a running wrap-up; None if there is none."""
    view = router.agent_view(agent)
    if view.state is not State.WRAP_UP:
        return None
    return router.extend_wrap_up(agent, view.deadline + extra_s, now)
