"""The day that a request asks about."""

import re
from datetime import date

from aiohttp import web

from .errors import RequestError

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)


def day_of(request: web.Request) -> str:
    """Return `?day=`: today (the default), yesterday or YYYY-MM-DD."""
    day = request.query.get("day", "today")
    if not _is_day(day):
        raise RequestError(
            422, "invalid", "day must be today, yesterday or YYYY-MM-DD", field="day"
        )
    return day


def _is_day(text: str) -> bool:
    if text in {"today", "yesterday"}:
        return True
    try:
        return _DAY.match(text) is not None and date.fromisoformat(text) is not None
    except ValueError:
        return False
