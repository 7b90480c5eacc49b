"""`acd agents`: list the agents, add one, set a SIP password."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._api import ask
from ._options import CommandError, Subparsers, add_config, add_json, add_state, print_json
from ._running import find_running

if TYPE_CHECKING:
    from acd.config import AgentSettings, Config
    from acd.storage.secrets import SecretStore

MINIMUM_LENGTH = 8
"A digest exchange can be recorded and searched at leisure; shorter passwords fall in hours."


def add_parser(subparsers: Subparsers) -> None:
    """Add `agents`."""
    parser = subparsers.add_parser("agents", help="list and add agents, set SIP passwords")
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    lister = verbs.add_parser(
        "list", help="all agents with skills and state of their password; devices, if it runs"
    )
    lister.set_defaults(run=list_agents)

    adder = verbs.add_parser("add", help="write a new agent into agents.yaml, make a password")
    adder.add_argument("number", help="agent number (工号)")
    adder.add_argument("--name", required=True, help="the person's name")
    adder.add_argument(
        "--skill", action="append", default=[], metavar="SKILL=GRADE", help="e.g. sales=A"
    )
    adder.add_argument("--category", action="append", default=[], metavar="CATEGORY=GRADE")
    adder.add_argument("--team", default="", help="for reports")
    adder.add_argument("--account", default="", help="SIP user, if other than the number")
    adder.set_defaults(run=add_agent)

    setter = verbs.add_parser("passwd", help="set an agent's SIP password")
    setter.add_argument("number", help="agent number (工号)")
    setter.add_argument(
        "--stdin", action="store_true", help="read it from standard input (else a random one)"
    )
    setter.set_defaults(run=set_password)

    pinner = verbs.add_parser("pin", help="set an agent's PIN for desk phones")
    pinner.add_argument("number", help="agent number (工号)")
    pinner.add_argument(
        "--stdin", action="store_true", help="read it from standard input (else a random one)"
    )
    pinner.set_defaults(run=set_pin)

    for verb in (lister, adder, setter, pinner):
        add_config(verb)
        add_state(verb)
        add_json(verb)


def list_agents(arguments: argparse.Namespace) -> int:
    """Print all agents."""
    config, store = _open(arguments)
    initial = store.initial_passwords()
    realm = config.server.sip.realm
    devices = _devices(arguments.state)
    rows: list[dict[str, Any]] = [
        {
            "number": agent.number,
            "name": agent.name,
            "account": agent.sip_account,
            "team": agent.team,
            "skills": {skill: grade.name for skill, grade in agent.skills.items()},
            "categories": {name: grade.name for name, grade in agent.categories.items()},
            "password": _password_state(agent, store, initial, realm),
            "devices": devices.get(agent.number, []),
        }
        for agent in config.agents.everyone()
    ]
    if arguments.json:
        print_json(rows)
        return 0
    for row in rows:
        skills = " ".join(f"{skill}={grade}" for skill, grade in row["skills"].items())
        known = " ".join(f"{name}={grade}" for name, grade in row["categories"].items())
        name, number = row["name"], row["number"]
        print(f"{number:<10} {row['password']:<8} {skills:<24} {known:<36} {name}")
        for device in row["devices"]:
            where = f"{device['transport']} {device['address']}"
            state = "" if device["reachable"] else "  does not answer"
            print(f"{'':<10} {where:<33} {device['contact']:<36} {device['user_agent']}{state}")
    return 0


def _devices(state: Path) -> dict[str, list[dict[str, Any]]]:
    """Return each agent's registered devices; none are known while no server runs here."""
    server = find_running(state)
    if server is None:
        return {}
    host, port = server.http
    try:
        status, text = ask("GET", "/api/agents", state, f"{host}:{port}")
    except CommandError:
        return {}  # the note of a server that was killed, or one that is starting
    if status != 200:
        return {}
    return {agent["number"]: agent["devices"] for agent in json.loads(text)}


def add_agent(arguments: argparse.Namespace) -> int:
    """Write the agent into agents.yaml and make a password."""
    from acd.config import load_config
    from acd.config.edit import NewAgent
    from acd.config.edit import add_agent as write_agent

    _open(arguments)  # faults of the folder and of the secrets come before anything is changed
    agent = NewAgent(
        number=arguments.number,
        name=arguments.name,
        skills=_pairs("--skill", arguments.skill),
        categories=_pairs("--category", arguments.category),
        team=arguments.team,
        account=arguments.account,
    )
    write_agent(arguments.config, agent)
    return _give_password(arguments, load_config(arguments.config), None)


def set_password(arguments: argparse.Namespace) -> int:
    """Set the password read from standard input, or a random one that is printed."""
    given = None
    if arguments.stdin:
        given = sys.stdin.readline().rstrip("\r\n")
        if len(given) < MINIMUM_LENGTH or not given.isprintable():
            raise CommandError(f"a password has at least {MINIMUM_LENGTH} printable characters")
    config, _ = _open(arguments)
    return _give_password(arguments, config, given)


def set_pin(arguments: argparse.Namespace) -> int:
    """Set the PIN read from standard input, or a random one that is printed."""
    from acd.storage.pins import LONGEST, SHORTEST, PinStore, new_pin

    given = None
    if arguments.stdin:
        given = sys.stdin.readline().strip()
        if not (given.isascii() and given.isdigit() and SHORTEST <= len(given) <= LONGEST):
            raise CommandError(f"a PIN has {SHORTEST} to {LONGEST} digits")
    config, _ = _open(arguments)
    agent = _agent(config, arguments.number)
    pin = given or new_pin()
    PinStore(arguments.state).set(agent.number, pin)
    answer = {"number": agent.number}
    if given is None:
        # A PIN that the caller already knows is not repeated.
        answer["pin"] = pin
    if arguments.json:
        print_json(answer)
    else:
        print("  ".join(f"{key}: {value}" for key, value in answer.items()))
    return 0


def _give_password(arguments: argparse.Namespace, config: "Config", given: str | None) -> int:
    from acd.storage.secrets import SecretStore, new_password

    agent = _agent(config, arguments.number)
    if agent.password is not None:
        raise CommandError(
            f"agent {agent.number} has its password in agents.yaml; take the line `password:` out"
        )
    password = given or new_password()
    SecretStore(arguments.state).set_password(agent.sip_account, config.server.sip.realm, password)
    answer = {"number": agent.number, "account": agent.sip_account}
    if given is None:
        # A password that the caller already knows is not repeated.
        answer["password"] = password
    if arguments.json:
        print_json(answer)
    else:
        print("  ".join(f"{key}: {value}" for key, value in answer.items()))
    return 0


def _open(arguments: argparse.Namespace) -> "tuple[Config, SecretStore]":
    from acd.config import load_config
    from acd.storage.secrets import SecretStore

    return load_config(arguments.config), SecretStore(arguments.state)


def _agent(config: "Config", number: str) -> "AgentSettings":
    from acd.ivr.document import did_you_mean

    everyone = {agent.number: agent for agent in config.agents.everyone()}
    if number not in everyone:
        raise CommandError(f"no agent {number} in agents.yaml ({did_you_mean(number, everyone)})")
    return everyone[number]


def _password_state(
    agent: "AgentSettings", store: "SecretStore", initial: dict[str, str], realm: str
) -> str:
    """Return "inline" (in agents.yaml), "initial" (made at the first start), "set" or "none"."""
    if agent.password is not None:
        return "inline"
    if agent.sip_account in initial:
        return "initial"
    return "set" if store.has_secret(agent.sip_account, realm) else "none"


def _pairs(option: str, texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, grade = text.partition("=")
        if not equals or not name.isidentifier() or not grade.isalpha():
            raise CommandError(f"{option} {text}: NAME=GRADE is wanted, such as sales=A")
        pairs[name] = grade
    return pairs
