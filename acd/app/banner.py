"""What the operator reads within seconds of the start: where to register, what to dial."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from rich.table import Table
from rich.text import Text

from acd.config import Address, Config
from acd.telemetry.terminal import Terminal

from .state import Running

WEB_TRANSPORTS = ("wss", "ws")

CONFIG, STATE = Path("config"), Path("var")
"Where commands look unless they are told otherwise."

AGENTS_SHOWN = 12
"More do not fit on a screen; `acd agents list` shows all."


def print_banner(
    console: Terminal,
    config: Config,
    running: Running,
    passwords: Mapping[str, str],
    state: Path,
) -> None:
    """Print where phones, people and programs find the server; `state` as it was named."""
    reached: dict[tuple[str, int], list[str]] = {}
    for transport, address in running.sip.items():
        if transport in WEB_TRANSPORTS:
            continue
        reached.setdefault(address, []).append(transport)
    web = f"http://{Address(*running.http)}"
    console.print(Text.assemble("\n", ("acd", "bold"), f" {config.server.centre.name} is ready\n"))
    facts = Table.grid(padding=(0, 2))
    for address, transports in reached.items():
        facts.add_row("register phones at", f"{Address(*address)} ({', '.join(transports)})")
    for transport in WEB_TRANSPORTS:
        if transport in running.sip:
            url = f"{transport}://{Address(*running.sip[transport])}"
            facts.add_row("connect browsers to", url)
    facts.add_row("health, readiness", f"{web}/healthz  {web}/readyz")
    facts.add_row("metrics", f"{web}/metrics")
    facts.add_row("live page, reports", f"{web}/  {web}/api/reports/kpi?day=today")
    folders = _options(config=(config.folder, CONFIG), state=(state, STATE))
    facts.add_row("report", f"acd report kpi --day today{folders}")
    console.print(facts)
    _numbers(console, config)
    _agents(console, config, passwords, folders)


def _options(**folders: tuple[Path, Path]) -> str:
    """Return the options that other commands need to find these folders: none where usual."""
    named = ((name, folder) for name, (folder, usual) in folders.items() if folder != usual)
    return "".join(f" --{name} {shlex.quote(str(folder))}" for name, folder in named)


def _numbers(console: Terminal, config: Config) -> None:
    table = Table(title="dial", title_justify="left", box=None, show_header=False)
    for number, to in sorted(config.numbers.numbers.items()):
        meaning = f"queue {to.queue}" if to.queue else f"flow {to.flow}" if to.flow else "echo"
        table.add_row(number, meaning)
    console.print(table)


def _agents(console: Terminal, config: Config, passwords: Mapping[str, str], folders: str) -> None:
    agents = config.agent_profiles()
    if not any(agent.account in passwords for agent in agents):
        return
    table = Table(title="agents with their first passwords", title_justify="left", box=None)
    for heading in ("user", "password", "name", "skills"):
        table.add_column(heading)
    shown = [agent for agent in agents if agent.account in passwords][:AGENTS_SHOWN]
    for agent in shown:
        skills = ", ".join(f"{skill} {grade.name}" for skill, grade in agent.skills.items())
        table.add_row(agent.account, passwords[agent.account], agent.name, skills)
    console.print(table)
    console.print(f"change a password with: acd agents passwd NUMBER{folders}\n", soft_wrap=True)
