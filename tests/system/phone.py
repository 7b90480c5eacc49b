"""A phone that nobody here wrote (pjsua2), as the tests hold it: commands, and waits for events.

Every wait is for an event and has a deadline; what happened so far is in the failure's message.
"""

import json
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from tones import Recording, read_recording

SOFTPHONE = Path(__file__).with_name("softphone.py")
COMMAND_S = 45.0
"A command is carried out at once; this is for a machine that is busy with everything else."

EVENT_S = 45.0
"""For what a server on loopback does without waiting for anybody: a deadline, and no claim. Where
a test is about what happens soon, whatever else would bring it about is later than this."""


class PhoneError(AssertionError):
    """The phone could not do it, or what was expected of it did not happen."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the phone saw."""

    kind: str
    at: float
    "time.monotonic(), which is one clock for all processes of a machine."

    fields: dict[str, object]

    def __getattr__(self, name: str):
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(name) from None

    def __str__(self) -> str:
        return f"{self.at:.3f} {self.kind} {self.fields}"


class Phone:
    """A pjsua2 endpoint in a process of its own.

    Events are consumed in order: `expect` looks from behind the event that the last one found.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        tone: Path | None = None,
        transport: str = "udp",
        codec: str = "",
        ca: Path | None = None,
        strict: bool = False,
    ) -> None:
        """Start a phone. A `strict` one requires PRACK and session timers for its calls."""
        if find_spec("pjsua2") is None:
            raise PhoneError(
                "the phone of the system tests is missing: pjsua2-python has wheels for CPython "
                f"3.11 and 3.12 only, this is {sys.version.split()[0]}; run the tests with one of "
                "them (`uv venv --python 3.12`)"
            )
        self.name = name
        self.user = ""
        self._condition = threading.Condition()
        self._events: list[Event] = []
        self._seen = 0
        self._answers: dict[int, dict] = {}
        self._command = 0
        self._log = (folder / f"{name}.log").open("wb")
        settings = {
            "name": name,
            "folder": str(folder),
            "tone": str(tone) if tone else "",
            "transport": transport,
            "codec": codec,
            "ca": str(ca or ""),
            "strict": strict,
        }
        self._process = subprocess.Popen(
            [sys.executable, str(SOFTPHONE), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._reader = threading.Thread(target=self._read, name=f"phone-{name}", daemon=True)
        self._reader.start()
        self.address = str(self.expect("started", within_s=COMMAND_S).address)

    # --- identity ---

    def register(self, server: str, user: str, password: str, *, expires_s: int = 300) -> Self:
        """Register at `server` ("host:port") and wait until it is accepted."""
        self.start_registration(server, user, password, expires_s=expires_s)
        self.expect("registration", code=200, active=True)
        return self

    def start_registration(
        self, server: str, user: str, password: str, *, expires_s: int = 300
    ) -> None:
        """Register without waiting for what comes of it."""
        self._identity(server, user, password, register=True, expires_s=expires_s)
        self._do("registration", active=True)

    def outside(self, server: str, number: str) -> Self:
        """Be a caller from outside: no account, no password."""
        self._identity(server, number, "", register=False, expires_s=300)
        return self

    def unregister(self) -> Event:
        """Take the phone out of the registrar."""
        self._do("registration", active=False)
        return self.expect("registration", code=200, active=False)

    def register_again(self) -> Event:
        """Register the same account once more."""
        self._do("registration", active=True)
        return self.expect("registration", code=200, active=True)

    def _identity(
        self, server: str, user: str, password: str, *, register: bool, expires_s: int
    ) -> None:
        self.user = user
        self._do(
            "account",
            server=server,
            user=user,
            password=password,
            register=register,
            expires_s=expires_s,
        )

    # --- calls ---

    def react(self, code: int) -> None:
        """Answer the calls that come with this: 180 rings, 200 takes them, 486 is busy."""
        self._do("react", code=code)

    def call(self, number: str) -> int:
        """Call without waiting; returns the line."""
        return int(self._do("call", number=number))

    def call_answered(self, number: str, *, within_s: float = EVENT_S) -> int:
        """Call and wait until the other side has answered; returns the line."""
        line = self.call(number)
        self.expect("state", line=line, state="CONFIRMED", within_s=within_s)
        return line

    def call_refused(self, number: str, *, within_s: float = EVENT_S) -> int:
        """Call, expecting a refusal; returns its SIP status."""
        line = self.call(number)
        event = self.expect("state", line=line, state="DISCONNECTED", within_s=within_s)
        self.expect("over", line=line)
        return int(event.code)

    def rings(self, *, within_s: float = EVENT_S) -> Event:
        """Wait for a call."""
        return self.expect("incoming", within_s=within_s)

    def answer(self, *, line: int | None = None) -> Event:
        """Take the call and wait until that is confirmed."""
        self._do("answer", code=200, line=line)
        return self.expect("state", state="CONFIRMED")

    def reject(self, code: int, *, line: int | None = None) -> Event:
        """Refuse the call that rings."""
        self._do("answer", code=code, line=line)
        return self.hung_up()

    def hangup(self, *, line: int | None = None) -> Event:
        """End a call, ringing or not, and wait for its end."""
        self._do("hangup", line=line)
        return self.hung_up()

    def hung_up(self, *, within_s: float = EVENT_S) -> Event:
        """Wait until the call is over, by whomever."""
        event = self.expect("state", state="DISCONNECTED", within_s=within_s)
        self.expect("over", line=event.line)
        return event

    def hold(self, *, line: int | None = None) -> Event:
        """Put the other side on hold."""
        self._do("hold", line=line)
        return self.expect("media", status="local_hold")

    def unhold(self, *, line: int | None = None) -> Event:
        """Take the other side back."""
        self._do("unhold", line=line)
        return self.expect("media", status="active")

    def transfer(self, number: str, *, line: int | None = None) -> None:
        """Hand the other side on to a number, unseen; a phone hangs up when it is told 200."""
        self._do("refer", number=number, line=line)

    def join(self, line: int, other: int) -> None:
        """Connect the other sides of two calls, and leave them."""
        self._do("refer_to_line", line=line, other=other)

    def transferred(self, *, within_s: float = EVENT_S) -> Event:
        """Wait until the phone is told what became of the transfer."""
        return self.expect("transfer", final=True, within_s=within_s)

    def digits(self, digits: str, *, method: str = "rfc4733", line: int | None = None) -> None:
        """Press keys; `method` is "rfc4733" or "info"."""
        self._do("digits", digits=digits, method=method, line=line)

    def play(self, path: Path, *, line: int | None = None) -> None:
        """Speak: play this file in a loop."""
        self._do("play", path=str(path), line=line)

    def quiet(self, *, line: int | None = None) -> None:
        """Stop speaking."""
        self._do("quiet", line=line)

    # --- what was heard ---

    def recording(self, line: int | None = None) -> Recording:
        """Return what the phone heard in a call, the latest if not told, up to now."""
        paths = [
            str(event.path)
            for event in self.events("recording")
            if line is None or event.line == line
        ]
        if not paths:
            raise PhoneError(self._told("no sound was ever connected"))
        return read_recording(Path(paths[-1]))

    def hears(self, frequency_hz: float, *, for_s: float = 0.5, within_s: float = EVENT_S) -> None:
        """Wait until the tone was heard for so long in all."""
        self._heard(
            lambda heard: heard.tone_s(frequency_hz) >= for_s,
            f"{for_s} s of {frequency_hz} Hz",
            within_s,
        )

    def hears_sound(self, *, for_s: float = 0.5, within_s: float = EVENT_S) -> None:
        """Wait until anything was heard for so long in all."""
        self._heard(lambda heard: heard.sound_s() >= for_s, f"{for_s} s of sound", within_s)

    def _heard(self, enough, what: str, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        self._until(lambda: bool(self.events("recording")), "no sound was connected", within_s)
        while not enough(heard := self.recording()):
            if time.monotonic() > deadline:
                raise PhoneError(self._told(f"did not hear {what} in {within_s} s\n{heard}"))
            # The recorder writes its file a quarter of a second at a time.
            with self._condition:
                self._condition.wait(0.1)

    def _until(self, true, otherwise: str, within_s: float) -> None:
        with self._condition:
            if not self._condition.wait_for(true, within_s):
                raise PhoneError(self._told(otherwise))

    # --- events ---

    def expect(self, kind: str, *, within_s: float = EVENT_S, **fields: object) -> Event:
        """Return the next event of this kind with these fields; those before it are passed over.

        Raises:
            PhoneError: if it does not come in time or the phone has ended; tells all events.

        """
        deadline = time.monotonic() + within_s
        with self._condition:
            at = self._seen
            while True:
                while at < len(self._events):
                    event = self._events[at]
                    at += 1
                    if event.kind == "error":
                        raise PhoneError(self._told("a callback failed"))
                    if event.kind == kind and fields.items() <= event.fields.items():
                        self._seen = at
                        return event
                left_s = deadline - time.monotonic()
                if left_s <= 0 or self._process.poll() is not None:
                    raise PhoneError(self._told(f"no {kind} {fields or ''} within {within_s} s"))
                self._condition.wait(left_s)

    def events(self, kind: str, **fields: object) -> list[Event]:
        """Return all events of a kind so far; consumes none."""
        with self._condition:
            return [
                event
                for event in self._events
                if event.kind == kind and fields.items() <= event.fields.items()
            ]

    def close(self) -> None:
        """End the phone; calls that are left are hung up, the registration stays."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(COMMAND_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(COMMAND_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    def unplug(self) -> None:
        """Pull the cable: the phone is gone, and nobody is told."""
        self._process.kill()
        self._process.wait(COMMAND_S)

    def freeze(self) -> None:
        """Let the phone hang: its registration stands, and it answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was; what was sent to it meanwhile it reads now."""
        self._process.send_signal(signal.SIGCONT)

    # --- the process ---

    def _do(self, name: str, **arguments: object):
        assert self._process.stdin is not None
        with self._condition:
            self._command += 1
            number = self._command
        line = json.dumps({"id": number, "do": name, **arguments})
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise PhoneError(self._told(f"has ended; cannot {name}")) from None
        with self._condition:
            answered = self._condition.wait_for(lambda: number in self._answers, COMMAND_S)
            if not answered:
                raise PhoneError(self._told(f"no answer to {name} within {COMMAND_S} s"))
            answer = self._answers.pop(number)
        if not answer["ok"]:
            raise PhoneError(self._told(f"{name} {arguments} failed: {answer['error']}"))
        return answer["result"]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            with self._condition:
                if "event" in message:
                    kind, at = message.pop("event"), message.pop("at")
                    self._events.append(Event(kind, at, message))
                else:
                    self._answers[message["id"]] = message
                self._condition.notify_all()
        with self._condition:
            self._condition.notify_all()

    def _told(self, what: str) -> str:
        events = "\n  ".join(map(str, self._events)) or "nothing"
        with Path(self._log.name).open(errors="replace") as log:
            tail = "".join(deque(log, 25))
        return (
            f"phone {self.name} ({self.user}): {what}\nwhat happened:\n  {events}\n"
            f"end of {self._log.name}:\n{tail}"
        )
