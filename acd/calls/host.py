"""What the call centre does for its parts: queues and flows reach the caller through this."""

from typing import Protocol

from acd.routing.events import LeaveReason
from acd.routing.model import QueueProfile

from .call import Call, EndReason, Playing


class Host(Protocol):
    """Implemented by `acd.calls.centre.CallCentre`."""

    def end(self, call: Call, ended_by: str, reason: EndReason) -> None:
        """Hang up on the caller and close the call."""

    def last_prompt(self, call: Call, sound: str, reason: EndReason) -> None:
        """Let the caller hear one more thing, then hang up for this reason."""

    def play(self, call: Call, playing: Playing, sounds: tuple[str, ...], *, loop: bool) -> None:
        """Let the caller hear this in place of what played before."""

    def hush(self, call: Call) -> None:
        """Fall silent, if anything plays."""

    def echo(self, call: Call) -> None:
        """Send the caller's own audio back until the caller hangs up."""

    def enter_queue(self, call: Call, name: str, priority: int, category: str) -> None:
        """Put the caller into a queue."""

    def queue_gave_back(self, call: Call, queue: QueueProfile, reason: LeaveReason) -> None:
        """Go on with a caller who is in no queue any more and whom no agent took."""

    def close_stream(self, call: Call, leg: str, *, opened: bool) -> None:
        """Give a leg's media back."""
