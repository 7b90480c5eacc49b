"""The page at /: the state of the service at a glance, in one file without foreign parts."""

import secrets
from pathlib import Path

from aiohttp import web

LANGUAGES = ("en", "zh")
"The first one is for everybody else."

PAGE = Path(__file__).with_name("page.html")


class Page:
    """Serves page.html. It holds no data: the browser fetches that from the API."""

    def __init__(self) -> None:
        self._text = PAGE.read_text(encoding="utf-8")

    async def show(self, request: web.Request) -> web.Response:
        """Answer in the language of `?lang=`, else the one that the browser likes best."""
        wanted = request.query.get("lang", "")
        language = (
            wanted
            if wanted in LANGUAGES
            else choose_language(request.headers.get("Accept-Language", ""))
        )
        # Only this answer's own script and style run, wherever an agent's name came from.
        nonce = secrets.token_urlsafe(16)
        return web.Response(
            text=self._text.replace("{{lang}}", language).replace("{{nonce}}", nonce),
            content_type="text/html",
            headers={
                "Cache-Control": "no-store",
                "Content-Language": language,
                "Content-Security-Policy": (
                    f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
                    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                    "frame-ancestors 'none'"
                ),
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "Vary": "Accept-Language",
            },
        )


def choose_language(accept_language: str) -> str:
    """Return the best of our languages for an Accept-Language header (RFC 9110 12.5.4)."""
    best, best_weight = LANGUAGES[0], 0.0
    for part in accept_language.split(",")[:32]:
        tag, _, parameter = part.strip().partition(";")
        name = tag.strip().lower().partition("-")[0]
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if name in LANGUAGES and weight > best_weight:
            best, best_weight = name, weight
    return best
