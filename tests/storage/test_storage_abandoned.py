"""Who gave up waiting and was not reached since, asked of a real Postgres."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from storage_traffic import started

from acd.calls import events as ev
from acd.reports.abandoned import AbandonedCaller, abandoned_report
from acd.reports.data import as_csv, as_json
from acd.reports.request import microseconds
from acd.reports.table import as_table
from acd.storage.abandoned import abandoned_callers
from acd.storage.journal import Journal
from acd.storage.shipper import Shipper, ShipperSettings

START = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


class Day:
    """Calls of one day, each in a few seconds."""

    def __init__(self) -> None:
        self.events: list[tuple[float, ev.Event]] = []
        self._calls = 0

    def call(
        self,
        at_s: float,
        caller: str,
        reason: str,
        *,
        queue: str = "sales",
        waited_s: float = 8.0,
        direction: str = "inbound",
        answered: bool = True,
        withheld: bool = False,
    ) -> str:
        self._calls += 1
        call, leg, visit = (f"{kind}{self._calls}" for kind in ("call", "leg", "visit"))
        back = direction == "callback"
        self._add(
            at_s,
            started(call, leg, caller=caller, direction=direction, withheld=withheld),
        )
        if answered:
            self._add(at_s, ev.CallAnswered(interaction=call, leg=leg))
        self._add(
            at_s,
            ev.QueueEntered(
                interaction=call, visit=visit, queue=queue, kind="sales", callback=back
            ),
        )
        self._add(
            at_s + waited_s,
            ev.QueueLeft(
                interaction=call, visit=visit, queue=queue, reason=reason, waited_s=waited_s
            ),
        )
        self._end(at_s + waited_s, call, leg)
        return call

    def outbound(self, at_s: float, number: str, *, answered: bool) -> None:
        self._calls += 1
        call, leg, party = (f"{kind}{self._calls}" for kind in ("call", "leg", "party"))
        begun = started(
            call, leg, caller="1001", direction="outbound", agent="1001", number=number
        )
        self._add(at_s, begun)
        self._add(
            at_s,
            ev.PartyCalled(
                interaction=call, leg=party, sip_call_id=party, trunk="carrier", number=number
            ),
        )
        if answered:
            self._add(at_s + 3, ev.PartyAnswered(interaction=call, leg=party, ring_s=3))
        self._add(at_s + 9, ev.LegEnded(interaction=call, leg=party, ended_by="peer"))
        self._end(at_s + 9, call, leg)

    def callback(self, at_s: float, number: str, outcome: str) -> None:
        told = {
            "callback": f"wish {number}",
            "interaction": f"wish {number}",
            "queue": "sales",
            "number": number,
            "requested_us": int((START + timedelta(seconds=at_s)).timestamp() * 1e6),
            "first_enqueued_us": 0,
        }
        self._add(at_s, ev.CallbackRequested(**told))
        if outcome:
            self._add(at_s + 5, ev.CallbackEnded(**told, attempts=1, outcome=outcome))

    def _end(self, at_s: float, call: str, leg: str) -> None:
        self._add(at_s, ev.LegEnded(interaction=call, leg=leg, ended_by="peer"))
        self._add(at_s, ev.CallEnded(interaction=call, ended_by="caller", reason="hangup"))

    def _add(self, at_s: float, event: ev.Event) -> None:
        self.events.append((at_s, event))

    def in_order(self) -> Iterator[tuple[float, ev.Event]]:
        return iter(sorted(self.events, key=lambda pair: pair[0]))


def number(last: int) -> str:
    return f"+861380000{last:04d}"


def a_day() -> Day:
    day = Day()
    day.call(10, number(1), "abandoned")
    day.call(100, number(1), "answered", queue="service")  # reached since, in another queue
    day.call(20, number(2), "abandoned", waited_s=8)
    day.call(60, number(2), "short_abandon", waited_s=2)
    day.call(30, number(3), "answered")
    day.call(90, number(3), "abandoned")  # reached before only
    day.call(40, number(4), "abandoned")
    day.outbound(200, number(4), answered=True)
    day.call(50, number(5), "abandoned")
    day.outbound(200, number(5), answered=False)
    day.call(55, "anonymous", "abandoned")
    day.call(56, number(6), "timed_out")
    day.call(57, number(11), "abandoned", withheld=True)
    day.call(70, number(7), "abandoned")
    day.call(300, number(7), "answered", direction="callback")
    day.call(75, number(8), "abandoned")
    day.call(300, number(8), "answered", direction="callback", answered=False)  # the agent alone
    day.callback(250, number(8), "not_reached")
    day.call(80, number(9), "abandoned", queue="service")
    day.callback(250, number(9), "")
    day.call(5_000, number(10), "abandoned")  # after the period
    return day


def ship_and_ask(dsn: str, folder: Path, day: Day, seconds: int) -> list[AbandonedCaller]:
    at_s = 0.0
    journal = Journal.open(
        folder,
        node="node",
        boot="boot",
        wall_us=lambda: int((START + timedelta(seconds=at_s)).timestamp() * 1e6),
        on_alarm=pytest.fail,
    )
    for at_s, event in day.in_order():  # the journal's clock reads it
        journal.append([event], at_s)

    async def ask() -> list[AbandonedCaller]:
        quick = ShipperSettings(interval_s=0.0)
        shipper = Shipper(journal, dsn, on_alarm=pytest.fail, settings=quick)
        running = asyncio.create_task(shipper.run())
        await asyncio.wait_for(shipper.drain(), 120)
        running.cancel()
        connection = await asyncpg.connect(dsn)
        found = await abandoned_callers(
            connection, from_at=START, to_at=START + timedelta(seconds=seconds)
        )
        nobody = await abandoned_callers(
            connection, from_at=START, to_at=START + timedelta(days=1), project="other"
        )
        assert nobody == []
        await connection.close()
        return found

    try:
        return asyncio.run(ask())
    finally:
        journal.close()


def test_whoever_was_not_talked_to_since_is_on_the_list(dsn: str, tmp_path: Path) -> None:
    found = ship_and_ask(dsn, tmp_path, a_day(), 1_000)
    assert [(one.caller, one.queue, one.calls, one.callback) for one in found] == [
        (number(2), "sales", 2, ""),
        (number(5), "sales", 1, ""),
        (number(8), "sales", 1, "not_reached"),
        (number(9), "service", 1, "waiting"),
        (number(3), "sales", 1, ""),
    ]
    first = found[0]
    assert (first.first_at, first.last_at) == (
        START + timedelta(seconds=20),
        START + timedelta(seconds=60),
    )
    assert first.longest_wait_s == 8.0


ONE = AbandonedCaller(
    caller="+8613800000001",
    queue="sales",
    calls=2,
    first_at=START,
    last_at=START + timedelta(minutes=3),
    longest_wait_s=61.4,
    interaction="call1",
)


def test_the_list_as_table_json_and_csv() -> None:
    begin_us = microseconds(START.replace(hour=0)) - 8 * 3_600_000_000
    told = abandoned_report(
        [ONE], from_us=begin_us, to_us=begin_us + 86_400_000_000, timezone="Asia/Shanghai"
    )
    table = as_table(told, "zh")
    assert [str(column.header) for column in table.columns][:3] == ["主叫号码", "队列", "放弃次数"]
    cells = [str(next(iter(column.cells))) for column in table.columns]
    assert cells == ["+8613800000001", "sales", "2", "10:00", "10:03", "61.4 s", "–"]
    [entry] = json.loads(as_json(told))["rows"]
    assert (entry["caller"], entry["calls"], entry["first_at"]) == (
        "+8613800000001",
        2,
        "2026-11-20T10:00:00+08:00",
    )
    head, line = as_csv(told).splitlines()
    assert head.startswith("caller,queue,calls,first_at")
    assert line.startswith("+8613800000001,sales,2,2026-11-20T10:00:00+08:00")
