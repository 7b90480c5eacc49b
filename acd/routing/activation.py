"""Groups held back for peaks (机动组, reserve agents): who activates them, and when.

A rule activates its group as soon as one of its conditions is met, and takes it back once none
has been seen met for `off_after_s`: so it does not flicker about its threshold. A person's word
goes before: a group switched on by hand stays on until it is switched off by hand, and one
switched off by hand is left alone by the rule until its conditions have been gone once.
"""

import math
from collections import deque

from msgspec import Struct

from .deadlines import Timed
from .model import ActivationRule

RULE = "rule"
"Who activated a group when no person did."


class SwitchedGroup(Struct, frozen=True, kw_only=True):
    """What a person has said of a group, which outlives the process."""

    queue: str
    group: str
    on: bool
    by: str


class ActivationMeasure(Struct, frozen=True, kw_only=True):
    """An activation as a value; the rule is the configuration's."""

    group: str
    on: bool
    by: str
    met_at: float
    muted: bool
    due_at: float


class Activation(Timed):
    """One group of one queue, on or off. Due when its rule has to look by itself."""

    __slots__ = ("by", "group", "met_at", "muted", "on", "queue", "rule")

    def __init__(self, queue: str, group: str) -> None:
        super().__init__(f"4 group {queue} {group}")
        self.queue = queue
        self.group = group
        self.rule: ActivationRule | None = None
        self.on = False
        self.by = ""
        self.met_at = -math.inf
        "When a condition of the rule was last seen met."

        self.muted = False
        "Switched off by hand while a condition was met."

    def measure(self) -> ActivationMeasure:
        """Return the group's state."""
        return ActivationMeasure(
            group=self.group,
            on=self.on,
            by=self.by,
            met_at=self.met_at,
            muted=self.muted,
            due_at=self.due_at,
        )

    def take(self, measure: ActivationMeasure) -> None:
        """Go on from here; when it is due has to be armed."""
        self.on, self.by = measure.on, measure.by
        self.met_at, self.muted = measure.met_at, measure.muted

    def wants(self, now: float, oldest: float, length: int, level: float | None) -> bool | None:
        """Say whether the rule wants the group on or off now; None: as it is.

        `oldest` is since when the one in line has waited who has waited longest, `level` the share
        of the last calls that were answered in time, as far as there are enough of them and the
        last one is news.
        """
        rule = self.rule
        if rule is None:
            return None
        if (
            now >= oldest + rule.longest_wait_s
            or (rule.length and length >= rule.length)
            or (level is not None and level < rule.service_level)
        ):
            self.met_at = now
            return None if self.on or self.muted else True
        if now >= self.met_at + rule.off_after_s:
            self.muted = False
            return False if self.on and self.by == RULE else None
        return None

    def next_look(self, now: float, oldest: float) -> float:
        """When the rule has to look by itself; inf: only when something happens in the line."""
        if self.rule is None:
            return math.inf
        waiting = self.muted or (self.on and self.by == RULE)
        at = self.met_at + self.rule.off_after_s if waiting else oldest + self.rule.longest_wait_s
        return at if at > now else math.inf

    def switch(self, on: bool, by: str) -> bool:
        """Switch the group; returns whether that was a change.

        It is one too when a person takes over what the rule has done, or forbids it ahead.
        """
        muted = not on and by != RULE and self.rule is not None
        changed = (self.on, self.muted) != (on, muted) or (by != RULE and self.by == RULE)
        self.muted = muted
        if changed or by != RULE:
            self.on, self.by = on, by
        return changed

    @property
    def switched(self) -> SwitchedGroup | None:
        """What a person has said that still holds; None: nothing."""
        if self.by == RULE or not (self.on or self.muted):
            return None
        return SwitchedGroup(queue=self.queue, group=self.group, on=self.on, by=self.by)

    def restore(self, said: SwitchedGroup) -> None:
        """Go on with what a person has said to an earlier process."""
        self.on, self.by = said.on, said.by
        self.muted = not said.on and self.rule is not None


class RecentCalls:
    """Of the last calls of a queue, how many were answered in time."""

    __slots__ = ("_last", "_met", "news")

    def __init__(self) -> None:
        self._last: deque[bool] = deque()
        self._met = 0
        self.news = False
        """Whether one has been counted since the rules looked last. A line without calls would
        stay at the level of its last peak, and a group activated for it all night."""

    def measure(self) -> tuple[bool, ...]:
        """Return the last calls, oldest first."""
        return tuple(self._last)

    def take(self, last: tuple[bool, ...], news: bool) -> None:
        """Go on from these."""
        self._last, self._met, self.news = deque(last), sum(last), news

    def count(self, in_time: bool, kept: int) -> None:
        """Count a call that was answered, or that left too late for a short abandon."""
        self.news = True
        self._last.append(in_time)
        self._met += in_time
        while len(self._last) > kept:
            self._met -= self._last.popleft()

    def level(self, of: int) -> float | None:
        """Return the share answered in time; None: there have not been so many calls yet."""
        return self._met / len(self._last) if len(self._last) >= of else None
