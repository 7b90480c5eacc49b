"""Lines of long reports: page by page and day by day they are the cells of the pure library."""

import asyncio
import random
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kpi_histories import History
from msgspec.structs import replace
from test_storage_kpi_rollup import ZONES, Site, expected, in_parts, several, some_wish

from acd.app.reporting.summing import of_lines, stream_of_lines
from acd.reports.cells import Cell
from acd.reports.cells_report import Cut, Layout, figures, intervals
from acd.reports.pages import Page
from acd.reports.report import Row
from acd.reports.request import Period, Request, RequestError, microseconds
from acd.reports.service_level import ServiceLevel
from acd.storage.kpi_cells import Wanted
from acd.storage.kpi_lines import all_lines, line_counts


def layout_of(wanted: Wanted) -> Layout:
    begin, end = wanted.stretch
    cut = Cut(
        from_us=microseconds(begin),
        to_us=microseconds(end),
        zone=wanted.zone,
        period=wanted.period,
        by=wanted.by,
    )
    fine = wanted.period in {Period.QUARTER_HOUR, Period.HOUR}
    return (intervals if fine else figures)(cut, levels=tuple(ServiceLevel))


def request_of(wanted: Wanted, page: Page | None = None, *, is_drawn: bool = False) -> Request:
    return Request(
        first=wanted.first,
        last=wanted.last,
        zone=wanted.zone,
        period=wanted.period,
        by=wanted.by,
        only=wanted.only,
        page=page,
        is_drawn=is_drawn,
    )


def same(found: list[Row], wished: list[Row]) -> None:
    assert len(found) == len(wished)
    for row, true in zip(found, wished, strict=True):
        assert row == pytest.approx(true, abs=1e-6)
        assert [type(value) for value in row] == [type(value) for value in true]


async def compare(site: Site, wanted: Wanted, wished: list[Row], cell: Cell, lines: int) -> None:
    connection, layout = site.connection, layout_of(wanted)
    whole = await of_lines(connection, layout, request_of(wanted))
    same(list(whole.rows), wished)
    pages: list[Row] = []
    number = 1
    while True:
        page = Page(number=number, lines=lines)
        report = await of_lines(connection, layout, request_of(wanted, page))
        assert report.part is not None
        assert report.part.total == len(wished)
        assert len(report.rows) == min(lines, len(wished) - len(pages))
        pages += report.rows
        if report.totals is not None:
            same([report.totals], [layout.totals(cell)])
        assert (report.totals is None) == report.part.is_all
        if report.part.next is None:
            break
        number = report.part.next
    same(pages, wished)
    counts = await line_counts(connection, wanted)
    streamed: list[Row] = []
    async for part in all_lines(connection, wanted, counts, at_once=lines):
        streamed += layout.of_lines(part)
    same(streamed, wished)


@several
@given(st.integers(0, 10**9))
def test_pages_and_days_are_the_lines_of_the_records(dsn: str, seed: int) -> None:
    pick = random.Random(seed)
    zone = pick.choice(ZONES)

    async def check() -> None:
        async with Site(dsn, zone) as site:
            rows = History(seed).rows
            for part in in_parts(rows, pick):
                await site.loader.load(part)
                await site.rolls.turn()
            for turn in range(8):
                if turn == 4:
                    await site.rolls.all_turns()
                wanted = replace(some_wish(pick, ZoneInfo(zone)), sketches=False)
                if wanted.period is Period.ALL:
                    wanted = replace(wanted, period=Period.QUARTER_HOUR)
                wished = layout_of(wanted).of_cells(expected(rows, wanted))
                together = replace(wanted, period=Period.ALL, by=())
                cell = expected(rows, together).get((None,), Cell())
                await compare(site, wanted, wished, cell, pick.choice((1, 3, 7, 1000)))

    asyncio.run(check())


BY_AGENT = Wanted(
    first=date(2026, 10, 30),
    last=date(2026, 11, 2),
    zone=ZoneInfo("Asia/Shanghai"),
    period=Period.QUARTER_HOUR,
    by=("agent", "queue"),
)


def test_charts_of_a_page_are_those_of_all_lines(dsn: str) -> None:
    async def check() -> None:
        async with Site(dsn) as site:
            rows = History(3).rows
            await site.loader.load(rows)
            layout = layout_of(BY_AGENT)
            wish = request_of(BY_AGENT, Page(lines=2), is_drawn=True)
            report = await of_lines(site.connection, layout, wish)
            together, by_agent = report.drawn
            assert [type(chart).__name__ for chart in together.charts] == ["HeatMap", "HeatMap"]
            assert [column.name for column in by_agent.columns[:2]] == ["period", "agent"]
            offered = [column.name for column in by_agent.columns].index("offered")
            wished = expected(rows, replace(BY_AGENT, by=("agent",)))
            assert {row[:2]: row[offered] for row in by_agent.rows} == {
                key: cell.measures.offered for key, cell in wished.items()
            }
            unseen = await of_lines(
                site.connection, layout, replace(wish, is_drawn=False, page=Page(lines=2))
            )
            assert unseen.drawn == ()

    asyncio.run(check())


def test_there_is_a_last_page(dsn: str) -> None:
    async def check() -> None:
        async with Site(dsn) as site:
            await site.loader.load(History(3).rows)
            layout = layout_of(BY_AGENT)
            beyond = request_of(BY_AGENT, Page(number=2, lines=1000))
            with pytest.raises(RequestError, match="thus 1 pages of 1,000") as caught:
                await of_lines(site.connection, layout, beyond)
            assert caught.value.field == "page"
            empty = replace(BY_AGENT, only={"queue": "nobody"})
            report = await of_lines(site.connection, layout_of(empty), request_of(empty, Page()))
            assert (report.rows, report.part.total, report.part.first) == ((), 0, 0)

    asyncio.run(check())


def test_a_stream_is_of_one_moment(dsn: str) -> None:
    async def check() -> None:
        async with Site(dsn) as site:
            await site.loader.load(History(3).rows)
            layout = layout_of(BY_AGENT)
            wish = request_of(BY_AGENT)
            before = await of_lines(site.connection, layout, wish)
            async with stream_of_lines(site.connection, layout, wish) as stream:
                await site.loader.load(History(4).rows)
                found = [row async for rows in stream.rows for row in rows]
            assert stream.total == len(found) == len(before.rows)
            assert len((await of_lines(site.connection, layout, wish)).rows) > len(found)

    asyncio.run(check())
