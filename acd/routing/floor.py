"""The floor: which idle agent suits a call, and which waiting call suits an agent.

Two regimes. Agents idle, a call comes: the queue's layers pick the agent (`choose`). Calls wait,
an agent frees up: the line picks the call (`first_call`). Both look at fronts of sorted lists;
what an agent is admitted to is worked out once and remembered until the configuration changes.
"""

from collections.abc import Callable, Iterable, Set
from math import inf

from .agent import Agent
from .announcing import CandidateList
from .deadlines import Deadlines
from .demand import Demand, Demands
from .idle import Idle
from .membership import Membership, Service
from .model import Choice, Preferred, WaitingCall
from .pairing import PAIRING, best_suited
from .plain_pool import PlainPool
from .policy import CONVERSION, Way, depends_on_category, recorded_order, score_alone
from .pool import IdlePool
from .preferring import Reservations
from .queue import NOBODY, Queue, Urgency, Waiting
from .refitting import PAUSE_S, STAFF_AT_ONCE
from .sparing_pool import SparingPool, draws

NO_CALL: Urgency = (1e308, inf, "")
"Less urgent than any call, and more than the front of an empty line."

NOTHING = None, None

MAXIMUM_LEARNED_CATEGORIES = 64
"""Categories kept apart beyond those of the configuration. A flow may set any text; more than
this many product lines do not have an estimate of their own anyway."""


PREFERRED = "preferred"
"""Layer recorded for a call that waited for this agent alone; its order is the reason."""


def preferred_choice(agent: Agent, waiting: Waiting, preferred: Preferred, now: float) -> Choice:
    """Say why a preferred agent gets the call: nobody else was considered."""
    standing = (-0.0, agent.idle_since, agent.number)
    waited_s = now - waiting.call.enqueued_at - waiting.call.served_s
    return Choice(PREFERRED, preferred.reason, (standing,), 1, waited_s, waiting.hold_out, at=now)


class Floor:
    """Indices over agents and queues. Holds no state of its own that could not be rebuilt."""

    def __init__(self, deadlines: Deadlines, random: Callable[[], float] | None = None) -> None:
        self.random = random
        self._deadlines = deadlines
        self._demands = Demands()
        self._plain: dict[str, Demand] = {}
        "Demands of calls that ask for nothing but a category, by one that agents differ in."

        self.reservations = Reservations()
        self._queues: dict[str, Queue] = {}
        self._agents: dict[str, Agent] = {}
        self._serves: dict[str, tuple[Queue, ...]] = {}
        self._staff: dict[str, list[Agent]] = {}
        self._left: list[Agent] = []
        "Idle no longer, and still to be taken out of lists and bits: each once at most."

        self._idle: dict[str, Idle] = {}
        "Who is idle of a queue's staff, by queue; queues of one skill group share it."

        self._configured_categories: set[str] = set()
        self._learned_categories: set[str] = set()

    def rebuild(self, agents: Iterable[Agent], queues: Iterable[Queue]) -> None:
        """Index everything anew: the one pass over all agents and queues."""
        self._queues = {queue.profile.name: queue for queue in queues}
        self._agents = {agent.number: agent for agent in agents if not agent.retired}
        self._staff = {name: [] for name in self._queues}
        self._serves = {}
        by_skill = self._by_skill()
        for agent in self._agents.values():
            names = dict.fromkeys(
                name for skill in agent.profile.skills for name in by_skill.get(skill, ())
            )
            self._serves[agent.number] = tuple(self._queues[name] for name in names)
            for name in names:
                self._staff[name].append(agent)
        for name, queue in self._queues.items():
            queue.shares.keep_only({agent.number for agent in self._staff[name]})
        self._configured_categories = {
            category for agent in self._agents.values() for category in agent.profile.categories
        } | {queue.profile.category for queue in self._queues.values()}
        self._demands.clear()
        self._plain.clear()
        for queue in self._queues.values():
            queue.close_pools()
            queue.classify(self._demand_of)
        self._demands.settle()
        self._gather()
        self._left.clear()
        for agent in agents:
            agent.listed_as_idle = False
            if agent.retired:
                agent.member = Membership()
            elif agent.available:
                self.join(agent)

    def _gather(self) -> None:
        """Work out what each agent belongs to, nobody being idle yet."""
        groups: dict[tuple[str, ...], Idle] = {}
        self._idle = {}
        for name, staff in self._staff.items():
            numbers = tuple(agent.number for agent in staff)
            if numbers not in groups:
                groups[numbers] = Idle(staff)
            self._idle[name] = groups[numbers]
        for number, queues in self._serves.items():
            agent = self._agents[number]
            of = dict.fromkeys(self._idle[queue.profile.name] for queue in queues)
            agent.member = Membership(
                tuple((group, group.places[number]) for group in of),
                tuple(Service(queue, queue.admission.by_category(agent)) for queue in queues),
            )

    def _by_skill(self) -> dict[str, list[str]]:
        by_skill: dict[str, list[str]] = {}
        for name, queue in self._queues.items():
            skills = {
                skill
                for layer in queue.profile.layers
                for skill in layer.skills or (queue.profile.skill,)
            }
            for skill in skills:
                by_skill.setdefault(skill, []).append(name)
        return by_skill

    def category(self, category: str) -> str:
        """Return the category if agents can differ in it, else empty."""
        if category in self._configured_categories or category in self._learned_categories:
            return category
        return ""

    def learn_category(self, category: str) -> str:
        """Keep a category of outcomes apart from now on; empty when there are too many."""
        if (
            category
            and category not in self._configured_categories
            and len(self._learned_categories) < MAXIMUM_LEARNED_CATEGORIES
        ):
            self._learned_categories.add(category)
        return self.category(category)

    @property
    def learned_categories(self) -> frozenset[str]:
        """Those that outcomes had and the configuration has not."""
        return frozenset(self._learned_categories)

    def staff(self, queue: str) -> list[Agent]:
        """Every agent with a skill that some layer of the queue asks for, whatever the grade."""
        return self._staff.get(queue, [])

    def serves(self, agent: Agent) -> tuple[Queue, ...]:
        """Return the queues of which some layer may admit the agent."""
        return self._serves.get(agent.number, ())

    def demand(self, queue: Queue, call: WaitingCall) -> Demand:
        """Return what a call of this queue asks of agents."""
        rules = queue.admission.rules
        if rules is None and not (call.skills or call.language or call.region):
            category = call.category or queue.profile.category
            demand = self._plain.get(category)
            if demand is None:
                demand = self._demand_of(queue, call)
                if demand.category == category:
                    self._plain[category] = demand
            return demand
        if self._demands.full:
            self.rebuild(self._agents.values(), self._queues.values())
        return self._demand_of(queue, call)

    def demand_as(self, queue: Queue, call: WaitingCall, category: str) -> Demand:
        """Return what a call asks of agents that was known under this category."""
        return self._demands.of(call, category, queue.admission.rules)

    def _demand_of(self, queue: Queue, call: WaitingCall) -> Demand:
        category = self.category(call.category or queue.profile.category)
        return self._demands.of(call, category, queue.admission.rules)

    def has_idle(self, agent: Agent) -> bool:
        """Whether the agent stands here to be picked."""
        return agent.listed_as_idle

    def join(self, agent: Agent) -> None:
        """Stand the agent, idle and without a suitable call, in every pool that admits."""
        if self._left:
            self.clear_up()
        agent.listed_as_idle = True
        member: Membership = agent.member
        for group, place in member.groups:
            group.bits |= 1 << place
        for pool in member.pools:
            pool.add(agent)

    def quit(self, agent: Agent) -> None:
        """Have the agent, idle no longer, out of every pool before somebody looks there."""
        if agent.listed_as_idle:
            agent.listed_as_idle = False
            self._left.append(agent)

    def clear_up(self) -> None:
        """Take those out of the pools who have left since: after the offer, not before it."""
        for agent in self._left:
            member: Membership = agent.member
            for group, place in member.groups:
                group.bits ^= 1 << place
            for pool in member.sparing:
                pool.discard(agent)
        self._left.clear()

    def rescore(self, agent: str, queue: str) -> None:
        """Rank the agent anew after the measured conversion on this queue changed."""
        somebody = self._agents.get(agent)
        if somebody is not None and somebody.listed_as_idle:
            member: Membership = somebody.member
            for pool in member.pools:
                if pool.queue.name == queue:
                    pool.rescore(somebody)

    def choose(self, waiting: Waiting, now: float) -> tuple[Agent, Choice] | None:
        """Pick the idle agent for this call by the queue's layers, as far as they are open.

        An agent who let an offer of this call go by is passed over as long as any other idle
        agent is admitted, in this layer or a later one; so is one above the queue's occupancy
        cap or maximum share, in second place.
        """
        if self._left:
            self.clear_up()
        if waiting.reserved:
            return self._choose_preferred(waiting, now)
        rank = waiting.queue.rank
        if rank.stale or (rank.price is not None and now >= rank.price.due_at):
            self.ask_for_refit(waiting.queue, now)
        return self._choose(waiting, waiting.passed_over, now) or self._choose_after_all(
            waiting, now
        )

    def _choose_after_all(self, waiting: Waiting, now: float) -> tuple[Agent, Choice] | None:
        passed_over, chosen = waiting.passed_over, None
        limited = waiting.queue.limits is not None
        if limited:
            chosen = self._choose(waiting, passed_over, now, spared_too=True)
        if chosen is None and passed_over:
            chosen = self._choose(waiting, NOBODY, now)
            if chosen is None and limited:
                chosen = self._choose(waiting, NOBODY, now, spared_too=True)
        return chosen

    def choose_further(self, waiting: Waiting, now: float) -> tuple[Agent, Choice] | None:
        """Pick the idle agent whose phone is to ring beside those that do, if one is due."""
        if self._left:
            self.clear_up()
        return self._choose(waiting, waiting.passed_over, now, further=True)

    def ask_for_refit(self, queue: Queue, now: float) -> None:
        """Have the queue's refit begin now, or go on as it does."""
        if queue.refit.due_at == inf:
            self._deadlines.arm(queue.refit, now)

    def refit(self, queue: Queue, now: float) -> bool:
        """Do one slice of what the queue's rank needs (refitting.py); whether there was one."""
        rank = queue.rank
        if rank.stale:
            rank.fit_slice()
        elif rank.price is not None and now >= rank.price.due_at:
            self._look_at_price(queue, now)
        else:
            outdated = next((pool for pool in queue.pools.values() if pool.outdated), None)
            if outdated is not None:
                outdated.rescore_some()
            elif not rank.clear_litter():
                return False
        self._deadlines.arm(queue.refit, now + PAUSE_S)
        return True

    def _look_at_price(self, queue: Queue, now: float) -> None:
        """Measure anew how busy those on duty are, by some of the queue's staff."""
        price, staff = queue.rank.price, self._staff.get(queue.profile.name, [])
        assert price is not None  # it is due
        some = staff[price.seen : price.seen + STAFF_AT_ONCE]
        price.look([agent.occupancy.at(now) for agent in some if agent.on_duty], len(some))
        if price.seen >= len(staff) and price.settle(now):
            queue.rank.version += 1

    def reopen(self, queue: Queue) -> None:
        """Work out anew whom the queue's layers admit, after a group was switched."""
        self.close_lists(queue)
        for agent in self._staff.get(queue.profile.name, ()):
            member: Membership = agent.member
            for service in member.services:
                if service.queue is queue:
                    service.by_demand.clear()

    def close_lists(self, queue: Queue) -> None:
        """Let go of the queue's lists of candidates: nobody is ranked for them any more."""
        pools = set(queue.pools.values())
        queue.close_pools()
        for agent in self._staff.get(queue.profile.name, ()):
            member: Membership = agent.member
            member.pools = [pool for pool in member.pools if pool not in pools]
            member.sparing = [pool for pool in member.sparing if pool not in pools]

    def _choose_preferred(self, waiting: Waiting, now: float) -> tuple[Agent, Choice] | None:
        for agent, preferred in self.reservations.wanted(waiting, self._agents):
            if agent.listed_as_idle:
                return agent, preferred_choice(agent, waiting, preferred, now)
        return None

    def _choose(
        self,
        waiting: Waiting,
        passed_over: Set[str],
        now: float,
        *,
        spared_too: bool = False,
        further: bool = False,
    ) -> tuple[Agent, Choice] | None:
        enqueued_at, queue = waiting.call.enqueued_at, waiting.queue
        layers, pools = queue.profile.layers, queue.found_pools(waiting)
        spared = 0
        for index, pool in enumerate(pools):
            layer = layers[index]
            if now < enqueued_at + layer.after_s or (further and not waiting.is_due(layer, now)):
                continue
            if pool is None:
                pool = pools[index] = self._pool(waiting, index)
            best = pool.best(passed_over, now, spared_too=spared_too)
            if best is not None:
                agent, order = best.agent, pool.order
                if order == CONVERSION:
                    order = recorded_order(pool.queue, pool.rank, agent)
                return agent, Choice(
                    layer.name,
                    order,
                    best.standings,
                    best.total,
                    now - enqueued_at - waiting.call.served_s,
                    waiting.hold_out,
                    spared or best.spared,
                    0.0,
                    now,
                )
            spared = spared or pool.spared()
        return None

    def _pool(self, waiting: Waiting, index: int) -> IdlePool:
        queue, demand = waiting.queue, waiting.demand
        order, by_category = queue.admission.orders[waiting.hold_out][index]
        if demand.plain and not by_category:
            demand = self._demands.plain("")
        pool = queue.pools.get((index, demand, order))
        if pool is None:
            pool = self._open_pool(queue, index, demand, order)
        return pool

    def _open_pool(
        self,
        queue: Queue,
        index: int,
        demand: Demand,
        order: str,
        scores: dict[str, float] | None = None,
    ) -> IdlePool:
        layer = queue.profile.layers[index]
        admission, staff = queue.admission, self._staff.get(queue.profile.name, ())
        admitted = [agent for agent in staff if admission.admits(layer, agent, demand)]
        pool: IdlePool
        if queue.limits is not None or draws(order, queue.profile):
            pool = sparing = SparingPool(
                admission, layer, demand, order, queue.rank, queue.limits, self.random
            )
            for agent in admitted:
                agent.member.sparing.append(sparing)
        else:
            idle = self._idle[queue.profile.name]
            pool = plain = PlainPool(admission, layer, demand, order, queue.rank, idle)
            plain.admit(admitted)
        queue.pools[index, demand, order] = pool
        for agent in admitted:
            agent.member.pools.append(pool)
            if agent.listed_as_idle:
                pool.add(agent, scores.get(agent.number) if scores else None)
        return pool

    def take(self, queue: Queue, candidates: CandidateList) -> None:
        """Go on with the scores that a list of candidates had; there must be no such list yet."""
        if candidates.layer >= len(queue.profile.layers):
            return
        layer, order = queue.profile.layers[candidates.layer], candidates.order
        asks = (
            candidates.skills,
            candidates.language,
            candidates.region,
            candidates.verdicts,
            candidates.facts,
        )
        by_category = depends_on_category(layer, order)
        if any(asks) or (queue.admission.rules and by_category):
            demand = self._demands.find(candidates.category, *asks)
        else:
            demand = self._demands.plain(candidates.category)
        pool = self._open_pool(queue, candidates.layer, demand, order, candidates.scores)
        if not candidates.current:
            pool.outdate()
        pool.pending = [*candidates.pending]

    def first_call(self, agent: Agent, now: float) -> Waiting | None:
        """Pick the most urgent of the waiting calls that this agent may take."""
        return self._first_call(agent, now)[0]

    def _first_call(self, agent: Agent, now: float) -> tuple[Waiting | None, Way | None]:
        """Return the call, and how it comes to the agent where the layers admit that.

        The most urgent one (`Queue.urgency`) over all queues that the agent serves, of those whose
        layers admit the agent by now. A call that waits for this agent alone goes first; where one
        is at its starvation bound, only if it is at its own and came before.
        """
        best: Queue | None = None
        best_way: Way | None = None
        most, since, name = NO_CALL
        member: Membership = agent.member
        grades = agent.profile.categories
        for service in member.services:
            queue = service.queue
            aged, priority = now * queue.ageing, queue.priority
            if now >= queue.in_order_until:
                heads = queue.heads(now)
            elif queue.first_figure - aged - priority > most:
                continue  # seen without a look at the calls, which are far away in memory
            else:
                heads = queue.front
            for figure, enqueued_at, call, demand, _ in heads:
                # `Queue.urgency` written out: an agent may see the heads of many queues.
                value = figure - aged - priority
                if value > most or (value == most and (enqueued_at, call) >= (since, name)):
                    break  # those behind it are less urgent still
                if service.by_grade and demand.plain:
                    way = service.by_grade[grades.get(demand.category, 0)]
                else:
                    way = self._way_of(service, agent, demand)
                if now >= enqueued_at + way.after_s:
                    most, since, name, best, best_way = value, enqueued_at, call, queue, way
                    break
        if self.reservations.by_agent:
            reserved = self.reservations.first(agent, now)
            if reserved is not None and (
                most > -inf or reserved.urgency(now) <= (most, since, name)
            ):
                return reserved, None
        return (best.calls[name], best_way) if best is not None else NOTHING

    def next_call(self, agent: Agent, now: float) -> tuple[Waiting | None, Way | None]:
        """Pick the waiting call for an agent who frees up: `first_call`, or one that suits better.

        Within the queue's fairness window, and only by a call of the head's own queue and
        priority; never past a call of the hold-out share or at its starvation bound, nor with
        one of the hold-out share. Returned with how it comes to the agent: not known of a
        reserved one.
        """
        first, way = self._first_call(agent, now)
        if first is None:
            return first, way
        first.overtook_s = 0.0
        queue = first.queue
        if first.reserved or first.hold_out or not queue.profile.fairness_window_s:
            return first, way
        if now >= first.call.enqueued_at + queue.profile.starvation_s:
            return first, way
        if queue.rank.stale:
            self.ask_for_refit(queue, now)
        best = best_suited(agent, first, now, lambda demand: self._way(agent, queue, demand))
        best.overtook_s = best.call.enqueued_at - first.call.enqueued_at
        return best, self._way(agent, queue, best.demand)

    def ringing_call(self, agent: Agent, now: float) -> Waiting | None:
        """Pick the ringing call that an agent joins for whom none waits: the most urgent."""
        best: Waiting | None = None
        most: Urgency | None = None
        for queue in self._serves.get(agent.number, ()):
            for waiting in queue.ringing.values():
                urgency = waiting.urgency(now)
                if (most is None or urgency < most) and self.joins(agent, waiting, now):
                    most, best = urgency, waiting
        return best

    def joins(self, agent: Agent, waiting: Waiting, now: float) -> bool:
        """Whether this agent, idle, is to ring beside those who ring for the call."""
        limits = waiting.queue.limits
        return (
            waiting.may_grow(now)
            and agent.number not in waiting.passed_over
            and (limits is None or limits.due(agent.number, agent.occupancy) is None)
            and self._ringing_layer(agent, waiting, now) >= 0
        )

    def _ringing_layer(self, agent: Agent, waiting: Waiting, now: float) -> int:
        """Return which layer that rings on is the first to admit the agent; -1: none."""
        admission = waiting.queue.admission
        for index, layer in enumerate(waiting.queue.profile.layers):
            if waiting.is_due(layer, now) and admission.admits(layer, agent, waiting.demand):
                return index
        return -1

    def _way(self, agent: Agent, queue: Queue, demand: Demand) -> Way:
        member: Membership = agent.member
        service = next(each for each in member.services if each.queue is queue)
        if service.by_grade and demand.plain:
            return service.by_grade[agent.profile.categories.get(demand.category, 0)]
        return self._way_of(service, agent, demand)

    def _way_of(self, service: Service, agent: Agent, demand: Demand) -> Way:
        way = service.by_demand.get(demand)
        if way is None:
            way = service.by_demand[demand] = service.queue.admission.way(agent, demand)
        return way

    def only_choice(self, agent: Agent, waiting: Waiting, way: Way | None, now: float) -> Choice:
        """Say why an agent who just became free gets this call: no other admitted one is idle.

        Or rings for it beside others: then it came by no `way`.
        """
        if waiting.reserved:
            preferred = next(each for each in waiting.call.preferred if each.agent == agent.number)
            return preferred_choice(agent, waiting, preferred, now)
        queue = waiting.queue
        if queue.rank.stale:
            self.ask_for_refit(queue, now)
        enqueued_at, profile = waiting.call.enqueued_at, queue.profile
        if way is None:
            index = self._ringing_layer(agent, waiting, now)
        else:
            index = queue.admission.first_open(way, enqueued_at, now)
        layer = profile.layers[index]
        order, _ = queue.admission.orders[waiting.hold_out][index]
        value = score_alone(order, profile, queue.rank, agent, waiting.demand.category)
        standing = (-value, agent.idle_since, agent.number)
        if order == CONVERSION:
            order = recorded_order(profile, queue.rank, agent)
        overtook_s = waiting.overtook_s
        if overtook_s > 0.0:
            order = PAIRING
        waited_s = now - enqueued_at - waiting.call.served_s
        return Choice(
            layer.name, order, (standing,), 1, waited_s, waiting.hold_out, 0, overtook_s, now
        )
