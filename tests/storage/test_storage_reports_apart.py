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
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from acd.app.reporting.apart import WAITING_MAX, ReportsApart
from acd.app.reporting.asked import Reports, about
from acd.app.reporting.process import serve
from acd.config import Config, load_config
from acd.reports.asking import Wish
from acd.reports.request import Request, RequestError
from acd.web.ports import ServiceUnavailableError, UnknownReportError

CONFIG = load_config(Path(__file__).parents[2] / "config")
DAY = date(2026, 11, 23)
TODAY = Request(first=DAY, last=DAY, zone=ZoneInfo("Asia/Shanghai"))
LIMIT_S = 60.0


@asynccontextmanager
async def apart(dsn: str, config: Config = CONFIG) -> AsyncIterator[ReportsApart]:
    reports = ReportsApart(dsn, lambda: config)
    try:
        yield reports
    finally:
        await reports.close()


async def kpi(reports: ReportsApart, form: str = "json", **more: object) -> bytes:
    request = Request(**{"first": TODAY.first, "last": TODAY.last, "zone": TODAY.zone, **more})
    return await reports.make("kpi", request, form, "en", limit_s=LIMIT_S)


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
                await reports.make("abandoned", TODAY, "json", "en", limit_s=2.0)
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
            told = json.loads(await reports.document("kpi", wish, "json", "", "admin"))
            assert (told["from"], told["to"]) == (
                "2026-11-01T00:00:00-04:00",
                "2026-11-02T00:00:00-05:00",
            )
            assert told["columns"][0]["title"] == "队列"
            assert {"report": "kpi", "about": about("kpi")} in (reports.known())
            with pytest.raises(UnknownReportError, match="abandoned, "):
                await reports.document("nothing", wish, "json", "", "admin")

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
