"""What pay is reckoned from: traffic index and tier, answered calls, signed orders, contract."""

from collections.abc import Mapping

import asyncpg

from acd.config import Config
from acd.reports.contract import scored
from acd.reports.contract_report import PayBasis, pay_report
from acd.reports.joined import Line, number, text
from acd.reports.report import Report
from acd.reports.request import Period, Request, refuse_others
from acd.reports.showing import local

from .by_agent import Joined, Maker, ask
from .contract import SELECTED_BY, agent_months, frame, sources

ASKED = ("agents", "orders")


def pay(makers: Mapping[str, Maker]) -> Maker:
    """Return the report's maker; `makers` are the reports that it joins."""

    async def make(connection: asyncpg.Connection, config: Config, request: Request) -> Report:
        refuse_others(request, "pay", only=SELECTED_BY, per=(Period.ALL, Period.MONTH))
        contracts = [
            settings.contract(name) for name, settings in config.contracts.contracts.items()
        ]
        names = set(ASKED).union(*(sources(agreed) for agreed in contracts))
        found = await ask(makers, names, connection, config, request, period=Period.MONTH)
        scores: dict[tuple[str, str], tuple[str, float | None]] = {}
        for agreed in contracts:
            for month in agent_months(agreed, found, config, request.zone):
                total = scored(agreed, month.values).total
                # Of several contracts that fit an agent's team, the first one holds.
                scores.setdefault((month.month, month.agent), (agreed.name, total))
        settings = config.contracts.pay
        return pay_report(
            _months(found, request, scores),
            frame(request),
            unit_target=settings.unit_target,
            tiers=settings.pay_tiers(),
        )

    return make


def _months(
    found: Joined, request: Request, scores: Mapping[tuple[str, str], tuple[str, float | None]]
) -> list[PayBasis]:
    months = []
    for (period, agent), line in found.lines.items():
        month = f"{local(int(period), request.zone):%Y-%m}"
        name, total = scores.get((month, agent), ("", None))
        months.append(
            PayBasis(
                month=month,
                agent=agent,
                name=text(line, "agents.name"),
                team=text(line, "agents.team"),
                answered=_count(line, "orders.answered"),
                handled=_count(line, "agents.handled"),
                complaints=_count(line, "agents.complaints"),
                orders=_count(line, "agents.orders"),
                orders_signed=_count(line, "orders.signed"),
                signed_amount=number(line, "orders.value_signed"),
                currency=text(line, "orders.currency"),
                contract=name,
                score=total,
            )
        )
    return months


def _count(line: Line, name: str) -> int:
    return int(number(line, name) or 0)
