"""CEL expressions of flows and business rules: type-checked at load, total and bounded later.

CEL (the Common Expression Language) has no loops, side effects or exceptions: an evaluation gives
a value or an error value, in some microseconds.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from cel_expr_python import cel

from .document import IvrError

Value = bool | int | float | str
Data = Mapping[str, Value | datetime | list[str] | dict[str, int]]

_TYPES: dict[type, cel.Type] = {
    bool: cel.Type.BOOL,
    int: cel.Type.INT,
    float: cel.Type.DOUBLE,
    str: cel.Type.STRING,
}
TYPE_NAMES: dict[type, str] = {bool: "bool", int: "int", float: "double", str: "string"}

BUILT_IN: dict[str, cel.Type] = {
    "caller": cel.Type.STRING,
    "called": cel.Type.STRING,
    "language": cel.Type.STRING,
    "now": cel.Type.TIMESTAMP,
}
'Known in every expression; `now` is UTC: now.getHours("Asia/Shanghai").'

TEXT = cel.Type.STRING
INTEGER = cel.Type.INT
TEXTS = cel.Type.List(cel.Type.STRING)
INTEGERS_BY_NAME = cel.Type.Map(cel.Type.STRING, cel.Type.INT)
"Types for `Expressions.over`."

MAX_EXPRESSION_CHARACTERS = 2_000
"A condition longer than a screen belongs into several cases."


MAX_TEXT_CHARACTERS = 1_000
"""Of a computed text: a flow needs some dozens. One that doubles a variable in each round of a
ring would otherwise take all memory within a minute."""


class ExpressionError(IvrError):
    """An expression that cannot be used. Line and column are within its text, from 1."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        self.message = message
        self.line = line
        self.column = column
        super().__init__(message)


class EvaluationError(IvrError):
    """An evaluation without a value, as a division by zero."""


class Expressions:
    """Compiles expressions over variables of known types."""

    def __init__(self, variables: Mapping[str, Value]) -> None:
        """Know the built-in and the given variables of a flow (name → first value)."""
        types = {name: _TYPES[type(value)] for name, value in variables.items()}
        self._know(BUILT_IN | types)

    @classmethod
    def over(cls, types: Mapping[str, cel.Type]) -> "Expressions":
        """Return expressions over these variables (name → type) alone."""
        expressions = cls.__new__(cls)
        expressions._know(dict(types))
        return expressions

    def _know(self, types: dict[str, cel.Type]) -> None:
        self.names = set(types)
        self._environment = cel.NewEnv(variables=types)

    def condition(self, text: str) -> Callable[[Data], bool]:
        """Return a test.

        Raises:
            ExpressionError: for text that is no expression of type bool.

        """
        evaluate = self._compile(text, bool)

        def test(data: Data) -> bool:
            return _evaluated(evaluate, data) is True

        return test

    def value(self, text: str, kind: type[Value]) -> Callable[[Data], Value]:
        """Return a function that gives a value of this type.

        Raises:
            ExpressionError: for text that is no expression of that type.

        """
        evaluate = self._compile(text, kind)

        def compute(data: Data) -> Value:
            result = _evaluated(evaluate, data)
            if not isinstance(result, kind):
                raise EvaluationError(str(result))
            if isinstance(result, str) and len(result) > MAX_TEXT_CHARACTERS:
                raise EvaluationError(f"a text of more than {MAX_TEXT_CHARACTERS} characters")
            return result

        return compute

    def _compile(self, text: str, kind: type[Value]) -> cel.Expression:
        if len(text) > MAX_EXPRESSION_CHARACTERS:
            raise ExpressionError(f"longer than {MAX_EXPRESSION_CHARACTERS} characters")
        try:
            expression = self._environment.compile(text)
        except RuntimeError as error:  # the library has no errors of its own
            raise _located(str(error)) from None
        found = expression.return_type()
        if found not in (_TYPES[kind], cel.Type.DYN):
            raise ExpressionError(
                f"gives {str(found.name()).lower()}, but {TYPE_NAMES[kind]} is needed"
            )
        return expression


def _evaluated(expression: cel.Expression, data: Data) -> object:
    """Return what it comes to; raise EvaluationError where that is nothing."""
    try:
        value = expression.eval(data=data)
        result: object = value.value()
    except RuntimeError as error:  # it took too many steps, as macros within macros do
        raise EvaluationError(str(error)) from None
    if value.type() == cel.Type.ERROR:
        raise EvaluationError(str(result))
    return result


_WHERE = re.compile(r"<input>:(\d+):(\d+): (.*)")
_TOKENS = re.compile(r" expecting \{.*", re.DOTALL)


def _located(report: str) -> ExpressionError:
    found = _WHERE.search(report)
    if found is None:
        return ExpressionError(report.splitlines()[0].removeprefix("INVALID_ARGUMENT: "))
    message = _TOKENS.sub("", found[3]).removesuffix("[INVALID_ARGUMENT]").strip()
    message = message.removesuffix(" (in container '')").replace("<EOF>", "its end")
    return ExpressionError(message, int(found[1]), int(found[2]))


def unusable_name(name: str) -> bool:
    """Say whether CEL gives this name a meaning of its own, so that no variable may have it."""
    if name in BUILT_IN:
        return True
    try:
        environment = cel.NewEnv(variables={name: cel.Type.INT})
        return bool(environment.compile(name).return_type() != cel.Type.INT)
    except RuntimeError:
        return True


def digits_pattern(pattern: str) -> Callable[[str], bool]:
    """Return a test whether a whole number matches this RE2 regular expression, in linear time.

    Raises:
        ExpressionError: for text that is no such expression.

    """
    environment = cel.NewEnv(variables={"digits": cel.Type.STRING, "pattern": cel.Type.STRING})
    expression = environment.compile("digits.matches(pattern)")
    # By itself too: "a)(b" would be sound within the brackets.
    whole = f"^(?:{pattern})$"
    for text in (pattern, whole):
        probe = expression.eval(data={"digits": "", "pattern": text})
        if probe.type() == cel.Type.ERROR:
            raise ExpressionError(str(probe.value()).removeprefix("INVALID_ARGUMENT: "))

    def test(digits: str) -> bool:
        return expression.eval(data={"digits": digits, "pattern": whole}).value() is True

    return test
