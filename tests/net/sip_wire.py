"""What the tests of the SIP transports share: a record of what arrives, and messages."""

import asyncio
import time

import uvloop

from acd.net.listener import SipTransports
from acd.sip.peer import Peer

DEADLINE_S = 30.0
"For what comes at once, on a machine that is busy with everything else."


class Arrivals:
    """Both callbacks of the transports; what came can be waited for."""

    def __init__(self):
        self.messages = asyncio.Queue()
        self.failed = asyncio.Queue()

    def on_message(self, data, peer):
        self.messages.put_nowait((data, peer))

    def on_failed(self, peer):
        self.failed.put_nowait(peer)

    async def message(self):
        return await asyncio.wait_for(self.messages.get(), DEADLINE_S)

    async def failure(self):
        return await asyncio.wait_for(self.failed.get(), DEADLINE_S)


def run(scenario):
    """Run a coroutine function on the loop that the server runs on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(scenario(), 2 * DEADLINE_S))


class Heartbeat:
    """Measures how long this process was held up at most: both sides of a test are in it."""

    def __init__(self):
        self.longest_s = 0.0

    async def __aenter__(self):
        self._beaten_at = time.monotonic()
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.wait([self._task])
        self._note()

    def _note(self):
        self.longest_s = max(self.longest_s, time.monotonic() - self._beaten_at)
        self._beaten_at = time.monotonic()

    async def _beat(self):
        while True:
            await asyncio.sleep(0.005)  # its lateness is what is measured
            self._note()


def run_in_time(scenario, within_s):
    """Run a scenario whose steps have to follow each other within this time.

    Where the machine held it up for longer it proves nothing when it fails, and is run again.
    """

    async def undisturbed():
        while True:
            beats = Heartbeat()
            try:
                async with beats:
                    await scenario()
            except Exception:
                if beats.longest_s < within_s:
                    raise
            else:
                return

    run(undisturbed)


class Serving:
    """Transports that listen on loopback, with their arrivals."""

    def __init__(self, *listeners, **options):
        self._listeners = [
            listener if isinstance(listener, tuple) else (listener, "127.0.0.1", 0)
            for listener in listeners
        ]
        self._options = options

    async def __aenter__(self):
        self.arrivals = Arrivals()
        self.transports = SipTransports(
            self.arrivals.on_message, self.arrivals.on_failed, **self._options
        )
        await self.transports.start(self._listeners)
        return self

    async def __aexit__(self, *_):
        await self.transports.close()

    def peer(self, index=0):
        """Return this server as seen by the other side."""
        return Peer(*self.transports.bound_addresses()[index])


async def until(true):
    """Wait for what only the loop's next turns bring about and nobody reports."""
    async with asyncio.timeout(DEADLINE_S):
        while not true():  # noqa: ASYNC110  figures have no event
            await asyncio.sleep(0)


async def connections(server, count):
    """Wait until so many connections stand."""
    await until(lambda: server.transports.connections() == count)


def message(number, body=b""):
    """Return a SIP message that names its number."""
    head = f"OPTIONS sip:{number}@acd SIP/2.0\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
