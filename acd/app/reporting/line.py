"""What the server and the process that makes its reports tell each other over their socket.

Pickled: both ends are the same program, and nobody else has the socket.
"""

import asyncio
import pickle
from dataclasses import dataclass

from acd.config import Config
from acd.reports.request import Request

LENGTH_BYTES = 8

CONTENT_MAX = 1 << 30
"A length beyond a gigabyte is no length; no sheet or page comes near."


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


@dataclass(frozen=True, slots=True)
class Made:
    """The report in its form."""

    content: bytes


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


async def send(writer: asyncio.StreamWriter, message: Order | Answer) -> None:
    """Send a message whole."""
    body = pickle.dumps(message)
    writer.write(len(body).to_bytes(LENGTH_BYTES) + body)
    await writer.drain()


async def receive(reader: asyncio.StreamReader) -> Order | Answer | None:
    """Return the next message; None at the line's end."""
    try:
        length = int.from_bytes(await reader.readexactly(LENGTH_BYTES))
        if length > CONTENT_MAX:
            raise ValueError(f"a message of {length} bytes from the other process")
        body = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    message: Order | Answer = pickle.loads(body)
    return message
