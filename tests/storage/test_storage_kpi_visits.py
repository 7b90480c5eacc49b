"""What is counted of a visit: the view `kpi_visits` and the pure library, on random histories."""

import asyncio

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kpi_histories import History, Loader, clear, counted

from acd.reports.visits import CountedVisit
from acd.storage.database import Writer

_FIELDS = [f for f in CountedVisit.__struct_fields__ if f not in {"entered_us", "service_level_s"}]


async def viewed(connection: asyncpg.Connection) -> dict[str, dict[str, object]]:
    rows = await connection.fetch("SELECT * FROM kpi_visits WHERE NOT callback")
    return {row["visit"]: dict(row) for row in rows}


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 10**9))
def test_view_and_library_count_the_same(dsn: str, seed: int) -> None:
    history = History(seed)

    async def compare() -> None:
        async with await Writer.connect(dsn, journal="j", node="n") as writer:
            connection = writer._connection
            await clear(connection)
            await Loader(writer).load(history.rows)
            found = await viewed(connection)
        expected = counted(history.rows)
        assert found.keys() == {visit.visit for visit in expected}
        for visit in expected:
            for field in _FIELDS:
                shown, wanted = found[visit.visit][field], getattr(visit, field)
                if isinstance(wanted, float):
                    wanted = pytest.approx(wanted)
                assert shown == wanted, (field, visit)

    asyncio.run(compare())
