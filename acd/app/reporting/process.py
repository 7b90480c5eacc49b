"""Makes reports in a process of its own, so that no call waits for a sheet or a picture.

Run as `python -m acd.app.reporting.process FD`: the socket that leads to the server. It ends with
the line, thus with the server, whatever that dies of; and when nobody has wanted anything for a
while, for its libraries take more memory than the server.
"""

import asyncio
import os
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import IO

import asyncpg

from acd.app.reporting.exporting import export
from acd.app.reporting.line import (
    Answer,
    Failed,
    Made,
    Order,
    Refused,
    Unreachable,
    Written,
    post,
    receive,
    send,
)
from acd.reports.request import RequestError
from acd.storage.database import UNREACHABLE

IDLE_S = 60.0
"A page of live figures asks more often than that; starting anew takes half a second."

CONNECT_S = 5.0

NICENESS = 10
"Calls come first; among equals a report would take half of a core that signalling needs."


async def serve(line: socket.socket, *, idle_s: float = IDLE_S) -> None:
    """Make what is ordered, one after the other, until the line ends or nothing comes."""
    reader, writer = await asyncio.open_unix_connection(sock=line)
    coming = asyncio.create_task(receive(reader))
    while True:
        await asyncio.wait((coming,), timeout=idle_s)
        order = coming.result() if coming.done() else None
        if not isinstance(order, Order):
            break
        coming = asyncio.create_task(receive(reader))
        making = asyncio.create_task(answer_to(order, lambda size: post(writer, Written(size))))
        await asyncio.wait((making, coming), return_when=asyncio.FIRST_COMPLETED)
        if not making.done():  # the server has gone, or does not want it any more
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
            break
        await send(writer, making.result())
    coming.cancel()
    await asyncio.gather(coming, return_exceptions=True)
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def answer_to(order: Order, tell: Callable[[int], None]) -> Answer:
    """Make one report; whatever goes wrong becomes an answer. `tell` hears how large it is."""
    try:
        connection = await asyncpg.connect(
            order.dsn,
            timeout=CONNECT_S,
            server_settings={
                "application_name": "acd reports",
                "statement_timeout": str(round(order.limit_s * 1000)),
            },
        )
        try:
            with _opened(order.path) as file:

                def written() -> int:
                    file.flush()
                    return os.fstat(file.fileno()).st_size

                await export(
                    *(connection, order.config, order.name, order.request),
                    *(order.form, order.locale, file),
                    tell=lambda _done, _total: tell(written()),
                )
                return Made(written())
        finally:
            await connection.close()
    except RequestError as error:
        return Refused(str(error), error.field)
    except UNREACHABLE as error:
        return Unreachable(str(error) or type(error).__name__)
    except Exception:  # noqa: BLE001 - the server logs it: this process has no log
        return Failed(traceback.format_exc())


def _opened(path: str) -> IO[bytes]:
    """Return the file, which has no name from then on: whoever dies leaves nothing behind."""
    file = open(path, "r+b")  # noqa: SIM115 - the caller closes it
    os.unlink(path)
    return file


def main() -> None:
    """Make what the server at the other end of the line orders."""
    os.nice(NICENESS)
    line = socket.socket(fileno=int(sys.argv[1]))
    line.setblocking(False)
    asyncio.run(serve(line))


if __name__ == "__main__":
    main()
