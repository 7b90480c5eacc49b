"""`acd trace` against a server that answers over HTTP."""

import argparse
import asyncio
from pathlib import Path

import pytest

from acd.app.state import RUN_FILE, Running
from acd.cli import main
from acd.cli._options import CommandError
from acd.cli.trace import add_parser, fetch
from acd.web.app import WebServer, build_app
from acd.web.ports import WebServices
from acd.web.token import load_or_create_token


def services(token, ladders):
    return WebServices(
        token=token,
        health=dict,
        readiness=lambda: (True, {}),
        metrics_text=lambda: b"",
        set_status=lambda *_: None,
        end_wrap_up=lambda *_: None,
        enter_disposition=lambda *_: None,
        place_call=lambda *_: None,
        hang_up=lambda *_: None,
        agents=list,
        agent=lambda _: None,
        queues=list,
        calls=list,
        moves=None,
        entries=None,
        trace=lambda name, messages: ladders.get((name, messages)),
    )


async def ask(token, ladders, name, state, *, messages=False):
    server = WebServer(build_app(services(token, ladders)))
    await server.start("127.0.0.1", 0)
    host, port = server.bound_address()
    try:
        return await asyncio.to_thread(fetch, name, state, f"{host}:{port}", messages=messages)
    finally:
        await server.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("messages", [False, True])
async def test_the_ladder_is_fetched_with_the_token_of_the_state_folder(tmp_path, messages):
    token = load_or_create_token(tmp_path)
    ladders = {("a/b@192.0.2.7", messages): "the ladder │ 坐席\n"}

    text = await ask(token, ladders, "a/b@192.0.2.7", tmp_path, messages=messages)

    assert text == "the ladder │ 坐席"


@pytest.mark.asyncio
async def test_an_unknown_call_is_said_so(tmp_path):
    with pytest.raises(CommandError, match="nobody is unknown, or too long ago"):
        await ask(load_or_create_token(tmp_path), {}, "nobody", tmp_path)


@pytest.mark.asyncio
async def test_another_servers_state_folder_is_said_so(tmp_path):
    load_or_create_token(tmp_path)
    with pytest.raises(CommandError, match="has another token than"):
        await ask("another-token-altogether", {}, "x", tmp_path)


@pytest.mark.parametrize("address", ["", "8080", "host:", "host:http", ":8080"])
def test_a_wrong_address_is_said_so(tmp_path, address):
    with pytest.raises(CommandError, match="must be HOST:PORT"):
        fetch("x", tmp_path, address, messages=False)


def test_no_server_and_no_state_folder_are_said_so(tmp_path):
    with pytest.raises(CommandError, match="is --state the server's folder"):
        fetch("x", tmp_path, "127.0.0.1:1", messages=False)
    load_or_create_token(tmp_path)
    with pytest.raises(CommandError, match=r"no server answers on http://127\.0\.0\.1:1"):
        fetch("x", tmp_path, "127.0.0.1:1", messages=False)


@pytest.mark.asyncio
@pytest.mark.parametrize("listening_on", ["127.0.0.1", "0.0.0.0", "::"])
async def test_the_server_of_the_state_folder_is_found(tmp_path, capsys, listening_on):
    server = WebServer(build_app(services(load_or_create_token(tmp_path), {("I1", False): "L"})))
    await server.start(listening_on, 0)
    address = (listening_on, server.bound_address()[1])
    Running(1, {}, address, "").write(tmp_path)
    try:
        await asyncio.to_thread(main, ["trace", "I1", "--state", str(tmp_path)])
    finally:
        await server.close()
    assert capsys.readouterr().out == "L\n"


@pytest.mark.parametrize("note", [None, b"", b"[]", b'{"sip": {}, "http": 7}'])
def test_without_a_server_on_the_state_folder_it_says_how_to_name_one(tmp_path, capsys, note):
    if note is not None:
        (tmp_path / RUN_FILE).write_bytes(note)
    assert main(["trace", "I1", "--state", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"acd: no server runs on {tmp_path}; start `acd run`")
    assert "--http" in said


def test_the_command_line():
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())

    arguments = parser.parse_args(["trace", "I1", "--state", "/s", "--http", "h:1", "--messages"])

    assert (arguments.id, arguments.state, arguments.http) == ("I1", Path("/s"), "h:1")
    assert arguments.messages is True
    assert callable(arguments.run)
