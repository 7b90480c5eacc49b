"""An agent at work. Every change of an agent's state or status is made in this file.

    OFFLINE ⇄ IDLE → OFFERED → TALKING ⇄ HELD → WRAP_UP → IDLE
                        └→ PAUSED (set aside after a missed offer) → IDLE
    WRAP_UP → COOL_DOWN (the call was marked as upsetting) → IDLE

Status is what the agent wants and changes at once; state is what the system knows. An agent who
goes away while talking finishes the talk and the wrap-up first: away counts once the state is
IDLE, and only IDLE and READY together mean that a call may come. OFFERED, WRAP_UP,
PAUSED and COOL_DOWN always have a deadline; TALKING and HELD end with the call.
"""

from typing import Any

from msgspec.structs import replace

from .announcing import AgentAnnouncement
from .deadlines import Timed
from .events import AgentStateChanged, AgentStatusChanged, Event
from .facts import agent_facts
from .model import AgentProfile, AgentView, Counters, State, Status
from .occupancy import HANDLING, Occupancy
from .rule import Fact

# Looked up once: Python 3.11 takes 0.1 µs for a member of an Enum, by its class, each time.
_IDLE, _OFFLINE, _OFFERED = State.IDLE, State.OFFLINE, State.OFFERED
_READY, _LOGGED_OUT = Status.READY, Status.LOGGED_OUT


class Agent(Timed):
    """One configured agent. Before the first event: OFFLINE and LOGGED_OUT."""

    __slots__ = (
        "away_exceeded",
        "away_since",
        "call",
        "cool_down_s",
        "counters",
        "facts",
        "groups",
        "idle_since",
        "interaction",
        "interrupted",
        "listed",
        "listed_as_idle",
        "member",
        "misses",
        "number",
        "occupancy",
        "offer",
        "profile",
        "queue",
        "reachable",
        "reason",
        "retired",
        "since",
        "state",
        "status",
        "talks_since",
        "verdicts",
        "wrap_up_s",
    )

    def __init__(self, profile: AgentProfile, now: float) -> None:
        super().__init__(f"2 agent {profile.number}")
        self.number = profile.number
        self.take_profile(profile)
        self.counters = Counters()
        self.listed = 0
        "Place in the list of agents as configured, for the order `top_down`."

        self.member: Any = None
        """The agent's `Membership`, which is floor.py's: kept here since at every decision a
        look-up among ten thousand costs more than what is done with it."""

        self.listed_as_idle = False
        "Whether the agent stands in the lists of the idle; kept by floor.py."

        self.status = Status.LOGGED_OUT
        self.reason = ""
        self.state = State.OFFLINE
        self.since = now
        self.idle_since = now
        self.talks_since = now
        self.reachable = False
        self.retired = False
        "No longer configured: gone as soon as the work at hand is done."

        self.queue = ""
        self.interaction = ""
        self.call = ""
        "Queue visit being talked to."

        self.offer = ""
        self.wrap_up_s = 0.0
        "Of the queue of the talk at hand, as it was when the call was answered."

        self.occupancy = Occupancy()
        self.misses = 0
        self.away_since: float | None = None
        "Since when away has taken effect: not while there is work at hand."

        self.away_exceeded = False
        self.cool_down_s = 0.0
        "Cool-down that follows the work at hand."

        self.interrupted: tuple[str, str] | None = None
        "Queue and interaction of a wrap-up that an own call came into; it goes on afterwards."

    def take_profile(self, profile: AgentProfile) -> None:
        """Go on as configured here."""
        self.profile = profile
        self.groups = frozenset({profile.team, *profile.groups} - {""})
        self.facts: dict[str, Fact] = agent_facts(profile)
        self.verdicts: dict[str, bool] = {}
        "What rules over agents alone say, by text; asked once per change of the agent."

    def take(self, value: AgentAnnouncement) -> None:
        """Go on from where the agent is said to be; when that ends has to be armed."""
        self.status, self.reason = value.status, value.reason
        self.reachable = value.reachable
        self.state, self.since = value.state, value.since
        self.idle_since, self.talks_since = value.idle_since, value.talks_since
        self.queue, self.interaction = value.queue, value.interaction
        self.call, self.offer = value.call, value.offer
        self.wrap_up_s, self.interrupted = value.wrap_up_s, value.interrupted
        self.cool_down_s, self.misses = value.cool_down_s, value.misses
        self.away_since, self.away_exceeded = value.away_since, value.away_exceeded
        self.counters = replace(value.counters)
        self.occupancy.take(value.occupancy)

    @property
    def available(self) -> bool:
        """Whether a call may be offered now."""
        return self.state is _IDLE and self.status is _READY

    @property
    def rest(self) -> State:
        """The state with no work at hand."""
        if self.reachable and self.status is not _LOGGED_OUT:
            return _IDLE
        return _OFFLINE

    @property
    def on_duty(self) -> bool:
        """Whether calls come, now or when the work at hand is over."""
        return self.reachable and self.status is _READY

    def ring(
        self,
        offer: str,
        turn: int,
        queue: str,
        interaction: str,
        now: float,
        events: list[Event],
    ) -> None:
        """Let the phone ring for an offer, the `turn`-th of the router; nothing rings yet."""
        self.offer = offer
        self.counters.turn = turn
        self.occupancy.change(None, now)
        self.state = _OFFERED
        self.since = now
        self.queue = queue
        self.interaction = interaction
        events.append(AgentStateChanged(self.number, _OFFERED, queue, interaction))

    def enter(
        self,
        state: State,
        now: float,
        events: list[Event],
        queue: str = "",
        interaction: str = "",
    ) -> None:
        """Change the state; entering the same state for the same work is no change."""
        if self.state is state and self.queue == queue and self.interaction == interaction:
            return
        if state is not _IDLE:  # whether an idle one is available, `Dispatch.free` says
            self.occupancy.change(1.0 if state in HANDLING else None, now)
        self.state = state
        self.since = now
        self.queue = queue
        self.interaction = interaction
        events.append(AgentStateChanged(self.number, state, queue, interaction))

    def want(
        self, status: Status, reason: str, by: str, events: list[Event], note: str = ""
    ) -> bool:
        """Change the status; returns whether that was a change."""
        if self.status is status and self.reason == reason:
            return False
        self.status = status
        self.reason = reason
        self.away_since = None
        self.away_exceeded = False
        events.append(AgentStatusChanged(self.number, status, reason, by, note))
        return True

    def view(self) -> AgentView:
        """Describe the agent at this moment."""
        return AgentView(
            agent=self.number,
            name=self.profile.name,
            account=self.profile.account,
            status=self.status,
            reason=self.reason,
            state=self.state,
            since=self.since,
            deadline=self.due_at,
            queue=self.queue,
            interaction=self.interaction,
            offer=self.offer,
            reachable=self.reachable,
            misses=self.misses,
            away_since=self.away_since,
            away_exceeded=self.away_exceeded,
            cool_down_s=self.cool_down_s,
            wrap_up_s=self.wrap_up_s,
            interrupted=self.interrupted,
            idle_since=self.idle_since,
            counters=replace(self.counters),
        )
