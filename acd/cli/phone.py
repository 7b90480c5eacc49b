"""`acd phone`: a small built-in phone for trying flows and queues."""

import argparse
import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING

from ._options import CommandError, Subparsers, add_state

if TYPE_CHECKING:
    from acd.net.phone import Phone
    from acd.sip.peer import Peer

DIGIT_PAUSE_S = 1.0
"Between answer and first digit, and for each comma: what a person needs to find the key."


def add_parser(subparsers: Subparsers) -> None:
    """Add `phone`."""
    parser = subparsers.add_parser("phone", help="a small phone: call a number, or take calls")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    call = verbs.add_parser("call", help="call a number")
    call.add_argument("number", help="what to dial, e.g. 4000")
    call.add_argument(
        "--digits", default="", help="keys to press after the answer; a comma waits one second"
    )
    call.set_defaults(run=_run_call)
    answer = verbs.add_parser("answer", help="register as an agent and take one call")
    answer.set_defaults(run=_run_answer)
    for verb in (call, answer):
        add_state(verb)
        verb.add_argument("--server", metavar="HOST:PORT", help="default: the one on --state")
        verb.add_argument("--user", default="", help="SIP user (call: the caller's number)")
        verb.add_argument(
            "--password-file", type=Path, help="file that holds the user's SIP password"
        )
        verb.add_argument(
            "--play", type=Path, metavar="WAV", help="send this sound, again and again"
        )
        verb.add_argument("--record", type=Path, metavar="WAV", help="write what is heard")
        verb.add_argument(
            "--seconds", type=float, default=30.0, help="hang up after so long (default: 30)"
        )


def _run_call(arguments: argparse.Namespace) -> int:
    return _run(_call(arguments))


def _run_answer(arguments: argparse.Namespace) -> int:
    return _run(_answer(arguments))


def _run(work: "Coroutine[None, None, int]") -> int:
    from acd.net.phone import PhoneError

    try:
        return asyncio.run(work)
    except PhoneError as error:
        raise CommandError(str(error)) from error


async def _call(arguments: argparse.Namespace) -> int:
    from acd.net.phone import Phone

    user = arguments.user or "phone"
    async with Phone(_server(arguments), user=user, password=_password(arguments)) as phone:
        await phone.call(arguments.number)
        print(f"{arguments.number} answered")
        await _talk(phone, arguments, arguments.digits)
    return 0


async def _answer(arguments: argparse.Namespace) -> int:
    from acd.net.phone import Phone
    from acd.sip.events import InviteReceived

    if not arguments.user:
        raise CommandError("--user: which agent registers?")
    async with Phone(
        _server(arguments), user=arguments.user, password=_password(arguments)
    ) as phone:
        await phone.register()
        print(f"{arguments.user} is registered and waits for a call")
        invite = await phone.event(InviteReceived)
        assert isinstance(invite, InviteReceived)  # the only kind asked for
        phone.ring(invite.leg)
        print(f"call from {invite.caller_name or invite.caller}")
        await phone.answer(invite)
        await _talk(phone, arguments, "")
        await phone.unregister()
    return 0


async def _talk(phone: "Phone", arguments: argparse.Namespace, digits: str) -> None:
    """Play, press keys, record, until the other side or the time ends it."""
    from acd.sip.events import LegEnded

    media = phone.media
    assert media is not None  # the call stands
    if arguments.play:
        media.play_wav(arguments.play.read_bytes(), loop=True)
    pressing = asyncio.create_task(_press(phone, digits))
    try:
        async with asyncio.timeout(arguments.seconds):
            await phone.event(LegEnded)
        print("the other side hung up")
    except TimeoutError:
        print(f"hanging up after {arguments.seconds:g} s")
    finally:
        pressing.cancel()
        if arguments.record:
            arguments.record.write_bytes(media.recorded_wav())
            print(f"what was heard is in {arguments.record}")


async def _press(phone: "Phone", digits: str) -> None:
    for part in digits.split(","):
        await asyncio.sleep(DIGIT_PAUSE_S)
        if part and phone.media is not None:
            phone.media.press(part)
            print(f"pressed {part}")


def _server(arguments: argparse.Namespace) -> "Peer":
    """Return the server's address: --server, else that of the one on --state."""
    from acd.config import parse_address
    from acd.sip.peer import Peer

    if arguments.server:
        try:
            address = parse_address(arguments.server)
        except ValueError as error:
            raise CommandError(f"--server: {error}") from error
        return Peer("udp", address.host, address.port)
    path = arguments.state / "run.json"
    try:
        host, port = json.loads(path.read_text())["sip"]["udp"]
    except (OSError, ValueError, KeyError) as error:
        raise CommandError(
            f"no server runs on {arguments.state}; start `acd run` or name one with --server"
        ) from error
    return Peer("udp", host, port)


def _password(arguments: argparse.Namespace) -> str:
    """Return the user's password: from the file, else the first one made at the server's start."""
    from acd.storage.secrets import SecretStore

    if arguments.password_file:
        text: str = arguments.password_file.read_text()
        return text.strip()
    if not arguments.user or not arguments.state.is_dir():
        return ""
    return SecretStore(arguments.state).initial_passwords().get(arguments.user, "")
