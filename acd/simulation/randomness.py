"""What the simulation needs of a seeded source; `random.Random` is one."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Randomness(Protocol):
    """A seeded source of draws."""

    def random(self) -> float:
        """Draw from [0, 1)."""

    def uniform(self, a: float, b: float) -> float:
        """Draw between a and b."""

    def expovariate(self, lambd: float) -> float:
        """Draw an exponential time with rate `lambd` per second."""

    def lognormvariate(self, mu: float, sigma: float) -> float:
        """Draw e to the power of a normal figure with this mean and deviation."""

    def choice(self, seq: Sequence[T]) -> T:
        """Draw one element."""

    def getrandbits(self, k: int) -> int:
        """Draw k bits."""
