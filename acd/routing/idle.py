"""Who of a skill group is idle: kept once for all its lists, so that leaving them is one step."""

from collections.abc import Collection

from .agent import Agent


class Idle:
    """The idle agents of the staff that some queues have in common, as bits.

    Each agent has a bit, the same until the configuration changes. Who of some agents is idle is
    then one pass over a bit for each of the staff, however many agents the centre has.
    """

    __slots__ = ("agents", "bits", "places")

    def __init__(self, staff: Collection[Agent]) -> None:
        self.agents = {agent.number: agent for agent in staff}
        self.places = {number: place for place, number in enumerate(self.agents)}
        self.bits = 0

    def mask(self, numbers: Collection[str]) -> int:
        """Return the bits of these agents."""
        places = self.places
        mask = bytearray(len(places) // 8 + 1)
        for number in numbers:
            place = places[number]
            mask[place >> 3] |= 1 << (place & 7)
        return int.from_bytes(mask, "little")
