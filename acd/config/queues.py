"""queues.yaml: who is queued where, which agents may take the call, and for how long it waits."""

import math
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from acd.routing.configuration import SHORTEST_S
from acd.routing.model import (
    ActivationRule,
    Grade,
    LayerProfile,
    MissRule,
    Overflow,
    QueueKind,
    QueueProfile,
    Requirements,
)
from acd.routing.policy import MAXIMUM_RINGING

from .rules import RuleText, rule_of
from .values import GradeName, Identifier, Seconds, Section, fault
from .waiting import CallbackSettings, ClosureSettings, WaitingSettings, waiting_rules

Order = Literal[
    "conversion",
    "category_grade",
    "longest_idle",
    "fewest_calls",
    "least_talk_time",
    "round_robin",
    "top_down",
    "weighted_random",
]
"What ranks agents; docs/routing.md says what each means."

Ring = Literal["one", "all", "progressively"]
"How many agents' phones ring for one call."

Strategy = Literal[Order, "ring_all", "ring_progressively"]
"Short-hands for a whole policy."


GroupName = Annotated[str, Field(min_length=1, max_length=80)]
"A team or group of agents, as agents.yaml names it."

SetAside = Annotated[float, Field(ge=SHORTEST_S, le=86_400)]
"For how long, in seconds."


def _interval(value: float) -> float:
    if 0.0 < value < SHORTEST_S:
        raise fault("too short an interval", f"{SHORTEST_S:.0f} s at least, or 0: never")
    return value


Interval = Annotated[Seconds, AfterValidator(_interval)]
"How often something comes, in seconds; 0: never."


class ActivationSettings(Section):
    """When a group that a layer names is activated by itself; any one condition is enough."""

    group: GroupName
    "The group."

    longest_wait_s: Annotated[float, Field(ge=1, le=86_400)] | None = None
    "Somebody has waited this long, in seconds."

    length: Annotated[int, Field(ge=1, le=100_000)] | None = None
    "So many callers wait."

    service_level: Annotated[float, Field(gt=0, le=1)] | None = None
    "Of the last `last_calls` fewer than this share, 0-1, were answered within service_level_s."

    last_calls: Annotated[int, Field(ge=1, le=10_000)] = 50
    "Calls that the service level is taken over."

    off_after_s: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    "Taken back once no condition has been met for so long, in seconds."

    @model_validator(mode="after")
    def _some_condition(self) -> Self:
        if self.longest_wait_s is None and self.length is None and self.service_level is None:
            raise fault("no condition", "longest_wait_s, length or service_level")
        return self

    def rule(self) -> ActivationRule:
        """Return it as the router takes it."""
        return ActivationRule(
            group=self.group,
            longest_wait_s=math.inf if self.longest_wait_s is None else self.longest_wait_s,
            length=self.length or 0,
            service_level=self.service_level or 0.0,
            last_calls=self.last_calls,
            off_after_s=self.off_after_s,
        )


class RequirementsSettings(Section):
    """What a call asks of its agent beside the queue's skill. A flow may say it, too."""

    skills: dict[Identifier, GradeName] = Field(default_factory=dict)
    "Skill: lowest grade. The agent needs all of them."

    language: Annotated[str, Field(max_length=20)] = ""
    "The agent has to have it among `languages`; empty: any."

    region: Annotated[str, Field(max_length=40)] = ""
    "The agent has to have it among `regions`; empty: any."

    tags: Annotated[tuple[Identifier, ...], Field(max_length=20)] = ()
    "What rules may ask for: [vip]."

    def requirements(self) -> Requirements:
        """Return them as the router takes them."""
        return Requirements(
            skills=self.skills, language=self.language, region=self.region, tags=self.tags
        )


class LayerSettings(Section):
    """One layer of a queue's routing policy: who may take the call, and from when on."""

    name: Identifier
    "Shown in the reason of each choice."

    after_s: Seconds = 0.0
    "The layer opens once the call has waited this long, in seconds; earlier layers stay open."

    order: Order = "conversion"
    """Who comes first: best conversion (成交率), best category_grade, longest_idle, fewest_calls,
    least_talk_time, round_robin, top_down (as listed in agents.yaml), or weighted_random."""

    ring: Ring = "one"
    """Whose phone rings: that of the first one in this order, of all at once, or progressively of
    one more every ring_step_s while the others ring on. The first answer takes the call."""

    minimum_grade: GradeName = Grade.C
    "Lowest grade (C B A AA AAA) in the skill that may take the call here."

    minimum_category_grade: GradeName | None = None
    "Lowest grade in the call's product category; left out: the category does not matter."

    skills: tuple[Identifier, ...] = ()
    "Borrow agents with these skills of other lines; empty: those with the queue's own skill."

    lower_by: Annotated[int, Field(ge=0, le=4)] = 0
    "Grades by which skills that the call requires are lowered here; C remains the least."

    waives: tuple[Literal["skills", "language", "region"], ...] = ()
    "Requirements of the call that do not count here: skills, language, region."

    groups: Annotated[tuple[GroupName, ...], Field(max_length=20)] = ()
    """Only members of these teams or groups, while the group is activated for the queue; the
    queue's other layers leave them out: the mobile group (机动组), reserve agents."""

    when: RuleText = ""
    """A business rule: a CEL expression over call and agent, such as
    `call.visits > 2 && agent.skills.sales >= AA`; see docs/routing.md."""

    def profile(self) -> LayerProfile:
        """Return it as the router takes it."""
        given = {name: getattr(self, name) for name in type(self).model_fields if name != "when"}
        return LayerProfile(**given, rule=rule_of(self.when))


class MissSettings(Section):
    """How long an agent is set aside after an offer that came to nothing."""

    no_answer_s: SetAside = 10.0
    "After the phone rang without an answer, in seconds."

    busy_s: SetAside = 5.0
    "After the phone was busy, in seconds."

    rejected_s: SetAside = 10.0
    "After the agent rejected the call, in seconds."

    failed_s: SetAside = 5.0
    "After the phone could not be reached, in seconds."

    away_after_misses: Annotated[int, Field(ge=0, le=100)] = 3
    "Missed calls in a row after which the agent becomes away, reason `missed`; 0: never."

    def rule(self) -> MissRule:
        """Return it as the router takes it."""
        return MissRule(**{name: getattr(self, name) for name in type(self).model_fields})


class OverflowSettings(Section):
    """Where a call goes that waited too long: exactly one of the three."""

    queue: Identifier | None = None
    "Into this queue; the caller keeps the time waited so far."

    flow: str = ""
    "To this IVR flow."

    hang_up_prompt: str = ""
    "Play this prompt, then hang up: a file below the prompts folder's zh or en, without .wav."

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if [self.queue is not None, bool(self.flow), bool(self.hang_up_prompt)].count(True) != 1:
            raise fault("exactly one target is wanted", "queue, flow or hang_up_prompt")
        return self

    def profile(self) -> Overflow:
        """Return it as the router takes it."""
        return Overflow(queue=self.queue or "", flow=self.flow, hang_up_prompt=self.hang_up_prompt)


class QueueSettings(Section):
    """One queue (技能组队列)."""

    display_name: Annotated[str, Field(max_length=40)] = ""
    "Shown on the agent's phone beside the caller's number; empty: the queue's name."

    kind: Literal["sales", "service"] = "service"
    "sales: answered calls count for conversion (成交率); service: they do not."

    skill: Identifier
    "The skill group (技能组) that serves this queue."

    category: Identifier | None = None
    "Product category of its calls where the flow sets none."

    strategy: Strategy | None = None
    """Short-hand for one layer of all agents with the skill, in this order; in place of `layers`.
    ring_all and ring_progressively ring several phones, the longest idle first."""

    layers: Annotated[tuple[LayerSettings, ...], Field(min_length=1, max_length=10)] = (
        LayerSettings(name="all", order="longest_idle"),
    )
    "Routing policy: layers of agents, tried in this order."

    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    "Of an agent's queues, that with the higher priority is served first; a call's own adds up."

    ageing_s: Seconds = 0.0
    "Each time that a call has waited this long, in seconds, it gains one in priority; 0: never."

    starvation_s: Seconds = 300.0
    """A call that has waited this long, in seconds, goes before all that have not, whatever their
    queue and priority; 0: never."""

    activations: Annotated[tuple[ActivationSettings, ...], Field(max_length=20)] = ()
    "Rules that activate groups of its layers in a peak; supervisors may do so at any time."

    prefers: tuple[Literal["open_matter", "manager", "last_agent"], ...] = ()
    """For whom a call waits before its layers open, if that agent is there: who took the caller's
    open matter first (首问责任制), the customer's manager, who talked to the caller last."""

    preferred_wait_s: Annotated[float, Field(ge=1, le=600)] = 10.0
    "How long it waits for them at most, in seconds."

    requires: RequirementsSettings = RequirementsSettings()
    "What this queue's calls ask of agents beside the skill."

    ring_timeout_s: Annotated[float, Field(ge=3, le=180)] = 20.0
    "How long an agent's phone rings before the next agent is tried, in seconds."

    ring_at_most: Annotated[int, Field(ge=1, le=MAXIMUM_RINGING)] = 10
    "Phones that ring for one call at once, where a layer rings several."

    ring_step_s: Annotated[float, Field(ge=1, le=180)] = 5.0
    "After how long a layer that rings progressively lets one more phone ring, in seconds."

    wrap_up_s: Seconds = 30.0
    "After-call work (话后) after each call, in seconds, ended early by a code; 0: none."

    max_wait_s: Annotated[float, Field(ge=1, le=86_400)] = 600.0
    "Longest wait in this queue, in seconds, counted from entering it; then `overflow` applies."

    overflow: OverflowSettings | None = None
    "Where the call goes after max_wait_s; left out: the call is hung up."

    max_length: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    "Calls waiting at most; one more is refused as full and recorded as such."

    music: str = "music/default"
    "Music while waiting: a file below the prompts folder, without .wav; empty: silence."

    announce_agent: bool = False
    "The caller hears the agent's number before the agent is heard (工号播报)."

    position_every_s: Interval = 0.0
    """Announce the place in the line this often, in seconds, and at the start; 1 at least, or 0:
    never."""

    waiting: WaitingSettings = WaitingSettings()
    "What callers hear and may do while they wait."

    callback: CallbackSettings | None = None
    "Calling back who asks for it (预约回呼); left out: this queue calls nobody back."

    closure: ClosureSettings = ClosureSettings()
    "Emergency closure (紧急关闭)."

    miss: MissSettings = MissSettings()
    "How long an agent is set aside who did not take an offered call."

    short_abandon_s: Seconds = 5.0
    "A caller who hangs up within this is a short abandon, not an abandon, in seconds."

    service_level_s: Seconds = 20.0
    "Answered within this counts for the service level (规定期间接通率), in seconds."

    success_half_life_days: Annotated[float, Field(gt=0, le=3650)] = 30.0
    "Age at which an outcome counts half in the measured conversion, in days."

    hold_out: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of calls, 0-1, that go to the longest idle agent instead of the best one, and first
    come, first served, drawn at random: only against these can be measured what ranking gains
    (`acd report routing`)."""

    rank_by: Literal["orders", "value"] = "orders"
    """What order conversion ranks by: orders per answered call, or expected order value per
    answered call (conversion × mean value of an order)."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "CNY"
    "Currency (ISO 4217) in which order values count; other orders count as orders only."

    exploration: Literal["thompson", "ucb", "none"] = "ucb"
    """How order conversion tries agents of whom little is known: ucb ranks them as good as they
    may well be, thompson by a draw from what is believed of them, none by the estimate alone."""

    time_price: Literal["measured", "none"] = "measured"
    """Whether order conversion keeps who is best at one category for it while agents are scarce:
    measured ranks by the conversion in the call's category less the part of the agent's conversion
    over all categories by which agents are busy, none by the conversion alone."""

    occupancy_cap: Annotated[float, Field(gt=0, le=1)] = 1.0
    """An agent whose occupancy (在线繁忙度) over the last half hour or so is above this is passed
    over while another admitted agent is idle; 1: no cap."""

    maximum_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """An agent who took more than this share of the queue's last thousand calls or so is passed
    over while another admitted agent is idle; 1: no maximum."""

    fairness_window_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """When calls wait, an agent who frees up takes, of those that came at most this long after the
    head of the line, in seconds, the one whose category the agent sells best compared with the
    group. A caller is overtaken by no later one than that; 0: strict order."""

    @model_validator(mode="after")
    def _wait_is_announced(self) -> Self:
        if self.waiting.announce_wait and not self.position_every_s:
            raise fault("waiting.announce_wait needs a pause", "position_every_s: 30")
        return self

    @model_validator(mode="after")
    def _one_policy(self) -> Self:
        if self.strategy is not None and "layers" in self.model_fields_set:
            raise fault("strategy and layers are two ways to say the same", "one of the two")
        return self

    @model_validator(mode="after")
    def _groups_named(self) -> Self:
        named = {group for layer in self.layers for group in layer.groups}
        for rule in self.activations:
            if rule.group not in named:
                raise fault(
                    f"activations: no layer names the group {rule.group!r}", "groups: of a layer"
                )
        return self

    def policy(self) -> tuple[LayerSettings, ...]:
        """Return the layers, the short-hand written out."""
        if self.strategy is None:
            return self.layers
        if self.strategy == "ring_all":
            return (LayerSettings(name=self.strategy, order="longest_idle", ring="all"),)
        if self.strategy == "ring_progressively":
            return (LayerSettings(name=self.strategy, order="longest_idle", ring="progressively"),)
        return (LayerSettings(name=self.strategy, order=self.strategy),)

    @model_validator(mode="after")
    def _calls_back(self) -> Self:
        if self.callback is None and any(way.callback for way in self.waiting.exits.values()):
            raise fault("a key leads to a call-back, and the queue has none", "callback: {}")
        return self

    def profile(self, name: str, closed_all: str = "") -> QueueProfile:
        """Return it as the router takes it; `closed_all` closes every queue."""
        return QueueProfile(
            name=name,
            display_name=self.display_name,
            kind=QueueKind(self.kind),
            skill=self.skill,
            category=self.category or "",
            layers=tuple(layer.profile() for layer in self.policy()),
            activations=tuple(each.rule() for each in self.activations),
            prefers=self.prefers,
            preferred_wait_s=self.preferred_wait_s,
            requires=self.requires.requirements(),
            ageing_s=self.ageing_s,
            starvation_s=self.starvation_s or math.inf,
            priority=self.priority,
            ring_timeout_s=self.ring_timeout_s,
            ring_at_most=self.ring_at_most,
            ring_step_s=self.ring_step_s,
            wrap_up_s=self.wrap_up_s,
            max_wait_s=self.max_wait_s,
            overflow=self.overflow.profile() if self.overflow else None,
            max_length=self.max_length,
            music=self.music,
            waiting=waiting_rules(self.waiting, self.callback, self.closure, closed_all),
            announce_agent=self.announce_agent,
            position_every_s=self.position_every_s,
            miss=self.miss.rule(),
            short_abandon_s=self.short_abandon_s,
            service_level_s=self.service_level_s,
            success_half_life_s=self.success_half_life_days * 86_400,
            hold_out=self.hold_out,
            rank_by=self.rank_by,
            currency=self.currency,
            exploration=self.exploration,
            time_price=self.time_price,
            occupancy_cap=self.occupancy_cap,
            maximum_share=self.maximum_share,
            fairness_window_s=self.fairness_window_s,
        )


class Queues(Section):
    """All queues."""

    queues: dict[Identifier, QueueSettings]
    "Queue's name: its settings."

    closed: str = ""
    "Why every queue is closed in an emergency (紧急关闭), for the record; empty: they are not."
