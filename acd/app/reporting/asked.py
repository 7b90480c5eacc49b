"""Reports as the HTTP side and the schedule ask for them: by words, in a form, in a language."""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from acd.config import Config
from acd.reports.asking import Wish, request_of
from acd.reports.pages import READ_LINES
from acd.web.ports import UnknownReportError

from . import REPORTS
from .apart import ReportsApart
from .growing import GrowingFile

LIMIT_S = 120.0
"Whoever waits at a screen has gone by then; a year by month takes seconds."


class Reports:
    """What reports there are, and having one made."""

    def __init__(self, apart: ReportsApart, config: Callable[[], Config]) -> None:
        """`config` returns the one that serves."""
        self._apart = apart
        self._config = config

    def known(self) -> list[dict[str, str]]:
        """Return every report's name and what it is about."""
        return [{"report": name, "about": about(name)} for name in sorted(REPORTS)]

    @asynccontextmanager
    async def document(
        self, name: str, wish: Wish, form: str, locale: str, role: str, limit_s: float = LIMIT_S
    ) -> AsyncIterator[GrowingFile]:
        """Give a report in a form, as it is written; `locale` empty: the centre's.

        Raises UnknownReportError, RequestError, and as `ReportsApart.making`.
        """
        if name not in REPORTS:
            raise UnknownReportError(f"there is no report {name[:32]!r}; there are {names()}")
        centre = self._config().server.centre
        zone = ZoneInfo(centre.timezone)
        request = request_of(
            wish,
            today=datetime.now(zone).date(),
            zone=zone,
            role=role,
            form=form,
            lines=READ_LINES if form == "html" else None,
        )
        locale = locale or centre.locale
        async with self._apart.making(name, request, form, locale, limit_s=limit_s) as file:
            yield file


def names() -> str:
    """Return the names of all reports, for messages."""
    return ", ".join(sorted(REPORTS))


def about(name: str) -> str:
    """Return what a report is about: the first line of its file."""
    module = inspect.getmodule(REPORTS[name])
    return (inspect.getdoc(module) or "").partition("\n")[0]
