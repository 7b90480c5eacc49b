"""What befalls the server itself, seeded: death in the middle of a step, clock steps, reloads."""

from collections import Counter
from collections.abc import Callable

from msgspec.structs import replace

from acd.calls import commands, events
from acd.calls.effects import Effect
from acd.media import commands as media
from acd.routing.model import AgentProfile, Grade, QueueProfile

from .clock import VirtualClock
from .randomness import Randomness
from .scenario import Scenario

STEPS: tuple[type, ...] = (
    events.QueueEntered,
    events.OfferMade,
    events.AgentStateChanged,
    media.OpenStream,
    commands.InviteLeg,
    media.AcceptAnswer,
    events.OfferEnded,
    events.QueueLeft,
    events.AgentConnected,
    media.Bridge,
    commands.HangUpLeg,
    events.AgentDisconnected,
    events.LegEnded,
    events.CallEnded,
)
"""Where a server dies: before the next effect of one of these, each as likely. Together they are
every step of an offer, from the line to the end of the talk; what the step had left is lost."""

LONGEST_JUMP_S = 86_400.0
"A wall clock that was set wrong by hours or a day."

LONGEST_STALL_S = 15.0
"A machine that stood still: longer than most rings, shorter than a watchdog's patience."

SHARE_CHANGED = 0.1
"Of the agents, at each reload."


class ServerDiedError(Exception):
    """The process is gone; what it had not done yet is never done."""


class Misfortunes:
    """Plans what goes wrong with the server, and counts it."""

    def __init__(self, scenario: Scenario, clock: VirtualClock, randomness: Randomness) -> None:
        self.counted: Counter[str] = Counter()
        "What happened how often; deaths by the step that they struck before."

        self._scenario = scenario
        self._clock = clock
        self._randomness = randomness
        self._dies_before: type | None = None

    def plan(self, reload: Callable[[], None]) -> None:
        """Begin; `reload` takes another configuration into service."""
        scenario = self._scenario
        self._repeat(scenario.crashes_every_s, self._mark)
        self._repeat(scenario.stalls_every_s, self._stall)
        self._repeat(scenario.wall_jumps_every_s, self._jump)
        self._repeat(scenario.reloads_every_s, lambda: self._reload(reload))

    def strike(self, effect: Effect) -> None:
        """Die before this effect, if it is the step for it."""
        if type(effect) is self._dies_before:
            self.counted[f"died before {type(effect).__name__}"] += 1
            self._dies_before = None
            raise ServerDiedError

    def _repeat(self, every_s: float, act: Callable[[], None]) -> None:
        if not every_s:
            return

        def once() -> None:
            self._clock.after(self._randomness.expovariate(1 / every_s), once)
            act()

        self._clock.after(self._randomness.expovariate(1 / every_s), once)

    def _mark(self) -> None:
        self._dies_before = self._randomness.choice(STEPS)

    def _stall(self) -> None:
        self.counted["stood still"] += 1
        self._clock.now += self._randomness.uniform(0.0, LONGEST_STALL_S)

    def _jump(self) -> None:
        self.counted["wall clock jumped"] += 1
        self._clock.wall_ahead_s = self._randomness.uniform(-LONGEST_JUMP_S, LONGEST_JUMP_S)

    def _reload(self, reload: Callable[[], None]) -> None:
        self.counted["reloaded"] += 1
        reload()


def changed_agents(
    agents: tuple[AgentProfile, ...], randomness: Randomness
) -> tuple[AgentProfile, ...]:
    """Leave some agents out and give some of the others another grade in each of their skills."""
    kept = []
    for agent in agents:
        draw = randomness.random()
        if draw < SHARE_CHANGED / 2:
            continue
        if draw < SHARE_CHANGED:
            grades = {skill: randomness.choice(list(Grade)) for skill in agent.skills}
            agent = replace(agent, skills=grades)
        kept.append(agent)
    return tuple(kept)


def changed_queues(
    queues: tuple[QueueProfile, ...], randomness: Randomness
) -> tuple[QueueProfile, ...]:
    """Turn the limits of each queue and the order of its layers; the wrap-up stays as it is."""
    return tuple(
        replace(
            queue,
            max_wait_s=randomness.uniform(0.5, 2.0) * queue.max_wait_s,
            ring_timeout_s=randomness.uniform(8.0, 30.0),
            priority=randomness.choice((0, 0, 1)),
            layers=queue.layers if randomness.random() < 0.5 else queue.layers[::-1],
        )
        for queue in queues
    )
