"""`acd bans` and the API below it, over a real socket."""

import argparse
import asyncio
import dataclasses

import pytest

from acd.cli._options import CommandError
from acd.cli.bans import add_parser
from acd.web.app import WebServer, build_app
from acd.web.token import load_or_create_token
from tests.web.test_web_trace_command import services

BANS = [
    {"source": "2001:db8::/64", "reason": "scanner", "count": 2, "remaining_s": 599.5},
    {"source": "192.0.2.7", "reason": "wrong_password", "count": 1, "remaining_s": 10.0},
]


class Guarding:
    """A server that keeps some sources out."""

    def __init__(self, state):
        self.state = state
        self.bans = list(BANS)

    def lift(self, source, order):
        assert order.actor.name == "api"
        kept = [ban for ban in self.bans if ban["source"] != source]
        lifted, self.bans = len(kept) < len(self.bans), kept
        return lifted

    def ask(self, *arguments):
        """Run `acd bans ARGUMENTS` against it; return the exit code."""
        return asyncio.run(self._ask(arguments))

    async def _ask(self, arguments):
        plain = services(load_or_create_token(self.state), {})
        guarding = dataclasses.replace(plain, bans=lambda: self.bans, lift_ban=self.lift)
        server = WebServer(build_app(guarding))
        await server.start("127.0.0.1", 0)
        parser = argparse.ArgumentParser()
        add_parser(parser.add_subparsers())
        host, port = server.bound_address()
        where = ("--http", f"{host}:{port}", "--state", str(self.state))
        parsed = parser.parse_args(["bans", *arguments, *where])
        try:
            return await asyncio.to_thread(parsed.run, parsed)
        finally:
            await server.close()


def test_the_list_shows_who_why_and_how_long(tmp_path, capsys):
    guarding = Guarding(tmp_path)

    assert guarding.ask("list") == 0

    told = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in told] == [
        ["2001:db8::/64", "scanner"],
        ["192.0.2.7", "wrong_password"],
    ]
    assert "2. ban, 600 s left" in told[0]


def test_lifting_takes_one_off_the_list_and_an_unknown_one_is_told(tmp_path, capsys):
    guarding = Guarding(tmp_path)

    assert guarding.ask("lift", "2001:db8::/64") == 0
    assert guarding.bans == BANS[1:]
    with pytest.raises(CommandError, match=r"203\.0\.113\.1 is not banned"):
        guarding.ask("lift", "203.0.113.1")
    assert guarding.ask("lift", "192.0.2.7") == 0
    capsys.readouterr()
    assert guarding.ask("list") == 0
    assert capsys.readouterr().out == "nobody is banned\n"
