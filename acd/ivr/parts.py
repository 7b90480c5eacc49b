"""The parts of a flow that are compiled by themselves: expressions, hours, lists, patterns."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from . import model
from .document import Document, Fault, Path, did_you_mean
from .expressions import (
    Data,
    ExpressionError,
    Expressions,
    Value,
    digits_pattern,
    unusable_name,
)
from .progress import Progress
from .schedule import (
    Opening,
    OpeningHours,
    ScheduleError,
    Spans,
    parse_date,
    parse_dates,
    parse_days,
    parse_span,
    parse_zone,
)
from .steps import Test


@dataclass(frozen=True, slots=True)
class CallerList:
    """Numbers, whole or by their beginning."""

    numbers: frozenset[str]
    prefixes: tuple[str, ...]

    def __contains__(self, caller: str) -> bool:
        return caller in self.numbers or caller.startswith(self.prefixes)


@dataclass(slots=True)
class Parts:
    """What of a flow is compiled before its steps, by name or by path in the file."""

    hours: dict[str, OpeningHours] = field(default_factory=dict)
    callers: dict[str, CallerList] = field(default_factory=dict)
    tests: dict[Path, Test] = field(default_factory=dict)
    values: dict[Path, Callable[[Data], Value]] = field(default_factory=dict)
    patterns: dict[str, Callable[[str], bool]] = field(default_factory=dict)


class PartsCompiler:
    """Compiles the parts of one flow and collects the faults."""

    def __init__(self, document: Document, flow: model.FlowFile) -> None:
        self.parts = Parts()
        self.faults: list[Fault] = []
        self._document = document
        self._flow = flow
        self._expressions = Expressions(self._sound_variables())

    def compile(self) -> None:
        for name, schedule in self._flow.schedules.items():
            self._schedule(name, schedule)
        for name, entries in self._flow.callers.items():
            self._caller_list(name, entries)
        for name, node in self._flow.nodes.items():
            if isinstance(node, model.Branch):
                for index, case in enumerate(node.cases):
                    self._case(("nodes", name, "cases", index), case)
            elif isinstance(node, model.SetVariables):
                self._assignments(("nodes", name), node)
            elif isinstance(node, model.Queue):
                self._queue(("nodes", name), node)
            elif isinstance(node, model.Callback) and node.number is not None:
                self._digits_variable(("nodes", name, "number"), node.number)
            elif isinstance(node, model.Collect):
                self._collect(("nodes", name), node)

    def _sound_variables(self) -> dict[str, Value]:
        sound: dict[str, Value] = {}
        for name, value in self._flow.variables.items():
            if unusable_name(name):
                self._fault(
                    ("variables", name),
                    f"{name!r} has a meaning of its own in expressions",
                    "another name",
                    at_key=True,
                )
            else:
                sound[name] = value
        return sound

    def _schedule(self, name: str, schedule: model.Schedule) -> None:
        path: Path = ("schedules", name)
        weekly: list[list[tuple[int, int]]] = [[] for _ in range(7)]
        special: dict[date, Spans] = {}
        holidays: set[date] = set()
        before = len(self.faults)
        for days, texts in schedule.weekly.items():
            spans = self._spans((*path, "weekly", days), texts)
            with self._noting((*path, "weekly", days), at_key=True):
                for day in parse_days(days):
                    weekly[day] += spans
        for day_text, texts in schedule.special_days.items():
            spans = self._spans((*path, "special_days", day_text), texts)
            with self._noting((*path, "special_days", day_text), at_key=True):
                special[parse_date(day_text)] = tuple(spans)
        for index, text in enumerate(schedule.holidays):
            with self._noting((*path, "holidays", index)):
                holidays.update(parse_dates(text))
        with self._noting((*path, "zone")):
            zone = parse_zone(schedule.zone)
            if len(self.faults) == before:
                self.parts.hours[name] = OpeningHours(
                    zone, tuple(map(tuple, weekly)), frozenset(holidays), special
                )

    def _spans(self, path: Path, texts: tuple[str, ...]) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        for index, text in enumerate(texts):
            with self._noting((*path, index)):
                spans.append(parse_span(text))
        return spans

    def _caller_list(self, name: str, entries: tuple[str, ...]) -> None:
        numbers: set[str] = set()
        prefixes: list[str] = []
        for index, entry in enumerate(entries):
            bare = entry.removesuffix("*")
            if not bare.removeprefix("+").isalnum():
                self._fault(
                    ("callers", name, index),
                    f"{entry!r} is no number",
                    'as "13800138000" or "138*"',
                )
            elif bare == entry:
                numbers.add(entry)
            else:
                prefixes.append(bare)
        self.parts.callers[name] = CallerList(frozenset(numbers), tuple(prefixes))

    def _case(self, path: Path, case: model.Case) -> None:
        key, value = case.condition
        if key == "when":
            self._condition((*path, "when"), value)
        elif key == "caller_in":
            if value not in self._flow.callers:
                hint = did_you_mean(value, self._flow.callers) or "declare it under callers:"
                self._fault((*path, key), f"unknown caller list {value!r}", hint)
            elif (callers := self.parts.callers.get(value)) is not None:
                self.parts.tests[path] = _caller_test(callers)
        elif value not in self._flow.schedules:
            hint = did_you_mean(value, self._flow.schedules) or "declare it under schedules:"
            self._fault((*path, key), f"unknown schedule {value!r}", hint)
        elif (hours := self.parts.hours.get(value)) is not None:
            self.parts.tests[path] = _opening_test(hours, key)

    def _condition(self, path: Path, text: str) -> None:
        try:
            test = self._expressions.condition(text)
        except ExpressionError as error:
            self._expression_fault(path, error)
        else:
            self.parts.tests[path[:-1]] = _expression_test(test)

    def _assignments(self, path: Path, node: model.SetVariables) -> None:
        for name, value in node.values.items():
            declared = self.declared((*path, "values", name), name, at_key=True)
            if declared is not None and type(value) is not type(declared):
                self._fault(
                    (*path, "values", name),
                    f"{value!r} does not fit variable {name!r}",
                    f"a {type(declared).__name__} as {declared!r}",
                )
        for name, text in node.expressions.items():
            where = (*path, "expressions", name)
            declared = self.declared(where, name, at_key=True)
            kind = str if declared is None else type(declared)
            try:
                self.parts.values[where] = self._expressions.value(text, kind)
            except ExpressionError as error:
                if declared is not None:
                    self._expression_fault(where, error)

    def _queue(self, path: Path, node: model.Queue) -> None:
        for name, text in node.expressions.items():
            where = (*path, "expressions", name)
            try:
                kind = model.QUEUE_ATTRIBUTES[name]
                self.parts.values[where] = self._expressions.value(text, kind)
            except ExpressionError as error:
                self._expression_fault(where, error)

    def _collect(self, path: Path, node: model.Collect) -> None:
        self._digits_variable((*path, "variable"), node.variable)
        if not node.pattern or node.pattern in self.parts.patterns:
            return
        try:
            self.parts.patterns[node.pattern] = digits_pattern(node.pattern)
        except ExpressionError as error:
            self._fault((*path, "pattern"), error.message, "an RE2 regular expression")

    def _digits_variable(self, path: Path, variable: str) -> None:
        declared = self.declared(path, variable)
        if declared is not None and not isinstance(declared, str):
            self._fault(
                path,
                f"digits do not fit variable {variable!r}",
                f'declare it as text: {variable}: ""',
            )

    def declared(self, path: Path, name: str, *, at_key: bool = False) -> Value | None:
        """Return the variable's first value, or note that it is not declared."""
        if name in self._flow.variables:
            return self._flow.variables[name]
        hint = did_you_mean(name, self._flow.variables) or "declare it under variables:"
        self._fault(path, f"undefined variable {name!r}", hint, at_key=at_key)
        return None

    @contextmanager
    def _noting(self, path: Path, *, at_key: bool = False) -> Iterator[None]:
        """Note a ScheduleError of the block as a fault at this path."""
        try:
            yield
        except ScheduleError as error:
            self._fault(path, error.message, error.hint, at_key=at_key)

    def _fault(self, path: Path, message: str, hint: str, *, at_key: bool = False) -> None:
        self.faults.append(self._document.fault(path, message, hint, at_key=at_key))

    def _expression_fault(self, path: Path, error: ExpressionError) -> None:
        hint = ""
        found = error.message.partition("undeclared reference to '")[2].partition("'")[0]
        if found:
            hint = did_you_mean(found, self._expressions.names)
        fault = self._document.fault(path, f"bad expression: {error.message}", hint)
        begin = self._document.scalar_begin(path)
        if begin is not None and begin[2]:
            line, column = begin[0] + error.line - 1, begin[1] + error.column - 1
            fault = Fault(fault.file, line, column, fault.path, fault.message, fault.hint)
        self.faults.append(fault)


def _expression_test(test: Callable[[Data], bool]) -> Test:
    def run(progress: Progress) -> bool:
        progress.data["now"] = progress.wall()
        return test(progress.data)

    return run


def _opening_test(hours: OpeningHours, key: str) -> Test:
    def run(progress: Progress) -> bool:
        opening = hours.at(progress.wall())
        if key == "closed":
            return opening is not Opening.OPEN
        return opening.value == key

    return run


def _caller_test(callers: CallerList) -> Test:
    return lambda progress: str(progress.data["caller"]) in callers
