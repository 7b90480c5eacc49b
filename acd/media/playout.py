"""What a leg hears of us, frame by frame, and the clock that all playing legs share."""

import math

from .sounds import Frames

FRAME_S = 0.02
"Seconds per frame (RFC 3551 table 1: G.711's default)."

MAX_CATCH_UP_FRAMES = 5
"""A clock that wakes up late makes up for 100 ms, about what a phone's jitter buffer still
takes; beyond that the time is lost, not sent in a burst."""


class Playout:
    """Frames of several sounds in order, once or for ever."""

    __slots__ = ("_at", "_frames", "_loop", "_sound", "play")

    def __init__(self, play: int, sounds: tuple[Frames, ...], *, loop: bool) -> None:
        self.play = play
        "The number to report at the end."
        self._frames = tuple(frames for frames in sounds if frames)
        self._loop = loop
        self._sound = 0
        self._at = 0

    def next_frame(self) -> bytes | None:
        """Return the next 20 ms, or None at the end. Nothing to loop over is an end, too."""
        if self._sound == len(self._frames):
            if not self._loop or not self._frames:
                return None
            self._sound = 0
        frames = self._frames[self._sound]
        frame = frames[self._at]
        self._at += 1
        if self._at == len(frames):
            self._at = 0
            self._sound += 1
        return frame


class PlayoutClock:
    """Counts frames by absolute times, so that neither late wake-ups nor rounding add up.

    It runs only while something plays: `next_deadline` is infinite when stopped.
    """

    __slots__ = ("_next_at", "lateness_max_s")

    def __init__(self) -> None:
        self.lateness_max_s = 0.0
        "The worst wake-up since somebody last set this to 0."
        self._next_at = math.inf

    def next_deadline(self) -> float:
        return self._next_at

    def start(self, now: float) -> None:
        """Begin with a frame now; without effect when it runs."""
        if self._next_at == math.inf:
            self._next_at = now

    def stop(self) -> None:
        self._next_at = math.inf

    def on_time(self, now: float) -> int:
        """Return how many frames are due at `now`."""
        late_s = now - self._next_at
        if late_s < 0 or self._next_at == math.inf:
            return 0
        self.lateness_max_s = max(self.lateness_max_s, late_s)
        due = 1 + int(late_s / FRAME_S)
        if due > MAX_CATCH_UP_FRAMES:
            self._next_at = now + FRAME_S
            return 1
        self._next_at += due * FRAME_S
        return due
