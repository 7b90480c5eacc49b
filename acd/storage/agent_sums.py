"""Agents' times and counts out of the database, summed by period and group, exact as of a moment.

What the shipper has noted is computed first, and what lasts is added; so a report is never behind
the rows.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
from msgspec import Struct

from acd.reports.agent_kpi import SUMS, AgentSums
from acd.reports.agents_report import AgentLine, Person
from acd.reports.days import day_borders
from acd.reports.request import Period, microseconds

from .agent_quarters import refresh_agent_quarters

_STORED = tuple(name for name in SUMS if name != "queue_handling_s")
_TIMES = tuple(name for name in _STORED if name.endswith("_s"))
_COUNTS = tuple(name for name in _STORED if not name.endswith("_s"))

COLUMNS = {"agent": "agent", "team": "team", "queue": "queue", "project": "project"}
"""Dimensions and their columns; a queue's skill is that which it serves now."""


class WantedAgents(Struct, frozen=True, kw_only=True):
    """What is asked for."""

    from_at: datetime
    to_at: datetime
    now_at: datetime
    "What lasts is counted up to it."

    zone: ZoneInfo
    period: Period = Period.ALL
    by: tuple[str, ...] = ("agent",)
    only: Mapping[str, str] = {}
    skills: Mapping[str, str] = {}
    "Skill that a queue serves, by queue."


async def agent_lines(connection: asyncpg.Connection, wanted: WantedAgents) -> list[AgentLine]:
    """Return the sums by period and group, in their order."""
    await refresh_agent_quarters(connection)
    keys = [_period(wanted.period), *(_column(name) for name in wanted.by)]
    arguments = _arguments(wanted)
    query = _sums(wanted, keys)
    rows = await connection.fetch(query, *arguments)
    away = await connection.fetch(_away(wanted, keys), *arguments)
    width = len(keys)
    by_reason: dict[tuple[Any, ...], dict[str, float]] = {}
    for row in away:
        by_reason.setdefault(tuple(row)[:width], {})[row["reason"]] = row["amount"]
    return [
        AgentLine(
            period_us=_begin_us(row[0], wanted.zone),
            group=tuple(row)[1:width],
            sums=AgentSums(**{name: row[name] for name in SUMS}),
            away=by_reason.get(tuple(row)[:width], {}),
        )
        for row in rows
    ]


async def people(connection: asyncpg.Connection, before: datetime) -> dict[str, Person]:
    """Return who agents were at the end of a time, by number."""
    rows = await connection.fetch(
        "SELECT DISTINCT ON (agent) agent, name, team FROM agent_profiles WHERE started_at < $1"
        " ORDER BY agent, started_at DESC, seq DESC",
        before,
    )
    return {row["agent"]: Person(row["name"], row["team"]) for row in rows}


def _period(period: Period) -> str:
    match period:
        case Period.ALL:
            return "NULL::timestamptz"
        case Period.QUARTER_HOUR:
            return "quarter_at"
        case Period.HOUR:
            return "date_trunc('hour', quarter_at, $4)"
        case _:
            return f"date_trunc('{period.value}', quarter_at AT TIME ZONE $4)::date"


def _begin_us(begin: datetime | date | None, zone: ZoneInfo) -> int | None:
    if begin is None:
        return None
    if isinstance(begin, datetime):
        return microseconds(begin.astimezone(UTC))
    return microseconds(day_borders(begin, zone)[0])


def _column(dimension: str) -> str:
    if dimension == "skill":
        return "coalesce(skill_of.skill, '')"
    return f"q.{COLUMNS[dimension]}"


def _arguments(wanted: WantedAgents) -> list[object]:
    return [
        *(wanted.from_at, wanted.to_at, wanted.now_at, wanted.zone.key),
        *(list(wanted.skills), list(wanted.skills.values())),
        *wanted.only.values(),
    ]


def _conditions(wanted: WantedAgents) -> str:
    conditions = [
        f"{_column(name)} = ${number}" for number, name in enumerate(wanted.only, start=7)
    ]
    # All arguments have to have a use, or the database cannot tell their types.
    used = "($4::text, $5::text[], $6::text[]) IS NOT NULL"
    return " AND ".join([used, *conditions])


def _joins(wanted: WantedAgents) -> str:
    if "skill" not in {*wanted.by, *wanted.only}:
        return ""
    return (
        " LEFT JOIN unnest($5::text[], $6::text[]) AS skill_of(queue, skill)"
        " ON skill_of.queue = q.queue"
    )


def _sums(wanted: WantedAgents, keys: list[str]) -> str:
    totals = [f"coalesce(sum({name}), 0) AS {name}" for name in _STORED]
    totals.append(
        "coalesce(sum(talk_s + hold_s + wrap_up_s) FILTER (WHERE q.queue <> ''), 0)"
        " AS queue_handling_s"
    )
    numbers = ", ".join(str(number + 1) for number in range(len(keys)))
    return (
        f"SELECT {', '.join([*keys, *totals])} FROM ({_ROWS}) q{_joins(wanted)}"
        f" WHERE {_conditions(wanted)} GROUP BY {numbers} ORDER BY {numbers}"
    )


def _away(wanted: WantedAgents, keys: list[str]) -> str:
    numbers = ", ".join(str(number + 1) for number in range(len(keys) + 1))
    return (
        f"SELECT {', '.join(keys)}, q.reason, sum(q.amount) AS amount FROM ({_AWAY_ROWS}) q"
        f"{_joins(wanted)} WHERE {_conditions(wanted)} GROUP BY {numbers}"
    )


_OPEN_TIMES = ", ".join(
    f"CASE WHEN p.measure = '{name}' THEN p.amount ELSE 0 END" for name in _TIMES
)
_OPEN = (
    "FROM agent_open_parts($1, $2, $3) p"
    " LEFT JOIN LATERAL agent_profile_at(p.agent, least(p.quarter_at + interval '15 minutes', $3))"
    " a ON true"
)
_ROWS = (
    f"SELECT quarter_at, project, agent, queue, team, {', '.join(_TIMES)}, {', '.join(_COUNTS)}"
    " FROM agent_quarters WHERE quarter_at >= $1 AND quarter_at < $2"
    " UNION ALL"
    f" SELECT p.quarter_at, coalesce(a.project, 'main'), p.agent, p.queue, coalesce(a.team, ''),"
    f" {_OPEN_TIMES}, {', '.join('0' for _ in _COUNTS)} {_OPEN}"
)
_AWAY_ROWS = (
    "SELECT quarter_at, project, agent, queue, team, r.key AS reason, r.value::float8 AS amount"
    " FROM agent_quarters, jsonb_each_text(away_reasons) r"
    " WHERE quarter_at >= $1 AND quarter_at < $2 AND away_s > 0"
    " UNION ALL"
    " SELECT p.quarter_at, coalesce(a.project, 'main'), p.agent, p.queue, coalesce(a.team, ''),"
    f" p.reason, p.amount {_OPEN} WHERE p.measure = 'away_s'"
)
