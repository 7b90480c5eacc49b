"""What is summed up of visits, in SQL: as `acd.reports.measures` says it, field for field."""

from collections.abc import Iterable, Mapping

from acd.reports.measures import FLOW_OUTS, MEASURES, PART_OF_OUTCOME, PARTS

QUARTER_S = 900

DIMENSION_COLUMNS: Mapping[str, str] = {
    "agent": "agent",
    "team": "team",
    "skill": "skill",
    "category": "category",
    "class": "call_class",
    "region": "region",
    "trunk": "trunk",
    "flow_version": "flow_version",
}
"Dimensions beside project and queue: their columns in kpi_facts and kpi_visits."

FACT_COLUMNS = (
    "project, entered_at, queue, kind, outcome, waited_s, in_time, ordered, talk_s, hold_s,"
    " wrap_up_s, agent, team, skill, category, call_class, region, trunk, flow_version"
)
"Those of kpi_facts; kpi_visits has them too."


def _in(outcomes: Iterable[str]) -> str:
    return "outcome IN (" + ", ".join(f"'{outcome}'" for outcome in outcomes) + ")"


_OUTCOMES = {part: outcome for outcome, part in PART_OF_OUTCOME.items()}
_ANSWERED = "outcome = 'answered'"
_HUNG_UP = _in(("short_abandon", "abandoned"))
_LED_ON = _in(_OUTCOMES[part] for part in FLOW_OUTS)


def _part(part: str) -> str:
    if part == "faulted":
        return "NOT " + _in(PART_OF_OUTCOME)
    return f"outcome = '{_OUTCOMES[part]}'"


_COUNTED: Mapping[str, str] = {
    **{part: _part(part) for part in PARTS},
    "in_time": f"{_ANSWERED} AND in_time",
    "abandons_in_time": f"{_HUNG_UP} AND in_time",
    "callbacks_in_time": "outcome = 'callback' AND in_time",
    "flow_outs_in_time": f"{_LED_ON} AND in_time",
    "orders": f"{_ANSWERED} AND ordered",
    "sales": f"{_ANSWERED} AND kind = 'sales'",
    "sales_orders": f"{_ANSWERED} AND kind = 'sales' AND ordered",
}

_SUMMED: Mapping[str, str] = {
    "wait_s": f"sum(waited_s) FILTER (WHERE {_ANSWERED})",
    "abandon_wait_s": f"sum(waited_s) FILTER (WHERE {_HUNG_UP})",
    "talk_s": f"sum(talk_s) FILTER (WHERE {_ANSWERED})",
    "hold_s": f"sum(hold_s) FILTER (WHERE {_ANSWERED})",
    "wrap_up_s": f"sum(wrap_up_s) FILTER (WHERE {_ANSWERED})",
    "longest_wait_s": f"max(waited_s) FILTER (WHERE {_ANSWERED} OR {_HUNG_UP})",
}

SUMS_OF_VISITS = ",\n    ".join(
    [f"count(*) FILTER (WHERE {condition}) AS {name}" for name, condition in _COUNTED.items()]
    + [f"coalesce({total}, 0) AS {name}" for name, total in _SUMMED.items()]
)
"Measures of grouped rows of kpi_facts or kpi_visits, in the order of MEASURES."

SUMS_OF_SUMS = ",\n    ".join(
    [f"coalesce(sum({name}), 0)::bigint AS {name}" for name in _COUNTED]
    + [
        f"coalesce({'max' if name == 'longest_wait_s' else 'sum'}({name}), 0) AS {name}"
        for name in _SUMMED
    ]
)
"Measures of grouped rows that have measures already."

MEASURE_COLUMNS = ", ".join(MEASURES)

assert (*_COUNTED, *_SUMMED) == MEASURES
