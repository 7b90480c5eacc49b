"""Routes by which other systems tell what became of calls: orders, classes, answers, outcomes.

An entry with an idempotency key (header or field) is taken once: the same key again is answered as
the first time, and with another content it is refused.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web

from .access import ACTOR
from .bodies import RequestBody, read_body
from .entry_bodies import (
    KEY_CHARACTERS_MAX,
    CsatEntry,
    DispositionEntry,
    MatterEntry,
    OrderEntry,
)
from .errors import RequestError
from .moves import carried_out
from .ports import Posting, Told, WebServices

KEY_HEADER = "Idempotency-Key"
"draft-ietf-httpapi-idempotency-key-header."

REPLAYED_HEADER = "Idempotency-Replayed"

EntryBody = TypeVar("EntryBody", bound=RequestBody)


class EntriesApi:
    """Handlers of entries."""

    def __init__(self, services: WebServices) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        """Return every route with its handler."""
        return [
            web.post("/api/orders", self._order),
            web.post("/api/dispositions", self._disposition),
            web.post("/api/csat", self._csat),
            web.post("/api/matters", self._matter),
        ]

    async def _order(self, request: web.Request) -> web.Response:
        return await _told(request, OrderEntry, self._services.entries.order)

    async def _disposition(self, request: web.Request) -> web.Response:
        return await _told(request, DispositionEntry, self._services.entries.disposition)

    async def _csat(self, request: web.Request) -> web.Response:
        return await _told(request, CsatEntry, self._services.entries.csat)

    async def _matter(self, request: web.Request) -> web.Response:
        return await _told(request, MatterEntry, self._services.entries.matter)


async def _told(
    request: web.Request,
    model: type[EntryBody],
    tell: Callable[[EntryBody, Posting], Awaitable[Told]],
) -> web.Response:
    body = await read_body(request, model)
    content = body.model_dump_json(exclude={"key"}).encode()
    posting = Posting(
        request[ACTOR],
        _key(request, str(getattr(body, "key", ""))),
        hashlib.sha256(content).hexdigest(),
    )
    told = await carried_out(lambda: tell(body, posting))
    assert isinstance(told, Told)
    answer = web.Response(
        body=told.answer,
        content_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
    if told.replayed:
        answer.headers[REPLAYED_HEADER] = "true"
    return answer


def _key(request: web.Request, in_body: str) -> str:
    """Return the entry's key. Raises RequestError when header and field differ."""
    header = request.headers.get(KEY_HEADER, "").strip()
    if len(header) > 1 and header[0] == header[-1] == '"':
        header = header[1:-1]  # the draft has a structured string, most clients send it bare
    # Bytes that are no UTF-8 come as surrogates, which no file and no journal can hold.
    if not header.isprintable():
        text = f"{KEY_HEADER} must be printable text, in UTF-8"
        raise RequestError(422, "invalid", text, field="key")
    if len(header) > KEY_CHARACTERS_MAX:
        text = f"{KEY_HEADER} must have {KEY_CHARACTERS_MAX} characters at most"
        raise RequestError(422, "invalid", text, field="key")
    if header and in_body and header != in_body:
        text = f"key and the header {KEY_HEADER} differ: give one of them"
        raise RequestError(422, "invalid", text, field="key")
    return header or in_body
