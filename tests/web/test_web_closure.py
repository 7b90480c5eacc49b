"""Queues are closed and opened over HTTP, call-backs listed and given up."""

from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from test_web_api import AUTH, FakeServer, error_of

from acd.web.app import WebServer, build_app
from acd.web.ports import CommandRefusedError


class Switches:
    def __init__(self):
        self.told = []

    def close(self, queue, reason, by):
        self.told.append(("close", queue, reason, by))
        return None if queue == "none" else {"queue": queue, "closed": True}

    def open(self, queue, by):
        self.told.append(("open", queue, by))
        if queue == "open":
            raise CommandRefusedError("not_closed", "nobody has closed it", field="queue")
        return {"queue": queue, "closed": False}

    def cancel(self, callback, by):
        self.told.append(("cancel", callback, by))
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
        ("open", "", "api"),
        ("open", "sales", "api"),
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
    assert switches.told == [("cancel", "c1", "api")]
