"""`acd phone`: a small built-in phone for trying flows and queues."""

import argparse
import asyncio
import os
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ._options import CommandError, Subparsers, add_state
from ._running import running

if TYPE_CHECKING:
    from acd.net.phone import Phone, PhoneCall
    from acd.sip.peer import Peer

DIGIT_PAUSE_S = 1.0
"Between answer and first digit, and for each comma: what a person needs to find the key."

FORBIDDEN = 403
"The SIP answer to a caller who may not do what an agent may."


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
    answer.set_defaults(run=_run_answer, digits="")
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
    if not arguments.number.strip():
        raise CommandError("NUMBER: what shall be dialled, such as 4000?")
    _check(arguments)
    return _run(_call(arguments, arguments.user or "phone"))


def _run_answer(arguments: argparse.Namespace) -> int:
    if not arguments.user:
        raise CommandError("--user: which agent registers?")
    _check(arguments)
    return _run(_take(arguments))


def _check(arguments: argparse.Namespace) -> None:
    """Find what is wrong before anybody's phone rings."""
    from acd.media.digits import DIGITS
    from acd.media.errors import SoundError
    from acd.media.wav import read_wav

    unknown = sorted(set(arguments.digits) - set(DIGITS) - {","})
    if unknown:
        raise CommandError(f"--digits: {''.join(unknown)!r} are no keys; keys are {DIGITS}")
    if not arguments.seconds > 0:
        raise CommandError("--seconds: must be more than 0")
    if arguments.play:
        try:
            read_wav(arguments.play.read_bytes())
        except SoundError as error:
            raise CommandError(f"--play {arguments.play}: {error}") from error
    if arguments.record:
        _check_writable(arguments.record)


def _check_writable(file: Path) -> None:
    """Find out before the call whether what is heard can be kept; nothing is written yet."""
    if not file.parent.is_dir():
        raise CommandError(f"--record: there is no folder {file.parent}")
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise CommandError(f"--record: {file} cannot be written; name another file")


def _run(work: "Coroutine[None, None, None]") -> int:
    from acd.media.errors import MediaError
    from acd.net.phone import PhoneError

    try:
        asyncio.run(work)
    except (PhoneError, MediaError) as error:
        raise CommandError(str(error)) from error
    return 0


def _phone(arguments: argparse.Namespace, user: str) -> "Phone":
    from acd.net.phone import Phone

    return Phone(_server(arguments), user=user, password=_password(arguments))


async def _call(arguments: argparse.Namespace, user: str) -> None:
    from acd.net.phone import PhoneError

    async with _phone(arguments, user) as phone:
        try:
            call = await phone.call(arguments.number)
        except PhoneError as error:
            if error.status == FORBIDDEN and not arguments.user:
                raise CommandError(f"{error}; --user calls as an agent") from error
            raise
        _tell(f"{arguments.number} answered")
        await _talk(call, arguments)


async def _take(arguments: argparse.Namespace) -> None:
    from acd.net.phone import PhoneError

    async with _phone(arguments, arguments.user) as phone:
        await phone.register()
        _tell(f"{arguments.user} is registered and waits for a call; Ctrl-C ends it")
        while True:
            call = await phone.incoming()
            call.ring()
            _tell(f"call from {call.name or call.number}")
            try:
                await call.answer()
            except PhoneError as error:
                _tell(str(error))
                continue
            await _talk(call, arguments)
            return


async def _talk(call: "PhoneCall", arguments: argparse.Namespace) -> None:
    """Play, press keys, record, until the other side or the time ends it."""
    media = call.media
    if arguments.play:
        media.play_wav(arguments.play.read_bytes(), loop=True)
    try:
        async with asyncio.timeout(arguments.seconds):
            await _press(call, arguments.digits)
            _tell(await call.over())
    except TimeoutError:
        _tell(f"hanging up after {arguments.seconds:g} s")
    finally:
        if arguments.record:
            arguments.record.write_bytes(media.recorded_wav())
            _tell(f"what was heard is in {arguments.record}")


async def _press(call: "PhoneCall", digits: str) -> None:
    for part in digits.split(",") if digits else ():
        with suppress(TimeoutError):
            async with asyncio.timeout(DIGIT_PAUSE_S):
                await call.over()
        if call.end:
            return
        if part:
            call.media.press(part)
            _tell(f"pressed {part}")


def _tell(text: str) -> None:
    # At once: who reads it through a pipe wants to know how far the call is.
    print(text, flush=True)


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
    sip = running(arguments.state, "--server").sip
    if "udp" not in sip:
        raise CommandError(f"the server on {arguments.state} has no SIP over UDP")
    return Peer("udp", *sip["udp"])


def _password(arguments: argparse.Namespace) -> str:
    """Return the user's password: from the file, else the first one made at the server's start."""
    from acd.storage.secrets import SecretStore

    if arguments.password_file:
        text: str = arguments.password_file.read_text()
        return text.strip()
    if not arguments.user or not arguments.state.is_dir():
        return ""
    return SecretStore(arguments.state).initial_passwords().get(arguments.user, "")
