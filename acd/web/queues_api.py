"""The part of the JSON API about those who wait: emergency closure (紧急关闭), call-backs."""

from aiohttp import web

from .access import ACTOR
from .answers import json_answer
from .bodies import Closing, read_body
from .days import day_of
from .errors import RequestError
from .moves import carried_out, order_to_undo
from .numbers import seen_rows
from .ports import WebServices
from .reports import answer_of_database

EVERY_QUEUE = ""


class QueuesApi:
    """Handlers that change what queues do."""

    def __init__(self, services: WebServices) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        """Return every route with its handler."""
        queue = "/api/queues/{queue}/closure"
        return [
            web.post("/api/closure", self._close),
            web.delete("/api/closure", self._open),
            web.post(queue, self._close),
            web.delete(queue, self._open),
            web.get("/api/abandoned", self._abandoned),
            web.get("/api/callbacks", self._callbacks),
            web.delete("/api/callbacks/{id}", self._cancel),
        ]

    async def _close(self, request: web.Request) -> web.Response:
        queue = request.match_info.get("queue", EVERY_QUEUE)
        body = await read_body(request, Closing)
        closed = self._services.close_queue(queue, body.reason, request[ACTOR].name)
        if closed is None:
            raise RequestError(404, "unknown_queue", "there is no such queue", field="queue")
        return json_answer(closed)

    async def _open(self, request: web.Request) -> web.Response:
        queue = request.match_info.get("queue", EVERY_QUEUE)
        order = await order_to_undo(request)
        return json_answer(await carried_out(lambda: self._services.open_queue(queue, order)))

    async def _abandoned(self, request: web.Request) -> web.Response:
        day = day_of(request)
        return await answer_of_database(self._abandoned_callers(request, day))

    async def _abandoned_callers(self, request: web.Request, day: str) -> list[dict[str, object]]:
        callers = await self._services.abandoned(day)
        return seen_rows(request, self._services.sight, callers, numbers=("caller",))

    async def _callbacks(self, request: web.Request) -> web.Response:
        callbacks, sight = self._services.callbacks(), self._services.sight
        return json_answer(seen_rows(request, sight, callbacks, numbers=("number",)))

    async def _cancel(self, request: web.Request) -> web.Response:
        name, order = request.match_info["id"], await order_to_undo(request)
        if not await carried_out(lambda: self._services.cancel_callback(name, order)):
            text = "there is no such call-back, or it is over"
            raise RequestError(404, "unknown_callback", text, field="id")
        return json_answer({"callback": name})
