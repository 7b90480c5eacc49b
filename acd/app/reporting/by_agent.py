"""Several reports about the same agents, asked with one request and joined line by line."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

import asyncpg
import msgspec

from acd.config import Config
from acd.reports.joined import Key, joined
from acd.reports.report import Column, Report, Value
from acd.reports.request import Period, Request

Maker = Callable[[asyncpg.Connection, Config, Request], Awaitable[Report]]


@dataclass(frozen=True, slots=True)
class Joined:
    """Lines by period and agent, and what their columns are."""

    lines: dict[Key, dict[str, Value]]
    'Values by "report.column".'

    columns: Mapping[str, Column]
    'By "report.column".'


async def ask(
    makers: Mapping[str, Maker],
    names: Iterable[str],
    connection: asyncpg.Connection,
    config: Config,
    request: Request,
    *,
    period: Period,
) -> Joined:
    """Return what these reports say of each agent and period. Raises what they raise."""
    same = msgspec.structs.replace(
        request, by=("agent",), period=period, options={}, page=None, is_drawn=False
    )
    reports = [await makers[name](connection, config, same) for name in sorted(set(names))]
    columns = {
        f"{report.name}.{column.name}": column for report in reports for column in report.columns
    }
    return Joined(joined(reports), columns)
