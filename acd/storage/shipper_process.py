"""The shipper in a process of its own, so that no call waits for a batch of records.

Run as `python -m acd.storage.shipper_process FD`: the socket that leads to the server. It ends
with the line, thus with the server, whatever that dies of.
"""

import asyncio
import gc
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop

from .errors import StorageError
from .frames import Position
from .journal_view import JournalView
from .kpi_keeping import keep, look_at
from .postgres_child import NICENESS
from .shipper import Shipper, ShipperSettings
from .shipping_line import (
    Alarm,
    Appended,
    Begin,
    Drain,
    Drained,
    PartitionsDropped,
    Shipped,
    ToServer,
    ToShipper,
    receive,
    send,
)
from .upkeep import Upkeep

_decode = msgspec.msgpack.Decoder(ToShipper).decode

CANCEL_AGAIN_S = 1.0
"A task ends within milliseconds of its cancellation, or has lost it."


async def serve(line: socket.socket) -> None:
    """Ship until the line ends."""
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_unix_connection(sock=line)
    first = await receive(reader)
    if first is None:
        return
    begin = _decode(first)
    if not isinstance(begin, Begin):
        raise StorageError(f"the first message is {type(begin).__name__}, not Begin")

    def tell(message: ToServer) -> None:
        loop.call_soon_threadsafe(send, writer, message)

    written = asyncio.Event()

    def progressed() -> None:
        tell(Shipped(shipper.connected, shipper.shipped, shipper.set_aside))
        written.set()

    alarm = _alarming(tell)
    view = JournalView(begin, tell)
    shipper = Shipper(
        view,
        begin.dsn,
        on_alarm=alarm,
        on_progress=progressed,
        settings=ShipperSettings(interval_s=begin.interval_s),
        customer_key=begin.customer_key,
        erased=Path(begin.erased),
    )

    async def drain(number: int, target: Position) -> None:
        await shipper.drain(target)
        tell(Drained(number))

    shipping = asyncio.create_task(shipper.run())
    looking_after = asyncio.create_task(_look_after(shipper, begin, tell))
    rolling = asyncio.create_task(keep(look_at(begin.dsn, begin.zone), written, alarm))
    drains: set[asyncio.Task[None]] = set()
    while (body := await receive(reader)) is not None and not shipping.done():
        message: ToShipper = _decode(body)
        match message:
            case Appended():
                view.appended()
            case Drain(number, target):
                task = asyncio.create_task(drain(number, target))
                drains.add(task)
                task.add_done_callback(drains.discard)
            case Begin():
                raise StorageError("Begin came twice")
    await end_all(shipping, looking_after, rolling, *drains)


def _alarming(tell: Callable[[ToServer], None]) -> Callable[[str], None]:
    return lambda text: tell(Alarm(text))


async def end_all(*tasks: asyncio.Task[None], again_s: float = CANCEL_AGAIN_S) -> None:
    """Cancel the tasks until each has ended.

    Once is not enough. Where a database goes away in the very moment of the cancellation, the
    driver's roll-back raises an error of its own in its place, which looks like any outage: the
    task goes on. Such a process, left over by a server that was killed, would ship on for ever,
    beside the one of the next server.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=again_s)
    await asyncio.gather(*tasks, return_exceptions=True)


async def _look_after(shipper: Shipper, begin: Begin, tell: Callable[[ToServer], None]) -> None:
    await shipper.drain()  # the schema is there then
    upkeep = Upkeep(
        begin.dsn,
        begin.kept,
        on_event=_alarming(tell),
        on_dropped=lambda partitions: tell(PartitionsDropped(partitions)),
    )
    await upkeep.run()


def tune_collector() -> None:
    """Have Python's collector look seldom: a batch's rows all live until it is written."""
    gc.freeze()  # what is loaded now lives as long as the process
    gc.set_threshold(50_000, 50, 100)


def main() -> None:
    """Ship what the server at the other end of the line says."""
    os.nice(NICENESS)
    tune_collector()
    line = socket.socket(fileno=int(sys.argv[1]))
    line.setblocking(False)
    uvloop.run(serve(line))


if __name__ == "__main__":
    main()
