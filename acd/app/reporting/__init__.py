"""Reports by name: each asks the database for rows and has `acd.reports` make figures of them.

The command line, the HTTP interface and the schedule all get their reports here.
"""

from collections.abc import Awaitable, Callable, Mapping

import asyncpg

from acd.config import Config
from acd.reports.report import Report
from acd.reports.request import Request

Maker = Callable[[asyncpg.Connection, Config, Request], Awaitable[Report]]
"Makes one report. Raises DatabaseError, or RequestError with what would be right."

REPORTS: Mapping[str, Maker] = {}
