"""What an agent belongs to: worked out when the configuration changes, asked at every decision."""

from .demand import Demand
from .idle import Idle
from .policy import Way
from .pool import IdlePool
from .queue import Queue
from .sparing_pool import SparingPool

Ways = tuple[tuple[Way, ...], dict[Demand, Way]]
"""How a queue's calls come to an agent: by the grade in their category where grades alone decide;
else by demand, as far as asked for."""


class Membership:
    """One agent's skill groups, queues and lists; of none, once no longer configured."""

    __slots__ = ("groups", "lines", "pools", "sparing")

    def __init__(
        self,
        groups: tuple[tuple[Idle, int], ...] = (),
        lines: dict[Queue, Ways] | None = None,
    ) -> None:
        self.groups = groups
        "Each with the place of the agent's bit there."

        self.lines = lines or {}
        "The queues that the agent serves."

        self.pools: list[IdlePool] = []
        "Those that admit the agent."

        self.sparing: list[SparingPool] = []
        "Of these the ones that the agent has to be taken out of."
