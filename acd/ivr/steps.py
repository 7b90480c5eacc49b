"""Compiled nodes of a flow. A step decides; `Progress` is what it decides about.

Entering a step, or giving it an input, returns the step to go on with, or None: wait here for the
next input (or the call is over). Steps are made once at load and never change; all that belongs to
one call is in `Progress`.
"""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from .effects import AskCallback, EchoCaller, EnterQueue
from .expressions import EvaluationError, Value
from .progress import Announcement, Progress

MAX_SKIPPED_PLAYS = 10
"""Plays that a key kept for the next menu may skip: more than any way to a menu has. In a ring of
plays without a menu the key is forgotten then, and the ring plays on."""


HIGHEST_PRIORITY = 100
"As far as a queue node may name one itself; a computed one is held to it."


class Step:
    """A compiled node. What a step does not expect changes nothing."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def enter(self, progress: Progress) -> "Step | None":
        raise NotImplementedError

    def on_played(self, progress: Progress) -> "Step | None":
        return None

    def on_digit(self, progress: Progress, digit: str) -> "Step | None":
        return None

    def on_timeout(self, progress: Progress) -> "Step | None":
        return None

    def on_queue_left(self, progress: Progress, reason: str) -> "Step | None":
        return None

    def on_callback(self, progress: Progress, *, taken: bool) -> "Step | None":
        return None


class PlayStep(Step):
    """Plays, then goes on; a key pressed meanwhile is kept for the next menu."""

    __slots__ = ("announcement", "interruptible", "next")

    next: Step

    def __init__(self, name: str, announcement: Announcement, *, interruptible: bool) -> None:
        super().__init__(name)
        self.announcement = announcement
        self.interruptible = interruptible

    def enter(self, progress: Progress) -> Step | None:
        if progress.typed and self.interruptible:
            if progress.skipped < MAX_SKIPPED_PLAYS:
                progress.skipped += 1
                progress.leave(self.name, "skipped")
                return self.next
            progress.typed = ""
        progress.play(self.announcement.sounds(progress))
        return None

    def on_played(self, progress: Progress) -> Step | None:
        progress.leave(self.name, "next")
        return self.next

    def on_digit(self, progress: Progress, digit: str) -> Step | None:
        if not self.interruptible:
            return None
        progress.stop_play()
        progress.typed = digit
        progress.skipped = 0
        progress.leave(self.name, "interrupted")
        return self.next


class _AskingStep(Step):
    """What menu and collect have in common: prompts, tries, and two ways out of failing."""

    __slots__ = (
        "after_invalid",
        "after_timeout",
        "interruptible",
        "on_invalid",
        "on_silence",
        "prompts",
        "retries",
        "timeout_s",
    )

    on_silence: Step
    on_invalid: Step

    def __init__(
        self,
        name: str,
        *,
        prompts: Announcement,
        after_invalid: Announcement,
        after_timeout: Announcement,
        timeout_s: float,
        retries: int,
        interruptible: bool,
    ) -> None:
        super().__init__(name)
        self.prompts = prompts
        self.after_invalid = after_invalid
        self.after_timeout = after_timeout
        self.timeout_s = timeout_s
        self.retries = retries
        self.interruptible = interruptible

    def on_played(self, progress: Progress) -> Step | None:
        progress.deadline = progress.now + self.timeout_s
        return None

    def _heard(self, progress: Progress) -> bool:
        """Say whether a key counts now; one that does ends the prompts."""
        if progress.playing and not self.interruptible:
            return False
        progress.stop_play()
        return True

    def _again(self, progress: Progress, outcome: str) -> Step | None:
        invalid = outcome == "invalid"
        progress.tries += 1
        progress.typed = progress.collected = ""
        if progress.tries > self.retries:
            progress.leave(self.name, outcome)
            return self.on_invalid if invalid else self.on_silence
        announcement = self.after_invalid if invalid else self.after_timeout
        progress.play(announcement.sounds(progress))
        return None


class MenuStep(_AskingStep):
    """Waits for one key."""

    __slots__ = ("ways",)

    ways: dict[str, Step]

    def enter(self, progress: Progress) -> Step | None:
        progress.tries = 0
        if progress.typed:
            digit, progress.typed = progress.typed, ""
            return self._choose(progress, digit)
        progress.play(self.prompts.sounds(progress))
        return None

    def on_digit(self, progress: Progress, digit: str) -> Step | None:
        return self._choose(progress, digit) if self._heard(progress) else None

    def on_timeout(self, progress: Progress) -> Step | None:
        return self._again(progress, "timeout")

    def _choose(self, progress: Progress, digit: str) -> Step | None:
        chosen = self.ways.get(digit)
        if chosen is None:
            return self._again(progress, "invalid")
        progress.leave(self.name, digit)
        return chosen


class CollectStep(_AskingStep):
    """Gathers digits; `*` starts the number over, unless it ends it."""

    __slots__ = (
        "fits",
        "inter_digit_timeout_s",
        "max_digits",
        "min_digits",
        "next",
        "secret",
        "terminator",
        "variable",
    )

    fits: Callable[[str], bool]
    inter_digit_timeout_s: float
    max_digits: int
    min_digits: int
    next: Step
    secret: bool
    terminator: str
    variable: str

    def enter(self, progress: Progress) -> Step | None:
        progress.tries = 0
        progress.collected = ""
        if progress.typed:
            digit, progress.typed = progress.typed, ""
            return self._feed(progress, digit)
        progress.play(self.prompts.sounds(progress))
        return None

    def on_digit(self, progress: Progress, digit: str) -> Step | None:
        return self._feed(progress, digit) if self._heard(progress) else None

    def on_timeout(self, progress: Progress) -> Step | None:
        if progress.collected:
            return self._complete(progress)
        return self._again(progress, "timeout")

    def _feed(self, progress: Progress, digit: str) -> Step | None:
        if digit == self.terminator:
            return self._complete(progress)
        if digit == "*":
            progress.collected = ""
        elif digit.isdigit():
            progress.collected += digit
            if len(progress.collected) >= self.max_digits:
                return self._complete(progress)
        pause_s = self.inter_digit_timeout_s if progress.collected else self.timeout_s
        progress.deadline = progress.now + pause_s
        return None

    def _complete(self, progress: Progress) -> Step | None:
        number = progress.collected
        if len(number) < self.min_digits or not self.fits(number):
            return self._again(progress, "invalid")
        progress.collected = ""
        if self.secret:
            progress.secrets.add(self.variable)
        progress.set_variable(self.variable, number)
        progress.leave(self.name, "next")
        return self.next


Test = Callable[[Progress], bool]


class BranchStep(Step):
    """Takes the first case that is true. A case that cannot be evaluated is not."""

    __slots__ = ("cases", "otherwise")

    cases: tuple[tuple[Test, str, Step], ...]
    otherwise: Step

    def enter(self, progress: Progress) -> Step | None:
        note = ""
        for test, label, chosen in self.cases:
            try:
                if test(progress):
                    progress.leave(self.name, label, note)
                    return chosen
            except EvaluationError as error:
                note = f"{label}: {error}"
        progress.leave(self.name, "else", note)
        return self.otherwise


class SetStep(Step):
    """Changes variables and the language."""

    __slots__ = ("assignments", "language", "next")

    assignments: tuple[tuple[str, Callable[[Progress], Value]], ...]
    language: str
    next: Step

    def enter(self, progress: Progress) -> Step | None:
        note = ""
        for name, compute in self.assignments:
            try:
                progress.set_variable(name, compute(progress))
            except EvaluationError as error:
                # The variable keeps its value; the record says so.
                note = f"{name}: {error}"
        if self.language:
            progress.set_variable("language", self.language)
        progress.leave(self.name, "error" if note else "next", note)
        return self.next


class QueueStep(Step):
    """Puts the caller into a queue and goes on if the queue gives the caller back."""

    __slots__ = ("computed", "request", "ways")

    ways: Mapping[str, Step]
    "By the reason of `QueueLeft`."

    def __init__(
        self,
        name: str,
        request: EnterQueue,
        computed: Mapping[str, Callable[[Progress], Value]],
    ) -> None:
        super().__init__(name)
        self.request = request
        self.computed = computed
        "What this call's variables decide, by the request's field."

    def enter(self, progress: Progress) -> Step | None:
        progress.typed = ""
        progress.out.append(self._request(progress) if self.computed else self.request)
        return None

    def _request(self, progress: Progress) -> EnterQueue:
        changes: dict[str, Value] = {}
        for name, compute in self.computed.items():
            try:
                changes[name] = compute(progress)
            except EvaluationError as error:
                # The fixed value serves; the record says so.
                progress.leave(self.name, "error", f"{name}: {error}")
        priority = changes.get("priority")
        if isinstance(priority, int):
            changes["priority"] = max(-HIGHEST_PRIORITY, min(HIGHEST_PRIORITY, priority))
        return replace(self.request, **changes)

    def on_queue_left(self, progress: Progress, reason: str) -> Step | None:
        progress.leave(self.name, reason)
        chosen = self.ways.get(reason)
        if chosen is None:
            progress.finish(reason)
        return chosen


class CallbackStep(Step):
    """Asks for a call-back, at the number in a variable or the caller's own."""

    __slots__ = ("category", "next", "number", "on_refused", "priority", "queue")

    next: Step
    on_refused: Step

    def __init__(self, name: str, queue: str, number: str, priority: int, category: str) -> None:
        super().__init__(name)
        self.queue = queue
        self.number = number
        "Name of the variable; empty: the caller's own number."
        self.priority = priority
        self.category = category

    def enter(self, progress: Progress) -> Step | None:
        progress.typed = ""
        number = str(progress.data[self.number]) if self.number else ""
        if self.number and not number:
            # Nothing was keyed in: that is no wish to be called at the own number.
            return self.on_callback(progress, taken=False)
        progress.out.append(AskCallback(self.queue, number, self.priority, self.category))
        return None

    def on_callback(self, progress: Progress, *, taken: bool) -> Step | None:
        progress.leave(self.name, "next" if taken else "refused")
        return self.next if taken else self.on_refused


class GotoStep(Step):
    """Leads into another flow; the run looks it up in its book."""

    __slots__ = ("flow",)

    def __init__(self, name: str, flow: str) -> None:
        super().__init__(name)
        self.flow = flow


class EchoStep(Step):
    """Lets the caller hear the own voice until the caller hangs up."""

    __slots__ = ()

    def enter(self, progress: Progress) -> Step | None:
        progress.typed = ""
        progress.out.append(EchoCaller())
        return None


class HangUpStep(Step):
    """Says goodbye and ends the call."""

    __slots__ = ("announcement", "reason")

    def __init__(self, name: str, announcement: Announcement | None, reason: str) -> None:
        super().__init__(name)
        self.announcement = announcement
        self.reason = reason

    def enter(self, progress: Progress) -> Step | None:
        if self.announcement is None:
            return self.on_played(progress)
        progress.play(self.announcement.sounds(progress))
        return None

    def on_played(self, progress: Progress) -> Step | None:
        progress.leave(self.name, self.reason)
        progress.finish(self.reason)
        return None
