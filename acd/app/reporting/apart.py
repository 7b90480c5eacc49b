"""Reports for a running server: made by a process that is started when somebody wants one."""

import asyncio
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from acd.config import Config
from acd.reports.request import Request, RequestError
from acd.storage.shipping import child_environment
from acd.web.ports import ServiceUnavailableError

from .line import Answer, Failed, Made, Order, Refused, Unreachable, receive, send

log = structlog.get_logger(__name__)

WAITING_MAX = 16
"Orders at once, the one being made counted: they are made one by one, in a second or so each."


class ReportFailedError(Exception):
    """Making the report failed by a fault of ours; the log has it."""


@dataclass(slots=True)
class _Process:
    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class ReportsApart:
    """Has reports made. One process, which ends by itself when nothing is wanted."""

    def __init__(self, dsn: str, config: Callable[[], Config]) -> None:
        """`config` returns the one that serves."""
        self._dsn = dsn
        self._config = config
        self._process: _Process | None = None
        self._making = asyncio.Lock()
        self._waiting = 0

    @property
    def pid(self) -> int:
        """The process's id; 0: there is none."""
        return self._process.process.pid if self._process else 0

    async def make(
        self, name: str, request: Request, form: str, locale: str, *, limit_s: float
    ) -> bytes:
        """Return a report in its form.

        Raises RequestError, ServiceUnavailableError (the database, too many orders, or it takes
        longer than `limit_s`), or ReportFailedError.
        """
        if self._waiting >= WAITING_MAX:
            raise ServiceUnavailableError(f"{WAITING_MAX} reports are being made already")
        order = Order(
            name=name,
            request=request,
            form=form,
            locale=locale,
            dsn=self._dsn,
            config=self._config(),
            limit_s=limit_s,
        )
        self._waiting += 1
        try:
            async with asyncio.timeout(limit_s), self._making:
                answer = await self._answer(order)
        except TimeoutError as error:
            raise ServiceUnavailableError(
                f"the report was not ready within {limit_s:.0f} s; ask for fewer days"
            ) from error
        finally:
            self._waiting -= 1
        return _content(answer, name)

    async def close(self) -> None:
        """End the process."""
        await self._end()

    async def _answer(self, order: Order) -> Answer:
        # It may end by itself just when it is asked: the second one is new.
        for _ in range(2):
            try:
                process = self._process or await self._start()
                await send(process.writer, order)
                answer = await receive(process.reader)
            except ConnectionError:
                answer = None
            except BaseException:
                # What was ordered may be half done: its answer must not be taken for another's.
                await self._end()
                raise
            if isinstance(answer, Made | Refused | Unreachable | Failed):
                return answer
            await self._end()
        raise ServiceUnavailableError("the process that makes reports has ended")

    async def _start(self) -> _Process:
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # no module of the working folder in place of ours
                "-m",
                "acd.app.reporting.process",
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                env=child_environment(),
            )
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        self._process = _Process(process, reader, writer)
        return self._process

    async def _end(self) -> None:
        ended, self._process = self._process, None
        if ended is None:
            return
        ended.writer.close()
        # It may be in the midst of a picture, which nobody waits for any more.
        with suppress(ProcessLookupError):
            ended.process.kill()
        await ended.process.wait()


def _content(answer: Answer, name: str) -> bytes:
    match answer:
        case Made(content):
            return content
        case Refused(text, field):
            raise RequestError(text, field=field)
        case Unreachable(text):
            raise ServiceUnavailableError(f"the database does not answer: {text}")
        case Failed(traceback):
            log.error("report_failed", report=name, traceback=traceback)
            raise ReportFailedError(f"making the report {name} failed; the log says why")
