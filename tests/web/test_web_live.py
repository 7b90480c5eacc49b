"""The live figures over a real socket: a snapshot, then what changes, to whoever reads."""

import asyncio
import socket as socketlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import WSCloseCode, WSMsgType, WSServerHandshakeError, web
from test_web_api import AUTH, TOKEN, FakeServer, error_of

from acd.web.access import Actor, Role, guard, identify_by
from acd.web.api import ROLES
from acd.web.app import WebServer
from acd.web.errors import answer_errors
from acd.web.live import LiveApi, LiveLimits

LIMIT_S = 60.0
QUICK = LiveLimits(interval_s=0.0, send_s=0.2)


class FakeLive:
    """Figures in the port's shape: the news are what was put in since."""

    def __init__(self, weight: int = 0) -> None:
        self.version = 0
        self.asked: list[int] = []
        self._told: list[dict[str, object]] = []
        self._news = asyncio.Event()
        self._ballast = "x" * weight

    def put(self, **change: object) -> None:
        self.version += 1
        self._told.append(change | {"ballast": self._ballast} if self._ballast else change)
        self._news.set()

    def snapshot(self) -> object:
        return {"type": "snapshot", "queues": [], "version": self.version}

    def news(self, since: int) -> object | None:
        self.asked.append(since)
        changes = self._told[since:]
        return {"type": "changes", "queues": changes} if changes else None

    async def changed(self, since: int) -> None:
        while self.version <= since:
            self._news.clear()
            await self._news.wait()


class Served:
    def __init__(self, live: FakeLive, limits: LiveLimits) -> None:
        self.tokens: dict[str, Actor] = {}
        services = FakeServer().services()
        self.live = live
        object.__setattr__(services, "live", live)
        self.api = LiveApi(services, limits)
        identify = identify_by(lambda: TOKEN, lambda given: self.tokens.get(given))
        self.app = web.Application(middlewares=[answer_errors, guard(identify, ROLES)])
        self.app.add_routes(self.api.routes())
        self.app.on_shutdown.append(self.api.close)
        self.server = WebServer(self.app)


@asynccontextmanager
async def serving(
    live: FakeLive | None = None, limits: LiveLimits = QUICK
) -> AsyncIterator[tuple[Served, aiohttp.ClientSession]]:
    served = Served(live or FakeLive(), limits)
    await served.server.start("127.0.0.1", 0)
    host, port = served.server.bound_address()
    try:
        async with asyncio.timeout(LIMIT_S), aiohttp.ClientSession(f"http://{host}:{port}") as one:
            yield served, one
    finally:
        await served.server.close()


@pytest.mark.asyncio
async def test_a_snapshot_by_itself() -> None:
    async with serving() as (_, client):
        async with client.get("/api/live", headers=AUTH) as answer:
            assert await answer.json() == {"type": "snapshot", "queues": [], "version": 0}
        async with client.get("/api/live/ws", headers=AUTH) as answer:
            assert answer.status == 400
            assert (await error_of(answer))["code"] == "websocket_wanted"


@pytest.mark.asyncio
async def test_first_all_of_it_then_what_changes() -> None:
    async with serving() as (served, client):
        served.live.put(queue="sales")
        async with client.ws_connect("/api/live/ws", headers=AUTH) as socket:
            assert await socket.receive_json() == {"type": "snapshot", "queues": [], "version": 1}
            served.live.put(queue="sales", offered=1)
            served.live.put(queue="care", offered=1)
            first = await socket.receive_json()
            assert first["type"] == "changes"
            found = first["queues"]
            if len(found) == 1:  # the second may come in a message of its own
                found += (await socket.receive_json())["queues"]
            assert [one["queue"] for one in found] == ["sales", "care"]


@pytest.mark.asyncio
async def test_what_changes_within_the_interval_comes_together() -> None:
    slow = LiveLimits(interval_s=0.3)
    async with serving(limits=slow) as (served, client):
        socket = await client.ws_connect("/api/live/ws", headers=AUTH)
        await socket.receive_json()
        for number in range(50):
            served.live.put(queue="sales", offered=number)
            await asyncio.sleep(0)
        assert len((await socket.receive_json())["queues"]) == 50
        assert served.live.asked == [0]
        await socket.close()


@pytest.mark.asyncio
async def test_a_browser_gives_its_token_as_a_subprotocol() -> None:
    async with serving() as (_, client):
        protocols = ("acd.live", f"bearer.{TOKEN}")
        async with client.ws_connect("/api/live/ws", protocols=protocols) as socket:
            assert socket.protocol == "acd.live"  # the token is not said back
            assert (await socket.receive_json())["type"] == "snapshot"
        with pytest.raises(WSServerHandshakeError) as refused:
            await client.ws_connect("/api/live/ws", protocols=("acd.live", "bearer.wrong"))
        assert refused.value.status == 401
        # Anywhere else a subprotocol opens nothing.
        sneaky = {"Sec-WebSocket-Protocol": f"bearer.{TOKEN}"}
        async with client.get("/api/live", headers=sneaky) as answer:
            assert answer.status == 401


@pytest.mark.asyncio
async def test_who_does_not_read_is_dropped_and_others_go_on() -> None:
    async with serving(FakeLive(weight=1_000_000)) as (served, client):
        reader = await client.ws_connect("/api/live/ws", headers=AUTH, max_msg_size=0)
        await reader.receive_json()
        host, port = served.server.bound_address()
        deaf = socketlib.socket()
        deaf.setsockopt(socketlib.SOL_SOCKET, socketlib.SO_RCVBUF, 4096)
        deaf.connect((host, port))
        request = (
            f"GET /api/live/ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        )
        deaf.sendall(request.encode())
        while len(served.api.clients) < 2:
            served.live.put(queue="sales")
            await reader.receive_json()
        while len(served.api.clients) > 1:
            served.live.put(queue="sales")
            await reader.receive_json()
        deaf.close()
        assert not reader.closed
        await reader.close()


@pytest.mark.asyncio
async def test_a_token_that_is_revoked_ends_the_connection() -> None:
    async with serving() as (served, client):
        served.tokens["t"] = Actor("li", Role.SUPERVISOR)
        socket = await client.ws_connect("/api/live/ws", headers={"Authorization": "Bearer t"})
        await socket.receive_json()
        del served.tokens["t"]
        served.live.put(queue="sales")
        message = await socket.receive()
        assert (message.type, message.data) == (WSMsgType.CLOSE, WSCloseCode.POLICY_VIOLATION)
        assert message.extra == "token revoked"


@pytest.mark.asyncio
async def test_agents_do_not_see_the_floor_and_clients_are_counted() -> None:
    async with serving(limits=LiveLimits(clients=1)) as (served, client):
        served.tokens["t"] = Actor("1001", Role.AGENT, "1001")
        async with client.get("/api/live", headers={"Authorization": "Bearer t"}) as answer:
            assert answer.status == 403
        async with client.ws_connect("/api/live/ws", headers=AUTH):
            with pytest.raises(WSServerHandshakeError) as refused:
                await client.ws_connect("/api/live/ws", headers=AUTH)
            assert refused.value.status == 503


@pytest.mark.asyncio
async def test_the_servers_end_is_said() -> None:
    async with serving() as (served, client):
        socket = await client.ws_connect("/api/live/ws", headers=AUTH)
        await socket.receive_json()
        ending = asyncio.create_task(served.server.close())
        message = await socket.receive()
        assert (message.type, message.data) == (WSMsgType.CLOSE, WSCloseCode.GOING_AWAY)
        await ending
