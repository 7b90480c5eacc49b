"""Periods by number are those by name, in zones with daylight saving too."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from acd.reports.request import Period
from acd.storage.cuts import Cutting

FROM = datetime(2024, 12, 28, 22, 30, tzinfo=UTC)
TO = datetime(2026, 1, 3, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin", "America/Havana"])
def test_moments_of_one_period_have_one_group(dsn: str, zone: str) -> None:
    async def check() -> None:
        connection = await asyncpg.connect(dsn)
        for period in Period:
            cutting = Cutting(from_at=FROM, to_at=TO, zone=ZoneInfo(zone), period=period)
            group, name = cutting.group("r.started_at", "$4::timestamptz[]"), cutting.key_list[0]
            # A period may be of several groups, a group is of one period.
            several = await connection.fetch(
                f"SELECT {group} FROM generate_series($1::timestamptz, $2, interval '47 minutes')"
                " AS r(started_at) WHERE $3::text IS NOT NULL AND $4::timestamptz[] IS NOT NULL"
                f" GROUP BY 1 HAVING count(DISTINCT {name}) > 1",
                *(FROM, TO - timedelta(microseconds=1), zone, cutting.begins),
            )
            assert not several, (period, several)
        await connection.close()

    asyncio.run(check())


def test_long_periods_are_few_groups() -> None:
    def groups(period: Period) -> int:
        of = Cutting(from_at=FROM, to_at=TO, zone=ZoneInfo("Europe/Berlin"), period=period)
        return len(of.begins)

    assert [groups(period) for period in (Period.MONTH, Period.QUARTER, Period.YEAR)] == [14, 6, 3]
    assert groups(Period.WEEK) == 54
    assert groups(Period.DAY) == 372
    assert groups(Period.ALL) == groups(Period.HOUR) == 1
