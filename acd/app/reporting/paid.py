"""Paid time out of the files that a centre writes: the shift plan, or a timesheet."""

from collections.abc import Iterable
from typing import TypeVar

import asyncpg

from acd.config import Config
from acd.config.shifts import read_shifts
from acd.config.timesheet import read_timesheet
from acd.ivr.document import Fault
from acd.reports.cut import Cut
from acd.reports.paid_time import Key, Paid, PaidSource, paid_of_plan, paid_times
from acd.reports.request import RequestError, microseconds
from acd.storage.agent_sums import WantedAgents, memberships

FAULTS_TOLD = 5

T = TypeVar("T")


async def paid_by_line(
    connection: asyncpg.Connection, config: Config, wanted: WantedAgents
) -> dict[Key, float]:
    """Return the seconds paid for each line of a report of agents; none where records say it.

    Raises RequestError with what is wrong with the file.
    """
    stretches = _stretches(config, wanted)
    if stretches is None:
        return {}
    changing = {"team", "project"} & {*wanted.by, *wanted.only}
    return paid_times(
        stretches,
        await memberships(connection, wanted.to_at) if changing else (),
        Cut(
            from_us=microseconds(wanted.from_at),
            to_us=microseconds(wanted.to_at),
            timezone=wanted.zone.key,
            period=wanted.period,
            by=wanted.by,
        ),
        only=wanted.only,
        now_us=microseconds(wanted.now_at),
    )


def _stretches(config: Config, wanted: WantedAgents) -> Iterable[Paid] | None:
    rule = config.contracts.pay.paid_rule()
    match rule.source:
        case PaidSource.LOGGED_IN:
            return None
        case PaidSource.SHIFTS:
            return paid_of_plan(sound(read_shifts(config.folder, wanted.zone)), rule)
        case PaidSource.TIMESHEET:
            return sound(read_timesheet(config.folder, wanted.zone))


def sound(read: tuple[list[T], list[Fault]]) -> list[T]:
    """Return what a file holds. Raises RequestError where it has faults, with the first ones."""
    stretches, faults = read
    if faults:
        told = "; ".join(map(str, faults[:FAULTS_TOLD]))
        raise RequestError(told, field="name")
    return stretches
