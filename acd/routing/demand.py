"""What a call asks of agents.

Calls that ask the same share one `Demand`, compared by identity: who may take them is worked out
once per demand, not once per call.
"""

from collections.abc import Hashable

from .facts import call_facts
from .model import Grade, WaitingCall
from .rule import Fact, Rule

MAXIMUM_DEMANDS = 4_096
"""Demands remembered before those that nobody has any more are cleared out: some 60 categories,
with 60 combinations of language, region and skill each; 2 MB."""


class Demand:
    """What a call asks for, and what rules say of it."""

    __slots__ = ("category", "facts", "language", "plain", "region", "skills", "verdicts")

    def __init__(
        self,
        category: str,
        skills: tuple[tuple[str, Grade], ...] = (),
        language: str = "",
        region: str = "",
        verdicts: frozenset[str] = frozenset(),
        facts: dict[str, Fact] | None = None,
    ) -> None:
        self.category = category
        "As the router knows it: empty when no agent differs in it."

        self.skills = skills
        self.language = language
        self.region = region
        self.verdicts = verdicts
        "Texts of the rules over the call alone that hold."

        self.facts = facts if facts is not None else {}
        "What rules over call and agent look at."

        self.plain = not (skills or language or region or verdicts or facts)


class CallRules:
    """A queue's rules that look at the call, apart by whether they look at the agent too."""

    __slots__ = ("alone", "shared_facts")

    def __init__(self, rules: list[Rule]) -> None:
        self.alone = tuple(rule for rule in rules if rule.call_facts and not rule.of_agent)
        self.shared_facts = tuple(
            sorted({fact for rule in rules if rule.of_agent for fact in rule.call_facts})
        )


def call_rules(rules: list[Rule]) -> CallRules | None:
    """Return those of the rules that look at the call; None: no one does."""
    looking = [rule for rule in rules if rule.call_facts]
    return CallRules(looking) if looking else None


class Demands:
    """Finds the one `Demand` of all calls that ask the same."""

    def __init__(self) -> None:
        self._plain: dict[str, Demand] = {}
        self._known: dict[Hashable, Demand] = {}
        self._limit = MAXIMUM_DEMANDS
        self.full = False
        "Whether it is time to clear out."

    def clear(self) -> None:
        """Forget all: whoever has one asks again."""
        self._plain.clear()
        self._known.clear()
        self.full = False

    def settle(self) -> None:
        """Take that what is known now is in use: room for as much again."""
        self._limit = max(MAXIMUM_DEMANDS, 2 * len(self._known))
        self.full = False

    def plain(self, category: str) -> Demand:
        """Return the demand of calls that ask for nothing but knowledge of this category."""
        found = self._plain.get(category)
        if found is None:
            found = self._plain[category] = Demand(category)
        return found

    def of(self, call: WaitingCall, category: str, rules: CallRules | None) -> Demand:
        """Return the demand of this call in a queue with these rules."""
        if rules is None and not (call.skills or call.language or call.region):
            return self.plain(category)
        skills = tuple(sorted(call.skills.items()))
        verdicts: frozenset[str] = frozenset()
        facts: dict[str, Fact] = {}
        if rules is not None:
            # In a rule a category counts by its name, whether agents differ in it or not.
            seen = call_facts(call, call.category or category)
            verdicts = frozenset(rule.text for rule in rules.alone if rule.holds(seen))
            facts = {name: seen[name] for name in rules.shared_facts}
        return self.find(category, skills, call.language, call.region, verdicts, facts)

    def find(
        self,
        category: str,
        skills: tuple[tuple[str, Grade], ...],
        language: str,
        region: str,
        verdicts: frozenset[str],
        facts: dict[str, Fact],
    ) -> Demand:
        """Return the demand that asks just this."""
        key = (category, skills, language, region, verdicts, _hashable(facts))
        found = self._known.get(key)
        if found is None:
            found = Demand(category, skills, language, region, verdicts, facts)
            self._known[key] = found
            self.full = len(self._known) >= self._limit
        return found


def _hashable(facts: dict[str, Fact]) -> tuple[Hashable, ...]:
    return tuple(
        tuple(sorted(value.items())) if isinstance(value, dict) else value
        for value in facts.values()
    )
