"""The list of interactions and the chain of one, out of real tables."""

import asyncio
import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from kpi_histories import Loader
from storage_site import START_US, Site, fetch, ship
from storage_traffic import started, timeline

from acd.app.reporting import REPORTS
from acd.app.reporting.calls import stream
from acd.app.reporting.exporting import export
from acd.calls import cdr_rows as cdr
from acd.calls import events as ev
from acd.reports.chain import DESCRIBED, chain_lines
from acd.reports.days import day_borders
from acd.reports.numbers import NumberSight
from acd.reports.pages import Page, Part
from acd.reports.request import Request, RequestError
from acd.reports.showing import iso
from acd.storage.chain import PARTS, read_chain
from acd.storage.database import Writer

ZONE = ZoneInfo("Asia/Shanghai")
DAY = datetime.fromtimestamp(START_US / 1e6, ZONE).date()
NUMBER, HIDDEN = "+8613812345678", "+86138****5678"
CONFIG = cast("Any", SimpleNamespace(number_sight=NumberSight))
CALL = {"interaction": "one"}
VISIT = {**CALL, "visit": "v", "queue": "sales"}
TALK = {**VISIT, "agent": "1001", "leg": "agent-leg"}

STORY: list[tuple[float, ev.Event]] = [
    (0.0, started("one", "leg", caller=NUMBER, called="4001")),
    (1.0, ev.QueueEntered(**VISIT, kind="sales")),
    (8.0, ev.QueueLeft(**VISIT, reason="answered", waited_s=7.0, agent="1001")),
    (8.0, ev.AgentConnected(**TALK)),
    (20.0, ev.HoldStarted(**CALL, agent="1001", leg="agent-leg")),
    (25.0, ev.HoldEnded(**CALL, agent="1001", leg="agent-leg")),
    (60.0, ev.AgentDisconnected(**TALK, talk_s=47.0, hold_s=5.0)),
    (60.0, ev.AgentStateChanged(agent="1001", state="wrap_up", queue="sales", **CALL)),
    (60.1, ev.CauseTold(**CALL, leg="leg", q850_cause=16)),
    (60.1, ev.LegEnded(**CALL, leg="leg", ended_by="peer", reason="hangup")),
    (60.1, ev.CallEnded(**CALL, ended_by="caller", reason="hangup")),
    (90.0, ev.AgentStateChanged(agent="1001", state="idle")),
    (100.0, started("two", "leg2", caller="1002", direction="outbound", number=NUMBER)),
    (130.0, ev.CallEnded(interaction="two", ended_by="called", reason="busy", sip_status=486)),
    (140.0, started("three", "leg3", caller=NUMBER, withheld=True)),
]


def request(**more: Any) -> Request:
    return Request(first=DAY, last=DAY, zone=ZONE, **more)


async def report(dsn: str, **more: Any) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(dsn)
    try:
        made = await REPORTS["calls"](connection, CONFIG, request(**more))
    finally:
        await connection.close()
    names = [column.name for column in made.columns]
    return [dict(zip(names, row, strict=True)) for row in made.rows]


@pytest.fixture
def story(dsn: str, tmp_path: Path) -> str:
    site = Site(tmp_path)
    waits = ev.QueueEntered(interaction="three", visit="w", queue="service", kind="service")
    site.write([*STORY, (141.0, waits)])
    asyncio.run(ship(site, dsn))
    site.journal.close()
    return dsn


def test_a_row_tells_what_became_of_a_call(story: str) -> None:
    one, two, three = asyncio.run(report(story))
    assert one == {
        "started_at": START_US,
        "interaction": "one",
        "project": "main",
        "direction": "inbound",
        "customer": NUMBER,
        "our_number": "4001",
        "flow": "",
        "queue": "sales",
        "agent": "1001",
        "outcome": "answered",
        "visits": 1,
        "transfers": 0,
        "waited_s": 7.0,
        "talk_s": 47.0,
        "hold_s": 5.0,
        "wrap_up_s": 30.0,
        "duration_s": 60.1,
        "ended_by": "caller",
        "reason": "hangup",
        "detail": "",
        "sip_status": 0,
        "q850_cause": 16,
    }
    assert (two["direction"], two["customer"], two["our_number"]) == ("outbound", NUMBER, "1002")
    assert (two["sip_status"], two["outcome"]) == (486, "")
    assert (three["outcome"], three["queue"], three["duration_s"]) == ("waiting", "service", None)


def test_numbers_are_for_those_who_may_see_them(story: str) -> None:
    customers = [row["customer"] for row in asyncio.run(report(story, role="analyst"))]
    assert customers == [HIDDEN, HIDDEN, ""]
    assert len(asyncio.run(report(story, options={"number": NUMBER}))) == 3
    assert asyncio.run(report(story, options={"number": "+86138"})) == []
    with pytest.raises(RequestError, match="may not search by number"):
        asyncio.run(report(story, role="analyst", options={"number": NUMBER}))


def test_the_list_is_read_page_by_page(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write(timeline(21, 50))
    asyncio.run(ship(site, dsn))
    site.journal.close()

    async def check() -> None:
        whole = await report(dsn)
        assert len(whole) == 50
        pages: list[dict[str, Any]] = []
        while True:
            after = {"after": pages[-1]["interaction"]} if pages else {}
            page = await report(dsn, options={"limit": "7", **after})
            pages += page
            if len(page) < 7:
                break
        assert pages == whole
        sales = await report(dsn, only={"queue": "sales"})
        (visits,) = await fetch(
            dsn, "SELECT count(DISTINCT interaction) FROM queue_visits WHERE queue = 'sales'"
        )
        assert len(sales) == visits[0] > 5
        agents = await report(dsn, only={"agent": "1001"})
        (talks,) = await fetch(
            dsn, "SELECT count(DISTINCT interaction) FROM talk_segments WHERE agent = '1001'"
        )
        assert len(agents) == talks[0] > 2
        assert await report(dsn, only={"project": "other"}) == []

    asyncio.run(check())


def test_pages_and_a_file_hold_the_whole_list(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write(timeline(21, 50))
    asyncio.run(ship(site, dsn))
    site.journal.close()

    async def check() -> None:
        whole = await report(dsn)
        connection = await asyncpg.connect(dsn)
        found: list[tuple[object, ...]] = []
        for number in range(1, 9):
            wish = request(page=Page(number=number, lines=7))
            made = await REPORTS["calls"](connection, CONFIG, wish)
            assert made.part == Part(page=wish.page, total=50)
            found += made.rows
        assert [row[1] for row in found] == [row["interaction"] for row in whole]
        limited = request(page=Page(number=2, lines=500), options={"limit": "30"})
        assert len((await REPORTS["calls"](connection, CONFIG, limited)).rows) == 20
        beyond = request(page=Page(number=9, lines=7))
        with pytest.raises(RequestError, match="thus 8 pages"):
            await REPORTS["calls"](connection, CONFIG, beyond)
        for after, rest in (("", whole), (whole[9]["interaction"], whole[10:])):
            file, told = io.BytesIO(), []
            wish = request(options={"after": after} if after else {})
            await export(
                *(connection, CONFIG, "calls", wish, "csv", "en", file),
                tell=lambda done, total, told=told: told.append((done, total)),
            )
            lines = list(csv.DictReader(io.StringIO(file.getvalue().decode(), newline="")))
            assert [line["interaction"] for line in lines] == [row["interaction"] for row in rest]
            assert told == [(len(rest), len(rest))]
        async with stream(connection, CONFIG, request(), at_once=7) as given:
            streamed = [row async for rows in given.rows for row in rows]
        assert [row[1] for row in streamed] == [row["interaction"] for row in whole]
        assert given.total == 50
        file = io.BytesIO()
        wish = request(options={"limit": "5"})
        await export(connection, CONFIG, "calls", wish, "json", "en", file)
        assert [row["interaction"] for row in json.loads(file.getvalue())["rows"]] == [
            row["interaction"] for row in whole[:5]
        ]
        await connection.close()

    asyncio.run(check())


def called_back(number: int, hours: float) -> cdr.Interaction:
    """An attempt to call a customer back: under the id of the call in which it was asked for."""
    at_us = int((day_borders(DAY, ZONE)[0] + timedelta(hours=hours)).timestamp() * 1e6)
    first = number == 0
    return cdr.Interaction(
        interaction="wish" if first or hours > 5 else f"call-{number}",
        started_us=at_us, project="main", node="n", boot="b",
        direction="callback" if hours > 5 else "inbound",
        agent="", number="", caller=NUMBER, caller_name="", called="4000", account="", peer="",
        sip_call_id=f"sip-{number}-{hours}", ended_us=at_us,
    )  # fmt: skip


def test_nothing_is_left_out_behind_a_customer_who_was_called_back(dsn: str) -> None:
    rows = [called_back(number, hours=number * 0.1) for number in range(10)]
    rows += [called_back(number, hours) for number, hours in ((0, 6.0), (0, 7.0))]

    async def check() -> None:
        async with await Writer.connect(dsn, journal="j", node="n") as writer:
            await Loader(writer).load(rows)
        whole = await report(dsn)
        assert [row["interaction"] for row in whole] == [
            "wish", *(f"call-{number}" for number in range(1, 10)), "wish", "wish",
        ]  # fmt: skip
        connection = await asyncpg.connect(dsn)
        for at_once in (1, 2, 11, 12):
            async with stream(connection, CONFIG, request(), at_once=at_once) as given:
                found = [row async for some in given.rows for row in some]
            assert (len(found), given.total) == (12, 12)
        await connection.close()
        for at, row in enumerate(whole):
            told = {"after": f"wish@{iso(row['started_at'], ZONE.key)}"}
            if row["interaction"] == "wish":
                assert await report(dsn, options=told) == whole[at + 1 :]
        with pytest.raises(RequestError, match="it has 3 lines") as caught:
            await report(dsn, options={"after": "wish"})
        hint = str(caught.value).rpartition("after=")[2]
        assert await report(dsn, options={"after": hint}) == whole[1:]
        with pytest.raises(RequestError, match="no such interaction"):
            await report(dsn, options={"after": "wish@2026-01-01T00:00:00Z"})

    asyncio.run(check())


def test_the_list_names_the_line_that_it_goes_on_behind(dsn: str) -> None:
    rows = [called_back(number, hours=number * 0.1) for number in range(3)]

    async def check() -> None:
        async with await Writer.connect(dsn, journal="j", node="n") as writer:
            await Loader(writer).load(rows)
        connection = await asyncpg.connect(dsn)
        made = await REPORTS["calls"](connection, CONFIG, request(options={"limit": "2"}))
        await connection.close()
        after = made.remarks[0].en.rpartition("after=")[2].rstrip(".")
        (last,) = await report(dsn, options={"after": after})
        assert last["interaction"] == "call-2"

    asyncio.run(check())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"limit": "0"}, "from 1 to 100000"),
        ({"limit": "many"}, "from 1 to 100000"),
        ({"limit": "1" * 5_000}, "from 1 to 100000"),
        ({"after": "nobody"}, "no such interaction"),
        ({"other": "1"}, "knows limit, after, number"),
    ],
)
def test_wrong_wishes_are_answered_with_what_would_be_right(
    dsn: str, options: dict[str, str], text: str
) -> None:
    with pytest.raises(RequestError, match=text):
        asyncio.run(report(dsn, options=options))


@pytest.mark.parametrize("name", ["project", "queue", "agent"])
def test_calls_of_nobody_are_not_all_calls(dsn: str, name: str) -> None:
    with pytest.raises(RequestError, match=f"a {name} is wanted"):
        asyncio.run(report(dsn, only={name: ""}))


def test_another_day_has_other_calls(story: str) -> None:
    async def other() -> int:
        connection = await asyncpg.connect(story)
        wanted = Request(first=date(2020, 1, 1), last=date(2020, 1, 2), zone=ZONE)
        made = await REPORTS["calls"](connection, CONFIG, wanted)
        await connection.close()
        return len(made.rows)

    assert asyncio.run(other()) == 0


async def chain(dsn: str, interaction: str):
    connection = await asyncpg.connect(dsn)
    try:
        return await read_chain(connection, interaction)
    finally:
        await connection.close()


def test_the_chain_of_one_interaction_in_the_order_of_time(story: str) -> None:
    rows = asyncio.run(chain(story, "one"))
    lines = chain_lines(rows)
    assert [line.what.en for line in lines] == [
        *("call begins", "queue entered", "queue left", "talk begins", "on hold", "talk ends"),
        *("after-call work", "leg ends", "call ends"),
    ]
    assert all(line.what.zh for line in lines)
    told = {line.what.en: line.detail for line in lines}
    assert told["queue left"] == "queue=sales outcome=answered waited_s=7.0 agent=1001"
    assert told["on hold"] == "agent=1001 hold=1 duration_s=5.0"
    assert told["leg ends"] == (
        "side=caller ended_by=peer reason=hangup q850_cause=16 duration_s=60.1"
    )
    assert lines[-1].at == datetime.fromtimestamp(START_US / 1e6, UTC) + timedelta(seconds=60.1)
    assert not asyncio.run(chain(story, "nobody"))["interactions"]


def test_every_part_of_every_call_can_be_told(dsn: str, tmp_path: Path) -> None:
    assert set(PARTS) <= set(DESCRIBED)
    site = Site(tmp_path)
    site.write(timeline(22, 30))
    asyncio.run(ship(site, dsn))
    site.journal.close()

    async def check() -> None:
        for row in await fetch(dsn, "SELECT interaction FROM interactions"):
            lines = chain_lines(await chain(dsn, row["interaction"]))
            assert lines[0].what.en == "call begins"
            assert [line.at for line in lines] == sorted(line.at for line in lines)

    asyncio.run(check())
