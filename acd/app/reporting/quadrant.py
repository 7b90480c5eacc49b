"""Agents by conversion, cancel rate, answered calls and collected cash; who is odd among them."""

from collections.abc import Mapping

import asyncpg

from acd.config import Config
from acd.reports.joined import number, text
from acd.reports.quadrant import (
    LEAST_ANSWERED,
    AgentFigures,
    judge,
    quadrant_report,
)
from acd.reports.report import Report
from acd.reports.request import (
    Period,
    Request,
    RequestError,
    refuse_others,
    whole_number,
)

from .by_agent import Joined, Maker, ask
from .contract import frame

SELECTED_BY = ("queue", "team")
"What makes the group that an agent is compared with."


def quadrant(makers: Mapping[str, Maker]) -> Maker:
    """Return the report's maker; `makers` are the reports that it joins."""

    async def make(connection: asyncpg.Connection, config: Config, request: Request) -> Report:
        refuse_others(request, "quadrant", only=SELECTED_BY, options=("least_answered",))
        least = _least_answered(request)
        found = await ask(
            makers, ("agents", "orders"), connection, config, request, period=Period.ALL
        )
        place = frame(request)
        return quadrant_report(
            judge(_figures(found), least_answered=least),
            from_us=place.from_us,
            to_us=place.to_us,
            timezone=place.timezone,
            least_answered=least,
        )

    return make


def _figures(found: Joined) -> list[AgentFigures]:
    return [
        AgentFigures(
            agent=agent,
            name=text(line, "agents.name"),
            team=text(line, "agents.team"),
            answered=int(number(line, "agents.handled") or 0),
            orders=int(number(line, "agents.orders") or 0),
            conversion_rate=number(line, "agents.conversion_rate"),
            cancel_rate=number(line, "orders.cancel_rate"),
            collected=number(line, "orders.value_signed"),
            currency=text(line, "orders.currency"),
        )
        for (_, agent), line in found.lines.items()
    ]


def _least_answered(request: Request) -> int:
    value = request.options.get("least_answered", str(LEAST_ANSWERED))
    least = whole_number(value, 1_000_000)
    if least is None:
        raise RequestError(
            f"least_answered={value}: expected calls, such as {LEAST_ANSWERED}", field="options"
        )
    return least
