"""Reports over HTTP: the words of the command line, errors that name the parameter."""

import pytest
from test_web_access import AT, bearer, book
from test_web_api import AUTH, FakeServer, error_of, serving

from acd.reports.asking import Wish
from acd.web.access import Role


@pytest.mark.asyncio
async def test_every_parameter_reaches_the_report(tmp_path):
    fake = FakeServer(book(tmp_path))
    token = book(tmp_path).add("li", Role.ANALYST, created=AT)
    query = (
        "from=2026-11-01&to=yesterday&per=week&by=queue&by=agent,team&only=queue=sales"
        "&service_level=answered&option=days=7&page=2&lines=50&format=csv&locale=zh"
    )
    async with (
        serving(fake) as client,
        client.get(f"/api/reports/kpi?{query}", headers=bearer(token)) as answer,
    ):
        assert answer.status == 200
        assert answer.content_type == "text/csv"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="kpi.csv"'
    wish = Wish(
        first="2026-11-01",
        last="yesterday",
        per="week",
        by=("queue", "agent,team"),
        only=("queue=sales",),
        options={"service_level": "answered", "days": "7"},
        page="2",
        lines="50",
    )
    assert fake.wishes == [(wish, "csv", "zh", "analyst")]


@pytest.mark.asyncio
async def test_json_comes_by_pages_and_files_are_whole():
    fake = FakeServer()
    async with serving(fake) as client:
        for query in ("", "?format=json", "?format=csv", "?lines=all", "?page=3"):
            async with client.get(f"/api/reports/kpi{query}", headers=AUTH) as answer:
                assert answer.status == 200
    asked = [(wish.page, wish.lines, form) for wish, form, _, _ in fake.wishes]
    assert asked == [
        ("", "1000", "json"),
        ("", "1000", "json"),
        ("", "", "csv"),
        ("", "all", "json"),
        ("3", "1000", "json"),
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        ("json", "application/json"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("png", "image/png"),
        ("html", "text/html"),
    ],
)
async def test_a_form_has_its_type_and_a_page_does_not_run_here(form, content_type):
    async with serving(FakeServer()) as client:
        path = f"/api/reports/kpi?format={form}"
        async with client.get(path, headers=AUTH) as answer:
            assert answer.content_type == content_type
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert ("attachment" in answer.headers.get("Content-Disposition", "")) == (
                form != "json"
            )


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("day=tomorrow", "day"),
        ("from=2026-11-30&to=2026-11-01", "to"),
        ("to=today", "from"),
        ("per=decade", "per"),
        ("by=colour", "by"),
        ("only=queue", "only"),
        ("option=days", "option"),
        ("format=doc", "format"),
        ("locale=fr", "locale"),
        ("days=3", "days"),
        ("page=0", "page"),
        ("lines=many", "lines"),
        ("day=today&day=yesterday", "day"),
    ],
)
async def test_what_is_wrong_is_named(query, field):
    async with (
        serving(FakeServer()) as client,
        client.get(f"/api/reports/kpi?{query}", headers=AUTH) as answer,
    ):
        assert answer.status == 422
        error = await error_of(answer)
        assert (error["code"], error["field"]) == ("invalid", field)
