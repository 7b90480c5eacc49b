"""Several reports by month and agent as one: each line has every report's values."""

from collections.abc import Iterable, Mapping

from .report import Report, Value

Line = Mapping[str, Value]
'Values by "report.column".'

Key = tuple[str, str]
"Period (as the reports write it) and agent."


def joined(reports: Iterable[Report]) -> dict[Key, dict[str, Value]]:
    """Return the lines of all reports by period and agent, in that order.

    Each report has a column `agent`, and `period` unless it has one period alone. Raises KeyError
    for one without.
    """
    lines: dict[Key, dict[str, Value]] = {}
    for report in reports:
        names = [column.name for column in report.columns]
        agent = names.index("agent")
        period = names.index("period") if "period" in names else None
        for row in report.rows:
            if not row[agent]:
                continue
            key = ("" if period is None else str(row[period]), str(row[agent]))
            line = lines.setdefault(key, {})
            for name, value in zip(names, row, strict=True):
                line[f"{report.name}.{name}"] = value
    return dict(sorted(lines.items()))


def number(line: Line, name: str) -> float | None:
    """Return a value as a number; None where there is none."""
    value = line.get(name)
    return float(value) if isinstance(value, int | float) else None


def text(line: Line, *names: str) -> str:
    """Return the first of these values that is there, as text; empty for none."""
    return next((str(line[name]) for name in names if line.get(name)), "")
