"""The aiohttp application, and serving it."""

import errno
import os
import socket

from aiohttp import web

from .access import guard, identify_by
from .answers import json_answer
from .api import ROLES, Api
from .bodies import BODY_BYTES_MAX
from .entries import EntriesApi
from .errors import WebError, answer_errors
from .live import LiveApi
from .page import Page
from .ports import WebServices
from .queues_api import QueuesApi
from .reports_api import ReportsApi

METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

CLOSE_S = 3.0
"How long requests under way may take when the server ends."

KEEP_ALIVE_S = 75.0
"Idle HTTP connections: longer than Prometheus' usual scrape interval of 60 s."


class ListenError(WebError):
    """The HTTP address cannot be used. The text is one line for the operator."""


def build_app(services: WebServices) -> web.Application:
    """Return the application: health, metrics, API and the page."""
    # Looked up at each request: nothing is asked of the services before they are all there.
    identify = identify_by(lambda: services.token, lambda given: services.named_token(given))
    app = web.Application(
        middlewares=[answer_errors, guard(identify, ROLES)],
        client_max_size=BODY_BYTES_MAX,
    )
    app.add_routes(_Health(services).routes())
    app.add_routes(Api(services).routes())
    app.add_routes(QueuesApi(services).routes())
    app.add_routes(EntriesApi(services).routes())
    app.add_routes(ReportsApi(services).routes())
    live = LiveApi(services)
    app.add_routes(live.routes())
    app.on_shutdown.append(live.close)
    app.add_routes([web.get("/", Page().show)])
    return app


class WebServer:
    """Serves an application on one address."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(
            app, access_log=None, keepalive_timeout=KEEP_ALIVE_S, shutdown_timeout=CLOSE_S
        )
        self._bound = ("", 0)

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one. Raises ListenError."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            raise ListenError(f"cannot serve HTTP on {host}:{port}: {_reason(error)}") from error
        address = self._runner.addresses[0]
        self._bound = (address[0], address[1])

    def bound_address(self) -> tuple[str, int]:
        """Return host and port of the first socket."""
        return self._bound

    async def close(self) -> None:
        """Stop serving; requests under way get a moment."""
        await self._runner.cleanup()


class _Health:
    """What orchestrators and Prometheus ask for, without a token."""

    def __init__(self, services: WebServices) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self._alive),
            web.get("/readyz", self._ready),
            web.get("/metrics", self._metrics),
        ]

    async def _alive(self, _request: web.Request) -> web.Response:
        return json_answer({"status": "ok", **self._services.health()})

    async def _ready(self, _request: web.Request) -> web.Response:
        ready, details = self._services.readiness()
        return json_answer({"ready": ready, **details}, status=200 if ready else 503)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self._services.metrics_text(), headers={"Content-Type": METRICS_CONTENT_TYPE}
        )


def _reason(error: OSError | OverflowError) -> str:
    if isinstance(error, socket.gaierror):
        return "not an address or known name"
    if isinstance(error, OverflowError):
        return str(error)
    if error.errno == errno.EADDRINUSE:
        return "the port is taken by another program"
    # asyncio of newer Pythons leaves out an address that is not ours, and has no number when
    # none is left.
    if error.errno in {errno.EADDRNOTAVAIL, None}:
        return "this machine has no such address"
    return os.strerror(error.errno)
