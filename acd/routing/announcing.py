"""What the owners of agents and calls announce, so that a router can be rebuilt from it.

Plain values that hold all of a router but its configuration. Each has a sequence number of its
owner's: of two about the same subject the higher one counts, an equal or lower one is ignored.
Times are in monotonic seconds of the router that is told; who announces by another clock reckons
them over.
"""

from __future__ import annotations

import math

from msgspec import Struct

from .activation import ActivationMeasure
from .model import AgentProfile, Counters, Grade, QueueProfile, State, Status, WaitingCall
from .occupancy import OccupancyMeasure
from .pace import PaceMeasure
from .rank import Outcome, RankMeasures
from .rule import Fact


class AgentAnnouncement(Struct, frozen=True, kw_only=True):
    """An agent at one moment. The fields are those of `agent.Agent`."""

    agent: str
    seq: int
    status: Status
    reason: str = ""
    reachable: bool
    state: State
    since: float
    idle_since: float
    talks_since: float
    due_at: float
    "When the state ends by itself; inf: it does not."

    queue: str = ""
    interaction: str = ""
    call: str = ""
    "Queue visit, or call of the agent's own, that is talked to."

    offer: str = ""
    "Offer that rings; it is announced as well."

    wrap_up_s: float = 0.0
    "Wrap-up that the talk at hand leads to."

    interrupted: tuple[str, str] | None = None
    cool_down_s: float = 0.0
    misses: int = 0
    away_since: float | None = None
    away_exceeded: bool = False
    counters: Counters
    occupancy: OccupancyMeasure = OccupancyMeasure()

    profile: AgentProfile | None = None
    "Set for one whom the configuration has no longer, and who finishes the work at hand."


class CallAnnouncement(Struct, frozen=True, kw_only=True):
    """A call in a line, whether a phone rings for it or not, and what was drawn for it."""

    call: WaitingCall
    "As it stands, with the priority that it has by now."

    seq: int
    category: str
    "The one that it is routed by: empty where no agent differs in it, as known when it came."

    entered_at: float
    leaves_at: float
    position_at: float
    lined_up_at: float
    "Since when no agent has been free for it; inf: one was, at once."

    reserved_until: float
    "Until then it is for its preferred agents alone; −inf: it is open to all."

    hold_out: bool = False
    passed_over: tuple[str, ...] = ()
    "Agents who let an offer of it go by."

    step_at: float = -math.inf
    "From then on one more phone may ring where the layer rings progressively."


class OfferAnnouncement(Struct, frozen=True, kw_only=True):
    """A running offer: a lease of one call to one agent."""

    offer: str
    seq: int
    call: str
    agent: str
    expires_at: float


class CandidateList(Struct, frozen=True, kw_only=True):
    """The idle agents whom one layer admits, with the scores by which it ranks them.

    Scores were drawn or measured when the agents became idle; without this list they are anew.
    """

    layer: int
    "Place in the queue's list of layers."

    order: str
    current: bool
    "Whether the scores are of the last fit of the rank."

    scores: dict[str, float]
    pending: tuple[str, ...] = ()
    "Agents whose scores are of an earlier fit, where others' are of the last one."

    category: str = ""
    skills: tuple[tuple[str, Grade], ...] = ()
    language: str = ""
    region: str = ""
    verdicts: frozenset[str] = frozenset()
    facts: dict[str, Fact] = {}
    "What the calls ask for: the fields of `demand.Demand`."


class QueueAnnouncement(Struct, frozen=True, kw_only=True):
    """What is measured at a queue, apart from its calls, which are announced by themselves."""

    queue: str
    seq: int
    answered: int
    "Calls answered, by which shares count."

    shares: dict[str, tuple[float, int]]
    "Share by agent, and as of which answered call."

    recent: tuple[bool, ...]
    "Whether each of the last calls was answered in time."

    recent_news: bool = False
    "Whether rules have not seen the last of them yet."

    activations: tuple[ActivationMeasure, ...]
    pace: PaceMeasure
    rank: RankMeasures
    candidates: tuple[CandidateList, ...] = ()
    refit_at: float = math.inf
    "When the next slice of a refit is due; inf: none is."

    profile: QueueProfile | None = None
    "Set for one that the configuration has no longer, and whose line is not empty yet."


class HouseAnnouncement(Struct, frozen=True, kw_only=True):
    """What belongs to no agent, call or queue alone."""

    seq: int
    turns: int
    "Offers made so far."

    learned_categories: frozenset[str]
    outcomes: tuple[tuple[str, Outcome], ...]
    "Known outcomes by interaction, in the order in which they were first told."

    forgotten_before: float
    "Outcomes from before this are told too late, in UTC seconds: see `rank.ConversionRanks`."


Announcement = (
    AgentAnnouncement
    | CallAnnouncement
    | OfferAnnouncement
    | QueueAnnouncement
    | HouseAnnouncement
)


def subject(value: Announcement) -> tuple[str, str]:
    """Return what the announcement is about; sequence numbers count per subject."""
    match value:
        case AgentAnnouncement():
            return "agent", value.agent
        case CallAnnouncement():
            return "call", value.call.call
        case OfferAnnouncement():
            return "offer", value.offer
        case QueueAnnouncement():
            return "queue", value.queue
        case HouseAnnouncement():
            return "house", ""
