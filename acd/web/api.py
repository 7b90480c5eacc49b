"""The JSON API under /api: agents and their commands, queues, calls, traces, reports."""

from collections.abc import Callable

from aiohttp import web

from .access import (
    ACTOR,
    ADMINS,
    EVERYBODY,
    INTEGRATIONS,
    STEERING,
    TELLING,
    WATCHERS,
    Order,
    Role,
)
from .answers import json_answer
from .bodies import CallOrder, Disposition, Remark, StatusChange, read_body
from .errors import RequestError
from .moves import MovesApi, carried_out, order_of, order_to_undo
from .numbers import seen_rows, seen_text
from .ports import Outcome, WebServices

_AGENT = "/api/agents/{number}"
ROLES: dict[tuple[str, str], frozenset[Role]] = {
    ("GET", "/api/agents"): WATCHERS,
    ("GET", _AGENT): EVERYBODY,
    ("POST", f"{_AGENT}/status"): STEERING,
    ("POST", f"{_AGENT}/wrap-up/end"): STEERING,
    ("POST", f"{_AGENT}/wrap-up/extend"): STEERING,
    ("POST", f"{_AGENT}/cool-down"): STEERING,
    ("POST", f"{_AGENT}/disposition"): STEERING,
    ("POST", f"{_AGENT}/calls"): STEERING,
    ("DELETE", f"{_AGENT}/calls"): STEERING,
    ("POST", "/api/orders"): TELLING,
    ("POST", "/api/dispositions"): TELLING,
    ("POST", "/api/csat"): INTEGRATIONS,
    ("POST", "/api/matters"): INTEGRATIONS,
    ("GET", "/api/reasons"): EVERYBODY,
    ("GET", "/api/queues"): EVERYBODY,
    ("GET", "/api/calls"): WATCHERS,
    ("GET", "/api/live"): WATCHERS,
    ("GET", "/api/live/ws"): WATCHERS,
    ("GET", "/api/callbacks"): WATCHERS,
    ("GET", "/api/abandoned"): WATCHERS,
    ("GET", "/api/trunks"): WATCHERS,
    ("GET", "/api/trace/{id}"): WATCHERS,
    ("GET", "/api/reports"): WATCHERS,
    ("GET", "/api/reports/{name}"): WATCHERS,
    ("GET", "/api/audit"): WATCHERS,
    ("GET", "/api/bans"): WATCHERS,
    ("DELETE", "/api/bans/{source}"): ADMINS,
}
"Who may; a route that is not named is for supervisors and admins."


class Api:
    """Handlers of the API."""

    def __init__(self, services: WebServices) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        """Return every route with its handler."""
        agent = _AGENT
        moves = MovesApi(self._services, self._known_agent)
        return [
            *moves.routes(),
            web.get("/api/agents", self._agents),
            web.get(agent, self._agent),
            web.post(f"{agent}/status", self._set_status),
            web.post(f"{agent}/wrap-up/end", self._end_wrap_up),
            web.post(f"{agent}/disposition", self._enter_disposition),
            web.post(f"{agent}/calls", self._place_call),
            web.delete(f"{agent}/calls", self._hang_up),
            web.get("/api/reasons", self._reasons),
            web.get("/api/queues", self._queues),
            web.get("/api/calls", self._calls),
            web.get("/api/trunks", self._trunks),
            web.get("/api/trace/{id:.+}", self._trace),
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
        order = order_of(request, body.why)
        return await self._carry_out(
            number, lambda: self._services.set_status(number, body.status, body.reason, order)
        )

    async def _end_wrap_up(self, request: web.Request) -> web.Response:
        number, _ = self._known_agent(request)
        body = await read_body(request, Remark)
        order: Order = order_of(request, body.why)
        return await self._carry_out(number, lambda: self._services.end_wrap_up(number, order))

    async def _enter_disposition(self, request: web.Request) -> web.Response:
        number, _ = self._known_agent(request)
        body = await read_body(request, Disposition)
        enter, actor = self._services.enter_disposition, request[ACTOR]
        return await self._carry_out(number, lambda: enter(number, body.interaction, body, actor))

    async def _place_call(self, request: web.Request) -> web.Response:
        number, _ = self._known_agent(request)
        body = await read_body(request, CallOrder)
        place, order = self._services.place_call, Order(request[ACTOR])
        return await self._carry_out(number, lambda: place(number, body.to, order))

    async def _hang_up(self, request: web.Request) -> web.Response:
        number, _ = self._known_agent(request)
        hang_up, order = self._services.hang_up, await order_to_undo(request)
        return await self._carry_out(number, lambda: hang_up(number, order))

    # --- views ---

    async def _reasons(self, _request: web.Request) -> web.Response:
        return json_answer(self._services.reasons())

    async def _queues(self, _request: web.Request) -> web.Response:
        return json_answer(self._services.queues())

    async def _calls(self, request: web.Request) -> web.Response:
        # Whom we called is the customer; what a customer has called is our own number.
        calls, sight = self._services.calls(), self._services.sight
        seen = seen_rows(request, sight, calls, numbers=("caller",))
        for call in seen:
            if call.get("direction") == "outbound":
                called = str(call["called"])
                call["called"] = sight.number(called, request[ACTOR].role.value)
        return json_answer(seen)

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
            text=seen_text(request, self._services.sight, text),
            content_type="text/plain",
            headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        )

    async def _bans(self, _request: web.Request) -> web.Response:
        return json_answer(self._services.bans())

    async def _lift_ban(self, request: web.Request) -> web.Response:
        source = request.match_info["source"]
        order = await order_to_undo(request)
        if not self._services.lift_ban(source, order):
            raise RequestError(404, "not_banned", "this address is not banned", field="source")
        return json_answer({"source": source})

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
        result = await carried_out(command)
        return json_answer(self._services.agent(number) if result is None else result)
