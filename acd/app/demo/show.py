"""The course of a demo: server up, people in, screen on; calls stop, people leave, report."""

import asyncio
import signal
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from rich.console import Console, RenderableType
from rich.live import Live

from acd.config import Config
from acd.net.phone import PhoneError
from acd.reports.days import day_borders
from acd.reports.kpi_report import kpi_report
from acd.reports.request import microseconds
from acd.reports.table import for_terminal
from acd.routing.model import AgentProfile

from .board import Board
from .client import Client, ClientError
from .people import AgentAtWork, Ears, Pace, call_hotline
from .screen import Clock, Locale, draw_board, plain_line
from .site import DemoError, DemoSite

CALLERS_MAX = 200
"Callers at once: a call costs some 2 % of a core here; more would only show a lack of CPU."

WIND_DOWN_S = 20.0
"What calls under way may still take when no new ones come; half of the longest talk."

LOOK_S = 0.5
"Between two looks at the floor: what people can follow."

KPI_EVERY = 4
"Looks between two questions to the database."

LINE_EVERY = 6
"Looks between two plain lines: 3 s."

AFTER_WORK_S = 10.0
"What agents may then take to class their last calls: the longest wrap-up and a code's prompt."

SETTLE_S = 30.0
"What the last records may take to the database; below a second usually."

REPORT_WIDTH = 160
"Columns of the report where no terminal tells its own width."

CALLS_PER_AGENT_MINUTE = 2.0
"A call takes an agent some 25 s in all: five in six busy, so that lines come and go."


class DemoOptions(Struct, frozen=True, kw_only=True):
    """What the demo shall be like."""

    minutes: float = 5.0
    "How long calls come in."

    agents: int = 0
    "At work; 0: all of the configuration."

    calls_per_minute: float = 0.0
    "0: as many as keep the agents busy."

    locale: Locale = "zh"
    folder: Path | None = None
    "Where server and records live; None: a new folder for temporary files."

    pace: Pace = Pace()


async def run_demo(config: Config, options: DemoOptions, console: Console) -> None:
    """Run a demo to its end, or to the first Ctrl-C; the second one cancels it.

    Raises DemoError when the server cannot start, ends by itself, or refuses its agents.
    """
    folder = _prepare_folder(options.folder)
    enough = asyncio.Event()
    console.print(f"acd demo: a server starts on {folder}", highlight=False, soft_wrap=True)
    with _ended_by_signals(enough):
        async with (
            DemoSite(config, folder, locale=options.locale) as site,
            Client(site.http, site.token) as client,
        ):
            demo = _Demo(config, options, site, client, console, enough)
            await demo.run()
            try:
                await _settle(client)
                kpis = await client.kpis(demo.began_on)
                trace_path = await _keep_trace(client, demo.board.last_call, folder)
            except ClientError as error:
                raise DemoError(f"the figures cannot be had: {error}") from error
    wide = console if console.is_terminal else Console(file=console.file, width=REPORT_WIDTH)
    from_at, _ = day_borders(demo.began_on, demo.zone)
    _, to_at = day_borders(datetime.now(demo.zone).date(), demo.zone)
    report = kpi_report(
        kpis, from_us=microseconds(from_at), to_us=microseconds(to_at), timezone=demo.zone.key
    )
    for part in for_terminal(report, wide, options.locale):
        wide.print(part)
    _tell_further(wide, folder, trace_path)


class _Demo:
    """One demo under way."""

    def __init__(
        self,
        config: Config,
        options: DemoOptions,
        site: DemoSite,
        client: Client,
        console: Console,
        enough: asyncio.Event,
    ) -> None:
        self.board = Board()
        self.zone = ZoneInfo(config.server.centre.timezone)
        self.began_on = datetime.now(self.zone).date()
        "A demo may last over midnight."
        self._config = config
        self._options = options
        self._site = site
        self._client = client
        self._console = console
        self._enough = enough
        self._draw = Random()
        self._ears = Ears()
        self._asking: asyncio.Task[None] | None = None
        self._stop_at_s = time.monotonic() + options.minutes * 60
        agents = _mixed(config.agent_profiles())
        categories = [category.code for category in config.reasons.categories]
        self._agents = [
            AgentAtWork(
                profile,
                client=client,
                ears=self._ears,
                pace=options.pace,
                draw=self._draw,
                categories=categories,
            )
            for profile in agents[: options.agents or len(agents)]
        ]

    async def run(self) -> None:
        """Have people call and work until the time is over or somebody ends it."""
        try:
            async with asyncio.TaskGroup() as group:
                lasting = [
                    group.create_task(self._site.ended()),
                    group.create_task(self._show()),
                    *(
                        group.create_task(agent.work(self._site.sip, self._site.passwords))
                        for agent in self._agents
                    ),
                ]
                callers = await self._dial_in(group)
                await self._unless_enough(callers, WIND_DOWN_S)
                for caller in callers:
                    caller.cancel()
                work = {group.create_task(agent.free.wait()) for agent in self._agents}
                await self._unless_enough(work, AFTER_WORK_S)
                for task in (*work, *lasting):
                    task.cancel()
        except* (DemoError, PhoneError, OSError) as failed:
            raise DemoError(str(failed.exceptions[0])) from failed
        finally:
            if self._asking is not None:
                self._asking.cancel()
                await asyncio.gather(self._asking, return_exceptions=True)

    # --- people ---

    async def _dial_in(self, group: asyncio.TaskGroup) -> set[asyncio.Task[None]]:
        """Have callers dial at random moments until the time is over; return those under way."""
        options = self._options
        per_minute = options.calls_per_minute or CALLS_PER_AGENT_MINUTE * len(self._agents)
        callers: set[asyncio.Task[None]] = set()
        while (left_s := self._stop_at_s - time.monotonic()) > 0 and not self._enough.is_set():
            if len(callers) < CALLERS_MAX:
                number = f"13{self._draw.randrange(10**9):09d}"
                caller = call_hotline(
                    self._site.sip, number, ears=self._ears, pace=options.pace, draw=self._draw
                )
                task = group.create_task(caller)
                callers.add(task)
                task.add_done_callback(callers.discard)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, self._draw.expovariate(per_minute / 60))):
                    await self._enough.wait()
        self._stop_at_s = time.monotonic()
        return callers

    async def _unless_enough(self, tasks: Collection[asyncio.Task[Any]], limit_s: float) -> None:
        """Wait until all are done, the limit is over, or somebody has seen enough."""
        if not tasks:
            return
        waits: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._enough.wait()),
            asyncio.create_task(asyncio.wait(tasks)),
        ]
        try:
            await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    # --- the screen ---

    async def _show(self) -> None:
        if not self._console.is_terminal:
            await self._show_lines()
            return
        with Live(console=self._console, auto_refresh=False, vertical_overflow="crop") as live:
            for look in count():
                await self._look(with_kpis=look % KPI_EVERY == 0)
                live.update(self._screen(), refresh=True)
                await asyncio.sleep(LOOK_S)

    async def _show_lines(self) -> None:
        for look in count():
            await self._look(with_kpis=look % LINE_EVERY == 0)
            if look % LINE_EVERY == 0:
                line = plain_line(self.board, self._clock(), locale=self._options.locale)
                self._console.print(line, highlight=False, markup=False, soft_wrap=True)
            await asyncio.sleep(LOOK_S)

    async def _look(self, *, with_kpis: bool) -> None:
        client, board = self._client, self.board
        # A look that fails is made up for by the next; a server that ended is another's concern.
        with suppress(ClientError):
            board.take_queues(await client.queues())
            board.take_agents(await client.agents())
            calls, now_s = await client.calls(), time.monotonic()
            board.take_calls(calls, now_s=now_s, wall=datetime.now(self.zone))
        if with_kpis and (self._asking is None or self._asking.done()):
            # The first report waits for the process that makes them; the screen does not.
            self._asking = asyncio.create_task(self._take_kpis())

    async def _take_kpis(self) -> None:
        with suppress(ClientError):
            self.board.take_kpis(await self._client.kpis(self.began_on))

    def _screen(self) -> RenderableType:
        return draw_board(
            self.board,
            self._clock(),
            hint=self._hint(),
            height=self._console.height,
            locale=self._options.locale,
        )

    def _hint(self) -> str:
        last = self.board.last_call
        if not last:
            return f"http://{self._site.http}/"
        return f"acd trace {last} --state {self._site.state} --http {self._site.http}"

    def _clock(self) -> Clock:
        return Clock(wall=datetime.now(self.zone), left_s=self._stop_at_s - time.monotonic())


async def _settle(client: Client) -> None:
    """Wait until the database has every record."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_S):
            while await client.records_behind():  # noqa: ASYNC110 - another process's state
                await asyncio.sleep(LOOK_S)


async def _keep_trace(client: Client, interaction: str, folder: Path) -> Path | None:
    """Write down the last call's ladder: the server forgets it when it ends."""
    if not interaction:
        return None
    path = folder / "last-call.txt"
    path.write_text(await client.trace(interaction), "utf-8")
    return path


def _tell_further(console: Console, folder: Path, trace_path: Path | None) -> None:
    """Say where to look on; the server has ended, its records stay."""
    where = f"--config {folder / 'config'} --state {folder / 'state'}"
    lines = [f"acd report kpi {where}", f"acd journal dump --state {folder / 'state'}"]
    if trace_path is not None:
        lines.append(f"cat {trace_path}    # acd trace of the last call")
    lines.append(f"acd run {where}    # the same server for phones of your own")
    home = folder / "state" / "postgres.location"
    places = [folder, *([Path(home.read_text().strip())] if home.exists() else [])]
    lines.append(f"rm -r {' '.join(map(str, places))}    # nothing else is left of the demo")
    console.print("\n".join(["", *lines]), highlight=False, markup=False, soft_wrap=True)


def _prepare_folder(folder: Path | None) -> Path:
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="acd-demo-"))
        # A server of root's runs its Postgres as another account, which has to pass through.
        folder.chmod(0o755)
    elif folder.exists() and any(folder.iterdir()):
        raise DemoError(f"{folder} is not empty; a demo wants a folder of its own")
    return folder.resolve()


def _mixed(agents: Sequence[AgentProfile]) -> list[AgentProfile]:
    """Return the agents in turns by their first skill, so that the first few serve all queues."""
    teams: dict[str, list[AgentProfile]] = {}
    for agent in agents:
        teams.setdefault(next(iter(agent.skills), ""), []).append(agent)
    longest = max(map(len, teams.values()), default=0)
    return [team[at] for at in range(longest) for team in teams.values() if at < len(team)]


@contextmanager
def _ended_by_signals(enough: asyncio.Event) -> Iterator[None]:
    """Set the event on the first SIGINT or SIGTERM, cancel the task on the second."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def on_signal() -> None:
        if enough.is_set() and task is not None:
            task.cancel()
        enough.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
