"""A report on its way to a client: sent as it is written, a piece at a time.

The server holds a piece of it, however long it is. What goes wrong after the first byte cannot be
an answer any more: the connection is cut then, so that nobody takes a part for the whole.
"""

import asyncio
from collections.abc import Mapping

import structlog
from aiohttp import HttpVersion11, web
from msgspec import Struct

from .ports import ReportDocument

log = structlog.get_logger(__name__)


class DownloadLimits(Struct, frozen=True, kw_only=True):
    """How much a client may ask of the server."""

    piece_bytes: int = 1 << 17
    "Read and sent together: twice what aiohttp buffers before it waits for the client."

    take_s: float = 30.0
    "A client that has not taken a piece in so long does not read; 35 kbit/s are enough."

    look_s: float = 1.0
    "How often it is looked whether a client still waits, while there is nothing to send."


class Download:
    """One document for one request."""

    def __init__(
        self,
        request: web.Request,
        document: ReportDocument,
        headers: Mapping[str, str],
        limits: DownloadLimits,
    ) -> None:
        """`headers` say what it is; its length, or that it comes in chunks, is added."""
        self._request = request
        self._document = document
        self._headers = headers
        self._limits = limits

    async def answer(self, name: str) -> web.StreamResponse:
        """Send it; `name` is for the log.

        Raises what the document raises, or ConnectionError when the client has gone, while nothing
        has been sent; what is wrong can be answered till then.
        """
        document, limits = self._document, self._limits
        # Without chunks (HTTP/1.0) only a length tells a client that the end is missing.
        whole = self._request.version < HttpVersion11
        while not document.complete and (whole or document.size < limits.piece_bytes):
            await self._more(document.size)
        if document.complete and document.size <= limits.piece_bytes:
            content = await asyncio.to_thread(document.read, 0, document.size)
            return web.Response(body=content, headers=self._headers)
        answer = web.StreamResponse(headers=self._headers)
        if document.complete:
            answer.content_length = document.size
        else:
            answer.enable_chunked_encoding()
        await answer.prepare(self._request)
        if self._request.method != "HEAD":
            await self._send(answer, name)
        return answer

    async def _send(self, answer: web.StreamResponse, name: str) -> None:
        sent = 0
        try:
            while True:
                while sent < self._document.size:
                    sent += await self._send_piece(answer, sent)
                if self._document.complete:
                    break
                await self._more(sent)
            await answer.write_eof()
        except ConnectionError:
            log.info("report_not_wanted", report=name, sent_bytes=sent, reason="the client left")
        except Exception as error:  # noqa: BLE001 - it is on its way: cutting it off says so
            reason = str(error) or "the client does not read"
            log.warning("report_cut_off", report=name, sent_bytes=sent, reason=reason)
            if self._request.transport is not None:
                self._request.transport.abort()

    async def _send_piece(self, answer: web.StreamResponse, at: int) -> int:
        piece = await asyncio.to_thread(self._document.read, at, self._limits.piece_bytes)
        async with asyncio.timeout(self._limits.take_s):
            await answer.write(piece)
        return len(piece)

    async def _more(self, than: int) -> None:
        """Return when there is more. Raises ConnectionError when nobody waits for it any more."""
        while True:
            try:
                async with asyncio.timeout(self._limits.look_s):
                    return await self._document.more(than)
            except TimeoutError:
                transport = self._request.transport
                if transport is None or transport.is_closing():
                    raise ConnectionResetError("the client left") from None
