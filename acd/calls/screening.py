"""Who reaches which number: blacklist, anonymous callers, numbers that are not for the public.

All of it is for callers from outside. Whoever has proved an account is one of us.
"""

from acd.sip.events import InviteReceived

from .blacklist import ANONYMOUS_NAMES
from .dial_plan import Barred
from .numbers import CodeTarget, FlowTarget, NumberPlan, Target


def screen(plan: NumberPlan, event: InviteReceived) -> Target | Barred | None:
    """Return where the call goes by the number plan, why it does not, or None: no such number."""
    target = plan.target(event.called)
    if event.account is not None or isinstance(target, CodeTarget):
        return target
    number = event.called
    if number in plan.by_diversion:
        number = next((n for n in event.diverted_from if n in plan.targets), number)
        target = plan.target(number)
    if target is None:
        return None
    blocked = plan.blacklist.find(event.caller)
    if blocked is not None:
        if blocked.flow:
            return FlowTarget(blocked.flow)
        return Barred(blocked.status, "blacklisted", blocked.reason)
    if number in plan.internal:
        # As if there were no such number: strangers need not know what there is inside.
        return Barred(404, "not_public")
    if plan.blacklist.refuses_anonymous and _is_anonymous(event):
        # RFC 5079: 433 says that an identity is wanted, and nothing else is wrong.
        return Barred(433, "anonymous")
    return target


def _is_anonymous(event: InviteReceived) -> bool:
    return event.withheld or event.caller.lower() in ANONYMOUS_NAMES
