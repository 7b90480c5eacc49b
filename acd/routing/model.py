"""What the router is told: agents, queues, calls. Plain values, no behaviour beyond look-ups."""

from __future__ import annotations

import math
from enum import Enum, IntEnum
from typing import TYPE_CHECKING

from msgspec import Struct, field

from .waiting_rules import WaitingRules

if TYPE_CHECKING:
    from .rule import Rule


class Grade(IntEnum):
    """Skill grades, low to high, as certificates name them (C representative … AAA butler)."""

    C = 1
    B = 2
    A = 3
    AA = 4
    AAA = 5


class Status(Enum):
    """What the agent wants."""

    READY = "ready"
    AWAY = "away"
    LOGGED_OUT = "logged_out"


class State(Enum):
    """What the system knows about the agent."""

    OFFLINE = "offline"
    "No registered device, or logged out."

    IDLE = "idle"
    OFFERED = "offered"
    TALKING = "talking"
    HELD = "held"
    WRAP_UP = "wrap_up"

    PAUSED = "paused"
    "Set aside for a while after a missed, busy or rejected offer."

    COOL_DOWN = "cool_down"
    "Left in peace for a while after a call that was marked as upsetting."


class QueueKind(Enum):
    """What a queue's calls are for; a sales queue's answered calls count for conversion."""

    SALES = "sales"
    SERVICE = "service"


class MissRule(Struct, frozen=True, kw_only=True):
    """How long an agent is set aside after an offer that came to nothing, in seconds."""

    no_answer_s: float = 10.0
    busy_s: float = 5.0
    rejected_s: float = 10.0
    failed_s: float = 5.0

    away_after_misses: int = 3
    """Missed offers in a row after which the status becomes away, reason `missed`; 0: never. Calls
    that never reached the phone do not count."""


class AgentProfile(Struct, frozen=True, kw_only=True):
    """An agent as configured."""

    number: str
    "Agent number (工号), unique; the id in events and reports."

    name: str

    account: str
    "SIP account whose devices ring for this agent."

    skills: dict[str, Grade]
    categories: dict[str, Grade] = {}
    team: str = ""

    groups: tuple[str, ...] = ()
    "Further groups beside the team, such as the mobile group (机动组)."

    languages: tuple[str, ...] = ()
    "Languages in which the agent serves; a call that requires one reaches nobody without it."

    regions: tuple[str, ...] = ()
    "Regions of callers that the agent serves; likewise."

    customers: tuple[str, ...] = ()
    "Numbers of the customers whose personal manager the agent is."

    weight: float = 1.0
    "Share of the calls under the order `weighted_random`, relative to the others'."

    rank: dict[str, float] = {}
    "Rank set by hand, by queue, in place of the measured one (a conversion, 0–1)."

    wrap_up_s: float | None = None
    "This agent's after-call work in place of the queue's, in seconds; None: the queue's."

    miss: MissRule | None = None
    "What a missed offer costs this agent in place of the queue's rule; None: the queue's."


class AgentRules(Struct, frozen=True, kw_only=True):
    """What holds for all agents alike."""

    away_limits_s: dict[str, float] = {}
    "How long one may be away, by reason, before that is told once; a reason not named: for ever."

    cool_down_s: float = 120.0
    "How long nothing is offered after a call that was marked as upsetting."

    wrap_up_extension_s: float = 60.0
    "By how much agents prolong a wrap-up who ask for more time."


class Requirements(Struct, frozen=True, kw_only=True):
    """What a call asks of its agent, beside the queue's own skill."""

    skills: dict[str, Grade] = {}
    "Skills that the agent needs, with the lowest grade."

    language: str = ""
    "The agent has to speak it; empty: any."

    region: str = ""
    "The agent has to serve it; empty: any."

    tags: tuple[str, ...] = ()
    "What is known of the caller, for rules: `vip`, `complaint_open`."

    def over(self, below: Requirements) -> Requirements:
        """Return these with what they leave open taken from `below`; tags and skills add up."""
        if self == NO_REQUIREMENTS:
            return below
        return Requirements(
            skills=below.skills | self.skills,
            language=self.language or below.language,
            region=self.region or below.region,
            tags=tuple(dict.fromkeys((*below.tags, *self.tags))),
        )


NO_REQUIREMENTS = Requirements()


class LayerProfile(Struct, frozen=True, kw_only=True):
    """One layer of a queue's routing policy: who may take the call, and from when on."""

    name: str

    order: str = "conversion"
    "What ranks the agents: one of `acd.routing.policy.ORDERS`."

    ring: str = "one"
    "How many of the agents ring for one call: one of `acd.routing.policy.WAYS`."

    after_s: float = 0.0
    "Opens once the call has waited this long."

    minimum_grade: Grade = Grade.C
    "Lowest grade in the queue's skill."

    minimum_category_grade: Grade | None = None
    "Lowest grade in the call's product category; None: any agent."

    skills: tuple[str, ...] = ()
    "Skills of other lines whose agents are borrowed here; empty: the queue's own skill."

    lower_by: int = 0
    "By how many grades the skills that the call requires are lowered here; C stays the least."

    waives: tuple[str, ...] = ()
    'Requirements of the call that do not count here: "skills", "language", "region".'

    groups: tuple[str, ...] = ()
    """Only members of these groups or teams, and of those only the activated. Other layers of the
    queue do not admit them at all."""

    rule: Rule | None = None
    "A further condition over call and agent."


class ActivationRule(Struct, frozen=True, kw_only=True):
    """When a group is activated for a queue by itself: any one of the conditions is enough."""

    group: str
    longest_wait_s: float = math.inf
    "Somebody has waited this long."

    length: int = 0
    "So many callers wait; 0: does not count."

    service_level: float = 0.0
    "Of the last `last_calls` fewer than this share (0–1) were answered within the threshold."

    last_calls: int = 50
    off_after_s: float = 300.0
    "Taken back once no condition has been met for this long."


class Overflow(Struct, frozen=True, kw_only=True):
    """Where a call goes that waited too long: exactly one of the three."""

    queue: str = ""
    flow: str = ""
    hang_up_prompt: str = ""


class QueueProfile(Struct, frozen=True, kw_only=True):
    """A queue as configured."""

    name: str

    display_name: str = ""
    "What an agent's phone shows; empty: the name."

    kind: QueueKind = QueueKind.SERVICE

    skill: str
    "The skill group that it serves."

    category: str = ""
    "Product category of its calls, where the flow sets none."

    layers: tuple[LayerProfile, ...]

    activations: tuple[ActivationRule, ...] = ()
    "Rules for groups that layers name; supervisors may activate these at any time."

    prefers: tuple[str, ...] = ()
    """For which reasons an agent is preferred for a call: `open_matter`, `manager`, `last_agent`;
    none: for no reason."""

    preferred_wait_s: float = 10.0
    "How long a call waits for such an agent before its layers open, at most."

    requires: Requirements = NO_REQUIREMENTS
    "What its calls require where neither flow nor number says otherwise."

    priority: int = 0
    "Higher is served first when an agent serves several queues; added to the call's own."

    ageing_s: float = 0.0
    "Wait that raises a call's priority by one; 0: it does not grow."

    starvation_s: float = math.inf
    """A call that has waited this long goes before all that have not, of whatever queue and
    priority; inf: never."""

    ring_timeout_s: float = 20.0

    ring_at_most: int = 10
    "Phones that ring for one call at once, where a layer rings several."

    ring_step_s: float = 5.0
    "After this long a layer that rings progressively lets one more phone ring."

    wrap_up_s: float = 30.0

    max_wait_s: float = 600.0
    overflow: Overflow | None = None
    "None: hang up after the maximum wait."

    max_length: int = 10_000
    "Calls waiting at most; a further one is refused as full."

    music: str = "music/default"

    announce_agent: bool = False
    "The caller hears the agent's number before the two hear each other (工号播报)."

    position_every_s: float = 0.0
    "Announce the position this often while waiting, and once at the start; 0: never."

    miss: MissRule = MissRule()
    waiting: WaitingRules = WaitingRules()
    "What callers hear and may do while they wait."

    short_abandon_s: float = 5.0
    service_level_s: float = 20.0

    success_half_life_s: float = 30 * 86_400.0
    "Age at which an outcome counts half in the measured conversion."

    hold_out: float = 0.0
    """Share of calls (0–1), drawn at random, for which the layers ranked by conversion go by
    longest idle and first come instead: only against these can the gain of ranking be measured."""

    rank_by: str = "orders"
    '"orders": orders per answered call; "value": expected order value per answered call.'

    currency: str = "CNY"
    "Currency of the order values that count; ISO 4217."

    exploration: str = "none"
    'How agents of whom little is known are tried: "thompson", "ucb", "none".'

    time_price: str = "none"
    """"measured": order conversion takes off what the agent's time is worth for other calls, so
    that whoever is best at one category is kept for it; "none": the best one always goes first."""

    occupancy_cap: float = 1.0
    "An agent above it is passed over while another admitted one is idle; 1: no cap."

    maximum_share: float = 1.0
    "Share of the queue's calls above which an agent is passed over likewise; 1: no maximum."

    fairness_window_s: float = 0.0
    """When calls wait, an agent who frees up takes the one that suits best among those that came
    at most this long after the head of the line; 0: strict order."""


class Preferred(Struct, frozen=True, gc=False):
    """An agent whom a call is to reach rather than any other, if that one is there."""

    agent: str
    reason: str
    "Why, for the record: `open_matter`, `manager`, `last_agent`."


class WaitingCall(Struct, frozen=True, kw_only=True, gc=False):
    """A call as the router is told of it; telling it twice changes nothing."""

    call: str
    "Id of the queue visit; unique per stay in a queue."

    interaction: str
    queue: str

    enqueued_at: float
    "First enqueue time; kept over overflow, transfers, call-backs. Orders the line, opens layers."

    served_s: float = 0.0
    """Of the time since then, what was no wait: the talk before a transfer. It counts in no figure
    or rule about waiting."""

    entered_at: float | None = None
    """When it entered this queue: the maximum wait counts from here, so that a call that
    overflowed is not timed out on arrival. None: the moment the router is told."""

    priority: int = 0
    "Its own, without the queue's."

    admitted: bool = False
    "It has been let in before: it comes in though the line is at its `max_length`."

    category: str = ""
    caller: str = ""
    called: str = ""

    skills: dict[str, Grade] = {}
    "Skills that its agent needs beside the queue's, with the lowest grade."

    language: str = ""
    "The agent has to speak it; empty: any."

    region: str = ""
    "The agent has to serve it; empty: any."

    tags: tuple[str, ...] = ()
    "What the flow says of the caller, for rules: `vip`, `complaint_open`."

    preferred: tuple[Preferred, ...] = ()
    "Agents for whom the queue's `preferred_wait_s` is waited, the most wanted first."

    visits: int = 0
    "Calls by this caller that agents took before, as far as they are remembered."


class Counters(Struct):
    """What an agent has done since the last log-in: the basis of even shares."""

    calls: int = 0
    "Calls answered out of queues."

    talk_s: float = 0.0
    "Time in talks, with hold."

    turn: int = 0
    "Number of the latest offer, counted over all agents: smaller is longer ago; 0: none yet."


Standing = tuple[float, float, str]
"""Where an idle agent stands in a list: (−score, idle since, number). Smaller is better."""


class Candidate(Struct, frozen=True, gc=False):
    """One agent weighed for a call."""

    agent: str
    score: float
    idle_s: float


class Choice(Struct, frozen=True, gc=False, omit_defaults=True):
    """Why this agent got this call."""

    layer: str
    order: str
    standings: tuple[Standing, ...] = ()
    """Best first, ten at most; the first one was chosen. As they stood in the list: what
    `candidates` makes of them is for whoever reads the record, not for the caller to wait for."""

    candidates_total: int = 0
    waited_s: float = 0.0

    hold_out: bool = False
    "The call is of the hold-out share, by longest idle and first come."

    spared: int = 0
    """Idle agents who ranked before the chosen one and were passed over, being above the queue's
    occupancy cap or maximum share; those of the first layer that had any."""

    overtook_s: float = 0.0
    "How much later than the head of the line, which it overtook, the call had come."

    at: float = 0.0
    "When it was made, in monotonic seconds, as in `standings`."

    told: tuple[Candidate, ...] = field(default=(), name="candidates")
    "The candidates in records that have no `standings`: those of before schema version 4."

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Who was weighed, best first; the first one was chosen."""
        return self.told or tuple(
            Candidate(agent, -worse, self.at - idle_since)
            for worse, idle_since, agent in self.standings
        )


class AgentView(Struct, frozen=True, kw_only=True):
    """An agent at this moment, for screens and interfaces."""

    agent: str
    name: str
    account: str
    status: Status
    reason: str
    state: State
    since: float
    "When this state began."

    deadline: float
    "When the router ends this state by itself; inf: it does not."

    queue: str
    interaction: str
    offer: str
    reachable: bool
    misses: int
    "Offers in a row that came to nothing."

    away_since: float | None = None
    "Since when the agent is away with no work at hand; None: is not."

    away_exceeded: bool = False
    "Away for longer than the reason's limit."

    cool_down_s: float = 0.0
    "Cool-down that follows the work at hand."

    wrap_up_s: float = 0.0
    "After-call work that follows the talk at hand."

    interrupted: tuple[str, str] | None = None
    "Queue and interaction of the earlier call that this belongs to; None: to the talk itself."

    idle_since: float = 0.0
    "When the last work ended; only while idle of any meaning."

    counters: Counters = field(default_factory=Counters)
    "Shares of the work since the log-in."


class AgentMemory(Struct, frozen=True, kw_only=True):
    """What of an agent outlives the process, its times already reckoned to the present."""

    agent: str
    status: Status
    reason: str = ""
    misses: int = 0

    state: State = State.OFFLINE
    "WRAP_UP, PAUSED or COOL_DOWN where one of them was under way; any other is not remembered."

    remaining_s: float = 0.0
    "What is left of that state."

    queue: str = ""
    interaction: str = ""
    "Of that state."

    owed: bool = False
    "A wrap-up that was not under way: it was to go on after a talk, which ended with the process."

    cool_down_s: float = 0.0
    "Cool-down that was to follow a wrap-up or a talk."

    counters: Counters | None = None
    "Shares of the work since the log-in; None: not known."

    away_s: float | None = None
    "How long the agent has been away; None: was not, or had work at hand."

    away_exceeded: bool = False
    "That this was too long has been told."

    idle_s: float | None = None
    "How long the agent has been idle; None: was not."

    occupancy: float = 0.0
    "As the caps see it, 0-1; absence leaves it as it is."
