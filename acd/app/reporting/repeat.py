"""Repeat calls, and matters that were closed in the first contact."""

from datetime import UTC, datetime

import asyncpg

from acd.config import Config
from acd.reports.repeat import DIMENSIONS, repeat_report
from acd.reports.report import Report
from acd.reports.request import Request
from acd.storage.repeat_sums import repeat_sums

from .cutting import cut_of, days_of


async def repeat(connection: asyncpg.Connection, _config: Config, request: Request) -> Report:
    """Return them."""
    cutting, cut = cut_of(request, "repeat", DIMENSIONS, ("days",))
    days = days_of(request)
    lines = await repeat_sums(connection, cutting, days=days, now_at=datetime.now(UTC))
    return repeat_report(lines, cut, days)
