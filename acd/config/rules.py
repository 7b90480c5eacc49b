"""Business rules of queues.yaml, compiled: CEL over what is known of a call and of an agent.

`acd.routing` asks rules and knows no CEL; `acd.ivr.expressions` knows CEL and no agents. Here the
two meet.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator

from acd.ivr.document import did_you_mean
from acd.ivr.expressions import (
    INTEGER,
    INTEGERS_BY_NAME,
    TEXT,
    TEXTS,
    Data,
    EvaluationError,
    ExpressionError,
    Expressions,
)
from acd.routing.model import Grade
from acd.routing.rule import AGENT_FACTS, CALL_FACTS, Fact, Rule

from .values import fault

KINDS = {str: TEXT, int: INTEGER, tuple: TEXTS, dict: INTEGERS_BY_NAME}
FACTS = {name: KINDS[kind] for name, kind in (CALL_FACTS | AGENT_FACTS).items()}
GRADES = {grade.name: int(grade) for grade in Grade}
"Known in every rule, so that one writes `agent.skills.sales >= AA`."

COMPILED_KEPT = 1_000
"Compiled rules kept over reloads: ten layers in each of a hundred queues."


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule as the router asks it (`acd.routing.rule.Rule`); those of one text are equal."""

    text: str
    call_facts: frozenset[str]
    of_agent: bool
    test: Callable[[Data], bool] = field(repr=False, compare=False)

    def holds(self, facts: Mapping[str, Fact]) -> bool:
        """Return what it says; false where it has no value, as of a skill that nobody has."""
        known: dict[str, int | str | list[str] | dict[str, int]] = dict(GRADES)
        for name, value in facts.items():
            known[name] = list(value) if isinstance(value, tuple) else value
        try:
            return self.test(known)
        except EvaluationError:
            return False


@lru_cache(COMPILED_KEPT)
def compile_rule(text: str) -> CompiledRule:
    """Return the compiled rule.

    Raises:
        ExpressionError: for text that is no expression of type bool over FACTS.

    """
    test = _expressions(FACTS).condition(text)
    seen = frozenset(name for name in FACTS if not _compiles_without(name, text))
    return CompiledRule(text, seen & CALL_FACTS.keys(), bool(seen & AGENT_FACTS.keys()), test)


def _compiles_without(name: str, text: str) -> bool:
    """CEL does not say what an expression looks at; it fails without that."""
    try:
        _expressions({other: kind for other, kind in FACTS.items() if other != name}).condition(
            text
        )
    except ExpressionError:
        return False
    return True


def _expressions(facts: Mapping[str, object]) -> Expressions:
    return Expressions.over({**facts, **dict.fromkeys(GRADES, INTEGER)})


def _checked(text: str) -> str:
    if text:
        try:
            compile_rule(text)
        except ExpressionError as error:
            found = error.message.partition("undeclared reference to '")[2].partition("'")[0]
            hint = did_you_mean(found, FACTS) if found else "see docs/routing.md, Rules"
            place = f"{error.line}:{error.column}"
            raise fault(f"bad expression, {place} in it: {error.message}", hint) from None
    return text


RuleText = Annotated[str, AfterValidator(_checked)]
"A CEL expression that is true or false."


def rule_of(text: str) -> Rule | None:
    """Return the rule of a checked text; None: there is none."""
    return compile_rule(text) if text else None
