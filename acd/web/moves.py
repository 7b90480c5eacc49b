"""Routes of the floor's controllers (现场管理): agents between groups, calls between queues."""

from collections.abc import Callable, Sequence
from inspect import isawaitable
from typing import cast

from aiohttp import web

from acd.reports.numbers import NumberSight

from .access import ACTOR, Order, Role
from .answers import json_answer
from .bodies import (
    Assignment,
    CallMove,
    Extension,
    GroupSwitch,
    PriorityChange,
    Remark,
    Why,
    checked,
    read_body,
)
from .days import day_of
from .errors import RequestError
from .numbers import seen_rows
from .ports import (
    AuditWish,
    CommandRefusedError,
    Outcome,
    ServiceUnavailableError,
    WebServices,
)

PAGES_MAX = 1_000
"Of a day's audit: a million lines."


def order_of(request: web.Request, why: str) -> Order:
    """Return who asks and why; a supervisor has to say why."""
    actor = request[ACTOR]
    if actor.role is Role.SUPERVISOR and not why:
        raise RequestError(422, "missing_field", "say why: it stands in the record", field="why")
    return Order(actor, why)


async def order_to_undo(request: web.Request) -> Order:
    """Return who takes something back or ends it, and why, if that is said.

    In a body, or as `?why=` for clients that send none with DELETE. Nobody has to say why: what
    was written before a reason was taken goes on as it did.
    """
    body = await read_body(request, Remark)
    why = body.why or checked({"why": request.query.get("why", "")}, Remark).why
    return Order(request[ACTOR], why)


async def carried_out(command: Callable[[], Outcome]) -> object:
    """Return what a command returns, with its refusals as answers."""
    try:
        result = command()
        if isawaitable(result):
            result = await result
    except CommandRefusedError as error:
        raise RequestError(409, error.code, str(error), field=error.field) from error
    except ServiceUnavailableError as error:
        raise RequestError(503, "unavailable", str(error)) from error
    return result


class MovesApi:
    """Handlers of supervisors' moves."""

    def __init__(
        self,
        services: WebServices,
        known_agent: Callable[[web.Request], tuple[str, object]],
    ) -> None:
        self._services = services
        self._known_agent = known_agent

    def routes(self) -> list[web.RouteDef]:
        """Return every route with its handler."""
        agent = "/api/agents/{number}"
        call = "/api/calls/{interaction}"
        return [
            web.post(f"{agent}/wrap-up/extend", self._extend_wrap_up),
            web.post(f"{agent}/cool-down", self._cool_down),
            web.post(f"{agent}/free", self._free_up),
            web.post(f"{agent}/assignment", self._assign),
            web.delete(f"{agent}/assignment", self._unassign),
            web.post(f"{call}/queue", self._move_call),
            web.post(f"{call}/priority", self._set_priority),
            web.post("/api/queues/{queue}/groups/{group}", self._activate),
            web.get("/api/audit", self._audit),
        ]

    async def _extend_wrap_up(self, request: web.Request) -> web.Response:
        number, _ = self._known_agent(request)
        body = await read_body(request, Extension)
        order = order_of(request, body.why)
        moves = self._services.moves
        return await self._on_agent(
            number, lambda: moves.extend_wrap_up(number, body.seconds, order)
        )

    async def _cool_down(self, request: web.Request) -> web.Response:
        number, _ = self._known_agent(request)
        body = await read_body(request, Remark)
        order = order_of(request, body.why)
        return await self._on_agent(number, lambda: self._services.moves.cool_down(number, order))

    async def _free_up(self, request: web.Request) -> web.Response:
        number, _ = self._known_agent(request)
        body = await read_body(request, Why)
        order = order_of(request, body.why)
        return await self._on_agent(number, lambda: self._services.moves.free_up(number, order))

    async def _assign(self, request: web.Request) -> web.Response:
        number, _ = self._known_agent(request)
        body = await read_body(request, Assignment)
        order = order_of(request, body.why)
        moves = self._services.moves
        return await self._on_agent(
            number, lambda: moves.assign(number, body.skills, body.team, order)
        )

    async def _unassign(self, request: web.Request) -> web.Response:
        number, _ = self._known_agent(request)
        order = await order_to_undo(request)
        return await self._on_agent(number, lambda: self._services.moves.unassign(number, order))

    async def _move_call(self, request: web.Request) -> web.Response:
        interaction = request.match_info["interaction"]
        body = await read_body(request, CallMove)
        order = order_of(request, body.why)
        moves = self._services.moves
        return json_answer(
            await carried_out(lambda: moves.move_call(interaction, body.queue, order))
        )

    async def _set_priority(self, request: web.Request) -> web.Response:
        interaction = request.match_info["interaction"]
        body = await read_body(request, PriorityChange)
        order = order_of(request, body.why)
        moves = self._services.moves
        return json_answer(
            await carried_out(lambda: moves.set_priority(interaction, body.priority, order))
        )

    async def _activate(self, request: web.Request) -> web.Response:
        queue, group = request.match_info["queue"], request.match_info["group"]
        body = await read_body(request, GroupSwitch)
        order = order_of(request, body.why)
        moves = self._services.moves
        return json_answer(
            await carried_out(lambda: moves.activate_group(queue, group, body.active, order))
        )

    async def _audit(self, request: web.Request) -> web.Response:
        wish = _audit_wish(request, self._services.sight)
        found = await carried_out(lambda: self._services.moves.audit(wish))
        entries = cast("Sequence[object]", found)
        texts = ("subject", "before", "after", "why")
        return json_answer(seen_rows(request, self._services.sight, entries, texts=texts))

    async def _on_agent(self, number: str, command: Callable[[], Outcome]) -> web.Response:
        result = await carried_out(command)
        return json_answer(self._services.agent(number) if result is None else result)


def _audit_wish(request: web.Request, sight: NumberSight) -> AuditWish:
    query = request.query
    subject, role = query.get("subject", ""), request[ACTOR].role.value
    if sight.text(subject, role) != subject:
        # Whoever may not see numbers must not find out by trying either.
        text = f"the role {role} may not search for numbers"
        raise RequestError(403, "forbidden", text, field="subject")
    page = query.get("page", "1")
    if not page.isdecimal() or not 1 <= int(page) <= PAGES_MAX:
        text = f"page must be a number from 1 to {PAGES_MAX}"
        raise RequestError(422, "invalid", text, field="page")
    return AuditWish(
        day=day_of(request),
        by=query.get("by", ""),
        action=query.get("action", ""),
        subject=subject,
        page=int(page),
    )
