"""What a running flow asks of the call. Its inputs are `acd.ivr.events`."""

from msgspec import Struct


class PlaySounds(Struct, frozen=True):
    """Play these one after the other; answer with `SoundsFinished` of the same number."""

    play: int
    sounds: tuple[str, ...]
    'Resolved for the language: "zh/welcome".'


class StopSounds(Struct, frozen=True):
    """A key was pressed into a prompt."""


class EnterQueue(Struct, frozen=True):
    """Put the caller into this queue; answer with `QueueLeft` if no agent took the call."""

    queue: str
    priority: int
    category: str

    skills: tuple[tuple[str, str], ...] = ()
    "Skills that the agent needs, with the lowest grade: C, B, A, AA or AAA."

    language: str = ""
    region: str = ""
    tags: tuple[str, ...] = ()


class AskCallback(Struct, frozen=True):
    """Promise to call the caller back in place of waiting; answer with `CallbackAnswered`."""

    queue: str
    number: str
    "As it was keyed in; empty: the caller's own."

    priority: int
    category: str


class EchoCaller(Struct, frozen=True):
    """Send the caller's own audio back until the caller hangs up."""


class EndCall(Struct, frozen=True):
    """Hang up."""

    reason: str


class FlowEntered(Struct, frozen=True):
    """The call is now in this flow (also after a goto)."""

    flow: str
    version: str


class StepTaken(Struct, frozen=True):
    """A node was left; for the record of the caller's way."""

    flow: str
    node: str
    outcome: str
    'What decided: a digit, "timeout", "invalid", "next", "true", a case label …'

    note: str = ""
    "What went wrong on the way, for the log: an expression without a value, a limit."


class VariableSet(Struct, frozen=True):
    """A flow variable changed; for the record."""

    name: str
    value: str


Effect = (
    PlaySounds
    | StopSounds
    | EnterQueue
    | AskCallback
    | EchoCaller
    | EndCall
    | FlowEntered
    | StepTaken
    | VariableSet
)
