"""The calls under way, by the names that inputs use for them."""

from acd.routing.deadlines import Deadlines

from .call import Call


class CallTable:
    """Shared by the parts of the call centre. Limited by `CentreSettings.max_calls`."""

    __slots__ = ("by_interaction", "by_leg", "deadlines", "now")

    def __init__(self) -> None:
        self.by_interaction: dict[str, Call] = {}

        self.by_leg: dict[str, Call] = {}
        "Each call by its caller's leg, and by its agent's while it has one."

        self.deadlines = Deadlines()
        "One heap for all that the parts have to do by themselves: asked after every message."

        self.now = 0.0
        "The moment of the input being served, monotonic."
