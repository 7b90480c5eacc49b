"""What the call centre does for its parts: queues and flows reach the caller through this."""

from typing import Protocol

from acd.routing.events import LeaveReason, OfferMade
from acd.routing.model import QueueProfile

from .call import Call, EndReason


class Host(Protocol):
    """Implemented by `acd.calls.centre.CallCentre`."""

    def end(self, call: Call, ended_by: str, reason: EndReason, detail: str = "") -> None:
        """Hang up on the caller and close the call; `detail` is the flow's own word for why."""

    def finish(
        self,
        call: Call,
        ended_by: str,
        reason: EndReason,
        *,
        leg_ended_by: str,
        status: int = 0,
        detail: str = "",
    ) -> None:
        """Close the call's records; its caller's leg is over or on the way to be."""

    def release_agent(self, agent: str) -> None:
        """End the agent's talk out of a queue; an own call may go on."""

    def end_with_prompt(self, call: Call, sound: str, reason: EndReason) -> None:
        """Let the caller hear one more thing, if anything, then hang up."""

    def turn_came(self, event: OfferMade) -> bool:
        """Take the turn of a call-back; True: nothing is left to be offered."""

    def turn_lost(self, visit: str, reason: LeaveReason) -> bool:
        """Take that the router has given up a call-back's place; False: it is none's."""

    def agent_waits(self, call: Call) -> None:
        """Call the customer: the agent of a call-back has answered."""

    def call_over(self, call: Call) -> None:
        """Take that the call's records are closed."""

    def called_in(self, call: Call, queue: str) -> None:
        """Take that an agent of the queue has answered this caller."""

    def wants_callback(
        self, call: Call, queue: str, number: str, priority: int, category: str
    ) -> bool:
        """Promise to call back from this queue; False: that cannot be. `number` "": the own."""

    def echo(self, call: Call) -> None:
        """Send the caller's own audio back until the caller hangs up."""

    def enter_queue(self, call: Call, name: str, priority: int, category: str) -> None:
        """Put the caller into a queue."""

    def queue_gave_back(
        self, call: Call, queue: QueueProfile, reason: LeaveReason, *, again: bool
    ) -> None:
        """Go on with a caller who is in no queue any more and whom no agent took.

        `again` says that this queue has already refused the caller at this very moment: no way
        on leads anywhere now.
        """
