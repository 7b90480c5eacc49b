"""`acd tokens`: API tokens with names and roles; made, listed, revoked."""

import argparse
from datetime import UTC, datetime

from ._options import CommandError, Subparsers, add_json, add_state, print_json


def add_parser(subparsers: Subparsers) -> None:
    """Add `tokens` with its verbs."""
    parser = subparsers.add_parser("tokens", help="make, list and revoke API tokens")
    verbs = parser.add_subparsers(metavar="VERB", required=True, dest="verb")

    adder = verbs.add_parser("add", help="make a token; it is printed this once")
    adder.add_argument("name", metavar="NAME", help="whose it is; stands in the audit record")
    adder.add_argument(
        "--role",
        required=True,
        choices=("agent", "supervisor", "analyst", "integration", "admin"),
        help="what it may do",
    )
    adder.add_argument("--agent", default="", metavar="NUMBER", help="with --role agent: whose")
    adder.set_defaults(run=add_token)

    lister = verbs.add_parser("list", help="names and roles; the tokens themselves are not kept")
    lister.set_defaults(run=list_tokens)

    ender = verbs.add_parser("revoke", help="end a token at once")
    ender.add_argument("name", metavar="NAME", help="as the list shows it")
    ender.set_defaults(run=revoke_token)

    for verb in (adder, lister, ender):
        add_state(verb)
        add_json(verb)


def add_token(arguments: argparse.Namespace) -> int:
    """Make a token and print it."""
    from acd.web.access import Role, TokenBook  # here: aiohttp is slow to load

    role = Role(arguments.role)
    if (role is Role.AGENT) != bool(arguments.agent):
        raise CommandError("--agent NUMBER goes with --role agent, and only with it")
    if not arguments.name.isprintable() or not 1 <= len(arguments.name) <= 64:
        raise CommandError("a name has 1 to 64 printable characters")
    created = datetime.now(UTC).isoformat(timespec="seconds")
    token = TokenBook(arguments.state).add(
        arguments.name, role, agent=arguments.agent, created=created
    )
    if arguments.json:
        print_json({"name": arguments.name, "role": role.value, "token": token})
    else:
        print(token)
    return 0


def list_tokens(arguments: argparse.Namespace) -> int:
    """Print all tokens' names and roles."""
    from acd.web.access import TokenBook

    rows = [
        {
            "name": entry.name,
            "role": entry.role,
            "agent": entry.agent,
            "created": entry.created,
        }
        for entry in TokenBook(arguments.state).tokens()
    ]
    if arguments.json:
        print_json(rows)
        return 0
    for row in rows:
        whose = f"{row['role']} {row['agent']}".strip()
        print(f"{row['name']:<32} {whose:<20} {row['created']}")
    if not rows:
        print("no named tokens; `acd tokens add NAME --role supervisor` makes one")
    return 0


def revoke_token(arguments: argparse.Namespace) -> int:
    """End one token."""
    from acd.web.access import TokenBook

    if not TokenBook(arguments.state).revoke(arguments.name):
        raise CommandError(f"no token {arguments.name!r}; `acd tokens list` shows all")
    print(f"{arguments.name} is revoked")
    return 0
