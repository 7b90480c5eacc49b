"""Makes the reports of reports.yaml when they are due, and keeps what was made over a restart."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import structlog

from acd.config import Config
from acd.config.reports import ScheduledReport
from acd.ivr.document import Fault
from acd.reports.asking import Wish
from acd.reports.request import RequestError
from acd.reports.schedule import NEVER, Run, Schedule
from acd.storage.private_file import replace_private
from acd.web.ports import ReportDocument, ServiceUnavailableError, UnknownReportError
from acd.web.reports_api import CONTENT_TYPES

from . import REPORTS
from .apart import ReportFailedError
from .aside import aside
from .mail import Letter, MailError, send

log = structlog.get_logger(__name__)

FILE_NAME = "scheduled_reports.json"

LIMIT_S = 1_800.0
"Nobody waits for it at a screen: half an hour is enough for a year of a large centre."

TROUBLE = (
    ServiceUnavailableError,
    UnknownReportError,
    ReportFailedError,
    RequestError,
    MailError,
    OSError,
)
"What can go wrong with a report; all of it may be right at the next attempt."

COPY_BYTES = 1 << 20
"Written into a folder at a time: the server never holds a whole report, but for an e-mail."

Make = Callable[[str, Wish, str, str, str, float], AbstractAsyncContextManager[ReportDocument]]
"As `Reports.document`."


class ScheduledReports:
    """Run `run` as a task beside the calls."""

    def __init__(
        self,
        state: Path,
        config: Callable[[], Config],
        *,
        make: Make,
        settled: Callable[[], Awaitable[None]],
        now: Callable[[], datetime],
    ) -> None:
        """`settled` returns when all records of calls till now are in the database.

        `now` is the wall's time, in UTC.
        """
        self._state = state
        self._path = state / FILE_NAME
        self._config = config
        self._make = make
        self._settled = settled
        self._now = now
        self._schedule = Schedule(self._read())
        self._changed = asyncio.Event()

    def take(self, config: Config) -> None:
        """Go by another configuration."""
        for fault in unknown_reports(config):
            log.error("scheduled_report_unknown", fault=str(fault))
        zone = ZoneInfo(config.server.centre.timezone)
        self._schedule.take(config.reports.plans(zone), self._now())
        self._changed.set()

    async def run(self) -> None:
        """Make what is due, for ever; ends by cancellation."""
        self.take(self._config())
        await self._write()
        while True:
            self._changed.clear()
            for run in self._schedule.on_time(self._now()):
                await self._carry_out(run)
            deadline = self._schedule.next_deadline()
            wait_s = None
            if deadline != NEVER:
                wait_s = max(0.0, (deadline - self._now()).total_seconds())
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
                await self._write()
            except TimeoutError:
                continue

    async def _carry_out(self, run: Run) -> None:
        one = self._config().reports.schedules.get(run.plan)
        try:
            if one is not None:
                await self._deliver(run, one)
        except TROUBLE as error:
            self._fail(run, str(error))
        except Exception:  # our own bug in one report must not end the others
            log.exception("scheduled_report_broken", schedule=run.plan)
            self._fail(run, "a fault of the program's own")
        else:
            self._schedule.on_made(run)
        await self._write()

    def _fail(self, run: Run, reason: str) -> None:
        given_up = self._schedule.on_failed(run, self._now())
        (log.critical if given_up else log.error)(
            "scheduled_report_failed",
            schedule=run.plan,
            days=_days(run.first, run.last),
            reason=reason,
            then="given up" if given_up else "tried again",
        )

    async def _deliver(self, run: Run, one: ScheduledReport) -> None:
        await self._settled()
        config = self._config()
        locale = one.locale or config.server.centre.locale
        wish = one.wish(run.first, run.last)
        asked = (one.report, wish, one.format, locale, one.role, LIMIT_S)
        file_name = f"{run.plan}-{_days(run.first, run.last)}.{one.format}"
        async with self._make(*asked) as made:
            while not made.complete:
                await made.more(made.size)
            if one.folder:
                await asyncio.to_thread(_save, self._state / one.folder, file_name, made)
            if one.mail_to:
                content = await asyncio.to_thread(made.read, 0, made.size)
                await self._mail(run, one, file_name, content)
            log.info("scheduled_report_made", schedule=run.plan, file=file_name, bytes=made.size)

    async def _mail(self, run: Run, one: ScheduledReport, file_name: str, content: bytes) -> None:
        config = self._config()
        centre, mail = config.server.centre, config.reports.mail
        days = _days(run.first, run.last)
        letter = Letter(
            to=one.mail_to,
            subject=f"{centre.name} {run.plan} {days}",
            text=f"{centre.name}\n{run.plan}: {one.report}, {days} ({centre.timezone})\n",
            file_name=file_name,
            content=content,
            content_type=CONTENT_TYPES[one.format],
            message_id=_message_id(self._state, run, str(mail.sender)),
            at=self._now(),
        )
        password, folder = config.mail_password, config.folder
        refused = await aside(lambda: send(mail, password, folder, letter))
        if refused:
            # The others have it; a second attempt would give it to them twice.
            log.error("scheduled_report_not_taken", schedule=run.plan, days=days, by=refused)

    def _read(self) -> dict[str, date]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, date])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("scheduled_reports_not_read", error=str(error), effect="begins anew")
            return {}

    async def _write(self) -> None:
        data = msgspec.json.encode(self._schedule.kept())
        try:
            await asyncio.to_thread(replace_private, self._path, data)
        except OSError as error:
            log.warning("scheduled_reports_not_kept", error=str(error), effect="may come twice")


def unknown_reports(config: Config) -> list[Fault]:
    """Return the schedules whose report there is not."""
    file, there_are = str(config.folder / "reports.yaml"), ", ".join(sorted(REPORTS))
    return [
        Fault(
            file,
            1,
            1,
            f"schedules.{name}.report",
            f"{name}: there is no report {one.report}",
            there_are,
        )
        for name, one in config.reports.schedules.items()
        if one.report not in REPORTS
    ]


def _save(folder: Path, name: str, made: ReportDocument) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Whole or not at all, and by the usual umask: others shall read it.
    draft = folder / f".{name}.new"
    try:
        with draft.open("wb") as file:
            for at in range(0, made.size, COPY_BYTES):
                file.write(made.read(at, COPY_BYTES))
        draft.replace(folder / name)
    except OSError:
        # The disk may be full: half a report must not keep the room.
        draft.unlink(missing_ok=True)
        raise


def _days(first: date, last: date) -> str:
    return str(first) if first == last else f"{first}_{last}"


def _message_id(state: Path, run: Run, sender: str) -> str:
    told = f"{state.resolve()}/{run.plan}/{run.first}/{run.last}"
    return f"<{hashlib.sha256(told.encode()).hexdigest()[:32]}@{sender.rpartition('@')[2]}>"
