"""What the server and its shipper's process tell each other, and how it travels.

A frame is its length (4 bytes, big-endian) and one message as msgpack. The messages are few: some
per batch of records, none per call.
"""

import asyncio

import msgspec
from msgspec import Struct

from .database import Progress
from .errors import StorageError
from .frames import Position
from .upkeep import Kept

LENGTH_BYTES = 4

MAX_FRAME_BYTES = 1 << 20
"A message has some hundred bytes; the longest is an alarm with a database's error."


class Begin(Struct, frozen=True, tag=True):
    """The journal to ship, and where to; the first message."""

    folder: str
    id: str
    node: str
    boot: str
    boot_begin: Position
    recover_from: Position
    dsn: str
    interval_s: float
    customer_key: bytes
    kept: Kept
    erased: str
    "File of the customers whose numbers must not come back."
    zone: str


class Appended(Struct, frozen=True, tag=True):
    """There are records behind the position of `Listening`."""


class Drain(Struct, frozen=True, tag=True):
    """Ship up to here without waiting for more; answered by `Drained`."""

    number: int
    target: Position


class Listening(Struct, frozen=True, tag=True):
    """All before this position is shipped: tell once when there is more."""

    position: Position


class Shipped(Struct, frozen=True, tag=True):
    """How the tables are now, and whether the database answers."""

    connected: bool
    shipped: Progress | None
    set_aside: int


class Alarm(Struct, frozen=True, tag=True):
    """A sentence for the operator."""

    text: str


class Released(Struct, frozen=True, tag=True):
    """The segments below this number are not needed any more."""

    before_segment: int


class RecoverFrom(Struct, frozen=True, tag=True):
    """Every call that began before this position has ended."""

    position: Position


class Drained(Struct, frozen=True, tag=True):
    """`Drain` is done."""

    number: int


class PartitionsDropped(Struct, frozen=True, tag=True):
    """Records that were too old are gone."""

    partitions: int


ToShipper = Begin | Appended | Drain
ToServer = Listening | Shipped | Alarm | Released | RecoverFrom | Drained | PartitionsDropped

_encode = msgspec.msgpack.Encoder().encode


def send(writer: asyncio.StreamWriter, message: ToShipper | ToServer) -> None:
    """Send one message; it is lost when the line is."""
    if not writer.is_closing():
        body = _encode(message)
        writer.write(len(body).to_bytes(LENGTH_BYTES) + body)


async def receive(reader: asyncio.StreamReader) -> bytes | None:
    """Return the next message's bytes; None at the line's end."""
    try:
        length = int.from_bytes(await reader.readexactly(LENGTH_BYTES))
        if length > MAX_FRAME_BYTES:
            raise StorageError(f"a frame of {length} bytes from the other process")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
