"""Customers' numbers in answers: whole for the roles that may see them, masked for the others."""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from acd.reports.numbers import NumberSight

from .access import ACTOR


def seen_rows(
    request: web.Request,
    sight: NumberSight,
    rows: Sequence[object],
    *,
    numbers: tuple[str, ...] = (),
    texts: tuple[str, ...] = (),
) -> list[dict[str, object]]:
    """Return rows as whoever asks may see them.

    `numbers` are the fields that hold a customer's number, `texts` those that may name one.
    """
    role = request[ACTOR].role.value
    seen: list[dict[str, object]] = msgspec.to_builtins(list(rows), enc_hook=str)
    for row in seen:
        for field in row.keys() & set(numbers):
            row[field] = sight.number(str(row[field]), role)
        for field in row.keys() & set(texts):
            row[field] = sight.text(str(row[field]), role)
    return seen


def seen_text(request: web.Request, sight: NumberSight, text: str) -> str:
    """Return a text with numbers in it as whoever asks may see them."""
    return sight.text(text, request[ACTOR].role.value)
