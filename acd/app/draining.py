"""From a signal to the end: new calls are refused, running ones may end, the rest is cut."""

import asyncio
from contextlib import suppress

import structlog

from acd.calls.centre import CallCentre
from acd.calls.journal import Record
from acd.net.driver import Driver
from acd.sip.endpoint import Endpoint

from .waiting import unless

log = structlog.get_logger(__name__)

BYE_GRACE_S = 1.0
"How long phones get to answer our BYE before the sockets close; they answer within 1 ms here."


class Draining:
    """What signals have asked for, and the calls' end that follows from it."""

    REASON = "draining"
    "Why new calls are refused (`CallCentre.refusing`)."

    def __init__(self, limit_s: float) -> None:
        """`limit_s` is how long running calls may go on."""
        self.wanted = asyncio.Event()
        "The server shall end."
        self.hurried = asyncio.Event()
        "A second signal came: every wait is cut short."
        self._limit_s = limit_s
        self._no_calls = asyncio.Event()

    def on_signal(self) -> None:
        """Take a signal: the first asks for the end, the second for it at once."""
        (self.hurried if self.wanted.is_set() else self.wanted).set()

    def watch(self, centre: CallCentre, _ended: Record) -> None:
        """Look whether the call that has ended was the last one."""
        if not centre.calls_total:
            self._no_calls.set()

    async def end_calls(self, endpoint: Endpoint, centre: CallCentre, driver: Driver) -> None:
        """Refuse new calls, let running ones end, then hang up on the rest."""
        endpoint.draining = True
        centre.refusing = self.REASON
        log.info("draining", calls=centre.calls_total, seconds=self._limit_s)
        await self._calls_over(centre)
        if centre.calls_total:
            driver.carry_out(centre.shut_down(driver.now()))
            driver.flush()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.hurried.wait(), BYE_GRACE_S)

    async def _calls_over(self, centre: CallCentre) -> None:
        """Wait until no call is left, the limit is over, or a second signal comes."""
        if not centre.calls_total:
            return
        # It was set whenever the last of several calls had ended, all day long.
        self._no_calls.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limit_s):
                await unless(self.hurried, self._no_calls.wait())
