"""Queues are closed and opened over HTTP, call-backs listed and given up."""

from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from test_web_api import AUTH, FakeServer, error_of

from acd.web.access import Role, TokenBook
from acd.web.app import WebServer, build_app
from acd.web.ports import CommandRefusedError


class Switches:
    def __init__(self):
        self.told = []

    def close(self, queue, reason, by):
        self.told.append(("close", queue, reason, by))
        return None if queue == "none" else {"queue": queue, "closed": True}

    def open(self, queue, order):
        self.told.append(("open", queue, order.actor.name, order.why))
        if queue == "open":
            raise CommandRefusedError("not_closed", "nobody has closed it", field="queue")
        return {"queue": queue, "closed": False}

    def cancel(self, callback, order):
        self.told.append(("cancel", callback, order.actor.name, order.why))
        if callback == "running":
            raise CommandRefusedError("callback_running", "it is being carried out", field="id")
        return callback == "c1"


@asynccontextmanager
async def serving(switches):
    services = replace(
        FakeServer().services(),
        close_queue=switches.close,
        open_queue=switches.open,
        callbacks=lambda: [{"callback": "c1"}],
        cancel_callback=switches.cancel,
    )
    server = WebServer(build_app(services))
    await server.start("127.0.0.1", 0)
    host, port = server.bound_address()
    try:
        async with aiohttp.ClientSession(f"http://{host}:{port}", headers=AUTH) as client:
            yield client
    finally:
        await server.close()


@pytest.mark.asyncio
async def test_one_queue_or_all():
    switches = Switches()
    async with serving(switches) as client:
        why = {"reason": "台风"}
        async with client.post("/api/queues/sales/closure", json=why) as answer:
            assert await answer.json() == {"queue": "sales", "closed": True}
        async with client.post("/api/closure", json=why) as answer:
            assert answer.status == 200
        async with client.delete("/api/closure") as answer:
            assert answer.status == 200
        async with client.delete("/api/queues/sales/closure") as answer:
            assert (await answer.json())["closed"] is False
    assert switches.told == [
        ("close", "sales", "台风", "api"),
        ("close", "", "台风", "api"),
        ("open", "", "api", ""),
        ("open", "sales", "api", ""),
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/api/queues/none/closure", {"reason": "x"}, 404, "unknown_queue"),
        ("POST", "/api/closure", {}, 422, "missing_field"),
        ("POST", "/api/closure", {"reason": ""}, 422, "invalid"),
        ("DELETE", "/api/queues/open/closure", None, 409, "not_closed"),
        ("DELETE", "/api/callbacks/none", None, 404, "unknown_callback"),
        ("DELETE", "/api/callbacks/running", None, 409, "callback_running"),
    ],
)
async def test_what_cannot_be_is_said(method, path, body, status, code):
    async with serving(Switches()) as client, client.request(method, path, json=body) as answer:
        assert answer.status == status
        assert (await error_of(answer))["code"] == code


@pytest.mark.asyncio
async def test_call_backs_are_listed_and_given_up():
    switches = Switches()
    async with serving(switches) as client:
        async with client.get("/api/callbacks") as answer:
            assert await answer.json() == [{"callback": "c1"}]
        async with client.delete("/api/callbacks/c1") as answer:
            assert await answer.json() == {"callback": "c1"}
    assert switches.told == [("cancel", "c1", "api", "")]


UNDONE = ("/api/closure", "/api/queues/sales/closure", "/api/callbacks/c1")


@pytest.mark.asyncio
@pytest.mark.parametrize("path", UNDONE)
async def test_whoever_takes_it_back_may_say_why(path):
    switches = Switches()
    async with serving(switches) as client:
        async with client.delete(path, json={"why": " 台风已过 "}) as answer:
            assert answer.status == 200
        async with client.delete(path, params={"why": "storm over"}) as answer:
            assert answer.status == 200
        async with client.delete(path) as answer:
            assert answer.status == 200
    assert [told[-1] for told in switches.told] == ["台风已过", "storm over", ""]


@pytest.mark.asyncio
@pytest.mark.parametrize("path", UNDONE)
@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"json": {"why": "x" * 201}}, "why"),
        ({"json": {"because": "x"}}, "because"),
        ({"params": {"why": "x" * 201}}, "why"),
        ({"params": {"why": "\x1b[2J"}}, "why"),
    ],
)
async def test_a_reason_that_is_none_undoes_nothing(path, request_, field):
    switches = Switches()
    async with serving(switches) as client, client.delete(path, **request_) as answer:
        assert answer.status == 422
        assert (await error_of(answer))["field"] == field
    assert switches.told == []


class Undoing:
    """What takes back an agent's assignment and calls, and a ban."""

    def __init__(self):
        self.told = []

    def unassign(self, number, order):
        self.told.append(("unassign", number, order.actor.name, order.why))

    def hang_up(self, number, order):
        self.told.append(("hang_up", number, order.actor.name, order.why))

    def lift_ban(self, source, order):
        self.told.append(("lift_ban", source, order.actor.name, order.why))
        return True


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "action", "subject"),
    [
        ("/api/agents/1001/assignment", "unassign", "1001"),
        ("/api/agents/1001/calls", "hang_up", "1001"),
        ("/api/bans/192.0.2.1", "lift_ban", "192.0.2.1"),
    ],
)
async def test_what_else_is_undone_has_its_reason(tmp_path, path, action, subject):
    moves, tokens = Undoing(), TokenBook(tmp_path)
    role = Role.ADMIN if action == "lift_ban" else Role.SUPERVISOR
    token = tokens.add("li", role, created="2026-11-29T00:00:00Z")
    fake = FakeServer(tokens)
    services = replace(
        fake.services(), moves=moves, hang_up=moves.hang_up, lift_ban=moves.lift_ban
    )
    server = WebServer(build_app(services))
    await server.start("127.0.0.1", 0)
    host, port = server.bound_address()
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with aiohttp.ClientSession(f"http://{host}:{port}", headers=headers) as client:
            for request_ in ({"json": {"why": "shift over"}}, {"params": {"why": "by hand"}}, {}):
                async with client.delete(path, **request_) as answer:
                    assert answer.status == 200
    finally:
        await server.close()
    assert moves.told == [(action, subject, "li", why) for why in ("shift over", "by hand", "")]
