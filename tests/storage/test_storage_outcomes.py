"""What is learned of conversion after a restart: classed, answered sales calls, oldest first."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from storage_traffic import started

from acd.calls import events as ev
from acd.storage.journal import Journal
from acd.storage.outcomes import HISTORY, SalesOutcome, sales_outcomes
from acd.storage.shipper import Shipper, ShipperSettings

NOW = datetime.now(UTC).replace(microsecond=0)
LONG_AGO = NOW - HISTORY - timedelta(days=1)


class Day:
    """A journal whose clock is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.at = NOW
        self.journal = Journal.open(
            folder,
            node="node",
            boot="boot",
            wall_us=lambda: int(self.at.timestamp() * 1e6),
            on_alarm=pytest.fail,
        )

    def call(
        self,
        name: str,
        *,
        at: datetime,
        kind: str = "sales",
        left: str = "answered",
        ordered: tuple[bool, ...] = (True,),
    ) -> None:
        """Note a call with its dispositions, each replacing the one before."""
        self.at = at
        visit = {"interaction": name, "visit": f"visit {name}", "queue": kind}
        happened: list[ev.Event] = [
            started(name, f"leg {name}"),
            ev.QueueEntered(kind=kind, **visit),
            ev.QueueLeft(reason=left, waited_s=1.0, agent="1001", **visit),
            *(
                ev.DispositionEntered(
                    interaction=name,
                    agent="1001",
                    queue=kind,
                    call_class="order",
                    category="jewelry",
                    ordered=one,
                )
                for one in ordered
            ),
            ev.LegEnded(interaction=name, leg=f"leg {name}", ended_by="peer"),
            ev.CallEnded(interaction=name, ended_by="caller", reason="hangup"),
        ]
        self.journal.append(happened, 0.0)

    def outcomes(self, dsn: str) -> list[SalesOutcome]:
        async def ask() -> list[SalesOutcome]:
            quick = ShipperSettings(interval_s=0.0)
            shipper = Shipper(self.journal, dsn, on_alarm=pytest.fail, settings=quick)
            running = asyncio.create_task(shipper.run())
            await asyncio.wait_for(shipper.drain(), 60)
            running.cancel()
            connection = await asyncpg.connect(dsn)
            found = [one async for chunk in sales_outcomes(connection) for one in chunk]
            await connection.close()
            return found

        return asyncio.run(ask())


def test_answered_sales_calls_oldest_first_and_as_last_classed(dsn: str, tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.call("forgotten", at=LONG_AGO)
    day.call("older", at=NOW - timedelta(hours=2), ordered=(True, False))
    day.call("newer", at=NOW - timedelta(hours=1))
    day.call("service", at=NOW, kind="service")
    day.call("abandoned", at=NOW, left="abandoned")
    day.call("pending", at=NOW, ordered=())
    found = day.outcomes(dsn)
    day.journal.close()
    assert [(one.interaction, one.ordered) for one in found] == [("older", False), ("newer", True)]
    older = found[0]
    assert (older.agent, older.queue, older.category) == ("1001", "sales", "jewelry")
    assert older.started_s == (NOW - timedelta(hours=2)).timestamp()
