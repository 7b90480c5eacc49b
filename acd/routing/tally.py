"""Outcomes counted with weights that halve with age."""

from msgspec import Struct

VALUE_STRENGTH = 30.0
"""Orders after which an agent's own mean value counts as much as the category's. Order values
scatter about as widely as their mean is high, so that thirty know theirs to a fifth."""


class Tally:
    """Calls, orders and what the orders are worth, weighted as of the newest of them."""

    __slots__ = ("amount", "as_of", "calls", "orders", "valued")

    def __init__(self, as_of: float) -> None:
        self.calls = 0.0
        self.orders = 0.0
        self.valued = 0.0
        "Orders whose amount is known."

        self.amount = 0.0
        "Sum of these amounts, in minor units."

        self.as_of = as_of

    def add(
        self,
        success: bool,
        wall_s: float,
        half_life_s: float,
        sign: float,
        amount: int | None = None,
    ) -> None:
        """Count an outcome in (sign 1) or take it back (sign −1)."""
        if wall_s > self.as_of:
            faded = 0.5 ** ((wall_s - self.as_of) / half_life_s)
            self.calls *= faded
            self.orders *= faded
            self.valued *= faded
            self.amount *= faded
            self.as_of = wall_s
        weight = sign * 0.5 ** ((self.as_of - wall_s) / half_life_s)
        self.calls = max(0.0, self.calls + weight)
        if success:
            self.orders = max(0.0, self.orders + weight)
            if amount is not None:
                self.valued = max(0.0, self.valued + weight)
                self.amount = max(0.0, self.amount + weight * amount)

    def at(self, wall_s: float, half_life_s: float) -> tuple[float, float]:
        """Return (calls, orders) as they weigh at `wall_s`."""
        faded = 0.5 ** (max(0.0, wall_s - self.as_of) / half_life_s)
        return self.calls * faded, self.orders * faded

    def measure(self) -> "TallyMeasure":
        """Return all that is counted."""
        return TallyMeasure(self.calls, self.orders, self.valued, self.amount, self.as_of)

    @classmethod
    def of(cls, measure: "TallyMeasure") -> "Tally":
        """Go on from here."""
        tally = cls(measure.as_of)
        tally.calls, tally.orders = measure.calls, measure.orders
        tally.valued, tally.amount = measure.valued, measure.amount
        return tally

    def value(self, wall_s: float, half_life_s: float, mean: float) -> float:
        """Return the mean amount of an order, shrunk to `mean`."""
        faded: float = 0.5 ** (max(0.0, wall_s - self.as_of) / half_life_s)
        orders, amount = self.valued * faded, self.amount * faded
        return (VALUE_STRENGTH * mean + amount) / (VALUE_STRENGTH + orders)


class TallyMeasure(Struct, frozen=True, gc=False):
    """A tally as a value."""

    calls: float
    orders: float
    valued: float
    amount: float
    as_of: float
