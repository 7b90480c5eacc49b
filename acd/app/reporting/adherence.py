"""Schedule adherence: how far agents keep to the shift plan of shifts.csv."""

from datetime import UTC, datetime, timedelta

import asyncpg

from acd.config import Config
from acd.config.shifts import read_shifts
from acd.reports.adherence import DIMENSIONS, PERIODS, adherence_report, adherences
from acd.reports.agents_report import Person
from acd.reports.cut import Cut
from acd.reports.report import Report
from acd.reports.request import Request, borders, microseconds, refuse_others
from acd.reports.shift_plan import Planned
from acd.storage.agent_sums import people
from acd.storage.status_spans import status_spans

from .paid import sound

LONGEST_STRETCH = timedelta(days=1)
"A stretch that begins on the last day may end on the next."


async def adherence(connection: asyncpg.Connection, config: Config, request: Request) -> Report:
    """Return it."""
    refuse_others(request, "adherence", by=DIMENSIONS, only=DIMENSIONS, per=PERIODS)
    from_at, to_at = borders(request)
    now_at = datetime.now(UTC)
    known = await people(connection, to_at)
    spans = await status_spans(
        connection, from_at=from_at, to_at=to_at + LONGEST_STRETCH, now_at=now_at
    )
    cut = Cut(
        from_us=microseconds(from_at),
        to_us=microseconds(to_at),
        timezone=request.zone.key,
        period=request.period,
        by=request.by or ("agent",),
    )
    planned = sound(read_shifts(config.folder, request.zone))
    plan = [stretch for stretch in planned if _is_asked(stretch, known, request)]
    lines = adherences(plan, spans, known, cut, now_us=microseconds(now_at))
    return adherence_report(lines, cut)


def _is_asked(stretch: Planned, known: dict[str, Person], request: Request) -> bool:
    agent = request.only.get("agent", stretch.agent)
    team = known.get(stretch.agent, Person()).team
    return stretch.agent == agent and request.only.get("team", team) == team
