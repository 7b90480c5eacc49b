"""The HTTP side, asked by a real client over a real socket."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import date
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from yarl import URL

from acd.reports.asking import request_of
from acd.web.app import ListenError, WebServer, build_app
from acd.web.bodies import BODY_BYTES_MAX
from acd.web.page import choose_language
from acd.web.ports import (
    CommandRefusedError,
    ServiceUnavailableError,
    UnknownReportError,
    WebServices,
)

TOKEN = "t0ken-t0ken-t0ken-t0ken"
AUTH = {"Authorization": f"Bearer {TOKEN}"}


class Whole:
    """A report that is all there."""

    complete = True

    def __init__(self, content):
        self.content = content
        self.size = len(content)

    def read(self, at, most):
        return self.content[at : at + most]


class FakeServer:
    """The rest of the server: two agents, one queue; keeps what it was told."""

    def __init__(self, book=None):
        self.book = book
        self.ready = True
        self.commands = []
        self.wishes = []
        self.known = {"1001": {"number": "1001", "state": "idle"}, "1002": {"number": "1002"}}

    def set_status(self, agent, status, reason, order):
        if status == "away" and not reason:
            raise CommandRefusedError("reason_missing", "away needs a reason", field="reason")
        self.commands.append(("set_status", agent, status, reason, order.actor.by))
        self.known[agent]["status"] = status

    async def end_wrap_up(self, agent, order):
        await asyncio.sleep(0)
        self.commands.append(("end_wrap_up", agent))

    def enter_disposition(self, agent, interaction, disposition, actor):
        self.commands.append(("enter_disposition", agent, interaction, disposition, actor.name))
        return {"interaction": interaction or "last"}

    def place_call(self, agent, to, order):
        assert order.actor.name == "api"
        if to == "16812345":
            raise CommandRefusedError("forbidden_number", "closed to everybody", field="to")
        self.commands.append(("place_call", agent, to))
        return {"interaction": "I2", "agent": agent, "to": to}

    def assign(self, agent, skills, team, order):
        self.commands.append(("assign", agent, skills, team, order.actor.name, order.why))

    def move_call(self, interaction, queue, order):
        if interaction != "I1":
            raise CommandRefusedError("not_waiting", "no such call waits", field="interaction")
        self.commands.append(("move_call", interaction, queue, order.actor.name, order.why))
        return {"interaction": interaction, "queue": queue}

    async def audit(self, wish):
        return [{"by": "li", **asdict(wish)}]

    def trace(self, name, messages):
        return f"ladder of {name} {messages}" if name.startswith("known") else None

    @asynccontextmanager
    async def report(self, name, wish, form, locale, role):
        if name != "kpi":
            raise UnknownReportError("there are kpi")
        if wish.day == "2020-01-01":
            raise ServiceUnavailableError("Postgres does not answer")
        if wish.day == "2020-01-02":
            raise RuntimeError("secret insides")
        request_of(wish, today=date(2026, 11, 23), zone=ZoneInfo("Asia/Shanghai"))
        self.wishes.append((wish, form, locale, role))
        yield Whole(f"[{json.dumps(wish.day)}]".encode())

    def services(self):
        return WebServices(
            token=TOKEN,
            health=lambda: {"version": "1.2.3"},
            readiness=lambda: (self.ready, {"sip": ["udp:127.0.0.1:5060"]}),
            metrics_text=lambda: b"acd_calls_total 1\n",
            set_status=self.set_status,
            end_wrap_up=self.end_wrap_up,
            enter_disposition=self.enter_disposition,
            place_call=self.place_call,
            hang_up=lambda agent, _order: self.commands.append(("hang_up", agent)),
            named_token=self.book.identify if self.book else lambda _: None,
            moves=self,
            entries=self,
            agents=lambda: list(self.known.values()),
            agent=self.known.get,
            queues=lambda: [{"queue": "sales", "waiting": 3}],
            calls=lambda: [{"interaction": "I1"}],
            live=SimpleNamespace(),
            trace=self.trace,
            reports=lambda: [{"report": "kpi", "about": "volumes"}],
            report=self.report,
        )


@asynccontextmanager
async def serving(fake):
    server = WebServer(build_app(fake.services()))
    await server.start("127.0.0.1", 0)
    host, port = server.bound_address()
    try:
        async with aiohttp.ClientSession(f"http://{host}:{port}") as client:
            yield client
    finally:
        await server.close()


async def error_of(answer):
    body = await answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "field"}
    assert body["error"]["message"]
    return body["error"]


@pytest.mark.asyncio
async def test_health_readiness_and_metrics_need_no_token():
    fake = FakeServer()
    async with serving(fake) as client:
        async with client.get("/healthz") as answer:
            assert answer.status == 200
            assert await answer.json() == {"status": "ok", "version": "1.2.3"}
        async with client.get("/readyz") as answer:
            assert answer.status == 200
            assert await answer.json() == {"ready": True, "sip": ["udp:127.0.0.1:5060"]}
        fake.ready = False
        async with client.get("/readyz") as answer:
            assert answer.status == 503
            assert (await answer.json())["ready"] is False
        async with client.get("/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert await answer.read() == b"acd_calls_total 1\n"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer t\xf6ken"],
)
@pytest.mark.parametrize("path", ["/api/agents", "/api/nowhere", "/api"])
async def test_without_the_token_the_api_is_shut(authorization, path):
    headers = {} if authorization is None else {"Authorization": authorization}
    async with serving(FakeServer()) as client, client.get(path, headers=headers) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert (await error_of(answer))["code"] == "unauthorized"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/agents", [{"number": "1001", "state": "idle"}, {"number": "1002"}]),
        ("/api/agents/1001", {"number": "1001", "state": "idle"}),
        ("/api/queues", [{"queue": "sales", "waiting": 3}]),
        ("/api/calls", [{"interaction": "I1"}]),
        ("/api/reports", [{"report": "kpi", "about": "volumes"}]),
        ("/api/reports/kpi", [""]),
        ("/api/reports/kpi?day=2026-11-23", ["2026-11-23"]),
    ],
)
async def test_views(path, expected):
    async with serving(FakeServer()) as client, client.get(path, headers=AUTH) as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert await answer.json() == expected


@pytest.mark.asyncio
async def test_a_trace_is_text_and_its_id_may_hold_any_character():
    async with serving(FakeServer()) as client:
        url = "/api/trace/known%2F1%402?messages=1"
        async with client.get(URL(url, encoded=True), headers=AUTH) as answer:
            assert answer.content_type == "text/plain"
            assert await answer.text() == "ladder of known/1@2 True"
        async with client.get("/api/trace/other", headers=AUTH) as answer:
            assert answer.status == 404
            assert (await error_of(answer))["code"] == "unknown_call"


@pytest.mark.asyncio
async def test_commands_reach_the_server_and_answer_with_the_agent():
    fake = FakeServer()
    async with serving(fake) as client:
        body = {"status": "away", "reason": "lunch"}
        async with client.post("/api/agents/1001/status", json=body, headers=AUTH) as answer:
            assert answer.status == 200
            assert (await answer.json())["status"] == "away"
        async with client.post("/api/agents/1001/wrap-up/end", headers=AUTH) as answer:
            assert answer.status == 200
        body = {"class": "order", "order_id": "A-1", "category": "jewellery"}
        body |= {"amount": 19_900, "currency": "CNY"}
        async with client.post("/api/agents/1002/disposition", json=body, headers=AUTH) as answer:
            assert await answer.json() == {"interaction": "last"}

    assert fake.commands[0] == ("set_status", "1001", "away", "lunch", "api")
    assert fake.commands[1] == ("end_wrap_up", "1001")
    *_, interaction, disposition, by = fake.commands[2]
    assert by == "api"
    assert interaction is None
    assert disposition.call_class == "order"
    assert disposition.order_id == "A-1"
    assert disposition.ordered is True
    assert disposition.solved is None
    assert (disposition.amount, disposition.currency) == (19_900, "CNY")


STATUS = "/api/agents/1001/status"
DISPOSITION = "/api/agents/1001/disposition"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "body", "status", "code", "field"),
    [
        (STATUS, b"", 400, "bad_json", None),
        (STATUS, b"{", 400, "bad_json", None),
        (STATUS, b"[" * 10_000, 400, "bad_json", None),
        (STATUS, b"\xff\xfe{}", 400, "bad_json", None),
        (STATUS, b"[]", 422, "invalid", None),
        (STATUS, b"{}", 422, "missing_field", "status"),
        (STATUS, b'{"status": "asleep"}', 422, "invalid", "status"),
        (STATUS, b'{"status": 1}', 422, "invalid", "status"),
        (STATUS, b'{"status": "ready", "now": ""}', 422, "unknown_field", "now"),
        (STATUS, b'{"status": "away", "reason": 7}', 422, "invalid", "reason"),
        (STATUS, b'{"status": "away"}', 409, "reason_missing", "reason"),
        (
            STATUS,
            json.dumps({"status": "away", "reason": "x" * 65}).encode(),
            422,
            "invalid",
            "reason",
        ),
        (STATUS, b" " * (BODY_BYTES_MAX + 1), 413, "too_large", None),
        ("/api/agents/1001/wrap-up/end", b'{"now": true}', 422, "unknown_field", "now"),
        (DISPOSITION, b"{}", 422, "missing_field", "class"),
        (DISPOSITION, b'{"class": "sale"}', 422, "invalid", "class"),
        (DISPOSITION, b'{"class": "order", "solved": "yes"}', 422, "invalid", "solved"),
        (
            DISPOSITION,
            b'{"class": "order", "order_id": "1", "ordered": false}',
            422,
            "invalid",
            "ordered",
        ),
        (
            DISPOSITION,
            b'{"class": "order", "order_id": "1", "amount": 100}',
            422,
            "invalid",
            "amount",
        ),
        (
            DISPOSITION,
            b'{"class": "inquiry", "amount": 100, "currency": "CNY"}',
            422,
            "invalid",
            "ordered",
        ),
        (
            DISPOSITION,
            b'{"class": "order", "ordered": true, "amount": 1, "currency": "yuan"}',
            422,
            "invalid",
            "currency",
        ),
        ("/api/agents/9999/status", b'{"status": "ready"}', 404, "unknown_agent", "number"),
        ("/api/agents/%00%0a/status", b'{"status": "ready"}', 404, "unknown_agent", "number"),
    ],
)
async def test_wrong_input_is_answered_with_what_is_wrong(path, body, status, code, field):
    fake = FakeServer()
    headers = {**AUTH, "Content-Type": "application/json; charset=utf-8"}
    async with serving(fake) as client:
        url = URL(path, encoded=True)
        async with client.post(url, data=body, headers=headers) as answer:
            assert answer.status == status
            error = await error_of(answer)
    assert (error["code"], error["field"]) == (code, field)
    assert fake.commands == []


@pytest.mark.asyncio
async def test_calls_are_placed_for_an_agent_and_ended():
    fake = FakeServer()
    async with serving(fake) as client:
        path, headers = "/api/agents/1001/calls", {"Authorization": f"Bearer {TOKEN}"}
        async with client.post(path, headers=headers, json={"to": "13800138000"}) as answer:
            assert answer.status == 200
            expected = {"interaction": "I2", "agent": "1001", "to": "13800138000"}
            assert await answer.json() == expected
        async with client.post(path, headers=headers, json={"to": "16812345"}) as answer:
            assert answer.status == 409
            assert (await error_of(answer))["code"] == "forbidden_number"
        async with client.post(path, headers=headers, json={"to": ""}) as answer:
            assert answer.status == 422
        async with client.delete(path, headers=headers) as answer:
            assert answer.status == 200
            assert (await answer.json())["number"] == "1001"
    assert fake.commands == [("place_call", "1001", "13800138000"), ("hang_up", "1001")]


@pytest.mark.asyncio
async def test_the_message_says_what_would_be_right():
    async with (
        serving(FakeServer()) as client,
        client.post(STATUS, json={"status": "asleep"}, headers=AUTH) as answer,
    ):
        error = await error_of(answer)
    assert error["message"] == "status should be 'ready', 'away' or 'logged_out'"


@pytest.mark.asyncio
async def test_a_form_is_not_taken_for_json():
    async with (
        serving(FakeServer()) as client,
        client.post(STATUS, data={"status": "ready"}, headers=AUTH) as answer,
    ):
        assert answer.status == 415
        assert (await error_of(answer))["code"] == "wrong_content_type"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/api/nowhere", 404, "not_found"),
        ("DELETE", "/api/agents", 405, "method_not_allowed"),
        ("GET", "/api/agents/9999", 404, "unknown_agent"),
        ("GET", "/api/reports/kpi?day=tomorrow", 422, "invalid"),
        ("GET", "/api/reports/kpi?day=2026-02-30", 422, "invalid"),
        ("GET", "/api/reports/kpi?day=20261123", 422, "invalid"),
        ("GET", "/api/reports/kpi?day=2020-01-01", 503, "unavailable"),
        ("GET", "/api/reports/kpi?day=2020-01-02", 500, "internal"),
        ("GET", "/api/reports/nothing", 404, "unknown_report"),
    ],
)
async def test_errors_have_one_shape_and_show_no_insides(method, path, status, code):
    async with serving(FakeServer()) as client:
        async with client.request(method, path, headers=AUTH) as answer:
            assert answer.status == status
            assert "secret insides" not in await answer.text()
            assert (await error_of(answer))["code"] == code
        if status == 405:
            assert answer.headers["Allow"] == "GET,HEAD"


@pytest.mark.asyncio
async def test_garbage_on_the_socket_does_not_stop_the_service():
    async with serving(FakeServer()) as client:
        async with client.get("/healthz") as answer:
            base = answer.url
        for garbage in (b"\x00" * 100, b"GET / HTTP/9.9\r\n\r\n", b"A" * 100_000):
            reader, writer = await asyncio.open_connection(base.host, base.port)
            writer.write(garbage)
            writer.write_eof()
            async with asyncio.timeout(30):
                await reader.read()
            writer.close()
        async with client.get("/healthz") as answer:
            assert answer.status == 200


@pytest.mark.asyncio
async def test_a_taken_port_and_a_wrong_host_are_said_in_one_line():
    first = WebServer(build_app(FakeServer().services()))
    await first.start("127.0.0.1", 0)
    host, port = first.bound_address()
    try:
        with pytest.raises(ListenError, match=rf"^cannot serve HTTP on {host}:{port}: .*taken"):
            await WebServer(build_app(FakeServer().services())).start(host, port)
        with pytest.raises(ListenError, match="no such address"):
            await WebServer(build_app(FakeServer().services())).start("192.0.2.1", 0)
    finally:
        await first.close()


@pytest.mark.asyncio
async def test_the_page_comes_in_the_readers_language_and_lets_no_foreign_script_run():
    async with serving(FakeServer()) as client:
        async with client.get("/", headers={"Accept-Language": "zh-CN,zh;q=0.9"}) as answer:
            text = await answer.text()
            assert answer.content_type == "text/html"
            assert '<html lang="zh">' in text
            policy = answer.headers["Content-Security-Policy"]
        nonce = policy.partition("script-src 'nonce-")[2].partition("'")[0]
        assert f'<script nonce="{nonce}">' in text
        assert "{{" not in text
        assert "http://" not in text
        assert "https://" not in text
        async with client.get("/?lang=en", headers={"Accept-Language": "zh"}) as answer:
            assert '<html lang="en">' in await answer.text()
        async with client.get("/?lang=%3Cscript%3E") as answer:
            assert '<html lang="en">' in await answer.text()


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("de, zh-TW;q=0.5, en;q=0.4", "zh"),
        ("en-GB, zh;q=0.9", "en"),
        ("zh;q=0, en;q=0.1", "en"),
        ("zh;q=abc", "en"),
        ("*", "en"),
        ("fr", "en"),
        (",;,=", "en"),
    ],
)
def test_the_best_of_our_languages(header, language):
    assert choose_language(header) == language
