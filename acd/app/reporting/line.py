"""What the server and the process that makes its reports tell each other over their socket.

Pickled: both ends are the same program, and nobody else has the socket. The report itself goes
into a file.
"""

import asyncio
import pickle
from dataclasses import dataclass

from acd.config import Config
from acd.reports.request import Request

LENGTH_BYTES = 8

MESSAGE_MAX = 1 << 28
"A length beyond 256 MB is no length: a large centre's configuration is a hundredth of it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One report to make."""

    name: str
    request: Request
    form: str
    locale: str
    dsn: str
    config: Config
    limit_s: float
    "Of each statement in the database."

    path: str = ""
    "The file to write it into: it is there, and has no name any more once it is open."


@dataclass(frozen=True, slots=True)
class Written:
    """So much of the report is in the file; more comes."""

    size: int
    "Bytes."


@dataclass(frozen=True, slots=True)
class Made:
    """The report is in the file."""

    size: int
    "Bytes."


@dataclass(frozen=True, slots=True)
class Refused:
    """What was wished for cannot be reported (`RequestError`)."""

    text: str
    field: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The database does not answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A fault of ours."""

    traceback: str


Answer = Made | Refused | Unreachable | Failed

Message = Order | Written | Answer


async def send(writer: asyncio.StreamWriter, message: Message) -> None:
    """Send a message whole."""
    post(writer, message)
    await writer.drain()


def post(writer: asyncio.StreamWriter, message: Message) -> None:
    """Send a short message, in the midst of other work."""
    body = pickle.dumps(message)
    writer.write(len(body).to_bytes(LENGTH_BYTES) + body)


async def receive(reader: asyncio.StreamReader) -> Message | None:
    """Return the next message; None at the line's end."""
    try:
        length = int.from_bytes(await reader.readexactly(LENGTH_BYTES))
        if length > MESSAGE_MAX:
            raise ValueError(f"a message of {length} bytes from the other process")
        body = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    message: Message = pickle.loads(body)
    return message
