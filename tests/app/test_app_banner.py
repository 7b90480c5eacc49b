"""What the operator reads at the start."""

from dataclasses import replace
from pathlib import Path

import pytest

from acd.app.banner import print_banner
from acd.app.state import Running
from acd.config import Config, load_config
from acd.telemetry.terminal import Terminal

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config(ROOT / "config")


def printed(
    capsys: pytest.CaptureFixture[str],
    config: Config,
    *,
    host: str = "127.0.0.1",
    state: str = "var",
) -> str:
    sip = {"udp": (host, 5060), "tcp": (host, 5060)}
    running = Running(1, sip, (host, 8080), "postgresql:///acd")
    print_banner(Terminal(width=200), config, running, {"1001": "first-password"}, Path(state))
    return capsys.readouterr().out


def test_addresses_of_ipv6_can_be_opened(
    capsys: pytest.CaptureFixture[str], config: Config
) -> None:
    said = printed(capsys, config, host="::1")
    assert "http://[::1]:8080/healthz" in said
    assert "[::1]:5060 (udp, tcp)" in said


def test_commands_name_the_folders_that_are_not_the_usual_ones(
    capsys: pytest.CaptureFixture[str], config: Config
) -> None:
    said = printed(capsys, config, state="/srv/my centre")
    options = f"--config {ROOT}/config --state '/srv/my centre'"
    assert f"acd report kpi --day today {options}" in said
    assert f"acd agents passwd NUMBER {options}" in said


def test_names_are_no_markup(capsys: pytest.CaptureFixture[str], config: Config) -> None:
    centre = config.server.centre.model_copy(update={"name": "[/] :smile: [bold]"})
    server = config.server.model_copy(update={"centre": centre})
    first, *others = config.agents.agents
    named = (first.model_copy(update={"name": "[/] 王丽"}), *others)
    agents = config.agents.model_copy(update={"agents": named})
    said = printed(capsys, replace(config, server=server, agents=agents))
    assert "[/] :smile: [bold] is ready" in said
    assert "[/] 王丽" in said
