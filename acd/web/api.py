"""The JSON API under /api: agents and their commands, queues, calls, traces, reports."""

import asyncio
import hmac
import re
from collections.abc import Callable
from datetime import date
from inspect import isawaitable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from .answers import json_answer
from .bodies import CallOrder, Disposition, Nothing, StatusChange, read_body
from .errors import RequestError
from .ports import CommandRefusedError, Outcome, ServiceUnavailableError, WebServices

CHANGED_BY = "api"
"Who changed an agent's status, as the events say it: the token tells no more."

KPI_TIMEOUT_S = 30.0
"A day's report takes well below a second; a database that hangs must not hold connections."

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)


class Api:
    """Handlers of the API."""

    def __init__(self, services: WebServices) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        """Return every route with its handler."""
        agent = "/api/agents/{number}"
        return [
            web.get("/api/agents", self._agents),
            web.get(agent, self._agent),
            web.post(f"{agent}/status", self._set_status),
            web.post(f"{agent}/wrap-up/end", self._end_wrap_up),
            web.post(f"{agent}/disposition", self._enter_disposition),
            web.post(f"{agent}/calls", self._place_call),
            web.delete(f"{agent}/calls", self._hang_up),
            web.get("/api/queues", self._queues),
            web.get("/api/calls", self._calls),
            web.get("/api/trunks", self._trunks),
            web.get("/api/trace/{id:.+}", self._trace),
            web.get("/api/reports/kpi", self._kpi),
            web.get("/api/bans", self._bans),
            web.delete("/api/bans/{source:.+}", self._lift_ban),
        ]

    # --- agents ---

    async def _agents(self, _request: web.Request) -> web.Response:
        return json_answer(self._services.agents())

    async def _agent(self, request: web.Request) -> web.Response:
        return json_answer(self._known_agent(request)[1])

    async def _set_status(self, request: web.Request) -> web.Response:
        number, _ = self._known_agent(request)
        body = await read_body(request, StatusChange)
        return await self._carry_out(
            number, lambda: self._services.set_status(number, body.status, body.reason, CHANGED_BY)
        )

    async def _end_wrap_up(self, request: web.Request) -> web.Response:
        number, _ = self._known_agent(request)
        await read_body(request, Nothing)
        return await self._carry_out(number, lambda: self._services.end_wrap_up(number))

    async def _enter_disposition(self, request: web.Request) -> web.Response:
        number, _ = self._known_agent(request)
        body = await read_body(request, Disposition)
        return await self._carry_out(
            number, lambda: self._services.enter_disposition(number, body.interaction, body)
        )

    async def _place_call(self, request: web.Request) -> web.Response:
        number, _ = self._known_agent(request)
        body = await read_body(request, CallOrder)
        return await self._carry_out(number, lambda: self._services.place_call(number, body.to))

    async def _hang_up(self, request: web.Request) -> web.Response:
        number, _ = self._known_agent(request)
        return await self._carry_out(number, lambda: self._services.hang_up(number))

    # --- views ---

    async def _queues(self, _request: web.Request) -> web.Response:
        return json_answer(self._services.queues())

    async def _calls(self, _request: web.Request) -> web.Response:
        return json_answer(self._services.calls())

    async def _trunks(self, _request: web.Request) -> web.Response:
        return json_answer(self._services.trunks())

    async def _trace(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        messages = request.query.get("messages", "0") not in {"0", "false", ""}
        text = self._services.trace(name, messages)
        if text is None:
            raise RequestError(
                404, "unknown_call", "no trace of this call: unknown, or too long ago", field="id"
            )
        return web.Response(
            text=text,
            content_type="text/plain",
            headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        )

    async def _bans(self, _request: web.Request) -> web.Response:
        return json_answer(self._services.bans())

    async def _lift_ban(self, request: web.Request) -> web.Response:
        source = request.match_info["source"]
        if not self._services.lift_ban(source):
            raise RequestError(404, "not_banned", "this address is not banned", field="source")
        return json_answer({"source": source})

    async def _kpi(self, request: web.Request) -> web.Response:
        day = request.query.get("day", "today")
        if not _is_day(day):
            raise RequestError(
                422, "invalid", "day must be today, yesterday or YYYY-MM-DD", field="day"
            )
        try:
            async with asyncio.timeout(KPI_TIMEOUT_S):
                return json_answer(await self._services.kpi(day))
        except ServiceUnavailableError as error:
            raise RequestError(503, "unavailable", str(error)) from error
        except TimeoutError as error:
            raise RequestError(
                503, "unavailable", f"the database did not answer in {KPI_TIMEOUT_S:.0f} s"
            ) from error

    # --- common ---

    def _known_agent(self, request: web.Request) -> tuple[str, object]:
        number = request.match_info["number"]
        agent = self._services.agent(number)
        if agent is None:
            raise RequestError(
                404, "unknown_agent", f"there is no agent {number[:32]!r}", field="number"
            )
        return number, agent

    async def _carry_out(self, number: str, command: Callable[[], Outcome]) -> web.Response:
        """Answer with what the command returns, else with the agent as it then stands."""
        try:
            result = command()
            if isawaitable(result):
                result = await result
        except CommandRefusedError as error:
            raise RequestError(409, error.code, str(error), field=error.field) from error
        except ServiceUnavailableError as error:
            raise RequestError(503, "unavailable", str(error)) from error
        return json_answer(self._services.agent(number) if result is None else result)


def require_token(token: str) -> Middleware:
    """Return the middleware that lets nobody into /api without `Authorization: Bearer <token>`."""
    expected = token.encode()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/api" or request.path.startswith("/api/"):
            scheme, _, given = request.headers.get("Authorization", "").partition(" ")
            proof = given.strip().encode(errors="surrogateescape")
            # Constant time: how long the comparison takes must not tell how much was right.
            if scheme.lower() != "bearer" or not hmac.compare_digest(proof, expected):
                raise RequestError(
                    401,
                    "unauthorized",
                    "send Authorization: Bearer with the token from the state folder's api-token",
                )
        return await handler(request)

    return check


def _is_day(text: str) -> bool:
    if text in {"today", "yesterday"}:
        return True
    try:
        return _DAY.match(text) is not None and date.fromisoformat(text) is not None
    except ValueError:
        return False
