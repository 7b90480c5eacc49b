"""Today's figures as they change: a snapshot, or a WebSocket that sends one and then the news.

News are put together while a client waits for its next turn, so that nothing is kept for a client
but what it has been sent; one that does not read is dropped.
"""

import asyncio

import structlog
from aiohttp import WSCloseCode, web
from msgspec import Struct

from .access import ACTOR, TOKEN_CHECK
from .answers import encoded, json_answer
from .errors import RequestError
from .ports import WebServices

log = structlog.get_logger(__name__)

PROTOCOL = "acd.live"


class LiveLimits(Struct, frozen=True, kw_only=True):
    """How much clients may ask of the server."""

    clients: int = 200
    "A screen for every tenth seat of 2,000."

    interval_s: float = 0.5
    "Between two messages to one client: people read no faster."

    send_s: float = 5.0
    "A client that has not taken a message in so long does not read: some 64 kB wait for it."

    heartbeat_s: float = 20.0
    "Ping to each client: who has gone without a word is found within one and a half of it."

    message_bytes: int = 1024
    "Clients have nothing to say."


class LiveApi:
    """Handlers of the live figures."""

    def __init__(self, services: WebServices, limits: LiveLimits | None = None) -> None:
        self._services = services
        self._limits = limits or LiveLimits()
        self.clients: set[web.WebSocketResponse] = set()
        "Who follows."

    def routes(self) -> list[web.RouteDef]:
        """Return every route with its handler."""
        return [
            web.get("/api/live", self._snapshot),
            web.get("/api/live/ws", self._follow),
        ]

    async def close(self, _app: web.Application) -> None:
        """Let all clients go: the server ends."""
        going = (one.close(code=WSCloseCode.GOING_AWAY, message=b"") for one in self.clients)
        await asyncio.gather(*going, return_exceptions=True)

    async def _snapshot(self, _request: web.Request) -> web.Response:
        return json_answer(self._services.live.snapshot())

    async def _follow(self, request: web.Request) -> web.WebSocketResponse:
        if len(self.clients) >= self._limits.clients:
            text = f"{self._limits.clients} clients follow already: close some"
            raise RequestError(503, "too_many_clients", text)
        socket = web.WebSocketResponse(
            timeout=1.0,
            heartbeat=self._limits.heartbeat_s,
            protocols=(PROTOCOL,),
            max_msg_size=self._limits.message_bytes,
        )
        if not socket.can_prepare(request).ok:
            raise RequestError(
                400, "websocket_wanted", "ask by WebSocket, or GET /api/live for a snapshot"
            )
        await socket.prepare(request)
        self.clients.add(socket)
        parts = (
            asyncio.create_task(self._tell(request, socket)),
            asyncio.create_task(_listen(socket)),
        )
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.clients.discard(socket)
            for part in parts:
                part.cancel()
            for outcome in await asyncio.gather(*parts, return_exceptions=True):
                if isinstance(outcome, Exception):
                    log.error("live_client_failed", exc_info=outcome)
        return socket

    async def _tell(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        """Send the snapshot, then what changes, until the client has gone or is sent away."""
        live, limits = self._services.live, self._limits
        seen, message = live.version, live.snapshot()
        while True:
            try:
                async with asyncio.timeout(limits.send_s):
                    await socket.send_str(encoded(message).decode())
            except TimeoutError:
                # A farewell would wait behind what is not being read.
                log.warning("live_client_dropped", reason="too slow", client=request[ACTOR].name)
                if request.transport is not None:
                    request.transport.abort()
                return
            except ConnectionError:
                return
            # No wait for a change: what changes meanwhile goes out in one message.
            await asyncio.sleep(limits.interval_s)
            while True:
                await live.changed(seen)
                if not request[TOKEN_CHECK].holds():
                    log.warning(
                        "live_client_dropped", reason="token revoked", client=request[ACTOR].name
                    )
                    await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"token revoked")
                    return
                news = live.news(seen)
                seen = live.version
                if news is not None:
                    break
            message = news


async def _listen(socket: web.WebSocketResponse) -> None:
    """Read until the client has gone: pings are answered by aiohttp, nothing else is asked."""
    async for _ in socket:
        pass
