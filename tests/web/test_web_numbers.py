"""Customers' numbers leave the server whole only for the roles that may see them."""

from dataclasses import replace

import pytest
from test_web_access import AT, bearer, book
from test_web_api import FakeServer, serving

from acd.reports.numbers import NumberSight
from acd.storage.audit import AuditEntry
from acd.web.access import Role

NUMBER, HIDDEN = "+8613812345678", "+86138****5678"
HOTLINE = "4008001234"


class Centre(FakeServer):
    """A server whose every answer that may hold a number holds this one."""

    sight = NumberSight()

    async def audit(self, wish):
        return [
            AuditEntry(wish.day, "li", "supervisor", "call", "1001", "", f"to {NUMBER}", NUMBER)
        ]

    def trace(self, name, messages):
        return f"INVITE sip:{NUMBER}@192.0.2.7:5060 SIP/2.0"

    async def abandoned(self, day):
        return [{"caller": NUMBER, "queue": "sales"}]

    def services(self):
        return replace(
            super().services(),
            sight=self.sight,
            calls=lambda: [
                {"caller": NUMBER, "called": HOTLINE, "direction": "inbound"},
                {"caller": "1001", "called": NUMBER, "direction": "outbound"},
                {"caller": NUMBER, "called": HOTLINE, "direction": "callback"},
            ],
            callbacks=lambda: [{"callback": "c", "number": NUMBER}],
            abandoned=self.abandoned,
        )


PATHS = {
    "/api/calls": 3,
    "/api/callbacks": 1,
    "/api/abandoned": 1,
    "/api/audit": 2,
    "/api/trace/known": 1,
}
"Every route that shows numbers, and how many."


@pytest.mark.asyncio
@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.ANALYST, Role.ADMIN])
@pytest.mark.parametrize("path", PATHS)
async def test_a_role_sees_numbers_as_the_stock_setting_says(tmp_path, path, role):
    token = book(tmp_path).add("li", role, created=AT)
    fake = Centre(book(tmp_path))
    async with serving(fake) as client, client.get(path, headers=bearer(token)) as answer:
        assert answer.status == 200
        text = await answer.text()
    shown, hidden = (0, PATHS[path]) if role is Role.ANALYST else (PATHS[path], 0)
    assert (text.count(NUMBER), text.count(HIDDEN)) == (shown, hidden)
    assert text.count(HOTLINE) == (2 if path == "/api/calls" else 0)


@pytest.mark.asyncio
async def test_the_setting_decides(tmp_path):
    token = book(tmp_path).add("li", Role.SUPERVISOR, created=AT)
    fake = Centre(book(tmp_path))
    fake.sight = NumberSight(frozenset({"analyst"}))
    path = "/api/callbacks"
    async with serving(fake) as client, client.get(path, headers=bearer(token)) as answer:
        assert await answer.json() == [{"callback": "c", "number": HIDDEN}]


@pytest.mark.asyncio
@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.ANALYST])
async def test_who_may_not_see_numbers_does_not_find_them_in_the_audit(tmp_path, role):
    token = book(tmp_path).add("li", role, created=AT)
    async with serving(Centre(book(tmp_path))) as client:
        for subject, refused in ((NUMBER, role is Role.ANALYST), ("A-2026-0815", False)):
            query = {"subject": subject}
            async with client.get("/api/audit", params=query, headers=bearer(token)) as answer:
                assert answer.status == (403 if refused else 200)
