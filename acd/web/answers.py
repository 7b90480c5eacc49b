"""Answers in JSON."""

import msgspec
from aiohttp import web

_encoder = msgspec.json.Encoder(enc_hook=str)


def encoded(value: object) -> bytes:
    """Return the value as JSON."""
    return _encoder.encode(value)


def json_answer(value: object, *, status: int = 200) -> web.Response:
    """Return the value as JSON. Live figures: nobody on the way may keep them."""
    return web.Response(
        body=encoded(value),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
