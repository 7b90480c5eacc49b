"""Scores under a performance contract, by agent and month, with the numbers behind each."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import asyncpg

from acd.config import Config
from acd.reports.contract import Contract
from acd.reports.contract_report import AgentMonth, Frame, contract_report
from acd.reports.joined import number, text
from acd.reports.measured import MEASURED
from acd.reports.report import Report
from acd.reports.request import (
    Period,
    Request,
    RequestError,
    borders,
    microseconds,
    refuse_others,
)
from acd.reports.showing import local

from .by_agent import Joined, Maker, ask

SELECTED_BY = ("agent", "team")


def contract(makers: Mapping[str, Maker]) -> Maker:
    """Return the report's maker; `makers` are the reports that contracts are measured by."""

    async def make(connection: asyncpg.Connection, config: Config, request: Request) -> Report:
        refuse_others(
            request,
            "contract",
            only=SELECTED_BY,
            per=(Period.ALL, Period.MONTH),
            options=("contract",),
        )
        agreed = _contract(config, request)
        found = await ask(
            makers, sources(agreed), connection, config, request, period=Period.MONTH
        )
        known = {
            measure: found.columns[f"{source.report}.{source.column}"]
            for measure, source in MEASURED.items()
            if f"{source.report}.{source.column}" in found.columns
        }
        months = agent_months(agreed, found, config, request.zone)
        paid = config.contracts.pay.paid_rule()
        return contract_report(agreed, months, known, frame(request), paid)

    return make


def frame(request: Request) -> Frame:
    """Return a report's period."""
    from_at, to_at = borders(request)
    return Frame(
        from_us=microseconds(from_at), to_us=microseconds(to_at), timezone=request.zone.key
    )


def sources(agreed: Contract) -> set[str]:
    """Return the reports that a contract is measured by; that of the agents is always asked."""
    measured = {
        MEASURED[measure.name].report for measure in agreed.measures if measure.name in MEASURED
    }
    return measured | {"agents"}


def agent_months(
    agreed: Contract, found: Joined, config: Config, zone: ZoneInfo
) -> list[AgentMonth]:
    """Return the months of those whose contract it is."""
    months = []
    for (period, agent), line in found.lines.items():
        team = text(line, "agents.team")
        if not agreed.is_for(team):
            continue
        month = f"{local(int(period), zone):%Y-%m}"
        values = {
            measure.name: number(line, f"{source.report}.{source.column}")
            if (source := MEASURED.get(measure.name))
            else config.contract_values.find(month, agent, team, measure.name)
            for measure in agreed.measures
        }
        name = text(line, "agents.name")
        months.append(AgentMonth(month=month, agent=agent, name=name, team=team, values=values))
    return months


def _contract(config: Config, request: Request) -> Contract:
    contracts = config.contracts.contracts
    if not contracts:
        raise RequestError("there is no contract; contracts.yaml describes them", field="options")
    name = request.options.get("contract", next(iter(contracts)))
    if name not in contracts:
        raise RequestError(
            f"contract={name}: expected one of {', '.join(contracts)}", field="options"
        )
    return contracts[name].contract(name)
