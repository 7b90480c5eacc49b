"""The KPI SQL and the pure library say the same of the same records."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import kpi_function as kpi
import pytest
from storage_traffic import started, timeline

from acd.calls import cdr_rows as cdr
from acd.calls import events as ev
from acd.calls.cdr import Fold
from acd.reports.kpi import PARTS, QueueKpi, ServiceLevel, queue_kpis
from acd.storage.journal import Journal
from acd.storage.journal_reader import JournalReader
from acd.storage.shipper import Shipper, ShipperSettings

START = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
START_US = int(START.timestamp() * 1e6)


def rows_of(folder: Path) -> list[cdr.Row]:
    machine, reader = Fold(), JournalReader(folder, on_damage=pytest.fail)
    rows = [row for entry in reader if entry.record for row in machine.apply(entry.record)]
    reader.close()
    return rows + machine.open_rows()


def pure(rows: list[cdr.Row], from_at: datetime, to_at: datetime, level: ServiceLevel):
    def of(kind):
        return [row for row in rows if isinstance(row, kind)]

    return queue_kpis(
        of(cdr.QueueVisit),
        of(cdr.TalkSegment),
        of(cdr.AgentStateInterval),
        of(cdr.Disposition),
        of(cdr.Transfer),
        of(cdr.OrderEvent),
        from_us=int(from_at.timestamp() * 1e6),
        to_us=int(to_at.timestamp() * 1e6),
        service_level=level,
    )


def same(one: QueueKpi, other: QueueKpi) -> None:
    for field in QueueKpi.__struct_fields__:
        assert getattr(one, field) == pytest.approx(getattr(other, field)), field


@pytest.mark.parametrize("seed", range(3))
def test_sql_and_library_agree(dsn: str, tmp_path: Path, seed: int) -> None:
    at_s = 0.0
    journal = Journal.open(
        tmp_path,
        node="node",
        boot="boot",
        wall_us=lambda: START_US + int(at_s * 1e6),
        on_alarm=pytest.fail,
    )
    events = list(timeline(seed, 150, every_s=3.0))
    for at_s, event in events[: len(events) - 40]:  # the journal's clock reads it
        journal.append([event], at_s)
    waiting = ev.QueueEntered(interaction="last", visit="last", queue="sales", kind="sales")
    journal.append([started("last", "leg"), waiting], at_s)
    rows = rows_of(tmp_path)

    async def compare() -> int:
        quick = ShipperSettings(interval_s=0.0)
        shipper = Shipper(journal, dsn, on_alarm=pytest.fail, settings=quick)
        running = asyncio.create_task(shipper.run())
        await asyncio.wait_for(shipper.drain(), 120)
        running.cancel()
        connection = await asyncpg.connect(dsn)
        compared = 0
        for level in ServiceLevel:
            for minutes in ((0, 60), (2, 5), (5, 5)):
                period = [START + timedelta(minutes=minute) for minute in minutes]
                computed = await kpi.queue_kpis(
                    connection, from_at=period[0], to_at=period[1], service_level=level
                )
                expected = pure(rows, *period, level)
                assert [one.queue for one in computed] == [one.queue for one in expected]
                for one, other in zip(computed, expected, strict=True):
                    same(one, other)
                    assert one.offered == sum(getattr(one, part) for part in PARTS)
                    compared += 1
        nobody = await kpi.queue_kpis(
            connection, from_at=START, to_at=START + timedelta(days=1), project="other"
        )
        assert nobody == []
        await connection.close()
        return compared

    assert asyncio.run(compare()) > 10
    assert any(row.outcome == "waiting" for row in rows if isinstance(row, cdr.QueueVisit))
    journal.close()


def test_the_queries_of_the_documentation_run(dsn: str) -> None:
    docs = Path(__file__).parents[2] / "docs"
    pages = [(docs / name).read_text(encoding="utf-8") for name in ("records.md", "kpi.md")]
    blocks = re.findall(r"```sql\n(.*?)```", "".join(pages), re.DOTALL)
    queries = [query for block in blocks for query in block.split(";\n") if query.strip()]

    async def run() -> list[object]:
        connection = await asyncpg.connect(dsn)
        rows = [await connection.fetch(query) for query in queries]
        await connection.close()
        return rows

    assert asyncio.run(run()) == [[]] * len(queries)
    assert len(queries) > 4
