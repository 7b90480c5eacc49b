"""SIP over WebSocket (RFC 7118): one message per frame, text or binary; aiohttp does the rest.

Browsers connect to us; nobody can be connected to. Once a connection is gone, whatever is to be
sent to its peer fails at once.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from aiohttp import WSMessage, WSMsgType, web

from acd.sip.framing import PING
from acd.sip.message import MAX_MESSAGE_BYTES
from acd.sip.peer import Peer

from .limits import CutCause, Patience, Place, Places, StreamLimits
from .stream import PONG, prepare_socket
from .websocket_frames import FrameWatch

SUBPROTOCOL = "sip"
'RFC 7118 4.1: "the client MUST include the value "sip" in the Sec-WebSocket-Protocol header".'

MAX_HEAD_BYTES = 8_190
"Of a line and of a header field in the HTTP request: what Apache takes."

MAX_HEADERS = 100


class WebSocketConnection:
    """One connection after the HTTP handshake, with what waits to be sent."""

    def __init__(self, table: "WebSockets", peer: Peer, gate: "Gate") -> None:
        self.peer = peer
        self._table = table
        self._limits = table.limits
        self._gate = gate
        self._socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            max_msg_size=MAX_MESSAGE_BYTES + 1,
            heartbeat=self._limits.ping_s,
            timeout=self._limits.close_s,
            autoping=False,  # so that every frame shows here, and an incomplete one is known
            compress=False,  # a few bytes could otherwise unfold into megabytes
        )
        self._text = False
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._wake = asyncio.Event()
        self._ending = False
        self._patience = Patience(table.loop, self._on_impatient)
        self._began_at = math.inf
        "When the message began that is not complete."

    async def run(self, request: web.BaseRequest) -> web.WebSocketResponse:
        """Serve the connection to its end."""
        await self._socket.prepare(request)
        self._table.enter(self)
        self._gate.on_data = self._on_data
        # The first message has to be there by then, and be it a ping.
        self._patience.until(self._table.loop.time() + self._limits.message_s)
        if self._gate.frames.heard:  # together with the request
            self._on_data()
        try:
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(self._write())
                while await self._read():
                    pass
                writing.cancel()
        finally:
            self._patience.stop()
            self._table.leave(self)
        return self._socket

    # --- receiving ---

    async def _read(self) -> bool:
        """Take one frame; False: it was the last."""
        frame = await self._socket.receive()
        if frame.type is WSMsgType.TEXT:
            self._text = True
            self._on_message(frame.data.encode())
        elif frame.type is WSMsgType.BINARY:
            self._text = False
            self._on_message(bytes(frame.data))
        elif frame.type is WSMsgType.PING:
            with suppress(ConnectionError):
                await self._socket.pong(frame.data)
        elif frame.type is not WSMsgType.PONG:
            self._count_unframeable(frame)
            return False
        return True

    def _on_message(self, data: bytes) -> None:
        if self._ending:
            return
        if data == PING:
            # RFC 7118 6 leaves the keep-alive of RFC 5626 to those who cannot send WebSocket's.
            self.send(PONG)
        elif not data.isspace():
            self._table.on_message(data, self.peer)
            self._table.on_batch()

    def _on_data(self) -> None:
        """Bytes came: give what is incomplete its time, from its first byte on."""
        frames = self._gate.frames
        if self._ending:
            return
        if frames.unmasked:
            self.cut("unframeable")
        elif frames.began_at == math.inf:
            self._began_at = math.inf
            self._patience.deadline = self._table.loop.time() + self._limits.idle_s
        elif frames.began_at != self._began_at:
            self._began_at = frames.began_at
            self._patience.until(self._began_at + self._limits.message_s)

    def _count_unframeable(self, frame: WSMessage) -> None:
        if frame.type is WSMsgType.ERROR:
            self._table.places.cut[self.peer.transport, "unframeable"] += 1

    # --- sending ---

    def send(self, data: bytes) -> None:
        """Put a message in line. A peer that does not read is given up."""
        if self._unsent_bytes + len(data) > self._limits.write_buffer_bytes:
            self.cut("not_reading")
            return
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        self._wake.set()
        if self._began_at == math.inf:
            self._patience.deadline = self._table.loop.time() + self._limits.idle_s

    async def _write(self) -> None:
        """Send what is in line, each message in the kind that the peer used last."""
        with suppress(ConnectionError):
            while self._unsent or not self._ending:
                self._wake.clear()
                while self._unsent:
                    data = self._unsent.popleft()
                    await self._socket.send_frame(data, self._kind_for(data))
                    self._unsent_bytes -= len(data)
                if not self._ending:
                    await self._wake.wait()
            await self._socket.close()

    def _kind_for(self, data: bytes) -> WSMsgType:
        """Return text for who sent text, unless the message is none (RFC 6455 5.6: UTF-8)."""
        if not self._text:
            return WSMsgType.BINARY
        try:
            data.decode()
        except UnicodeDecodeError:
            return WSMsgType.BINARY
        return WSMsgType.TEXT

    # --- the end ---

    def close(self) -> None:
        """Leave the table; what is still to be written goes out."""
        if not self._ending:
            self._ending = True
            self._wake.set()
            self._table.leave(self)
            self._table.loop.call_later(self._limits.close_s, self.abort)

    def cut(self, cause: CutCause) -> None:
        """End the connection because of what the peer does or leaves undone."""
        if not self._ending:
            self._table.places.cut[self.peer.transport, cause] += 1
            self.close()
            if cause != "idle":
                self.abort()

    def abort(self) -> None:
        """End it whatever waits."""
        if self._gate.transport is not None:
            self._gate.transport.abort()

    def _on_impatient(self) -> None:
        self.cut("idle" if self._began_at == math.inf else "slow_message")


class Gate(web.RequestHandler):
    """An accepted connection as HTTP sees it: frees the place and tells when bytes come."""

    __slots__ = ("_place", "_table", "frames", "on_data", "peer")

    def __init__(self, server: web.Server, table: "WebSockets", peer: Peer, place: Place) -> None:
        super().__init__(
            server,
            loop=table.loop,
            keepalive_timeout=table.limits.message_s,  # also for the first request
            access_log=None,  # type: ignore[arg-type]  # None is none, as in AppRunner
            max_line_size=MAX_HEAD_BYTES,
            max_field_size=MAX_HEAD_BYTES,
            max_headers=MAX_HEADERS,
            lingering_time=0,
        )
        self._place = place
        self._table = table
        self.peer = peer
        self.frames = FrameWatch()
        self.on_data: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read the request."""
        prepare_socket(transport.get_extra_info("socket"))
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        self.frames.feed(data, self._table.loop.time())
        if self.on_data is not None:
            self.on_data()
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Free the place."""
        self._place.free()
        super().connection_lost(exc)


class WebSockets:
    """The table of WebSocket connections, by peer. Must be made inside the running loop."""

    def __init__(
        self,
        on_message: Callable[[bytes, Peer], None],
        on_batch: Callable[[], None],
        on_failed: Callable[[Peer], None],
        limits: StreamLimits,
        places: Places,
        origins: tuple[str, ...],
    ) -> None:
        """Serve pages of these origins only; of all if there are none."""
        self.loop = asyncio.get_running_loop()
        self.on_message = on_message
        self.on_batch = on_batch
        self.limits = limits
        self.places = places
        self._origins = frozenset(origin.lower() for origin in origins)
        self._on_failed = on_failed
        self._server = web.Server(self._serve)
        self._connections: dict[Peer, WebSocketConnection] = {}

    def accepted(self, peer: Peer, place: Place) -> Gate:
        """Return the protocol of a connection that was accepted."""
        return Gate(self._server, self, peer, place)

    def send(self, peer: Peer, data: bytes) -> None:
        """Send over the peer's connection; without one it fails. Never raises or waits."""
        connection = self._connections.get(peer)
        if connection is None:
            self._on_failed(peer)
        else:
            connection.send(data)

    def disconnect(self, peer: Peer) -> None:
        """Close the peer's connection, if there is one, after what was sent before."""
        connection = self._connections.get(peer)
        if connection is not None:
            connection.close()

    async def close(self) -> None:
        """End every connection after what was sent before."""
        for connection in list(self._connections.values()):
            connection.close()
        self._server.pre_shutdown()
        await self._server.shutdown(self.limits.close_s)

    # --- from the connections ---

    def enter(self, connection: WebSocketConnection) -> None:
        """Take a connection in."""
        self._connections[connection.peer] = connection

    def leave(self, connection: WebSocketConnection) -> None:
        """Forget a connection.

        Its peer cannot be reached any more, and everybody who counts on it has to know: RFC 7118
        gives a phone no other way than the connection that it opened.
        """
        if self._connections.get(connection.peer) is connection:
            del self._connections[connection.peer]
            self._on_failed(connection.peer)

    # --- own ---

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        gate = request.protocol
        assert isinstance(gate, Gate)  # `accepted` makes no other
        refusal = self._refusal(request)
        if refusal is not None:
            refusal.force_close()
            return refusal
        try:
            return await WebSocketConnection(self, gate.peer, gate).run(request)
        except web.HTTPException as fault:  # the upgrade is no good one
            fault.force_close()
            raise

    def _refusal(self, request: web.BaseRequest) -> web.Response | None:
        """Say why this request cannot become a SIP connection; None if it can."""
        headers = request.headers
        offered = headers.get("Sec-WebSocket-Protocol", "").split(",")
        origin = headers.get("Origin", "")
        if headers.get("Upgrade", "").strip().lower() != "websocket":
            return web.Response(
                status=426,
                headers={"Upgrade": "websocket"},
                text="this port speaks SIP over WebSocket only\n",
            )
        if self._origins and origin and origin.lower() not in self._origins:
            return web.Response(status=403, text="pages of this origin may not connect\n")
        if SUBPROTOCOL not in (name.strip() for name in offered):
            return web.Response(status=400, text="the subprotocol has to be sip (RFC 7118)\n")
        return None
