"""From the model of a flow file to steps that run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

from . import model
from .document import Path
from .effects import EnterQueue
from .expressions import Data, Value
from .parts import Parts
from .progress import Announcement, Progress
from .steps import (
    BranchStep,
    CallbackStep,
    CollectStep,
    EchoStep,
    GotoStep,
    HangUpStep,
    MenuStep,
    PlayStep,
    QueueStep,
    SetStep,
    Step,
)

VERSION_CHARACTERS = 12
"48 bits of the content's hash: two versions of a file do not meet by chance."


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow that runs. Immutable."""

    name: str

    version: str
    "Hash of the file's content, short."

    file: str
    languages: tuple[str, ...]
    variables: Mapping[str, Value]
    start: Step

    model: model.FlowFile
    "For drawings, and for the checks that span flows."


def version_of(text: str) -> str:
    """Return the version of a flow file with this content."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:VERSION_CHARACTERS]


def compile_flow(flow: model.FlowFile, parts: Parts, *, file: str, version: str) -> Flow:
    """Return the running form of a flow that `validation` found sound."""
    compiler = _Compiler(flow, parts)
    return Flow(flow.flow, version, file, flow.languages, flow.variables, compiler.start(), flow)


class _Compiler:
    """Makes every step first, so that ways may lead back, then joins them."""

    def __init__(self, flow: model.FlowFile, parts: Parts) -> None:
        self._flow = flow
        self._parts = parts
        self._steps = {name: self._step(name, node) for name, node in flow.nodes.items()}

    def start(self) -> Step:
        for name, node in self._flow.nodes.items():
            self._join(self._steps[name], ("nodes", name), node)
        return self._steps[self._flow.start]

    def _step(self, name: str, node: model.Node) -> Step:
        match node:
            case model.Play():
                sounds = self._announcement(node.sounds)
                return PlayStep(name, sounds, interruptible=node.interruptible)
            case model.Menu() | model.Collect():
                kind = MenuStep if isinstance(node, model.Menu) else CollectStep
                return kind(
                    name,
                    prompts=self._announcement(node.prompts),
                    after_invalid=self._announcement(node.invalid_prompts + node.prompts),
                    after_timeout=self._announcement(node.timeout_prompts + node.prompts),
                    timeout_s=node.timeout_s,
                    retries=node.retries,
                    interruptible=node.interruptible,
                )
            case model.Branch():
                return BranchStep(name)
            case model.SetVariables():
                return SetStep(name)
            case model.Queue():
                return self._queue(name, node)
            case model.Callback():
                return CallbackStep(
                    name, node.queue, node.number or "", node.priority, node.category
                )
            case model.Goto():
                return GotoStep(name, node.flow)
            case model.Echo():
                return EchoStep(name)
            case model.HangUp():
                goodbye = self._announcement(node.sounds) if node.sounds else None
                return HangUpStep(name, goodbye, node.reason)

    def _queue(self, name: str, node: model.Queue) -> QueueStep:
        request = EnterQueue(
            node.queue,
            node.priority,
            node.category,
            tuple(node.skills.items()),
            node.language,
            node.region,
            node.tags,
        )
        path: Path = ("nodes", name, "expressions")
        computed: dict[str, Callable[[Progress], Value]] = {
            attribute: _computed(self._parts.values[*path, attribute])
            for attribute in node.expressions
        }
        return QueueStep(name, request, computed)

    def _announcement(self, sounds: tuple[model.Sound, ...]) -> Announcement:
        parts: list[str | tuple[str, str]] = []
        for sound in sounds:
            match sound:
                case model.SayDigits():
                    parts.append(("say_digits", sound.say_digits))
                case model.SayNumber():
                    parts.append(("say_number", sound.say_number))
                case str():
                    parts.append(sound)
        return Announcement(tuple(parts), self._flow.languages)

    def _join(self, step: Step, path: Path, node: model.Node) -> None:
        if isinstance(node, model.Menu | model.Collect):
            self._join_asking(cast("MenuStep | CollectStep", step), node)
        elif isinstance(node, model.Branch):
            self._join_branch(cast("BranchStep", step), path, node)
        elif isinstance(node, model.SetVariables):
            self._join_set(cast("SetStep", step), path, node)
        elif isinstance(node, model.Queue):
            ways = {
                "timed_out": node.on_timeout,
                "refused_full": node.on_full,
                "overflowed": node.on_overflow,
                "exited": node.on_exit,
                "empty": node.on_empty,
                "closed": node.on_closed,
            }
            cast("QueueStep", step).ways = {
                reason: self._steps[to] for reason, to in ways.items() if to is not None
            }
        elif isinstance(node, model.Callback):
            callback = cast("CallbackStep", step)
            callback.next = self._steps[node.next]
            callback.on_refused = self._steps[node.on_refused]
        elif isinstance(node, model.Play):
            cast("PlayStep", step).next = self._steps[node.next]

    def _join_asking(self, step: MenuStep | CollectStep, node: model.Menu | model.Collect) -> None:
        silence = node.on_timeout or ""
        step.on_silence = self._steps[silence]
        step.on_invalid = self._steps[node.on_invalid or silence]
        if isinstance(step, MenuStep) and isinstance(node, model.Menu):
            step.ways = {key: self._steps[to] for key, to in node.digits.items()}
        elif isinstance(step, CollectStep) and isinstance(node, model.Collect):
            step.fits = self._parts.patterns.get(node.pattern, _anything)
            step.inter_digit_timeout_s = node.inter_digit_timeout_s
            step.min_digits, step.max_digits = node.min_digits, node.max_digits
            step.terminator = node.terminator
            step.secret = node.secret
            step.variable = node.variable
            step.next = self._steps[node.next]

    def _join_branch(self, step: BranchStep, path: Path, node: model.Branch) -> None:
        step.cases = tuple(
            (
                self._parts.tests[*path, "cases", index],
                model.case_label(case),
                self._steps[case.next],
            )
            for index, case in enumerate(node.cases)
        )
        step.otherwise = self._steps[node.otherwise]

    def _join_set(self, step: SetStep, path: Path, node: model.SetVariables) -> None:
        constants = [(name, _constant(value)) for name, value in node.values.items()]
        computed = [
            (name, _computed(self._parts.values[*path, "expressions", name]))
            for name in node.expressions
        ]
        step.assignments = tuple(constants + computed)
        step.language = node.language or ""
        step.next = self._steps[node.next]


def _anything(_number: str) -> bool:
    return True


def _constant(value: Value) -> Callable[[Progress], Value]:
    return lambda _progress: value


def _computed(compute: Callable[[Data], Value]) -> Callable[[Progress], Value]:
    def run(progress: Progress) -> Value:
        progress.data["now"] = progress.wall()
        return compute(progress.data)

    return run
