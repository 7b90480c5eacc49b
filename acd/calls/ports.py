"""What the core needs of the world, as protocols. Adapters implement them; tests have fakes."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from acd.media.commands import Command as MediaCommand
from acd.sip.peer import Peer

from .events import Event
from .journal import Record


class Transports(Protocol):
    """Sends SIP messages. Never raises and never blocks; failures come back as an input."""

    def send(self, peer: Peer, data: bytes) -> None:
        """Send one message."""

    def disconnect(self, peer: Peer) -> None:
        """Close a stream connection."""


class MediaEngine(Protocol):
    """Carries out media commands; its events come back as an input, at once or later."""

    def execute(self, command: MediaCommand) -> None:
        """Take one command."""


class EventLog(Protocol):
    """The journal."""

    def append(self, events: Sequence[Event], mono_s: float) -> list[Record]:
        """Make the events survive the death of this process before returning, and number them.

        Does not raise: a journal that cannot write says so through its own alarm, and keeps what
        it can until it writes again.
        """


class Certificates(Protocol):
    """Who may work: exams and certificates, as far as somebody keeps them (培训考试)."""

    def refusal(self, agent: str) -> str:
        """Return why the agent may not log in now, one word such as exam_due; empty: may."""

    def serves(self, agent: str, skill: str) -> bool:
        """Return whether the agent holds the certificate that this skill wants."""


class NoCertificates:
    """Nobody keeps certificates: whoever is configured may work."""

    def refusal(self, agent: str) -> str:
        """Return nothing: everybody may log in."""
        del agent
        return ""

    def serves(self, agent: str, skill: str) -> bool:
        """Return that every configured skill counts."""
        del agent, skill
        return True


Subscriber = Callable[[Record], None]
"""Reads the event stream: metrics, traces, live screens. Must not raise and must be quick: it runs
on a call's way."""

Direction = Literal["in", "out"]

Tap = Callable[[Direction, Peer, bytes], None]
"""Sees each SIP message, for counting and tracing. The same terms hold."""
