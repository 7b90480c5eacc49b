"""Customers' satisfaction: asked, answered, and how well."""

import asyncpg

from acd.config import Config
from acd.reports.csat import DIMENSIONS, csat_report
from acd.reports.report import Report
from acd.reports.request import Request
from acd.storage.customers import csat_sums

from .cutting import cut_of


async def csat(connection: asyncpg.Connection, _config: Config, request: Request) -> Report:
    """Return it."""
    cutting, cut = cut_of(request, "csat", DIMENSIONS, ("question",))
    return csat_report(await csat_sums(connection, cutting, request.options.get("question")), cut)
