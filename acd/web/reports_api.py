"""Reports over HTTP: the same words and forms as on the command line."""

from aiohttp import web
from multidict import MultiMapping

from acd.reports.asking import Wish
from acd.reports.pages import ANSWER_LINES
from acd.reports.request import RequestError as WishError

from .access import ACTOR
from .answers import json_answer
from .downloads import Download, DownloadLimits
from .errors import RequestError
from .ports import ServiceUnavailableError, UnknownReportError, WebServices

CONTENT_TYPES = {
    "json": "application/json",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "png": "image/png",
    "html": "text/html",
}

SINGLE = ("day", "from", "to", "per", "service_level", "page", "lines", "format", "locale")
"Parameters that are said once at most."

LINES_OF_FORM = {"json": str(ANSWER_LINES)}
"Of a page, where nobody says; other forms are files, which have all lines, or say it themselves."

SEVERAL = ("by", "only", "option")


class ReportsApi:
    """Handlers of reports."""

    def __init__(self, services: WebServices, limits: DownloadLimits | None = None) -> None:
        self._services = services
        self._limits = limits or DownloadLimits()

    def routes(self) -> list[web.RouteDef]:
        """Return every route with its handler."""
        return [
            web.get("/api/reports", self._list),
            web.get("/api/reports/{name}", self._report),
        ]

    async def _list(self, _request: web.Request) -> web.Response:
        return json_answer(self._services.reports())

    async def _report(self, request: web.Request) -> web.StreamResponse:
        name, query = request.match_info["name"], request.query
        _check(query)
        form, locale = query.get("format", "json"), query.get("locale", "")
        role, headers = request[ACTOR].role.value, _headers(name, form)
        try:
            async with self._services.report(name, _wish(query), form, locale, role) as document:
                return await Download(request, document, headers, self._limits).answer(name)
        except ConnectionError:
            return web.Response(status=503)  # nobody is there to read it
        except UnknownReportError as error:
            raise RequestError(404, "unknown_report", str(error), field="name") from error
        except WishError as error:
            field = "option" if error.field == "options" else error.field
            raise RequestError(422, "invalid", str(error), field=field) from error
        except ServiceUnavailableError as error:
            raise RequestError(503, "unavailable", str(error)) from error


def _check(query: MultiMapping[str]) -> None:
    for name in query:
        if name not in (*SINGLE, *SEVERAL):
            known = ", ".join((*SINGLE, *SEVERAL))
            raise RequestError(422, "invalid", f"{name}: expected one of {known}", field=name)
    for name in SINGLE:
        if len(query.getall(name, ())) > 1:
            raise RequestError(422, "invalid", f"{name} is there twice", field=name)
    for name, choice in (("format", tuple(CONTENT_TYPES)), ("locale", ("zh", "en"))):
        if name in query and query[name] not in choice:
            raise RequestError(
                422, "invalid", f"{query[name]}: expected one of {', '.join(choice)}", field=name
            )


def _wish(query: MultiMapping[str]) -> Wish:
    options = {"service_level": query.get("service_level", "")}
    for text in query.getall("option", ()):
        name, equals, value = text.partition("=")
        if not equals:
            raise RequestError(422, "invalid", f"{text}: expected NAME=VALUE", field="option")
        options[name] = value
    return Wish(
        day=query.get("day", ""),
        first=query.get("from", ""),
        last=query.get("to", ""),
        per=query.get("per", ""),
        by=tuple(query.getall("by", ())),
        only=tuple(query.getall("only", ())),
        options=options,
        page=query.get("page", ""),
        lines=query.get("lines", LINES_OF_FORM.get(query.get("format", "json"), "")),
    )


def _headers(name: str, form: str) -> dict[str, str]:
    charset = "; charset=utf-8" if form in {"csv", "html", "json"} else ""
    headers = {
        "Cache-Control": "no-store",
        "Content-Type": CONTENT_TYPES[form] + charset,
        "X-Content-Type-Options": "nosniff",
    }
    if form != "json":
        # A page of figures is saved and opened as a file: it must not run beside the live page,
        # where the token lies.
        headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return headers
