"""Channels of trunks in use. Whatever ends a leg, its channel comes back exactly once."""


class Channels:
    """Counts, per trunk, the legs that occupy a channel."""

    __slots__ = ("_in_use", "_trunk_of")

    def __init__(self) -> None:
        self._trunk_of: dict[str, str] = {}
        self._in_use: dict[str, int] = {}

    def take(self, leg: str, trunk: str, limit: int) -> bool:
        """Occupy a channel for the leg; False when the trunk has none left (0: no limit).

        A leg has one channel, however often it asks.
        """
        if leg in self._trunk_of:
            return self._trunk_of[leg] == trunk
        if not self.free(trunk, limit):
            return False
        self._trunk_of[leg] = trunk
        self._in_use[trunk] = self._in_use.get(trunk, 0) + 1
        return True

    def give_back(self, leg: str) -> None:
        """Free the leg's channel, if it has one."""
        trunk = self._trunk_of.pop(leg, None)
        if trunk is None:
            return
        left = self._in_use[trunk] - 1
        if left:
            self._in_use[trunk] = left
        else:
            del self._in_use[trunk]

    def free(self, trunk: str, limit: int) -> bool:
        """Tell whether one more leg finds a channel."""
        return limit == 0 or self._in_use.get(trunk, 0) < limit

    def in_use(self, trunk: str) -> int:
        """Return how many legs occupy a channel of the trunk."""
        return self._in_use.get(trunk, 0)

    def __len__(self) -> int:
        return len(self._trunk_of)
