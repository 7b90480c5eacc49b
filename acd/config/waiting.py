"""The part of queues.yaml that is about those who wait: announcements, keys, closed doors."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from acd.routing.waiting_rules import EmptyRule, Exit, WaitingRules

from .values import Section, fault

WhenEmpty = Literal["never", "logged_out", "away"]
"What counts as a queue that nobody serves."

ExitKey = Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]


class ExitSettings(Section):
    """Where a key leads that a waiting caller presses: exactly one of these."""

    flow: str = ""
    "Into this IVR flow."

    back: bool = False
    """Back to the flow that the caller came from, by the queue node's `on_exit`; without effect
    for callers who came from none."""

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if bool(self.flow) == self.back:
            raise fault("exactly one target is wanted", "flow: NAME, or back: true")
        return self

    def profile(self) -> Exit:
        """Return it as the call centre takes it."""
        return Exit(flow=self.flow, back=self.back)


class WaitingSettings(Section):
    """What callers hear and may do while they wait."""

    announce_position: bool = True
    "The announcement every `position_every_s` tells the place in the line."

    announce_wait: bool = False
    """It tells the estimated wait ("about 3 minutes"), rounded up; nothing while it is not
    known. Needs `position_every_s`."""

    prompts: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    """Sounds played in turn, one each `prompts_every_s`; music goes on after it. Below the prompts
    folder's zh or en; with a slash for all languages: music/jingle."""

    prompts_every_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    "Pause between them, from one beginning to the next, in seconds; 5 at least, or 0: never."

    exits: dict[ExitKey, ExitSettings] = Field(default_factory=dict)
    "Keys that lead out of the queue: 0-9, * and #."

    refuse_when_empty: WhenEmpty = "never"
    """Callers do not get in while nobody serves the queue, and go where `overflow` says, or the
    flow's `on_empty`. Only agents count whom some layer admits: `logged_out`: none of them is
    logged in at a phone that answers; `away`: the same, and those who are away do not count."""

    leave_when_empty: WhenEmpty = "never"
    "Those who wait go the same way once nobody has served the queue for 10 s."

    @model_validator(mode="after")
    def _prompts_and_pause(self) -> Self:
        if bool(self.prompts) != (self.prompts_every_s >= SHORTEST_PAUSE_S):
            raise fault("prompts and prompts_every_s belong together", "both, or neither; 5 s on")
        return self


class ClosureSettings(Section):
    """Emergency closure (紧急关闭): talks go on, nobody waits, callers get the prompt or flow.

    What is set here holds as well when people close the queue.
    """

    reason: str = ""
    "Why the queue is closed, for the record; empty: it is open, unless people close it."

    prompt: str = ""
    "Played before the call ends: below the prompts folder's zh or en."

    flow: str = ""
    "IVR flow in place of the prompt; neither: `on_closed` of the caller's flow decides."

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.prompt and self.flow:
            raise fault("one way on is wanted", "prompt or flow")
        return self


SHORTEST_PAUSE_S = 5.0
"Less would leave no music between two prompts; it can only be a slip."


def waiting_rules(
    waiting: WaitingSettings, closure: ClosureSettings, closed_all: str
) -> WaitingRules:
    """Return both as the call centre takes them; `closed_all` closes every queue."""
    return WaitingRules(
        announce_position=waiting.announce_position,
        announce_wait=waiting.announce_wait,
        prompts=waiting.prompts,
        prompts_every_s=waiting.prompts_every_s,
        exits={key: way.profile() for key, way in waiting.exits.items()},
        refuse_when_empty=EmptyRule(waiting.refuse_when_empty),
        leave_when_empty=EmptyRule(waiting.leave_when_empty),
        closed=closed_all or closure.reason,
        closed_prompt=closure.prompt,
        closed_flow=closure.flow,
    )
