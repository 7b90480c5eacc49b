"""A database that can be taken away: a TCP port in front of Postgres that opens and closes."""

import asyncio
import re
import threading
from contextlib import suppress
from typing import Self

COPY_DATA = re.compile(rb"d.{4}2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00\t", re.DOTALL)
"""So the data of a COPY of records begins: CopyData and its length (PostgreSQL manual, Message
Formats), and as text the first row's time."""


class _CutError(Exception):
    """The connection was cut by order."""


class Gate:
    """Forwards a port of loopback to Postgres' unix socket while it is open.

    Closed it refuses, and cuts the connections that were made: what clients see when Postgres
    dies. The port stays the same.
    """

    def __init__(self, socket_path: str) -> None:
        self._socket_path = socket_path
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)
        self._thread.start()
        self._server: asyncio.Server | None = None
        self._is_open = False
        self._connections: list[asyncio.Task[None]] = []
        self._cut_in_copy = False
        self.cuts = 0
        "How many COPYs were cut in two."
        self.port = 0
        # Bound once to learn a free port, then closed: it is the test that opens it.
        self.open()
        self.close()

    def open(self) -> Self:
        """Let connections through."""
        self._run(self._open())
        return self

    def close(self) -> None:
        """Refuse connections and cut those there are."""
        self._run(self._close())

    def cut_in_copy(self) -> None:
        """Cut the connection in which the next COPY is sent, after half of its first data."""
        self._cut_in_copy = True

    def end(self) -> None:
        """Close for good."""
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _run(self, coroutine) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(5)

    async def _open(self) -> None:
        self._is_open = True
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is None:
            return
        self._is_open = False
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._connections.clear()
        await self._server.wait_closed()
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_open:
            writer.transport.abort()  # it came in the moment of closing
            return
        connection = self._loop.create_task(self._serve(reader, writer))
        # A task that is cancelled before its first step never comes to its own end.
        connection.add_done_callback(lambda _: writer.transport.abort())
        self._connections.append(connection)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(self._socket_path)
            ends.append(far_writer)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_to_postgres(reader, far_writer))
                group.create_task(_pass_on(far_reader, writer))
        except* _CutError:
            self.cuts += 1
        finally:
            for end in ends:
                end.transport.abort()

    async def _pass_to_postgres(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                found = COPY_DATA.search(data) if self._cut_in_copy else None
                if found is not None:
                    begin = found.start()
                    self._cut_in_copy = False
                    writer.write(data[: begin + (len(data) - begin) // 2])
                    await writer.drain()
                    raise _CutError
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
