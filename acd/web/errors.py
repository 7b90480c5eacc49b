"""Errors of the HTTP side, and the one place where they become answers."""

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from .answers import json_answer

log = structlog.get_logger(__name__)

HTTP_CODES = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
}


class WebError(Exception):
    """Root of this package's errors."""


class RequestError(WebError):
    """The request is wrong or cannot be served; carries its answer."""

    def __init__(self, status: int, code: str, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field


def error_answer(status: int, code: str, message: str, *, field: str = "") -> web.Response:
    """Return the one shape that every error has."""
    return json_answer(
        {"error": {"code": code, "message": message, "field": field or None}}, status=status
    )


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into a JSON answer; nothing gets past."""
    try:
        _check_query(request)
        return await handler(request)
    except RequestError as error:
        answer = error_answer(error.status, error.code, str(error), field=error.field)
        if error.status == 401:
            answer.headers["WWW-Authenticate"] = 'Bearer realm="acd"'
        return answer
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answer = error_answer(
            error.status, HTTP_CODES.get(error.status, "refused"), error.reason.lower()
        )
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except Exception:  # the border: a fault of ours must not show its insides
        log.exception("http_request_failed", method=request.method, path=request.path)
        return error_answer(500, "internal", "the server failed to answer; its log says why")


def _check_query(request: web.Request) -> None:
    """Raise RequestError for a NUL: the database takes none, and would seem to be away."""
    for name, value in request.query.items():
        if "\0" in value:
            text = f"{name} must hold no control characters"
            raise RequestError(422, "invalid", text, field=name)
