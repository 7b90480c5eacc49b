"""What SIPp does within a call: holds, updates, refreshes, and falls silent."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hall import Hall
from server import Server, Site
from sipp_scenarios import run_scenario
from tones import AGENT_HZ, CALLER_HZ

ECHO = "4099"
RINGING = "4003"
RINGING_SALES = "4004"


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    """Return a server that takes session timers of seconds, and a number that rings."""
    with site.edit("server.yaml") as settings:
        settings["sip"]["min_se_s"] = 2
    with site.edit("numbers.yaml") as numbers:
        numbers["numbers"][RINGING] = {"queue": "service", "ringing": True}
        numbers["numbers"][RINGING_SALES] = {"queue": "sales", "ringing": True}
    server = Server(site)
    yield server.start()
    server.close()


@pytest.mark.parametrize(
    "scenario",
    ["hold_and_resume", "session_refreshed_by_update", "session_refreshed_by_reinvite"],
)
def test_a_call_that_the_caller_ends(server: Server, tmp_path: Path, scenario: str) -> None:
    run_scenario(server, tmp_path, scenario, ECHO)
    server.no_calls()


def test_a_call_without_a_sign_of_life_ends(server: Server, tmp_path: Path) -> None:
    run_scenario(server, tmp_path, "session_expires", ECHO)
    server.no_calls()
    server.rows("SELECT * FROM interactions WHERE reason = 'session_expired'")


@pytest.mark.parametrize("scenario", ["prack", "prack_late_offer"])
def test_ringing_that_is_acknowledged(server: Server, tmp_path: Path, scenario: str) -> None:
    run_scenario(server, tmp_path, scenario, RINGING)
    server.no_calls()


def test_phones_that_insist_on_prack_and_timers(server: Server, hall: Hall) -> None:
    """PJSIP on both sides: the caller's 180 and the agent's are acknowledged, and so on."""
    agent, caller = hall.agent("1001", strict=True), hall.caller("13900000091", strict=True)
    caller.call(RINGING_SALES)
    agent.rings()
    agent.answer()
    caller.hears(AGENT_HZ)
    agent.hears(CALLER_HZ)
    agent.hold()
    server.agent_is("1001", "held")
    agent.unhold()
    server.agent_is("1001", "talking")
    caller.hangup()
    agent.hung_up()
    [interaction] = server.rows("SELECT * FROM interactions WHERE caller = '13900000091'")
    messages = server.command(
        *("trace", interaction["interaction"], "--messages"),
        *("--state", str(server.state)),
    ).stdout
    assert messages.count("RAck: ") == 2, messages
    assert "Session-Expires: 1800;refresher=" in messages
