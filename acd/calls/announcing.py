"""What callers are told while they wait: their place, how long it may take, and prompts.

One announcement is heard to its end before the next one; the music begins again after it.
"""

from acd.ivr.speech import say_position, say_wait
from acd.routing.deadlines import Deadlines, Timed
from acd.routing.router import Router

from .call import Call, Playing, Visit
from .hearing import Hearing


class Listener(Timed):
    """When a waiting caller is to hear the next of the queue's prompts."""

    __slots__ = ("call", "heard", "visit")

    def __init__(self, call: Call, visit: Visit) -> None:
        super().__init__()
        self.call = call
        self.visit = visit
        self.heard = 0


class Announcements:
    """Lets waiting callers hear what is due. Only this part touches `Visit.pending`."""

    def __init__(self, router: Router, hearing: Hearing, deadlines: Deadlines) -> None:
        self._router = router
        self._hearing = hearing
        self._deadlines = deadlines
        self._listeners: dict[str, Listener] = {}

    def entered(self, call: Call, visit: Visit, now: float) -> None:
        """Plan the queue's prompts for a caller who begins to wait."""
        rules = visit.queue.waiting
        if rules.prompts and rules.prompts_every_s:
            listener = self._listeners[visit.visit] = Listener(call, visit)
            self._deadlines.arm(listener, now + rules.prompts_every_s)

    def left(self, visit: Visit) -> None:
        """Forget a caller who waits no more."""
        listener = self._listeners.pop(visit.visit, None)
        if listener is not None:
            self._deadlines.arm(listener, float("inf"))

    def due(self, listener: Listener, now: float) -> None:
        """Let the caller hear the next prompt."""
        rules = listener.visit.queue.waiting
        name = rules.prompts[listener.heard % len(rules.prompts)]
        listener.heard += 1
        sound = name if "/" in name else f"{listener.call.language}/{name}"
        self._say(listener.call, listener.visit, (sound,))
        self._deadlines.arm(listener, now + rules.prompts_every_s)

    def position_due(self, call: Call, visit: Visit, position: int, now: float) -> None:
        """Tell the caller's place, and the estimated wait where there is an estimate."""
        rules = visit.queue.waiting
        sounds: tuple[str, ...] = ()
        if rules.announce_position:
            sounds += say_position(position, call.language)
        if rules.announce_wait:
            wait_s = self._router.estimated_wait(visit.visit, now)
            sounds += say_wait(wait_s, call.language) if wait_s is not None else ()
        if sounds:
            self._say(call, visit, sounds)

    def _say(self, call: Call, visit: Visit, sounds: tuple[str, ...]) -> None:
        if call.playing is Playing.ANNOUNCEMENT:
            # The newest: a place in the line that is told late must be the present one.
            visit.pending = sounds
        else:
            self._hearing.play(call, Playing.ANNOUNCEMENT, sounds, loop=False)

    def heard_out(self, call: Call, visit: Visit) -> None:
        """Go on after an announcement: the next one, or the music."""
        sounds, visit.pending = visit.pending, ()
        if sounds:
            self._hearing.play(call, Playing.ANNOUNCEMENT, sounds, loop=False)
        elif visit.queue.music:
            self._hearing.play(call, Playing.MUSIC, (visit.queue.music,), loop=True)
