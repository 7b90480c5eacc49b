"""Named tokens: who may do what, and what is refused with which words."""

import json

import pytest
from test_web_api import TOKEN, FakeServer, error_of, serving

from acd.cli import main
from acd.web.access import CONTROLLERS, EVERYBODY, Role, TokenBook, TokensError
from acd.web.api import ROLES
from acd.web.app import build_app

AT = "2026-11-28T00:00:00+00:00"
MOVE = {"queue": "service", "why": "long line"}


def book(tmp_path):
    return TokenBook(tmp_path)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


# --- the book ---


def test_a_token_is_kept_as_a_hash_for_the_owner_only(tmp_path):
    token = book(tmp_path).add("li", Role.SUPERVISOR, created=AT)
    path = tmp_path / "tokens.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert token not in path.read_text()
    assert len(token) >= 43
    actor = book(tmp_path).identify(token)
    assert (actor.name, actor.role) == ("li", Role.SUPERVISOR)
    assert book(tmp_path).identify(token + "x") is None
    assert list(tmp_path.iterdir()) == [path]


def test_a_book_that_serves_takes_over_what_another_process_changes(tmp_path):
    serving_book, other = book(tmp_path), book(tmp_path)
    assert serving_book.identify("anything") is None
    token = other.add("li", Role.ANALYST, created=AT)
    assert serving_book.identify(token).role is Role.ANALYST
    assert other.revoke("li")
    assert serving_book.identify(token) is None
    assert not other.revoke("li")


@pytest.mark.parametrize("name", ["li", "api", "agent", "system"])
def test_a_name_stands_for_one_only(tmp_path, name):
    book(tmp_path).add("li", Role.ADMIN, created=AT)
    with pytest.raises(TokensError, match="is taken"):
        book(tmp_path).add(name, Role.ADMIN, created=AT)


def test_a_damaged_file_opens_nothing_and_is_named(tmp_path):
    token = book(tmp_path).add("li", Role.ADMIN, created=AT)
    (tmp_path / "tokens.json").write_text('{"version": 1, "tokens": [{"name": 1}]}')
    assert book(tmp_path).identify(token) is None
    with pytest.raises(TokensError, match=r"tokens\.json is damaged"):
        book(tmp_path).tokens()


def test_a_role_that_there_is_not_opens_nothing(tmp_path):
    token = book(tmp_path).add("li", Role.ADMIN, created=AT)
    path = tmp_path / "tokens.json"
    path.write_text(path.read_text().replace('"admin"', '"god"'))
    assert book(tmp_path).identify(token) is None


def test_the_command_prints_a_token_once(tmp_path, capsys):
    where = ["--state", str(tmp_path)]
    assert main(["tokens", "add", "李 组长", "--role", "supervisor", *where]) == 0
    token = capsys.readouterr().out.strip()
    assert book(tmp_path).identify(token).name == "李 组长"
    assert main(["tokens", "list", "--json", *where]) == 0
    listed = capsys.readouterr().out
    assert [row["role"] for row in json.loads(listed)] == ["supervisor"]
    assert token not in listed
    assert main(["tokens", "revoke", "李 组长", *where]) == 0
    assert book(tmp_path).identify(token) is None
    assert main(["tokens", "revoke", "李 组长", *where]) == 1


@pytest.mark.parametrize(
    "words", [["li", "--role", "agent"], ["li", "--role", "admin", "--agent", "1001"]]
)
def test_an_agents_token_names_its_agent(tmp_path, words, capsys):
    assert main(["tokens", "add", *words, "--state", str(tmp_path)]) == 1
    assert "--agent NUMBER goes with --role agent" in capsys.readouterr().err


# --- what roles may do ---


def test_every_rule_is_of_a_route_that_there_is():
    routes = {
        (route.method, route.resource.canonical)
        for route in build_app(FakeServer().services()).router.routes()
    }
    assert set(ROLES) <= routes


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "path", "body", "allowed"),
    [
        ("GET", "/api/agents", None, EVERYBODY - {Role.AGENT}),
        ("GET", "/api/agents/1001", None, EVERYBODY),
        ("GET", "/api/queues", None, EVERYBODY),
        ("GET", "/api/calls", None, EVERYBODY - {Role.AGENT}),
        ("GET", "/api/audit", None, EVERYBODY - {Role.AGENT}),
        ("GET", "/api/reports/kpi", None, EVERYBODY - {Role.AGENT}),
        (
            "POST",
            "/api/agents/1001/status",
            {"status": "ready", "why": "shift"},
            EVERYBODY - {Role.ANALYST},
        ),
        ("POST", "/api/orders", {}, EVERYBODY - {Role.ANALYST} | {Role.INTEGRATION}),
        ("POST", "/api/csat", {}, CONTROLLERS | {Role.INTEGRATION}),
        ("POST", "/api/agents/1001/assignment", {"team": "B", "why": "peak"}, CONTROLLERS),
        ("POST", "/api/calls/I1/queue", MOVE, CONTROLLERS),
        ("DELETE", "/api/bans/192.0.2.1", None, {Role.ADMIN}),
    ],
)
async def test_a_role_is_let_to_what_is_its_own(tmp_path, method, path, body, allowed):
    tokens = {
        role: book(tmp_path).add(
            role.value + "s", role, agent="1001" if role is Role.AGENT else "", created=AT
        )
        for role in Role
    }
    async with serving(FakeServer(book(tmp_path))) as client:
        for role, token in tokens.items():
            async with client.request(method, path, json=body, headers=bearer(token)) as answer:
                if role in allowed:
                    assert answer.status not in {401, 403}, role
                else:
                    assert answer.status == 403, role
                    error = await error_of(answer)
                    assert error["code"] == "forbidden"
                    assert f"the role {role.value} may not" in error["message"]


@pytest.mark.asyncio
async def test_an_agent_steers_no_other_agent(tmp_path):
    token = book(tmp_path).add("1001 pop-up", Role.AGENT, agent="1001", created=AT)
    fake = FakeServer(book(tmp_path))
    async with serving(fake) as client:
        body = {"status": "ready"}
        path = "/api/agents/1002/status"
        async with client.post(path, json=body, headers=bearer(token)) as answer:
            assert answer.status == 403
            assert (await error_of(answer))["field"] == "number"
        path = "/api/agents/1001/status"
        async with client.post(path, json=body, headers=bearer(token)) as answer:
            assert answer.status == 200
    assert fake.commands == [("set_status", "1001", "ready", "", "agent")]


@pytest.mark.asyncio
async def test_a_supervisor_says_why_and_stands_in_the_record(tmp_path):
    token = book(tmp_path).add("li", Role.SUPERVISOR, created=AT)
    fake = FakeServer(book(tmp_path))
    async with serving(fake) as client:
        path = "/api/agents/1001/status"
        async with client.post(path, json={"status": "ready"}, headers=bearer(token)) as answer:
            assert answer.status == 422
            error = await error_of(answer)
            assert (error["code"], error["field"]) == ("missing_field", "why")
        body = {"status": "away", "reason": "meal", "why": "asked by phone"}
        async with client.post(path, json=body, headers=bearer(token)) as answer:
            assert answer.status == 200
        async with client.post("/api/calls/I1/queue", json=MOVE, headers=bearer(token)) as answer:
            assert await answer.json() == {"interaction": "I1", "queue": "service"}
        async with client.post("/api/calls/I9/queue", json=MOVE, headers=bearer(token)) as answer:
            assert (answer.status, (await error_of(answer))["code"]) == (409, "not_waiting")
        async with client.get("/api/audit?day=yesterday", headers=bearer(token)) as answer:
            [asked] = await answer.json()
            assert (asked["day"], asked["action"], asked["page"]) == ("yesterday", "", 1)
        path = "/api/audit?action=order&by=shop&subject=A1&page=2"
        async with client.get(path, headers=bearer(token)) as answer:
            [asked] = await answer.json()
            asked = [asked[name] for name in ("day", "action", "by", "subject", "page")]
            assert asked == ["today", "order", "shop", "A1", 2]
        async with client.get("/api/audit?page=0", headers=bearer(token)) as answer:
            assert (answer.status, (await error_of(answer))["field"]) == (422, "page")
    assert fake.commands == [
        ("set_status", "1001", "away", "meal", "li"),
        ("move_call", "I1", "service", "li", "long line"),
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/agents/1001/assignment", {"why": "peak"}, "skills"),
        ("/api/agents/1001/assignment", {"team": "B"}, "why"),
        ("/api/agents/1001/assignment", {"skills": {"sales": "S"}, "why": "x"}, "skills.sales"),
        ("/api/calls/I1/queue", {"queue": "service", "why": ""}, "why"),
        ("/api/calls/I1/priority", {"priority": 1.5, "why": "vip"}, "priority"),
    ],
)
async def test_what_is_wrong_with_a_move_is_named(path, body, field):
    fake = FakeServer()
    async with (
        serving(fake) as client,
        client.post(path, json=body, headers=bearer(TOKEN)) as answer,
    ):
        assert answer.status == 422
        assert (await error_of(answer))["field"] == field
    assert fake.commands == []
