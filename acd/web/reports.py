"""Answers that the database gives."""

import asyncio
from collections.abc import Awaitable

from aiohttp import web

from .answers import json_answer
from .errors import RequestError
from .ports import ServiceUnavailableError

REPORT_TIMEOUT_S = 30.0
"A day's report takes well below a second; a database that hangs must not hold connections."


async def answer_of_database(report: Awaitable[object]) -> web.Response:
    """Return the report as JSON, or 503 when the database does not answer."""
    try:
        async with asyncio.timeout(REPORT_TIMEOUT_S):
            return json_answer(await report)
    except ServiceUnavailableError as error:
        raise RequestError(503, "unavailable", str(error)) from error
    except TimeoutError as error:
        raise RequestError(
            503, "unavailable", f"the database did not answer in {REPORT_TIMEOUT_S:.0f} s"
        ) from error
