"""What RFCs want of a server beyond plain calls, by SIPp: a scenario for each behaviour.

docs/sip.md has a table of all behaviours and of the tests that show them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from server import Server, Site
from sipp_scenarios import SCENARIOS, run_scenario

ECHO = "4099"
TESTS = Path(__file__).parent
PAGE = TESTS.parents[1] / "docs" / "sip.md"


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    with site.edit("server.yaml") as settings:
        settings["sip"]["min_se_s"] = 2
        settings["sip"]["trusted"] = ["127.0.0.1"]
    server = Server(site)
    yield server.start()
    server.close()


@pytest.mark.parametrize(
    "scenario",
    ["refused_requests", "merged_request", "late_offer", "glare", "several_media", "multipart"],
)
def test_it_goes_as_the_scenario_says(server: Server, tmp_path: Path, scenario: str) -> None:
    run_scenario(server, tmp_path, scenario, ECHO)
    server.no_calls()


@pytest.mark.parametrize(
    ("caller", "header"),
    [
        ("+8613911112222", "Diversion: <sip:{}@carrier.example>;reason=no-answer"),
        ("+8613911113333", "History-Info: <sip:{}@carrier>;index=1,<sip:4099@a>;index=1.1"),
    ],
)
def test_who_calls_and_whom_the_call_was_for(
    server: Server, tmp_path: Path, caller: str, header: str
) -> None:
    before = "+8675588886666"
    keys = ("-key", "asserted", caller, "-key", "diversion", header.format(before))
    run_scenario(server, tmp_path, "diverted", ECHO, *keys)
    [call] = server.rows("SELECT * FROM interactions WHERE caller = $1", caller)
    told = server.command(
        *("trace", str(call["interaction"]), "--state", str(server.state))
    ).stdout
    assert "claimed=13900139000" in told
    assert f"diverted_from=('{before}',)" in told


def test_the_documentation_names_tests_and_scenarios_that_there_are() -> None:
    section = PAGE.read_text().partition("\n## Shown by tests")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+\.(?:py|xml))`", section))
    there = {path.name for path in (*TESTS.glob("test_*.py"), *SCENARIOS.glob("*.xml"))}
    assert len(named) > 30
    assert not named - there
