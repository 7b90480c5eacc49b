"""Queue visits with all that followed from them, out of the CDR's rows: the base of all KPIs.

The view `kpi_visits` in acd/storage/migrations says the same in SQL; a test holds the two against
each other. Visits of customers who are called back are left out: they were offered once.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable

from msgspec import Struct

from acd.calls.cdr_rows import (
    AgentProfileRow,
    AgentStateInterval,
    Disposition,
    OrderEvent,
    QueueVisit,
    TalkSegment,
    Transfer,
)

from .measures import Visited

TeamOf = Callable[[str, int], str]
"Agent number and wall time (µs) -> the team that the agent was in then; empty: in none."


class CountedVisit(Visited, frozen=True, kw_only=True):
    """One visit as it is counted, with what it can be grouped by."""

    visit: str
    entered_us: int
    "The period it belongs to is that of this moment."

    project: str
    queue: str
    agent: str
    "Who answered; empty: nobody."

    team: str = ""
    "The agent's when the visit began."

    skill: str = ""
    "Of the queue."

    category: str = ""
    "The disposition's product category; while there is none, what the flow or queue said."

    call_class: str = ""
    "The disposition's; empty: not classed."

    region: str = ""
    trunk: str = ""
    "That the caller came by."

    flow_version: str = ""
    'Of the first flow: "name@version".'


def teams(profiles: Iterable[AgentProfileRow]) -> TeamOf:
    """Return who was in which team when; in none before the first that is known."""
    known: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for profile in profiles:
        known[profile.agent].append((profile.started_us, profile.seq, profile.team))
    for changes in known.values():
        changes.sort()

    def team_of(agent: str, at_us: int) -> str:
        changes = known.get(agent, [])
        passed = bisect_right(changes, at_us, key=lambda change: change[0])
        return changes[passed - 1][2] if passed else ""

    return team_of


class _Followed(Struct):
    """What followed from a visit."""

    talk_s: float = 0.0
    hold_s: float = 0.0
    wrap_up_s: float = 0.0
    ordered: bool = False
    disposition: Disposition | None = None
    "The latest of its agent."


class _Answered:
    """Which visit an agent's part of an interaction belongs to."""

    def __init__(self, visits: list[QueueVisit], transfers: Iterable[Transfer]) -> None:
        self._home: dict[str, str] = {}
        self._last: dict[tuple[str, str, str], str] = {}
        self._consults: dict[str, list[str]] = defaultdict(list)
        for visit in sorted(visits, key=lambda visit: (visit.entered_us, visit.visit)):
            if visit.outcome == "answered":
                self._home[visit.visit] = visit.interaction
                self._last[visit.interaction, visit.queue, visit.agent] = visit.visit
                self._last[visit.interaction, "", visit.agent] = visit.visit
        for transfer in transfers:
            if transfer.consult and transfer.outcome == "completed":
                self._consults[transfer.interaction].append(transfer.consult)

    def holds(self, interaction: str, visit: str) -> bool:
        """Return whether a visit was answered in an interaction, or in one that joined it."""
        home = self._home.get(visit)
        return home is not None and (
            home == interaction or home in self._consults.get(interaction, ())
        )

    def last(self, interaction: str, queue: str, agent: str) -> list[str]:
        """Return the agent's last visit in the interaction, else those of joined consultations.

        `queue` empty: in whichever queue.
        """
        own = self._last.get((interaction, queue, agent))
        if own is not None:
            return [own]
        consults = self._consults.get(interaction, ())
        found = (self._last.get((consult, queue, agent)) for consult in consults)
        return [visit for visit in found if visit is not None]


def counted_visits(
    visits: Iterable[QueueVisit],
    talks: Iterable[TalkSegment] = (),
    states: Iterable[AgentStateInterval] = (),
    dispositions: Iterable[Disposition] = (),
    transfers: Iterable[Transfer] = (),
    team_of: TeamOf = lambda _agent, _at_us: "",
    orders: Iterable[OrderEvent] = (),
) -> list[CountedVisit]:
    """Return what is counted of the visits.

    `visits` has to hold all visits of an interaction: an order and after-call work belong to the
    last visit that their agent answered, be it in the consultation before an attended transfer
    (`transfers`). `orders` are those that were told, with a disposition or without.
    """
    visits, dispositions = list(visits), list(dispositions)
    answered = _Answered(visits, transfers)
    followed = _followed(answered, talks, states, dispositions)
    _add_told(followed, answered, dispositions, orders)
    return [
        _counted(visit, followed.get(visit.visit), team_of)
        for visit in visits
        if not visit.callback
    ]


def _followed(
    answered: _Answered,
    talks: Iterable[TalkSegment],
    states: Iterable[AgentStateInterval],
    dispositions: Iterable[Disposition],
) -> dict[str, _Followed]:
    found: dict[str, _Followed] = defaultdict(_Followed)
    for talk in talks:
        if answered.holds(talk.interaction, talk.visit):
            found[talk.visit].talk_s += talk.talk_s
            found[talk.visit].hold_s += talk.hold_s
    for state in states:
        if state.state == "wrap_up" and state.queue:
            for visit in answered.last(state.interaction, state.queue, state.agent):
                found[visit].wrap_up_s += state.duration_s or 0.0
    for entry in sorted(dispositions, key=lambda entry: (entry.entered_us, entry.interaction)):
        for visit in answered.last(entry.interaction, entry.queue, entry.agent):
            found[visit].ordered |= entry.ordered
            found[visit].disposition = entry
    return found


def _add_told(
    followed: dict[str, _Followed],
    answered: _Answered,
    dispositions: Iterable[Disposition],
    orders: Iterable[OrderEvent],
) -> None:
    """Count the orders that were told.

    They belong where their agent's disposition does; without one to the last visit that the agent
    answered, of the queue that was told last.
    """
    queues = {(entry.interaction, entry.agent): entry.queue for entry in dispositions}
    told = {
        (order.interaction, order.agent): order.queue
        for order in sorted(orders, key=lambda one: (one.entered_us, one.order_id, one.key))
        if order.interaction and order.agent
    }
    for (interaction, agent), queue in told.items():
        queue = queues.get((interaction, agent), queue)
        for visit in answered.last(interaction, queue, agent):
            followed[visit].ordered = True


def _counted(visit: QueueVisit, followed: _Followed | None, team_of: TeamOf) -> CountedVisit:
    followed = followed or _Followed()
    entry = followed.disposition
    return CountedVisit(
        visit=visit.visit,
        entered_us=visit.entered_us,
        outcome=visit.outcome,
        kind=visit.kind,
        waited_s=visit.waited_s,
        service_level_s=visit.service_level_s,
        ordered=followed.ordered,
        talk_s=followed.talk_s,
        hold_s=followed.hold_s,
        wrap_up_s=followed.wrap_up_s,
        project=visit.project,
        queue=visit.queue,
        agent=visit.agent,
        team=team_of(visit.agent, visit.entered_us) if visit.agent else "",
        category=(entry.category if entry else "") or visit.category,
        call_class=entry.call_class if entry else "",
        skill=visit.skill,
        region=visit.region,
        trunk=visit.trunk,
        flow_version=visit.flow_version,
    )
