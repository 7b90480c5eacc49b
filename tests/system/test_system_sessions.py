"""What SIPp does within a call: holds, updates, refreshes, and falls silent."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from server import Server, Site
from sipp_scenarios import run_scenario

ECHO = "4099"
RINGING = "4003"


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    """Return a server that takes session timers of seconds, and a number that rings."""
    with site.edit("server.yaml") as settings:
        settings["sip"]["min_se_s"] = 2
    with site.edit("numbers.yaml") as numbers:
        numbers["numbers"][RINGING] = {"queue": "service", "ringing": True}
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
