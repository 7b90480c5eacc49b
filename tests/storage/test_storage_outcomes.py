"""What is learned of conversion after a restart: classed, answered sales calls, oldest first."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from storage_dated import NOW, DatedJournal
from storage_traffic import started

from acd.calls import events as ev
from acd.storage.outcomes import HISTORY, SalesOutcome, sales_outcomes

LONG_AGO = NOW - HISTORY - timedelta(days=1)


class Day(DatedJournal):
    """Calls of a day, or of long ago."""

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
        self.note(at, happened)

    def outcomes(self, dsn: str) -> list[SalesOutcome]:
        async def ask() -> list[SalesOutcome]:
            connection = await self.shipped(dsn)
            try:
                return [one async for chunk in sales_outcomes(connection) for one in chunk]
            finally:
                await connection.close()

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
    assert [(one.interaction, one.ordered) for one in found] == [("older", False), ("newer", True)]
    older = found[0]
    assert (older.agent, older.queue, older.category) == ("1001", "sales", "jewelry")
    assert older.started_s == (NOW - timedelta(hours=2)).timestamp()
