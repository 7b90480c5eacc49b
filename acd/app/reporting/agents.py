"""Work, times and rates per agent, team, queue or skill."""

from datetime import UTC, datetime

import asyncpg

from acd.config import Config
from acd.reports.agents_report import (
    DIMENSIONS,
    OF_CALLS,
    AgentsWish,
    agents_report,
    with_paid_time,
)
from acd.reports.report import Report
from acd.reports.request import (
    Period,
    Request,
    RequestError,
    borders,
    microseconds,
    refuse_others,
)
from acd.storage.agent_sums import WantedAgents, agent_lines, people

from .paid import paid_by_line


async def agents(connection: asyncpg.Connection, config: Config, request: Request) -> Report:
    """Return them; what lasts is counted up to now."""
    refuse_others(
        request,
        "agents",
        by=DIMENSIONS,
        only=DIMENSIONS,
        per=tuple(Period),
        options=("unit_target",),
    )
    from_at, to_at = borders(request)
    by = request.by or ("agent",)
    of_calls = bool(OF_CALLS & {*by, *request.only})
    wanted = WantedAgents(
        from_at=from_at,
        to_at=to_at,
        now_at=min(max(from_at, datetime.now(UTC)), to_at),
        zone=request.zone,
        period=request.period,
        by=by,
        only=request.only,
        skills={queue.name: queue.skill for queue in config.queue_profiles()},
    )
    rule = config.contracts.pay.paid_rule()
    # What is wrong with its file is told before the database works for seconds.
    paid = {} if of_calls else await paid_by_line(connection, config, wanted)
    lines = await agent_lines(connection, wanted)
    if of_calls:
        lines = [line for line in lines if "" not in _of_calls(by, line.group)]
    else:
        lines = with_paid_time(lines, rule, paid)
    wish = AgentsWish(
        from_us=microseconds(from_at),
        to_us=microseconds(to_at),
        timezone=request.zone.key,
        period=request.period,
        by=by,
        of_calls=of_calls,
        unit_target=_unit_target(config, request),
        paid=rule,
    )
    return agents_report(lines, await people(connection, to_at), wish)


def _of_calls(by: tuple[str, ...], group: tuple[str, ...]) -> list[str]:
    """Return the values of a line's dimensions that time without a call leaves empty."""
    return [value for name, value in zip(by, group, strict=True) if name in OF_CALLS]


def _unit_target(config: Config, request: Request) -> float:
    """Return how many calls an agent is to handle; what is configured is by the month."""
    text = request.options.get("unit_target")
    if text is None:
        monthly = request.period is Period.MONTH
        return config.contracts.pay.unit_target if monthly else 0.0
    try:
        target = float(text)
    except ValueError:
        target = -1.0
    if not 0 < target < float("inf"):
        raise RequestError(
            f"{text}: expected how many calls an agent is to handle in a period, such as 1500",
            field="unit_target",
        )
    return target
