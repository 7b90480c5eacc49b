"""Loss in dialling: customers who were called back, answered, and had no agent in time."""

import asyncpg

from acd.config import Config
from acd.reports.dialling import DIMENSIONS, TAKEN_WITHIN_S, dialling_report
from acd.reports.report import Report
from acd.reports.request import Request, RequestError
from acd.storage.dialling import dialling_sums

from .cutting import cut_of

LONGEST_WAIT_S = 60.0
"Nobody holds the line for longer than that after answering; a larger limit is a slip."


async def dialling(connection: asyncpg.Connection, _config: Config, request: Request) -> Report:
    """Return it."""
    cutting, cut = cut_of(request, "dialling", DIMENSIONS, ("within_s",))
    within_s = _within_s(request)
    return dialling_report(
        await dialling_sums(connection, cutting, within_s=within_s), cut, within_s
    )


def _within_s(request: Request) -> float:
    text = request.options.get("within_s", f"{TAKEN_WITHIN_S:g}")
    try:
        within_s = float(text)
    except ValueError:
        within_s = -1.0
    if not 0 <= within_s <= LONGEST_WAIT_S:
        raise RequestError(
            f"{text}: expected seconds from 0 to {LONGEST_WAIT_S:g}, such as {TAKEN_WITHIN_S:g}",
            field="within_s",
        )
    return within_s
