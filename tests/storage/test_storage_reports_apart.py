"""Reports made by a process of their own, of a real Postgres."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from acd.app.reporting.apart import WAITING_MAX, ReportsApart, _Process
from acd.app.reporting.asked import Reports, about
from acd.app.reporting.calls import CALLS_AT_ONCE
from acd.app.reporting.growing import GrowingFile
from acd.app.reporting.line import Made, Order, Written, receive, send
from acd.app.reporting.process import serve
from acd.config import Config, load_config
from acd.reports.asking import Wish
from acd.reports.request import Request, RequestError
from acd.web.ports import ServiceUnavailableError, UnknownReportError

CONFIG = load_config(Path(__file__).parents[2] / "config")
DAY = date(2026, 11, 23)
TODAY = Request(first=DAY, last=DAY, zone=ZoneInfo("Asia/Shanghai"))
LIMIT_S = 120.0


@asynccontextmanager
async def apart(dsn: str, config: Config = CONFIG) -> AsyncIterator[ReportsApart]:
    reports = ReportsApart(dsn, lambda: config)
    try:
        yield reports
    finally:
        await reports.close()


def is_there(path: str) -> bool:
    return Path(path).exists()


def write(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)


async def whole(file: GrowingFile) -> bytes:
    while not file.complete:
        await file.more(file.size)
    return file.read(0, file.size)


async def kpi(reports: ReportsApart, form: str = "json", **more: object) -> bytes:
    request = Request(**{"first": TODAY.first, "last": TODAY.last, "zone": TODAY.zone, **more})
    async with reports.making("kpi", request, form, "en", limit_s=LIMIT_S) as file:
        return await whole(file)


def test_every_form_comes_from_the_one_process(dsn: str) -> None:
    async def ask() -> int:
        async with apart(dsn) as reports:
            told = json.loads(await kpi(reports))
            pid = reports.pid
            assert (told["report"], told["from"]) == ("kpi", "2026-11-23T00:00:00+08:00")
            assert {row["queue"] for row in told["rows"]} == set(CONFIG.queues.queues)
            assert (await kpi(reports, "csv")).startswith(b"queue,")
            assert (await kpi(reports, "xlsx")).startswith(b"PK")
            assert (await kpi(reports, "html")).startswith(b"<!DOCTYPE html>")
            assert reports.pid == pid != 0
            return pid

    pid = asyncio.run(ask())
    assert not Path(f"/proc/{pid}").exists()


def test_what_cannot_be_reported_is_said_and_the_process_goes_on(dsn: str) -> None:
    async def ask() -> None:
        async with apart(dsn) as reports:
            with pytest.raises(RequestError) as caught:
                await kpi(reports, options={"service_level": "magic"})
            assert caught.value.field == "service_level"
            pid = reports.pid
            await kpi(reports)
            assert reports.pid == pid

    asyncio.run(ask())


def test_a_database_that_is_down_is_no_fault_of_ours() -> None:
    async def ask() -> None:
        async with apart("postgresql://nobody@127.0.0.1:1/acd") as reports:
            with pytest.raises(ServiceUnavailableError, match="the database does not answer"):
                await kpi(reports)

    asyncio.run(ask())


def test_after_its_death_the_next_report_has_a_new_process(dsn: str) -> None:
    async def ask() -> None:
        async with apart(dsn) as reports:
            await kpi(reports)
            first = reports.pid
            os.kill(first, signal.SIGKILL)
            await kpi(reports)
            assert reports.pid not in {0, first}

    asyncio.run(ask())


def test_what_takes_too_long_is_given_up_and_does_not_answer_for_the_next(dsn: str) -> None:
    async def ask() -> None:
        connection = await asyncpg.connect(dsn)
        async with apart(dsn) as reports, connection.transaction():
            await kpi(reports)
            first = reports.pid
            await connection.execute("LOCK TABLE queue_visits IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(ServiceUnavailableError):
                async with reports.making("abandoned", TODAY, "json", "en", limit_s=2.0) as file:
                    await whole(file)
            assert reports.pid in {0, first}
        await connection.close()
        async with apart(dsn) as reports:
            assert json.loads(await kpi(reports))["report"] == "kpi"

    asyncio.run(ask())


def test_more_than_can_be_made_is_refused(dsn: str) -> None:
    async def ask() -> list[object]:
        async with apart(dsn) as reports:
            orders = (kpi(reports) for _ in range(WAITING_MAX + 2))
            return await asyncio.gather(*orders, return_exceptions=True)

    refused = [one for one in asyncio.run(ask()) if isinstance(one, ServiceUnavailableError)]
    assert len(refused) == 2


def test_words_reach_the_report_in_the_centres_zone_and_language(dsn: str) -> None:
    centre = CONFIG.server.centre.model_copy(update={"timezone": "America/New_York"})
    server = CONFIG.server.model_copy(update={"centre": centre})
    config = replace(CONFIG, server=server)

    async def ask() -> None:
        async with apart(dsn, config) as making:
            reports = Reports(making, lambda: config)
            wish = Wish(day="2026-11-01")  # the day on which clocks go back
            async with reports.document("kpi", wish, "json", "", "admin") as file:
                told = json.loads(await whole(file))
            assert (told["from"], told["to"]) == (
                "2026-11-01T00:00:00-04:00",
                "2026-11-02T00:00:00-05:00",
            )
            assert told["columns"][0]["title"] == "队列"
            assert {"report": "kpi", "about": about("kpi")} in (reports.known())
            with pytest.raises(UnknownReportError, match="abandoned, "):
                await reports.document("nothing", wish, "json", "", "admin").__aenter__()

    asyncio.run(ask())


def test_a_process_that_nobody_asks_ends(dsn: str) -> None:
    async def idle() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        await serve(theirs, idle_s=0.01)
        assert await asyncio.get_running_loop().sock_recv(ours, 1) == b""
        ours.close()

    asyncio.run(asyncio.wait_for(idle(), LIMIT_S))


MAKE_CALLS = """
INSERT INTO interactions (
    started_at, interaction, node, boot, direction, caller, caller_name, called, account, peer,
    sip_call_id, flow, ended_by, reason, sip_status
)
SELECT '2026-11-23T04:00Z'::timestamptz + n * interval '1 s', 'call ' || n, 'n', 'b', 'inbound',
    '13812345678', '', '4000', '', '', '', '', 'caller', 'hangup', 200
FROM generate_series(1, $1) n
"""


def test_a_long_report_is_told_and_can_be_read_as_it_is_written(dsn: str) -> None:
    async def ask() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute("SELECT ensure_month('2026-11-23')")
        await connection.execute(MAKE_CALLS, 2 * CALLS_AT_ONCE + 1)
        await connection.close()
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        serving = asyncio.create_task(serve(theirs))
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        file = GrowingFile()
        order = Order(
            name="calls",
            request=TODAY,
            form="csv",
            locale="en",
            dsn=dsn,
            config=CONFIG,
            limit_s=LIMIT_S,
            path=file.begin(),
        )
        await send(writer, order)
        lines: list[int] = []
        while isinstance(told := await receive(reader), Written):
            file.grown(told.size)
            lines.append(file.read(0, told.size).count(b"\n"))
        assert lines == [CALLS_AT_ONCE + 1, 2 * CALLS_AT_ONCE + 1, 2 * CALLS_AT_ONCE + 2]
        assert told == Made(file.size)
        assert not is_there(order.path)
        file.close()
        writer.close()
        await serving

    asyncio.run(asyncio.wait_for(ask(), LIMIT_S))


REPORTING = """
SELECT coalesce(wait_event_type, '') FROM pg_stat_activity WHERE application_name = 'acd reports'
"""


def test_whoever_goes_away_takes_the_work_from_the_database(dsn: str) -> None:
    async def ask() -> None:
        connection, other = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
        async with apart(dsn) as reports, connection.transaction():
            await connection.execute("LOCK TABLE queue_visits IN ACCESS EXCLUSIVE MODE")
            making = reports.making("abandoned", TODAY, "json", "en", limit_s=LIMIT_S)
            async with making as file:
                while await other.fetchval(REPORTING) != "Lock":
                    assert not file.complete
            while await other.fetchval(REPORTING) is not None:
                assert reports.pid == 0
        await connection.close()
        await other.close()

    asyncio.run(asyncio.wait_for(ask(), LIMIT_S))


class Dying(ReportsApart):
    """Its process writes some bytes, `told` of which it tells, and is gone."""

    starts = 0
    told = 0

    async def _start(self) -> _Process:
        self.starts += 1
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        self.dying = asyncio.create_task(self._die(theirs))
        reader, writer = await asyncio.open_unix_connection(sock=ours)

        async def ended() -> int:
            return 0

        gone = SimpleNamespace(kill=lambda: None, wait=ended, pid=1)
        self._process = _Process(cast("Any", gone), reader, writer)
        return self._process

    async def _die(self, theirs: socket.socket) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=theirs)
        order = await receive(reader)
        assert isinstance(order, Order)
        write(order.path, b"half")
        if self.told:
            await send(writer, Written(self.told))
        writer.close()


@pytest.mark.parametrize(("told", "starts"), [(0, 2), (4, 1)])
def test_a_report_begins_anew_only_where_nobody_has_read_of_it(told: int, starts: int) -> None:
    async def ask() -> None:
        reports = Dying("", lambda: CONFIG)
        reports.told = told
        async with reports.making("kpi", TODAY, "csv", "en", limit_s=LIMIT_S) as file:
            with pytest.raises(ServiceUnavailableError, match="has ended"):
                await whole(file)
            assert file.size == told
        assert reports.starts == starts
        await reports.close()

    asyncio.run(asyncio.wait_for(ask(), LIMIT_S))
