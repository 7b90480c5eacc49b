"""Supervisors move agents and calls, by name and on record; agents outlive a restart."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from hall import Hall
from server import Server, Site, until
from tones import CALLER_HZ

SALES = "4001"
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
Opened = Callable[[Server], Hall]


@pytest.fixture
def site() -> Iterator[Site]:
    """Return a site for each test: each ends its server."""
    site = Site()
    site.queue("sales", layers=[{"name": "all"}], wrap_up_s=300, position_every_s=0)
    yield site
    site.remove()


@pytest.fixture
def server(site: Site) -> Iterator[Server]:
    server = Server(site)
    yield server
    server.close()


def seconds_of(agent: dict[str, Any], field: str) -> float:
    return datetime.fromisoformat(agent[field]).timestamp()


def test_agents_are_where_they_were_though_the_database_is_down(
    server: Server, open_hall: Opened
) -> None:
    with server.site.edit("server.yaml") as settings:
        settings["database"] = {"dsn": NOWHERE}
    server.start()
    hall = open_hall(server)
    seller = hall.agent("1001")
    caller = hall.caller("13500000041")
    caller.call_answered(SALES)
    seller.rings()
    seller.answer()
    seller.hears(CALLER_HZ)
    caller.hangup()
    seller.hung_up()
    server.agent_is("1001", "wrap_up")
    hall.agent("1002")
    server.api("POST", "/agents/1002/status", {"status": "away", "reason": "break"})
    lent = {"skills": {"sales": "B"}, "team": "机动组", "why": "peak"}
    server.api("POST", "/agents/1005/assignment", lent)
    wrapping_up, away = server.agent("1001"), server.agent("1002")
    assert server.terminate() == 0

    server.start()
    assert "down" in server.get("/readyz")[1]
    again = server.agent("1001")
    assert (again["state"], again["interaction"]) == ("wrap_up", wrapping_up["interaction"])
    assert seconds_of(again, "until") == pytest.approx(seconds_of(wrapping_up, "until"), abs=1.0)
    until(lambda: server.agent("1001")["status"] == "ready", "ready as before")
    still = server.agent("1002")
    assert (still["status"], still["reason"]) == ("away", "break")
    since = seconds_of(away, "away_since")
    assert seconds_of(still, "away_since") == pytest.approx(since, abs=1.0)
    borrowed = server.agent("1005")
    assert (borrowed["skills"], borrowed["team"]) == ({"sales": "B"}, "机动组")
    assert borrowed["assigned"]["why"] == "peak"
    server.api("POST", "/agents/1001/free", {"why": "test"})
    server.agent_is("1001", "idle")
    hall.abandon()  # they would unregister where they registered: the port of the first start


def test_moves_have_a_name_and_are_on_record(server: Server, open_hall: Opened) -> None:
    server.start()
    made = server.command(
        *("tokens", "add", "李组长", "--role", "supervisor", "--state", str(server.state))
    )
    assert made.returncode == 0, made.stderr
    supervisor = made.stdout.strip()
    hall = open_hall(server)
    caller = hall.caller("13500000042")
    caller.call_answered(SALES)
    [call] = until(lambda: server.api("GET", "/calls"), "a call")
    agent = hall.agent("1005")  # of the other queue

    move = {"queue": "service", "why": "nobody sells now"}
    path = f"/calls/{call['interaction']}"
    assert server.api_as(supervisor, "POST", f"{path}/queue", {"queue": "service"})[0] == 422
    assert server.api_as(supervisor, "POST", f"{path}/queue", move)[0] == 200
    agent.rings()
    agent.answer()
    agent.hears(CALLER_HZ)
    caller.hangup()
    agent.hung_up()
    forced = {"status": "away", "reason": "coaching", "why": "first call"}
    assert server.api_as(supervisor, "POST", "/agents/1005/status", forced)[0] == 200
    assert server.api_as("wrong", "GET", "/agents")[0] == 401

    [moved] = server.rows("SELECT * FROM audit WHERE action = 'move_call'")
    assert (moved["changed_by"], moved["role"]) == ("李组长", "supervisor")
    assert (moved["value_before"], moved["value_after"]) == ("sales", "service")
    assert (moved["subject"], moved["why"]) == (call["interaction"], "nobody sells now")
    visits = server.rows("SELECT * FROM queue_visits ORDER BY entered_at", count=2)
    assert [visit["queue"] for visit in visits] == ["sales", "service"]
    assert visits[0]["outcome"] == "overflowed"
    assert visits[1]["waited_before_s"] == pytest.approx(visits[0]["waited_s"], abs=0.01)
    until(lambda: len(server.api("GET", "/audit")) == 2, "both moves on record")
    days = [server.api("GET", f"/audit?day={day}") for day in ("today", "yesterday")]
    latest, _ = [*days[0], *days[1]][:2]  # midnight may come between the two
    assert (latest["by"], latest["action"], latest["after"]) == (
        "李组长",
        "status",
        "away coaching",
    )
    server.api("POST", "/agents/1005/status", {"status": "ready"})  # which ends the interval
    [interval] = server.rows("SELECT * FROM agent_status_intervals WHERE reason = 'coaching'")
    assert interval["changed_by"] == "李组长"
    assert "Traceback" not in server.log()
