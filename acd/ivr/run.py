"""One call's walk through flows: events in, effects out.

What changes a call's state is in `steps`; the state is `progress.Progress`.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime

from .book import FlowBook
from .compiler import Flow
from .effects import Effect, FlowEntered
from .events import CallbackAnswered, DigitPressed, Event, QueueLeft, SoundsFinished
from .expressions import BUILT_IN, Value
from .progress import Progress
from .steps import GotoStep, Step

MAX_STEPS_PER_INPUT = 200
"""Steps taken at once between two waits. The longest sensible chain of branches is a dozen, and
validation refuses rings without a wait; a flow that comes here all the same would hold up all
other calls."""

MAX_STEPS_PER_CALL = 5_000
"A caller who listens to menus for three hours takes two thousand; a stuck robot is hung up on."

KEYS = frozenset("0123456789*#ABCD")


class FlowRun:
    """The interpreter of one call. It keeps the book it began with, whatever is loaded later."""

    __slots__ = ("_book", "_progress", "_start", "_step", "_steps_left")

    def __init__(
        self,
        book: FlowBook,
        flow_name: str,
        *,
        caller: str,
        called: str,
        variables: Mapping[str, Value] | None = None,
        wall: Callable[[], datetime],
        language: str = "",
    ) -> None:
        """Prepare the walk; nothing happens before `start`.

        Args:
            book: the flows.
            flow_name: where to begin.
            caller: the caller's number.
            called: the number that was dialled.
            variables: first values in place of the flow's own, where names and types fit.
            wall: the wall clock, with time zone.
            language: begin in this language if the flow has it (a flow after a queue).

        Raises:
            UnknownFlowError: if the book has no such flow.

        """
        self._book = book
        self._start = book.flow(flow_name)
        self._progress = Progress(caller, called, wall)
        self._progress.data["language"] = language
        for name, value in (variables or {}).items():
            if name not in BUILT_IN:
                self._progress.data[name] = value
        self._step: Step | None = None
        self._steps_left = MAX_STEPS_PER_CALL

    @property
    def finished(self) -> bool:
        """Whether the flow has ended the call."""
        return self._progress.finished

    @property
    def variables(self) -> dict[str, Value]:
        """A copy of the flow variables."""
        data = self._progress.data
        return {
            name: value
            for name, value in data.items()
            if name not in BUILT_IN and not isinstance(value, datetime)
        }

    @property
    def language(self) -> str:
        """The caller's language: "zh"."""
        return self._progress.language

    @property
    def flow_name(self) -> str:
        """The flow the call is in."""
        return self._progress.flow_name

    @property
    def node_name(self) -> str:
        """The node at which the call waits; empty before the start."""
        return self._step.name if self._step else ""

    @property
    def now(self) -> float:
        """The moment of the last input."""
        return self._progress.now

    def next_deadline(self) -> float:
        """Return when `on_time` must next be called; infinity for never."""
        return self._progress.deadline

    def start(self, now: float) -> list[Effect]:
        """Enter the flow. A second start does nothing."""
        if self._step is not None or self._progress.finished:
            return []
        self._progress.now = now
        return self._advance(self._enter_flow(self._start))

    def on_event(self, event: Event, now: float) -> list[Effect]:
        """Take what happened. What does not fit the moment (a late key) changes nothing."""
        step, progress = self._step, self._progress
        if step is None or progress.finished:
            return []
        progress.now = now
        kind = type(event)
        following: Step | None = None
        if kind is DigitPressed:
            following = self._on_digit(step, event.digit)  # type: ignore[union-attr]  # by its kind
        elif kind is SoundsFinished:
            if progress.playing and event.play == progress.play_number:  # type: ignore[union-attr]  # by its kind
                progress.playing = False
                progress.deadline = math.inf
                following = step.on_played(progress)
        elif kind is QueueLeft:
            following = step.on_queue_left(progress, event.reason)  # type: ignore[union-attr]  # by its kind
        elif kind is CallbackAnswered:
            following = step.on_callback(progress, taken=event.taken)  # type: ignore[union-attr]  # by its kind
        return self._advance(following)

    def on_time(self, now: float) -> list[Effect]:
        """Act on a deadline that was reached."""
        step, progress = self._step, self._progress
        if step is None or now < progress.deadline:
            return []
        progress.now = now
        progress.deadline = math.inf
        if progress.playing:
            progress.stop_play()
            return self._advance(step.on_played(progress))
        return self._advance(step.on_timeout(progress))

    def _on_digit(self, step: Step, digit: str) -> Step | None:
        return step.on_digit(self._progress, digit) if digit in KEYS else None

    def _advance(self, step: Step | None) -> list[Effect]:
        """Walk until a step waits, and return what was asked for on the way."""
        progress = self._progress
        allowed = MAX_STEPS_PER_INPUT
        while step is not None:
            self._step = step
            allowed -= 1
            self._steps_left -= 1
            if allowed < 0 or self._steps_left < 0:
                progress.leave(step.name, "step_limit", "the flow took too many steps")
                progress.finish("step_limit")
                break
            if isinstance(step, GotoStep):
                progress.leave(step.name, step.flow)
                step = self._enter_flow(self._book.flow(step.flow))
            else:
                step = step.enter(progress)
        effects, progress.out = progress.out, []
        return effects

    def _enter_flow(self, flow: Flow) -> Step:
        progress = self._progress
        progress.flow_name = flow.name
        data = progress.data
        if data["language"] not in flow.languages:
            data["language"] = flow.languages[0]
        for name, value in flow.variables.items():
            # Brought along by the caller or an earlier flow; another type is another variable.
            if type(data.get(name)) is not type(value):
                data[name] = value
        progress.out.append(FlowEntered(flow.name, flow.version))
        return flow.start
