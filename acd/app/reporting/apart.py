"""Reports for a running server: made by a process that is started when somebody wants one."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import structlog

from acd.config import Config
from acd.reports.request import Request, RequestError
from acd.storage.shipping import UNINTERRUPTED, child_environment
from acd.web.ports import ServiceUnavailableError

from .growing import GrowingFile
from .line import Answer, Failed, Made, Order, Refused, Unreachable, Written, receive, send

log = structlog.get_logger(__name__)

WAITING_MAX = 16
"Orders at once, the one being made counted: they are made one by one, in a second or so each."

FILES_MAX = 48
"""Reports whose files are there at once, those that wait and those that somebody slow still takes:
three times as many as are waited for."""

END_S = 1.0
"How long the process has to take its question back from the database, when nobody waits any more."


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
        self._files = 0

    @property
    def pid(self) -> int:
        """The process's id; 0: there is none."""
        return self._process.process.pid if self._process else 0

    @asynccontextmanager
    async def making(
        self, name: str, request: Request, form: str, locale: str, *, limit_s: float
    ) -> AsyncIterator[GrowingFile]:
        """Have a report made in its form; give its file, which grows meanwhile.

        Whoever leaves before the end does not want it any more. Raises ServiceUnavailableError for
        too many orders. The file raises RequestError, ServiceUnavailableError (the database, or it
        takes longer than `limit_s`) or ReportFailedError.
        """
        if self._waiting >= WAITING_MAX:
            raise ServiceUnavailableError(f"{WAITING_MAX} reports are being made already")
        if self._files >= FILES_MAX:
            raise ServiceUnavailableError(f"{FILES_MAX} reports are being taken already")
        order = Order(
            name=name,
            request=request,
            form=form,
            locale=locale,
            dsn=self._dsn,
            config=self._config(),
            limit_s=limit_s,
        )
        file = GrowingFile()
        self._waiting += 1
        self._files += 1
        making = asyncio.create_task(self._make(order, file))
        making.add_done_callback(self._made)
        try:
            yield file
        finally:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
            file.close()
            self._files -= 1

    def _made(self, _making: asyncio.Task[None]) -> None:
        self._waiting -= 1

    async def _make(self, order: Order, file: GrowingFile) -> None:
        """Have it made; whatever goes wrong is told by the file."""
        try:
            async with asyncio.timeout(order.limit_s), self._making:
                answer = await self._answer(order, file)
            _settle(answer, order.name, file)
        except TimeoutError:
            text = f"the report was not ready within {order.limit_s:.0f} s; ask for fewer days"
            file.end(ServiceUnavailableError(text))
        except ServiceUnavailableError as error:
            file.end(error)
        except OSError as error:
            file.end(ServiceUnavailableError(f"there is no file for the report: {error}"))
        except Exception:  # the border: whoever waits must not wait for ever
            log.exception("report_failed", report=order.name)
            file.end(ReportFailedError(f"making the report {order.name} failed; the log says why"))

    async def close(self) -> None:
        """End the process."""
        await self._end()

    async def _answer(self, order: Order, file: GrowingFile) -> Answer:
        # It may end by itself just when it is asked: the second one is new.
        for _ in range(2):
            try:
                process = self._process or await self._start()
                await send(process.writer, replace(order, path=file.begin()))
                answer = await _last_word(process.reader, file)
            except ConnectionError:
                answer = None
            except BaseException:
                # What was ordered may be half done: its answer must not be taken for another's.
                await self._end()
                raise
            if answer is not None:
                return answer
            await self._end()
            if file.size:
                break  # somebody has the beginning already
        raise ServiceUnavailableError("the process that makes reports has ended")

    async def _start(self) -> _Process:
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            process = await asyncio.create_subprocess_exec(
                *UNINTERRUPTED,
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
        try:
            async with asyncio.timeout(END_S):
                await ended.process.wait()
        except TimeoutError:
            # It may be in the midst of a picture, which nobody waits for any more.
            with suppress(ProcessLookupError):
                ended.process.kill()
            await ended.process.wait()


async def _last_word(reader: asyncio.StreamReader, file: GrowingFile) -> Answer | None:
    """Return what ends a report, and note how it grows until then; None: the process has ended."""
    while True:
        message = await receive(reader)
        match message:
            case Written(size):
                file.grown(size)
            case Made() | Refused() | Unreachable() | Failed():
                return message
            case _:
                return None


def _settle(answer: Answer, name: str, file: GrowingFile) -> None:
    match answer:
        case Made(size):
            file.grown(size)
            file.end()
        case Refused(text, field):
            file.end(RequestError(text, field=field))
        case Unreachable(text):
            file.end(ServiceUnavailableError(f"the database does not answer: {text}"))
        case Failed(traceback):
            log.error("report_failed", report=name, traceback=traceback)
            file.end(ReportFailedError(f"making the report {name} failed; the log says why"))
