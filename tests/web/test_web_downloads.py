"""Reports on their way to a client, as they are written: bounded, cut off visibly, given up."""

import asyncio
import tracemalloc
from contextlib import asynccontextmanager

import aiohttp
import pytest
from test_web_api import AUTH, FakeServer, error_of

from acd.web.app import WebServer, build_app
from acd.web.downloads import DownloadLimits
from acd.web.ports import ServiceUnavailableError
from acd.web.reports_api import ReportsApi

PIECE = DownloadLimits().piece_bytes
CSV = "/api/reports/kpi?format=csv"


class Growing:
    """A report of zeros that the test has grow, end or break."""

    def __init__(self, size=0, *, complete=False, error=None):
        self.size, self.complete, self.error = size, complete, error
        self.read_bytes = 0
        self.asked = asyncio.Event()
        "Somebody waits for more."
        self._news = asyncio.Event()

    def grow(self, size, *, complete=False, error=None):
        self.size, self.complete, self.error = self.size + size, complete, error
        self._news.set()

    async def more(self, than):
        while self.size <= than and not self.complete and self.error is None:
            self._news.clear()
            self.asked.set()
            await self._news.wait()
        if self.error is not None:
            raise self.error

    def read(self, at, most):
        content = bytes(min(most, self.size - at))
        self.read_bytes += len(content)
        return content


class Server(FakeServer):
    def __init__(self, document):
        super().__init__()
        self.document = document
        self.gone = asyncio.Event()

    @asynccontextmanager
    async def report(self, name, wish, form, locale, role):
        try:
            yield self.document
        finally:
            self.gone.set()


@asynccontextmanager
async def serving(fake, **limits):
    services = fake.services()
    app = build_app(services)
    if limits:
        # The same handlers with other limits, on an address of their own.
        [route] = ReportsApi(services, DownloadLimits(**limits)).routes()[1:]
        app.router.add_get("/api/quick/{name}", route.handler)
    server = WebServer(app)
    await server.start("127.0.0.1", 0)
    host, port = server.bound_address()
    try:
        async with (
            asyncio.timeout(60),
            aiohttp.ClientSession(f"http://{host}:{port}", headers=AUTH) as client,
        ):
            yield client
    finally:
        await server.close()


@pytest.mark.asyncio
async def test_the_beginning_is_there_before_the_end_is_written():
    fake = Server(Growing(2 * PIECE))
    async with serving(fake) as client, client.get(CSV) as answer:
        assert answer.headers["Transfer-Encoding"] == "chunked"
        assert len(await answer.content.readexactly(2 * PIECE)) == 2 * PIECE
        fake.document.grow(5)
        assert await answer.content.readexactly(5) == bytes(5)
        fake.document.grow(7, complete=True)
        assert await answer.content.read() == bytes(7)
        await fake.gone.wait()


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [1, PIECE, PIECE + 1, 5 * PIECE])
async def test_what_is_made_already_has_its_length(size):
    async with serving(Server(Growing(size, complete=True))) as client:
        for method in ("GET", "HEAD", "GET"):
            async with client.request(method, CSV) as answer:
                assert answer.headers["Content-Length"] == str(size)
                assert len(await answer.read()) == (0 if method == "HEAD" else size)


@pytest.mark.asyncio
async def test_who_knows_no_chunks_gets_it_whole_with_its_length():
    fake = Server(Growing(2 * PIECE))
    asyncio.get_running_loop().call_later(0.05, lambda: fake.document.grow(1, complete=True))
    async with serving(fake) as client:
        base = client._base_url
        old = aiohttp.ClientSession(base, headers=AUTH, version=aiohttp.HttpVersion10)
        async with old, old.get(CSV) as answer:
            assert answer.headers["Content-Length"] == str(2 * PIECE + 1)
            assert len(await answer.read()) == 2 * PIECE + 1


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [ServiceUnavailableError("the database has gone"), OSError(28)])
async def test_what_breaks_off_does_not_look_whole(error):
    fake = Server(Growing(PIECE))
    async with serving(fake) as client, client.get(CSV) as answer:
        await answer.content.readexactly(PIECE)
        fake.document.grow(5, error=error)
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
        await fake.gone.wait()


@pytest.mark.asyncio
async def test_what_goes_wrong_before_the_first_byte_is_an_answer():
    fake = Server(Growing(PIECE - 1, error=ServiceUnavailableError("the database has gone")))
    async with serving(fake) as client, client.get(CSV) as answer:
        assert answer.status == 503
        assert (await error_of(answer))["message"] == "the database has gone"


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [0, 3 * PIECE])
async def test_whoever_leaves_ends_the_work(size):
    fake = Server(Growing(size))
    async with serving(fake, look_s=0.01) as client:
        asking = asyncio.create_task(client.get("/api/quick/kpi?format=csv"))
        if size:
            answer = await asking
            await answer.content.readexactly(size)
            answer.close()
        else:
            await fake.document.asked.wait()
            asking.cancel()
        await fake.gone.wait()


@pytest.mark.asyncio
async def test_whoever_does_not_read_is_cut_off_and_little_is_kept_for_them():
    size = 1 << 30
    fake = Server(Growing(size, complete=True))
    async with serving(fake, take_s=0.2) as client:
        host, port = client._base_url.host, client._base_url.port
        reader, writer = await asyncio.open_connection(host, port, limit=1 << 10)
        writer.transport.pause_reading()
        lines = ("GET /api/quick/kpi?format=csv HTTP/1.1", f"Host: {host}")
        lines += (f"Authorization: {AUTH['Authorization']}", "", "")
        writer.write("\r\n".join(lines).encode())
        await fake.gone.wait()
        # The rest is the two kernels' buffers of the connection.
        assert fake.document.read_bytes < 16 << 20
        writer.close()
        del reader


@pytest.mark.asyncio
async def test_memory_does_not_grow_with_the_report():
    async def peak_of(size):
        fake = Server(Growing(2 * PIECE))
        async with serving(fake) as client, client.get(CSV) as answer:
            tracemalloc.start()
            fake.document.grow(size, complete=True)
            left = size + 2 * PIECE
            while piece := await answer.content.readany():
                left -= len(piece)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert left == 0
            return peak

    small, large = await peak_of(4 << 20), await peak_of(64 << 20)
    assert large < small + (1 << 20)
    assert large < 8 << 20
