"""The schema of a flow file: what may stand in it. What must fit together is in `validation`.

One file holds one flow: its languages, variables, schedules, caller lists, and its nodes by name.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from .document import DocumentModel, complaint

MAX_FLOW_NODES = 500
"Ten times what a person still understands in one picture; longer menus are split by goto."

MAX_RETRIES = 10
MAX_WAIT_S = 120.0
"A caller silent for two minutes has gone; longer waits hold a line for nobody."

MAX_DIGITS = 32
"The longest number that people type: a card number of 19 digits, an order number of 32."


def _scalar(value: object) -> object:
    if not isinstance(value, bool | int | float | str):
        raise complaint("a variable's value is wanted", "true, false, a number or text")
    return value


Value = Annotated[bool | int | float | str, BeforeValidator(_scalar)]
"A flow variable's value."

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
"Names of flows, nodes, schedules and caller lists."

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"Names of skills and tags, as in queues.yaml."

VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$")]
Key = Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#", "A", "B", "C", "D"]
Terminator = Literal["", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]
Seconds = Annotated[float, Field(gt=0, le=MAX_WAIT_S)]
Retries = Annotated[int, Field(ge=0, le=MAX_RETRIES)]


class SayDigits(DocumentModel):
    """Read the variable key by key: an order number."""

    say_digits: VariableName


class SayNumber(DocumentModel):
    """Read the variable as a number, 0–9999."""

    say_number: VariableName


def _sound_name(name: str) -> str:
    parts = name.split("/")
    if name.endswith(".wav") or len(parts) > 2 or not all(p.strip(".") for p in parts):
        raise complaint(
            f"{name!r} is not a sound name",
            "no suffix: welcome, or for all languages music/default",
        )
    return name


SoundName = Annotated[str, AfterValidator(_sound_name)]
'"welcome" is looked up in the caller\'s language; a name with "/" is taken as it stands.'


def _sound_kind(value: object) -> str | None:
    if isinstance(value, dict):
        return next((key for key in ("say_digits", "say_number") if key in value), None)
    return None if value is None or isinstance(value, list) else "name"


Sound = Annotated[
    Annotated[SoundName, Tag("name")]
    | Annotated[SayDigits, Tag("say_digits")]
    | Annotated[SayNumber, Tag("say_number")],
    Discriminator(
        _sound_kind,
        custom_error_type="complaint",
        custom_error_message="{said}",
        custom_error_context={
            "said": "a sound is wanted",
            "hint": "a name, {say_digits: VARIABLE} or {say_number: VARIABLE}",
        },
    ),
]
Sounds = Annotated[tuple[Sound, ...], Field(max_length=50)]


class Play(DocumentModel):
    """Play sounds, then go on. A key pressed meanwhile ends them and counts for the next menu."""

    type: Literal["play"]
    sounds: Annotated[Sounds, Field(min_length=1)]
    interruptible: bool = True
    next: Name


class Menu(DocumentModel):
    """Ask for one key."""

    type: Literal["menu"]
    prompts: Annotated[Sounds, Field(min_length=1)]
    digits: Annotated[dict[Key, Name], Field(min_length=1)]

    timeout_s: Seconds = 5.0
    "How long to wait after the prompts."

    retries: Retries = 2
    "How often to ask again after no key or a wrong one."

    on_timeout: Name | None = None
    "Where to go after the last silent try. Required; `validation` says so for all menus at once."

    on_invalid: Name | None = None
    "Where to go after the last wrong key; without it as on_timeout."

    invalid_prompts: Sounds = ()
    timeout_prompts: Sounds = ()
    "Played before the prompts are repeated."

    interruptible: bool = True


class Collect(DocumentModel):
    """Ask for a number of several digits."""

    type: Literal["collect"]
    prompts: Annotated[Sounds, Field(min_length=1)]
    variable: VariableName
    min_digits: Annotated[int, Field(ge=1, le=MAX_DIGITS)] = 1
    max_digits: Annotated[int, Field(ge=1, le=MAX_DIGITS)] = MAX_DIGITS
    terminator: Terminator = "#"

    timeout_s: Seconds = 8.0
    "How long to wait for the first digit after the prompts."

    inter_digit_timeout_s: Seconds = 4.0
    "A longer pause ends the number."

    pattern: str = ""
    "RE2 regular expression that the whole number must match; empty: any."

    secret: bool = False
    "true: a card number, a PIN. What was dialled stands in no record, log or trace."

    retries: Retries = 2
    next: Name
    on_timeout: Name | None = None
    on_invalid: Name | None = None
    invalid_prompts: Sounds = ()
    timeout_prompts: Sounds = ()
    interruptible: bool = True

    @model_validator(mode="after")
    def _limits_in_order(self) -> "Collect":
        if self.min_digits > self.max_digits:
            raise complaint(
                "min_digits is above max_digits", f"min_digits at most {self.max_digits}"
            )
        return self


class Case(DocumentModel):
    """One way out of a branch: exactly one condition, and where it leads."""

    when: str | None = None
    "CEL expression of type bool."

    open: Name | None = None
    "True while this schedule is open."

    closed: Name | None = None
    "True while it is not, holidays included."

    holiday: Name | None = None
    "True on its holidays."

    caller_in: Name | None = None
    "True for the numbers of this caller list."

    label: str = ""
    "Name of this way in records and drawings; empty: the condition itself."

    next: Name

    @property
    def condition(self) -> tuple[str, str]:
        """The condition's key and its value."""
        for key in CONDITIONS:
            if (value := getattr(self, key)) is not None:
                return key, value
        raise AssertionError("validated: one condition is set")

    @model_validator(mode="after")
    def _one_condition(self) -> "Case":
        given = [key for key in CONDITIONS if getattr(self, key) is not None]
        if len(given) != 1:
            what = f"has {' and '.join(given)}" if given else "has none"
            raise complaint(
                f"a case has exactly one condition, this one {what}",
                f"one of {', '.join(CONDITIONS)}",
            )
        return self


CONDITIONS = ("when", "open", "closed", "holiday", "caller_in")


class Branch(DocumentModel):
    """Take the first case whose condition is true."""

    type: Literal["branch"]
    cases: Annotated[tuple[Case, ...], Field(min_length=1, max_length=50)]
    otherwise: Annotated[Name, Field(alias="else")]


class SetVariables(DocumentModel):
    """Change variables or the language."""

    type: Literal["set"]
    values: dict[VariableName, Value] = Field(default_factory=dict)
    expressions: dict[VariableName, str] = Field(default_factory=dict)
    "CEL; evaluated in the file's order, after `values`."

    language: Language | None = None
    next: Name

    @model_validator(mode="after")
    def _something(self) -> "SetVariables":
        if not self.values and not self.expressions and self.language is None:
            raise complaint("sets nothing", "give values, expressions or language")
        return self


QueueAttribute = Literal["priority", "category", "language", "region"]
QUEUE_ATTRIBUTES: dict[str, type[int] | type[str]] = {
    "priority": int,
    "category": str,
    "language": str,
    "region": str,
}
"What a queue node may compute, with the type."


class Queue(DocumentModel):
    """Wait for an agent. A way out that is not given ends the call."""

    type: Literal["queue"]
    queue: str
    category: str = ""
    priority: Annotated[int, Field(ge=-100, le=100)] = 0

    skills: dict[Identifier, Literal["C", "B", "A", "AA", "AAA"]] = Field(default_factory=dict)
    "Skills that the agent needs beside the queue's own, with the lowest grade."

    language: Annotated[str, Field(max_length=20)] = ""
    "Language that the agent has to speak; empty: any."

    region: Annotated[str, Field(max_length=40)] = ""
    "Region that the agent has to serve; empty: any."

    tags: Annotated[tuple[Identifier, ...], Field(max_length=20)] = ()
    "What the queue's rules may ask for: [vip]."

    expressions: dict[QueueAttribute, str] = Field(default_factory=dict)
    "CEL over the flow's variables in place of a fixed value: {region: home_region}."

    on_timeout: Name | None = None
    "The queue's maximum wait was reached and it names no overflow of its own."

    on_full: Name | None = None
    on_overflow: Name | None = None
    "The queue sent the call on."

    on_exit: Name | None = None
    "The caller pressed the queue's exit key."

    on_empty: Name | None = None
    "Nobody serves the queue."

    on_closed: Name | None = None
    "The queue is closed in an emergency."


class Callback(DocumentModel):
    """Promise to call the caller back, and go on: say goodbye, and hang up."""

    type: Literal["callback"]
    queue: str
    number: VariableName | None = None
    """Text variable with the number to call; left out: the caller's own. Another one than the own
    is taken only where the queue's `callback.other_numbers` lets it."""

    category: str = ""
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    next: Name
    on_refused: Name
    "The number may not be called, or the queue calls nobody back."


class Goto(DocumentModel):
    """Go on with another flow, from its start; variables both declare are kept."""

    type: Literal["goto"]
    flow: Name


class Echo(DocumentModel):
    """Send the caller's voice back until the caller hangs up."""

    type: Literal["echo"]


class HangUp(DocumentModel):
    """End the call."""

    type: Literal["hangup"]
    sounds: Sounds = ()
    reason: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")] = "flow_ended"


Node = Annotated[
    Play | Menu | Collect | Branch | SetVariables | Queue | Callback | Goto | Echo | HangUp,
    Field(discriminator="type"),
]


class Schedule(DocumentModel):
    """Opening hours of one place. Times are local to the zone."""

    zone: str = "Asia/Shanghai"
    weekly: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    'Spans by day or days: {mon-fri: ["09:00-12:00", "13:00-18:00"], daily: ["00:00-24:00"]}.'

    holidays: tuple[str, ...] = ()
    'Closed days: "2026-10-01" or "2026-10-01..2026-10-07".'

    special_days: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    "Hours of single dates in place of the week's and of holidays: make-up working days (调休)."


class FlowFile(DocumentModel):
    """One flow."""

    flow: Name
    start: Name
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=10)] = ("zh",)
    "The first is the caller's until a set node changes it."

    variables: Annotated[dict[VariableName, Value], Field(max_length=100)] = Field(
        default_factory=dict
    )
    "With their first values, which also tell their types."

    schedules: dict[Name, Schedule] = Field(default_factory=dict)
    callers: dict[Name, Annotated[tuple[str, ...], Field(max_length=10_000)]] = Field(
        default_factory=dict
    )
    'Lists of numbers; "138*" stands for all that begin so.'

    nodes: Annotated[dict[Name, Node], Field(min_length=1, max_length=MAX_FLOW_NODES)]


NEXT_KEYS = (
    "next",
    "on_timeout",
    "on_invalid",
    "on_full",
    "on_overflow",
    "on_exit",
    "on_empty",
    "on_closed",
    "on_refused",
)


def ways_out(node: Node) -> list[tuple[tuple[str | int, ...], str, str]]:
    """Return a node's edges: path of the key within the node, label, name of the next node."""
    ways: list[tuple[tuple[str | int, ...], str, str]] = []
    if isinstance(node, Menu):
        ways += [(("digits", key), key, to) for key, to in node.digits.items()]
    elif isinstance(node, Branch):
        for index, case in enumerate(node.cases):
            ways.append((("cases", index, "next"), case_label(case), case.next))
        ways.append((("else",), "else", node.otherwise))
    for key in NEXT_KEYS:
        to = getattr(node, key, None)
        if to is not None:
            ways.append(((key,), key.removeprefix("on_"), to))
    return ways


def case_label(case: Case) -> str:
    """Return what records and drawings call this way."""
    key, value = case.condition
    return case.label or (value if key == "when" else f"{key} {value}")
