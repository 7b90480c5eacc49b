"""Callers by what became of them: out of roll-ups where these are current, else the records."""

from collections.abc import Mapping

import asyncpg

from acd.reports.cells import Key
from acd.reports.days import day_borders
from acd.reports.request import Period, microseconds
from acd.reports.traffic import OUTCOMES, Traffic

from .kpi_cells import Stretch, Wanted, dirty_quarters, without
from .kpi_rollup import ranges

_SUMS = ", ".join(f"sum({name})::bigint AS {name}" for name in OUTCOMES)

_COUNTS = ", ".join(
    f"count(*) FILTER (WHERE outcome = '{name}')::bigint AS {name}" for name in OUTCOMES
)


async def traffic_cells(connection: asyncpg.Connection, wanted: Wanted) -> dict[Key, Traffic]:
    """Return the callers by period and group: those of `acd.reports.traffic`."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("SET LOCAL jit = off")
        dirty = ranges(await dirty_quarters(connection, wanted.stretch))
        parts = {
            "traffic_quarters": ("quarter_at", _SUMS, without([wanted.stretch], dirty)),
            "traffic_contacts": ("started_at", _COUNTS, dirty),
        }
        found: dict[Key, Traffic] = {}
        for table, (moment, sums, stretches) in parts.items():
            if stretches:
                cells = await _cells(connection, wanted, table, moment, sums, stretches)
                for key, traffic in cells.items():
                    found[key] = found.get(key, Traffic()) + traffic
    return {key: traffic for key, traffic in found.items() if traffic.offered}


async def _cells(
    connection: asyncpg.Connection,
    wanted: Wanted,
    table: str,
    moment: str,
    sums: str,
    stretches: list[Stretch],
) -> Mapping[Key, Traffic]:
    keys = [_begin(wanted.period, moment), *wanted.by]
    conditions = [f"{name} = ${number}" for number, name in enumerate(wanted.only, 4)]
    rows = await connection.fetch(
        f"SELECT {', '.join(f'{key} AS k{at}' for at, key in enumerate(keys))}, {sums}"
        " FROM unnest($1::timestamptz[], $2::timestamptz[]) AS stretch (begin_at, end_at)"
        f" JOIN {table} ON {moment} >= begin_at AND {moment} < end_at"
        f" WHERE {' AND '.join((*conditions, '$3::text IS NOT NULL'))}"
        f" GROUP BY {', '.join(str(at + 1) for at in range(len(keys)))}",
        [begin for begin, _ in stretches],
        [end for _, end in stretches],
        wanted.zone.key,
        *wanted.only.values(),
    )
    return {_key(row, wanted): Traffic(**{name: row[name] for name in OUTCOMES}) for row in rows}


def _begin(period: Period, moment: str) -> str:
    match period:
        case Period.ALL:
            return "NULL::date"
        case Period.QUARTER_HOUR:
            return f"kpi_quarter({moment})"
        case Period.HOUR:
            return f"date_trunc('hour', {moment}, $3)"
        case _:
            return f"date_trunc('{period.value}', {moment} AT TIME ZONE $3)::date"


def _key(row: asyncpg.Record, wanted: Wanted) -> Key:
    begin, *groups = list(row.values())[: 1 + len(wanted.by)]
    if begin is None:
        return (None, *groups)
    if wanted.period not in {Period.HOUR, Period.QUARTER_HOUR}:
        begin = day_borders(begin, wanted.zone)[0]
    return (microseconds(begin), *groups)
