"""What an agent belongs to: worked out when the configuration changes, asked at every decision."""

from .demand import Demand
from .idle import Idle
from .policy import Way
from .pool import IdlePool
from .queue import Queue
from .sparing_pool import SparingPool


class Service:
    """A queue that an agent serves, and how its calls come to the agent."""

    __slots__ = ("by_demand", "by_grade", "queue")

    def __init__(self, queue: Queue, by_grade: tuple[Way, ...]) -> None:
        self.queue = queue
        self.by_grade = by_grade
        "By the grade in the call's category; empty where not grades alone decide."

        self.by_demand: dict[Demand, Way] = {}
        "Of the others, as far as it was asked for."


class Membership:
    """One agent's skill groups, queues and lists; of none, once no longer configured."""

    __slots__ = ("groups", "pools", "services", "sparing")

    def __init__(
        self,
        groups: tuple[tuple[Idle, int], ...] = (),
        services: tuple[Service, ...] = (),
    ) -> None:
        self.groups = groups
        "Each with the place of the agent's bit there."

        self.services = services
        self.pools: list[IdlePool] = []
        "Those that admit the agent."

        self.sparing: list[SparingPool] = []
        "Of these the ones that the agent has to be taken out of."
