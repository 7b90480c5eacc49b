"""Where a caller goes who is in a queue no more and whom no agent took."""

from acd.ivr import events as ivr_in
from acd.routing.events import LeaveReason
from acd.routing.model import QueueProfile
from acd.routing.waiting_rules import Exit

from .call import Call, EndReason, Phase
from .call_table import CallTable
from .calling_back import CallBacks
from .ending import Ending
from .flowing import Flowing
from .hearing import Hearing
from .queueing import Queueing
from .settings import CentrePrompts

END_REASONS = {
    LeaveReason.REFUSED_FULL: EndReason.QUEUE_FULL,
    LeaveReason.EMPTY: EndReason.QUEUE_EMPTY,
    LeaveReason.CLOSED: EndReason.QUEUE_CLOSED,
}
"How a call ends that has no way on; after any other reason it has waited for too long."


class Onward:
    """Sends callers on: by the queue's own way, by their flow, or with a last word."""

    def __init__(
        self,
        *,
        table: CallTable,
        hearing: Hearing,
        flowing: Flowing,
        queueing: Queueing,
        ending: Ending,
        call_backs: CallBacks,
        prompts: CentrePrompts,
    ) -> None:
        self._table = table
        self._hearing = hearing
        self._flowing = flowing
        self._queueing = queueing
        self._ending = ending
        self._call_backs = call_backs
        self._prompts = {
            EndReason.QUEUE_FULL: prompts.queue_full,
            EndReason.QUEUE_EMPTY: prompts.queue_empty,
            EndReason.QUEUE_CLOSED: prompts.queue_closed,
            EndReason.MAX_WAIT: prompts.max_wait,
        }

    def gave_back(
        self, call: Call, queue: QueueProfile, reason: LeaveReason, *, again: bool
    ) -> None:
        """Go on where the queue's way leads, else where the flow says, else hang up."""
        end_reason = END_REASONS.get(reason, EndReason.MAX_WAIT)
        last_word = self._prompts[end_reason]
        flow, prompt = _way_on(queue, reason)
        if again:
            # Flow and overflow have led round in a ring, and none of its queues takes anybody.
            self._ending.end_with_prompt(call, last_word, end_reason)
        elif flow:
            self._enter_flow(call, flow)
        elif prompt:
            self._ending.end_with_prompt(call, prompt, end_reason)
        elif self._flowing.can_take_back(call):
            self._back(call, reason)
        else:
            self._ending.end_with_prompt(call, last_word, end_reason)

    def pressed(self, call: Call, digit: str) -> None:
        """Take a waiting caller's key; one that leads nowhere is without effect."""
        visit = call.visit
        way = visit.queue.waiting.exits.get(digit) if visit is not None else None
        if way is not None:
            self._take_exit(call, way)

    def _take_exit(self, call: Call, way: Exit) -> None:
        if way.callback:
            self._call_backs.wishes.pressed(call)
            return
        if way.back and not self._flowing.can_take_back(call):
            return
        self._queueing.leave(call, LeaveReason.EXITED, self._table.now)
        if way.back:
            self._back(call, LeaveReason.EXITED)
        else:
            self._enter_flow(call, way.flow)

    def _enter_flow(self, call: Call, flow: str) -> None:
        self._hearing.answer(call)
        self._hearing.hush(call)
        self._flowing.enter(call, flow, self._table.now)

    def _back(self, call: Call, reason: LeaveReason) -> None:
        call.phase = Phase.IN_FLOW
        self._hearing.hush(call)
        self._flowing.tell(call, ivr_in.QueueLeft(reason.value), self._table.now)


def _way_on(queue: QueueProfile, reason: LeaveReason) -> tuple[str, str]:
    """Return the flow and the last prompt that the queue sends on to; both empty: to none."""
    if reason is LeaveReason.CLOSED:
        # Whoever closes a queue wants nobody led to the next one instead.
        return queue.waiting.closed_flow, queue.waiting.closed_prompt
    overflow = queue.overflow
    return (overflow.flow, overflow.hang_up_prompt) if overflow is not None else ("", "")
