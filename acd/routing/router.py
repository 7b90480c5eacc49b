"""The router: every input that there is. What follows from them: dispatch.py; views: views.py."""

from collections.abc import Callable, Iterable, Mapping
from math import inf, isfinite

from msgspec.structs import replace

from .activation import SwitchedGroup
from .announcing import Announcement
from .configuration import faults
from .dispatch import Dispatch
from .errors import ConfigurationError, RoutingError, UnknownAgentError
from .events import CallRefused, Event, LeaveReason, OfferOutcome, PositionDue
from .model import (
    AgentMemory,
    AgentProfile,
    AgentRules,
    MissRule,
    QueueProfile,
    State,
    Status,
    WaitingCall,
)
from .offer import pause_s, wrap_up_of
from .outcomes import ConversionRanks
from .queue import Waiting
from .rank import Outcome
from .rebuilding import Rebuilding
from .remembering import restore
from .reserve import activate, look, restore_groups
from .takeover import take_over
from .views import Views

LONGEST_WRAP_UP_S = 3600.0
"""A wrap-up can be extended to this far from now: nobody writes up one call for an hour, and a
forgotten one has to end by itself."""

_WRAP_UP = State.WRAP_UP


class Router(Views):
    """Who gets which call, as one pure machine.

    `now` is in monotonic seconds and never goes back; ids come from `new_id`. Inputs return the
    events that they cause, in order, and change nothing when repeated. Agents are named by
    number, calls by queue visit, offers by their id. Inputs about an agent whom nobody configured
    raise `UnknownAgentError` where a person steers (status, wrap-up, view) and are without
    effect where a phone or a call does.
    """

    def __init__(
        self,
        *,
        agents: Iterable[AgentProfile],
        queues: Iterable[QueueProfile],
        new_id: Callable[[], str],
        random: Callable[[], float] | None = None,
        now: float = 0.0,
        rules: AgentRules | None = None,
        wall_s: Callable[[], float] = lambda: inf,
    ) -> None:
        """`random` gives numbers in [0, 1); needed only for queues that draw by chance.

        Every agent is offline since `now`. `wall_s` is the time in UTC seconds, against which
        outcomes that are dated ahead are known as such.
        """
        self._random = random
        super().__init__(Dispatch(new_id, random))
        self._rules = AgentRules()
        self._ranks = ConversionRanks(wall_s=wall_s)
        self._rebuilding = Rebuilding(self._dispatch, self._ranks)
        self.configure(agents, queues, now, rules)

    # --- configuration ---

    def configure(
        self,
        agents: Iterable[AgentProfile],
        queues: Iterable[QueueProfile],
        now: float,
        rules: AgentRules | None = None,
    ) -> list[Event]:
        """Go on under these agents and queues; all of it or, on `ConfigurationError`, nothing.

        `rules` None: those that hold already.
        A removed agent finishes the talk and wrap-up at hand and is gone then; a removed queue
        takes no new call and serves those that wait. New limits hold for what begins after.
        """
        agents, queues = list(agents), list(queues)
        found = faults(agents, queues, self._random is not None)
        if found:
            raise ConfigurationError(found)
        if rules is not None:
            self._rules = rules
        dispatch = self._dispatch
        events = take_over(dispatch, self._ranks, agents, queues, now)
        dispatch.away.limit(self._rules.away_limits_s, [*dispatch.agents.values()])
        return events

    # --- agents ---

    def set_reachable(self, agent: str, reachable: bool, now: float) -> list[Event]:
        """Note that a device of the agent is registered, or that none is left.

        Without one, a ringing offer is withdrawn; talk and wrap-up go on to their end.
        """
        events: list[Event] = []
        somebody = self._dispatch.agents.get(agent)
        if somebody is not None and somebody.reachable != reachable:
            somebody.reachable = reachable
            self._dispatch.reconsider(somebody, now, events)
        return events

    def set_status(
        self, agent: str, status: Status, reason: str, by: str, now: float, note: str = ""
    ) -> list[Event]:
        """Change what the agent wants, at the wish of agent, system or supervisor.

        `note` says why, where it is not the agent's own wish.

        Away or logged out withdraws a ringing offer and ends a pause; during talk or wrap-up it
        is noted at once and takes effect when they are over.
        """
        events: list[Event] = []
        somebody = self._agent(agent)
        if somebody.retired:
            raise UnknownAgentError(agent)
        self._dispatch.want(somebody, status, reason, by, now, events, note)
        return events

    def free_up(self, agent: str, now: float) -> list[Event]:
        """End a wrap-up, a pause or a cool-down before its time, at a supervisor's wish."""
        events: list[Event] = []
        somebody = self._agent(agent)
        if somebody.state in {State.WRAP_UP, State.PAUSED, State.COOL_DOWN}:
            somebody.cool_down_s = 0.0
            self._dispatch.free(somebody, now, now, events)
        return events

    def cool_down(self, agent: str, now: float) -> list[Event] | None:
        """Let a cool-down follow the work at hand, or begin now that it is over.

        None: the agent is not in a state that could lead there (a phone rings, or nobody works).
        """
        events: list[Event] = []
        somebody = self._agent(agent)
        if somebody.state not in {State.TALKING, State.HELD, State.WRAP_UP, State.IDLE}:
            return None
        somebody.cool_down_s = self._rules.cool_down_s
        if somebody.state is State.IDLE:
            self._dispatch.free(somebody, now, now, events)
        return events

    def restore(self, memory: AgentMemory, by: str, now: float) -> list[Event]:
        """Put an agent where an earlier process had left off; before the first call only.

        One whom nobody configured is passed over.
        """
        events: list[Event] = []
        somebody = self._dispatch.agents.get(memory.agent)
        if somebody is not None:
            restore(self._dispatch, somebody, memory, by, now, events)
        return events

    def restore_groups(self, groups: Iterable[SwitchedGroup]) -> None:
        """Take back what people have switched before a restart; before the first call only."""
        restore_groups(self._dispatch, groups)

    def restore_shares(self, shares: Mapping[str, Mapping[str, float]]) -> None:
        """Go on with agents' shares of queues' calls, by queue; before the first call only.

        What is no share, or of nobody whom the queue has, is passed over.
        """
        for name, of_agents in shares.items():
            queue = self._dispatch.queues.get(name)
            if queue is not None:
                staff = {agent.number for agent in self._dispatch.floor.staff(name)}
                queue.shares.take(
                    0,
                    {
                        agent: (share, 0)
                        for agent, share in of_agents.items()
                        if agent in staff and 0.0 <= share <= 1.0
                    },
                )
                self._dispatch.floor.reopen(queue)

    def end_wrap_up(self, agent: str, now: float) -> list[Event]:
        """End the wrap-up before its time: the agent is done."""
        events: list[Event] = []
        somebody = self._dispatch.agents.get(agent) or self._agent(agent)
        if somebody.state is _WRAP_UP:
            self._dispatch.free(somebody, now, now, events)
        return events

    def extend_wrap_up(self, agent: str, until: float, now: float) -> list[Event]:
        """Let a running wrap-up end later, `LONGEST_WRAP_UP_S` from now at most; never sooner."""
        somebody = self._agent(agent)
        until = min(until, now + LONGEST_WRAP_UP_S)
        if somebody.state is State.WRAP_UP and until > somebody.due_at:
            self._dispatch.deadlines.arm(somebody, until)
        return []

    @property
    def rules(self) -> AgentRules:
        """What holds for all agents."""
        return self._rules

    # --- calls ---

    def enqueue(self, call: WaitingCall, now: float) -> list[Event]:
        """Line a caller up who asks for an agent, and offer the call if somebody is idle.

        A call that overflows is enqueued again in the other queue, under a new visit id and with
        the `enqueued_at` of the first queue, by which it goes ahead of those who came later.
        """
        dispatch, name = self._dispatch, call.call
        if name in dispatch.waiting or name in dispatch.talking:
            return []
        queue = dispatch.queues.get(call.queue)
        if queue is None or queue.retired:
            reason = LeaveReason.FAULTED
            return [CallRefused(name, call.interaction, call.queue, reason)]
        profile = queue.profile
        if len(queue.calls) >= profile.max_length and not call.admitted:
            return [CallRefused(name, call.interaction, call.queue)]
        waiting = Waiting.of(call, queue, dispatch.floor.demand(queue, call), now)
        if profile.hold_out and self._random is not None:
            waiting.hold_out = self._random() < profile.hold_out
        if call.preferred:
            dispatch.reserve(waiting, now)
        # Where nobody else waits unoffered there is nobody to compare with: a call that an agent
        # takes at once need not be sorted in and out.
        alone = len(dispatch.waiting) == dispatch.ringing
        dispatch.waiting[name] = waiting
        queue.add(waiting, aside=alone)
        events: list[Event] = []
        if alone:
            dispatch.serve(waiting, now, events)
        else:
            dispatch.assign(waiting, now, events)
        if profile.position_every_s and not waiting.offer:
            events.append(PositionDue(name, queue.expected_place(waiting, now)))
        if profile.activations:
            look(dispatch, queue, now, events)
        return events

    def activate(self, queue: str, group: str, on: bool, by: str, now: float) -> list[Event]:
        """Let a group that is held back take this queue's calls, or no longer.

        What rings and who talks goes on. Raises UnknownGroupError.
        """
        return activate(self._dispatch, queue, group, on, by, now)

    def leave(self, call: str, now: float) -> list[Event]:
        """Take a call out: the caller hung up, took an exit, or was moved.

        A ringing offer is withdrawn, and its agent is idle at once, with the idle time from
        before. A call that was answered is over with `release`, not with this.
        """
        dispatch = self._dispatch
        events: list[Event] = []
        waiting = dispatch.waiting.get(call)
        if waiting is None:
            return events
        dispatch.leave(waiting, now, events)
        if now > waiting.entered_at + waiting.queue.profile.short_abandon_s:
            waiting.queue.count_recent(in_time=False)
        look(dispatch, waiting.queue, now, events)
        return events

    def set_priority(self, call: str, priority: int, now: float) -> list[Event] | None:
        """Give a waiting call another priority; it keeps its first enqueue time.

        Rules that look at the priority may admit others now. None: the call is in no line.
        """
        waiting = self._dispatch.waiting.get(call)
        if waiting is None:
            return None
        events: list[Event] = []
        queue, before = waiting.queue, waiting.demand
        changed = replace(waiting.call, priority=priority)
        demand = self._dispatch.floor.demand_as(queue, changed, waiting.category)
        queue.reprioritise(waiting, changed, demand)
        if demand is not before:
            self._dispatch.go_on(waiting, now, events)
        return events

    # --- offers ---

    def offer_answered(self, offer: str, now: float) -> list[Event]:
        """Connect the two. No events: the offer was over, and the agent's leg must go."""
        events: list[Event] = []
        running = self._dispatch.offers.get(offer)
        if running is not None:
            waiting, queue = running.waiting, running.waiting.queue
            watched = queue.profile.activations
            if watched:
                waited_s = now - waiting.entered_at
                queue.count_recent(in_time=waited_s <= queue.profile.service_level_s)
            self._dispatch.answer(running, now, events)
            if watched:
                look(self._dispatch, queue, now, events)
        return events

    def offer_failed(self, offer: str, outcome: OfferOutcome, now: float) -> list[Event]:
        """Note that the phone did not take it: NO_ANSWER, BUSY, REJECTED or FAILED.

        The agent is set aside by the queue's miss rule; the call keeps its place and goes to the
        next agent at once. Any other outcome is a `RoutingError`: callers leave by `leave`,
        agents by status or reachability.
        """
        if pause_s(MissRule(), outcome) is None:
            raise RoutingError(f"an offer cannot fail with {outcome}; see Router.offer_failed")
        events: list[Event] = []
        running = self._dispatch.offers.get(offer)
        if running is not None:
            self._dispatch.fail(running, outcome, now, events)
        return events

    # --- talk ---

    def engage(
        self, agent: str, call: str, interaction: str, queue: str, now: float
    ) -> list[Event]:
        """Note that the agent talks without an offer, so that none comes.

        For a call that came or went directly (`queue` empty: no wrap-up, and one that it comes
        into goes on afterwards), and for telling a new
        router of a talk that the old one had arranged (`call` the queue visit). A ringing offer
        is withdrawn; nothing happens to an agent who talks already.
        """
        events: list[Event] = []
        somebody = self._dispatch.agents.get(agent)
        if somebody is not None and somebody.state not in {State.TALKING, State.HELD}:
            self._dispatch.engage(somebody, call, interaction, queue, now, events)
        return events

    def hold(self, agent: str, held: bool, now: float) -> list[Event]:
        """Note that one side put the other on hold, or took it back."""
        events: list[Event] = []
        somebody = self._dispatch.agents.get(agent)
        if somebody is not None and somebody.state in {State.TALKING, State.HELD}:
            state = State.HELD if held else State.TALKING
            somebody.enter(state, now, events, somebody.queue, somebody.interaction)
        return events

    def release(self, agent: str, now: float) -> list[Event]:
        """End the talk; wrap-up follows for the queue's `wrap_up_s`, none for 0."""
        events: list[Event] = []
        somebody = self._dispatch.agents.get(agent)
        if somebody is not None and somebody.state in {State.TALKING, State.HELD}:
            self._dispatch.hang_up(somebody, now, events)
        return events

    def switch(self, agent: str, call: str, interaction: str, now: float) -> list[Event]:
        """End the talk for another one, of the agent's own, that has gone on beside it.

        A wrap-up that the first one leads to follows when the other one is over.
        """
        events: list[Event] = []
        somebody = self._dispatch.agents.get(agent)
        if somebody is not None and somebody.state in {State.TALKING, State.HELD}:
            self._dispatch.switch(somebody, call, interaction, now, events)
        return events

    def carry_on(self, agent: str, interaction: str, now: float) -> list[Event]:
        """Note that the agent's talk goes on as part of another interaction."""
        events: list[Event] = []
        somebody = self._dispatch.agents.get(agent)
        if somebody is not None and somebody.state in {State.TALKING, State.HELD}:
            somebody.enter(State.TALKING, now, events, somebody.queue, interaction)
        return events

    def owe_wrap_up(self, agent: str, queue: str, interaction: str) -> None:
        """Note that the agent has taken a caller of this queue over from a colleague.

        The queue's after-call work follows the talk, or what is left of an earlier one if that
        is longer.
        """
        somebody, known = self._dispatch.agents.get(agent), self._dispatch.queues.get(queue)
        if somebody is None or known is None or somebody.state not in {State.TALKING, State.HELD}:
            return
        owed_s = wrap_up_of(somebody, known.profile)
        if owed_s > 0.0 and owed_s >= somebody.wrap_up_s:
            somebody.wrap_up_s, somebody.interrupted = owed_s, (queue, interaction)

    # --- measured rank ---

    def record_outcome(
        self,
        agent: str,
        queue: str,
        category: str,
        interaction: str,
        success: bool,
        wall_s: float,
        *,
        amount: int | None = None,
        currency: str = "",
    ) -> None:
        """Learn what became of an answered sales call, once it is known.

        A later outcome for the same interaction replaces the earlier one, whoever it names: a
        cancelled order, a corrected disposition. `wall_s`, UTC seconds, is when the call was
        answered, in corrections too. Not recorded means pending, which is no failure. `amount`
        is the order's value in minor units of `currency` (ISO 4217); None: not known. What is
        dated ahead is left out (outcomes.py).
        """
        if not isfinite(wall_s):
            return  # one such time would outweigh or undo everything that is known
        floor = self._dispatch.floor
        category = floor.learn_category(category)
        outcome = Outcome(agent, queue, category, success, wall_s, amount, currency)
        earlier = self._ranks.record(interaction, outcome)
        floor.rescore(agent, queue)
        if earlier is not None and (earlier.agent, earlier.queue) != (agent, queue):
            floor.rescore(earlier.agent, earlier.queue)

    @property
    def outcomes_left_out(self) -> int:
        """How many outcomes did not count, so far, since they were dated ahead."""
        return self._ranks.left_out

    def refit_soon(self, now: float) -> None:
        """Begin all refits that are due, in slices: not when a decision notices that they are."""
        for queue in self._dispatch.queues.values():
            if queue.rank.stale:
                self._dispatch.floor.ask_for_refit(queue, now)

    def refit(self, now: float) -> None:
        """Refit at once all that is due, in place of a slice after each of the next decisions."""
        dispatch = self._dispatch
        for queue in dispatch.queues.values():
            while dispatch.floor.refit(queue, now):
                pass
            dispatch.deadlines.arm(queue.refit, inf)

    def outcomes(self) -> list[tuple[str, Outcome]]:
        """Return what is known of each interaction, in the order in which it was first told."""
        return self._ranks.outcomes()

    # --- rebuilding ---

    def announcements(self) -> list[Announcement]:
        """Return all that another router, configured alike, has to be told to go on alike."""
        return self._rebuilding.announcements()

    def announce(self, value: Announcement) -> bool:
        """Note what the owner of an agent or call says; from `settle` on it counts.

        In any order. False: it repeats what was said, or is older than that.
        """
        return self._rebuilding.announce(value)

    def settle(self, now: float) -> list[Event]:
        """Go on from all that was announced since the last time.

        No events follow where all of it was told and fits together. A call whose queue nobody
        knows is refused; an offer without its agent or call is withdrawn, an agent without the
        announced offer is free again.
        """
        return self._rebuilding.settle(now)

    # --- time ---

    def next_deadline(self) -> float:
        """When `on_time` has something to do; inf: never."""
        return self._dispatch.deadlines.next()

    def on_time(self, now: float) -> list[Event]:
        """Do everything that is due by now."""
        events: list[Event] = []
        for activation in self._dispatch.on_time(now, events):
            queue = self._dispatch.queues.get(activation.queue)
            if queue is not None:
                look(self._dispatch, queue, now, events)
        return events
