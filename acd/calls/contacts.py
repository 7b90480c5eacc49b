"""Who took a caller's call last, and whether the matter is settled: for agents to be preferred.

首问责任制: a customer who calls again about the same matter reaches the agent who took it first.
Time is the server's monotonic time; what was learned before it began lies before zero.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from acd.routing.model import Preferred

from .blacklist import ANONYMOUS_NAMES

OPEN_MATTER = "open_matter"
MANAGER = "manager"
LAST_AGENT = "last_agent"
REASONS = (OPEN_MATTER, MANAGER, LAST_AGENT)
"Why an agent is preferred, in the order of preference."


@dataclass(slots=True)
class Contact:
    """What is remembered of one caller's number."""

    last_agent: str
    interaction: str
    at: float
    visits: int = 0
    "Calls of this caller that agents took."

    open_agent: str = ""
    "Who took the matter first that is not settled; empty: none is known."


class Contacts:
    """One entry per caller's number, the longest silent forgotten first."""

    def __init__(self, *, kept_s: float, maximum: int) -> None:
        """Keep each for so long after the last call, and so many at most; 0: remember nothing."""
        self._kept_s = kept_s
        self._maximum = maximum
        self._by_caller: OrderedDict[str, Contact] = OrderedDict()
        self._caller_of: dict[str, str] = {}
        self._managers: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._by_caller)

    def manage(self, managers: Mapping[str, str]) -> None:
        """Take the personal managers of customers: {caller's number: agent}."""
        self._managers = dict(managers)

    def talked(self, caller: str, agent: str, interaction: str, at: float) -> None:
        """Note that this agent talks to this caller. Telling it twice changes nothing.

        Those who say no number are not one customer, and nobody's.
        """
        if not self._maximum or caller.lower() in ANONYMOUS_NAMES:
            return
        contact = self._by_caller.get(caller)
        if contact is not None and at < contact.at:
            return
        if contact is None or at - contact.at > self._kept_s:
            self._forget(caller)
            contact = self._by_caller[caller] = Contact(agent, interaction, at)
        if contact.interaction != interaction or contact.visits == 0:
            contact.visits += 1
        self._caller_of.pop(contact.interaction, None)
        self._caller_of[interaction] = caller
        contact.last_agent, contact.interaction, contact.at = agent, interaction, at
        self._by_caller.move_to_end(caller)
        while len(self._by_caller) > self._maximum:
            self._forget(next(iter(self._by_caller)))

    def settled(self, interaction: str, agent: str, solved: bool) -> None:
        """Note what this agent's disposition says of the caller's matter."""
        contact = self._by_caller.get(self._caller_of.get(interaction, ""))
        if contact is None:
            return
        if solved:
            contact.open_agent = ""
        elif not contact.open_agent:
            # The first who took it stays responsible, whoever talks about it meanwhile.
            contact.open_agent = agent

    def learn(
        self, caller: str, agent: str, interaction: str, at: float, solved: bool | None
    ) -> None:
        """Take a talk from before the start, the oldest first; `solved` None: no disposition."""
        self.talked(caller, agent, interaction, at)
        if solved is not None:
            self.settled(interaction, agent, solved)

    def visits(self, caller: str, now: float) -> int:
        """Count the calls of this number that agents took and that are remembered."""
        contact = self._of(caller, now)
        return contact.visits if contact is not None else 0

    def preferred(self, caller: str, reasons: Iterable[str], now: float) -> tuple[Preferred, ...]:
        """Return the agents for this caller in the order of preference, each once."""
        contact = self._of(caller, now)
        by_reason = {
            OPEN_MATTER: contact.open_agent if contact is not None else "",
            MANAGER: self._managers.get(caller, ""),
            LAST_AGENT: contact.last_agent if contact is not None else "",
        }
        wanted = set(reasons)
        agents: dict[str, str] = {}
        for reason in REASONS:
            if reason in wanted and by_reason[reason]:
                agents.setdefault(by_reason[reason], reason)
        return tuple(Preferred(agent, reason) for agent, reason in agents.items())

    def _of(self, caller: str, now: float) -> Contact | None:
        contact = self._by_caller.get(caller)
        if contact is not None and now - contact.at > self._kept_s:
            self._forget(caller)
            return None
        return contact

    def _forget(self, caller: str) -> None:
        contact = self._by_caller.pop(caller, None)
        if contact is not None:
            self._caller_of.pop(contact.interaction, None)
