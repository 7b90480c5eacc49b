"""The part of queues.yaml that is about those who wait: announcements, keys, closed doors."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from acd.calls.dial_plan import CallClass
from acd.ivr.schedule import (
    OpeningHours,
    ScheduleError,
    Spans,
    parse_date,
    parse_dates,
    parse_days,
    parse_span,
    parse_zone,
)
from acd.routing.waiting_rules import CallbackRules, EmptyRule, Exit, First, WaitingRules

from .values import CallerNumber, MayCall, Section, fault

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

    callback: bool = False
    """To a call-back: the caller keeps the place, hangs up, and is called when the turn comes.
    Needs the queue's `callback`. Without effect for who withholds the number."""

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if [bool(self.flow), self.back, self.callback].count(True) != 1:
            hint = "flow: NAME, back: true or callback: true"
            raise fault("exactly one target is wanted", hint)
        return self

    def profile(self) -> Exit:
        """Return it as the call centre takes it."""
        return Exit(flow=self.flow, back=self.back, callback=self.callback)


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

    return_within_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    """Who hangs up waiting and calls again within this, in seconds, gets the former place, by the
    caller's number; 0: never. Withheld numbers get none."""

    @model_validator(mode="after")
    def _prompts_and_pause(self) -> Self:
        if bool(self.prompts) != (self.prompts_every_s >= SHORTEST_PAUSE_S):
            raise fault("prompts and prompts_every_s belong together", "both, or neither; 5 s on")
        return self


def _all_day() -> dict[str, tuple[str, ...]]:
    return {"daily": ("09:00-21:00",)}


class HoursSettings(Section):
    """When customers may be called, local to the zone."""

    zone: str = "Asia/Shanghai"
    "IANA time zone."

    weekly: dict[str, tuple[str, ...]] = Field(default_factory=_all_day)
    'Spans by day or days: {mon-fri: ["09:00-12:00", "13:00-18:00"], sat: ["10:00-16:00"]}.'

    holidays: tuple[str, ...] = ()
    'Days without calls: "2026-10-01" or "2026-10-01..2026-10-07".'

    special_days: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    "Hours of single dates in place of the week's and of holidays (调休)."

    @model_validator(mode="after")
    def _readable(self) -> Self:
        try:
            self.hours()
        except ScheduleError as error:
            raise fault(error.message, error.hint) from error
        return self

    def hours(self) -> OpeningHours:
        """Return them as the call centre takes them. Raises ScheduleError."""
        weekly: list[Spans] = [()] * 7
        for days, texts in self.weekly.items():
            for day in parse_days(days):
                weekly[day] += tuple(parse_span(text) for text in texts)
        special = {
            parse_date(day): tuple(parse_span(text) for text in texts)
            for day, texts in self.special_days.items()
        }
        holidays = frozenset(day for text in self.holidays for day in parse_dates(text))
        return OpeningHours(parse_zone(self.zone), tuple(weekly), holidays, special)


class CallbackSettings(Section):
    """Calling back those who pressed a key for it (预约回呼)."""

    first: Literal["agent", "customer"] = "agent"
    """Whose phone rings first: the agent's, who then waits for the customer to answer; or the
    customer's, who then gets the head of the line."""

    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    "How often it is tried before the customer counts as not reached."

    retry_pause_s: Annotated[float, Field(ge=30, le=86_400)] = 600.0
    "From an attempt in vain to the next time in line, in seconds."

    expires_s: Annotated[float, Field(ge=60, le=7 * 86_400)] = 86_400.0
    "From the wish on, in seconds; what has not come to its turn by then is given up."

    ring_s: Annotated[float, Field(ge=5, le=120)] = 30.0
    "How long the customer's phone rings, in seconds."

    may_call: MayCall = "national"
    "How far the customer's number may be; forbidden numbers are called by nobody."

    other_numbers: MayCall = "none"
    """How far another number may be that a caller keys in in place of the own, in a flow's
    `callback` node; never farther than `may_call`. none: the own number only."""

    caller_id: CallerNumber = ""
    "Number to call from; empty: the one that the customer had called."

    hours: HoursSettings = HoursSettings()
    "Outside of these nobody is called; the place is kept."

    def rules(self) -> CallbackRules:
        """Return them as the call centre takes them."""
        return CallbackRules(
            hours=self.hours.hours(),
            first=First(self.first),
            attempts=self.attempts,
            retry_pause_s=self.retry_pause_s,
            expires_s=self.expires_s,
            ring_s=self.ring_s,
            may_call=CallClass[self.may_call.upper()],
            other_numbers=CallClass[self.other_numbers.upper()],
            caller_id=self.caller_id,
        )


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
    waiting: WaitingSettings,
    callback: CallbackSettings | None,
    closure: ClosureSettings,
    closed_all: str,
) -> WaitingRules:
    """Return all as the call centre takes them; `closed_all` closes every queue."""
    return WaitingRules(
        announce_position=waiting.announce_position,
        announce_wait=waiting.announce_wait,
        prompts=waiting.prompts,
        prompts_every_s=waiting.prompts_every_s,
        exits={key: way.profile() for key, way in waiting.exits.items()},
        refuse_when_empty=EmptyRule(waiting.refuse_when_empty),
        leave_when_empty=EmptyRule(waiting.leave_when_empty),
        return_within_s=waiting.return_within_s,
        callback=callback.rules() if callback is not None else None,
        closed=closed_all or closure.reason,
        closed_prompt=closure.prompt,
        closed_flow=closure.flow,
    )
