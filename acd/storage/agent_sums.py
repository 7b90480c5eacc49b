"""Agents' times and counts out of the database, summed by period and group, exact as of a moment.

What the shipper has noted is computed first, and what lasts is added; so a report is never behind
the rows. Days that are over are summed up once (agent_days), and again when something late has
changed them.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
from msgspec import Struct

from acd.reports.agent_kpi import SUMS, AgentSums
from acd.reports.agents_report import AgentLine, Person
from acd.reports.days import day_borders
from acd.reports.paid_time import Membership
from acd.reports.request import Period, RequestError, microseconds

from .agent_quarters import has_notes, refresh_agent_quarters

_STORED = tuple(name for name in SUMS if name != "queue_handling_s")
_TIMES = tuple(name for name in _STORED if name.endswith("_s"))
_COUNTS = tuple(name for name in _STORED if not name.endswith("_s"))

COLUMNS = {"agent": "agent", "team": "team", "queue": "queue", "project": "project"}
"""Dimensions and their columns; a queue's skill is that which it serves now."""


FINE = frozenset({Period.QUARTER_HOUR, Period.HOUR})
"Stretches shorter than a day."


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
    """Return the sums by period and group, in their order.

    Raises RequestError while more has to be computed than a report can wait for.
    """
    await refresh_agent_quarters(connection)
    if await has_notes(connection, wanted.from_at, wanted.to_at):
        raise RequestError(
            "agents' figures of this time are being computed, since many records have come at"
            " once: try again in some minutes"
        )
    if wanted.period not in FINE:
        await _sum_days(connection, wanted)
    keys = [_period(wanted.period), *(_column(name) for name in wanted.by)]
    # One moment for all of it: which days are summed up, their sums, and the quarter-hours.
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        arguments = await _arguments(connection, wanted)
        rows = await connection.fetch(_sums(wanted, keys), *arguments)
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


async def memberships(connection: asyncpg.Connection, before: datetime) -> list[Membership]:
    """Return which teams and projects agents came into before a time, in their order."""
    rows = await connection.fetch(
        "SELECT agent, started_at, team, project FROM agent_profiles WHERE started_at < $1"
        " ORDER BY started_at, seq",
        before,
    )
    return [
        Membership(
            agent=row["agent"],
            from_us=microseconds(row["started_at"]),
            team=row["team"],
            project=row["project"],
        )
        for row in rows
    ]


async def _sum_days(connection: asyncpg.Connection, wanted: WantedAgents) -> None:
    """Sum up the days that are over and are not yet, one transaction each."""
    current = await _current_days(connection, wanted)
    for day, (begin, end) in _days(wanted).items():
        if day not in current and end <= wanted.now_at:
            await connection.execute(
                "SELECT sum_agent_day($1, $2, $3, $4)", wanted.zone.key, day, begin, end
            )


async def _current_days(connection: asyncpg.Connection, wanted: WantedAgents) -> set[date]:
    rows = await connection.fetch(
        "SELECT day FROM agent_days_current WHERE zone = $1 AND from_at >= $2 AND to_at <= $3",
        wanted.zone.key,
        wanted.from_at,
        wanted.to_at,
    )
    return {row["day"] for row in rows}


def _days(wanted: WantedAgents) -> dict[date, tuple[datetime, datetime]]:
    """Return the days of the time, with begin and end."""
    first = wanted.from_at.astimezone(wanted.zone).date()
    last = (wanted.to_at - timedelta(microseconds=1)).astimezone(wanted.zone).date()
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return {day: day_borders(day, wanted.zone) for day in days}


def _period(period: Period) -> str:
    match period:
        case Period.ALL:
            return "NULL::timestamptz"
        case Period.QUARTER_HOUR:
            return "q.quarter_at"
        case Period.HOUR:
            return "date_trunc('hour', q.quarter_at, $4)"
        case _:
            return f"date_trunc('{period.value}', q.local_at)::date"


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


async def _arguments(connection: asyncpg.Connection, wanted: WantedAgents) -> list[object]:
    """Return the statements' arguments; which days come from where is as of this transaction."""
    days: list[date] = []
    stretches = [(wanted.from_at, wanted.to_at)]
    if wanted.period not in FINE:
        current = await _current_days(connection, wanted)
        all_days = _days(wanted)
        days = [day for day in all_days if day in current]
        stretches = [borders for day, borders in all_days.items() if day not in current]
    return [
        *(wanted.from_at, wanted.to_at, wanted.now_at, wanted.zone.key),
        *(list(wanted.skills), list(wanted.skills.values())),
        *(days, [begin for begin, _ in stretches], [end for _, end in stretches]),
        *wanted.only.values(),
    ]


def _conditions(wanted: WantedAgents) -> str:
    conditions = [
        f"{_column(name)} = ${number}" for number, name in enumerate(wanted.only, start=10)
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
_STRETCHES = (
    "unnest($8::timestamptz[], $9::timestamptz[]) AS stretch (begin_at, end_at)"
    " JOIN agent_quarters ON quarter_at >= begin_at AND quarter_at < end_at"
)
_DAYS = "agent_days WHERE zone = $4 AND day = ANY($7::date[])"
_WHO = "project, agent, queue, team"
_OPEN_WHO = (
    "p.quarter_at, p.quarter_at AT TIME ZONE $4, coalesce(a.project, 'main'), p.agent, p.queue,"
    " coalesce(a.team, '')"
)
_ROWS = (
    f"SELECT quarter_at, quarter_at AT TIME ZONE $4 AS local_at, {_WHO}, {', '.join(_STORED)}"
    f" FROM {_STRETCHES}"
    f" UNION ALL SELECT NULL, day::timestamp, {_WHO}, {', '.join(_STORED)} FROM {_DAYS}"
    f" UNION ALL SELECT {_OPEN_WHO}, {_OPEN_TIMES}, {', '.join('0' for _ in _COUNTS)} {_OPEN}"
)
_REASONS = "r.key AS reason, r.value::float8 AS amount"
_AWAY_ROWS = (
    f"SELECT quarter_at, quarter_at AT TIME ZONE $4 AS local_at, {_WHO}, {_REASONS}"
    f" FROM {_STRETCHES} CROSS JOIN jsonb_each_text(away_reasons) r WHERE away_s > 0"
    f" UNION ALL SELECT NULL, day::timestamp, {_WHO}, {_REASONS}"
    f" FROM agent_days CROSS JOIN jsonb_each_text(away_reasons) r"
    " WHERE zone = $4 AND day = ANY($7::date[]) AND away_s > 0"
    f" UNION ALL SELECT {_OPEN_WHO}, p.reason, p.amount {_OPEN} WHERE p.measure = 'away_s'"
)
