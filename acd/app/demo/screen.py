"""The demo's screen: queues, agents, last calls; one plain line where there is no terminal."""

from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from typing import Literal

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from acd.reports.kpi import QueueKpi

from .board import Board
from .client import AgentView

Locale = Literal["zh", "en"]

ROWS_AROUND = 11
"Frame, head, hint, and two lines above each of three tables, and the prompt below."

LAST_CALLS_MIN = 2
"Shown on the lowest terminal too."

_WORDS = {
    "title": ("acd demo", "acd 演示"),
    "calls": ("calls under way", "通话中"),
    "left": ("new calls for", "继续呼入"),
    "ending": ("no new calls; the last ones end", "停止呼入，等待结束"),
    "stop": ("Ctrl-C ends it", "Ctrl-C 结束"),
    "queues": ("Queues", "队列"),
    "queue": ("Queue", "队列"),
    "waiting": ("Waiting", "排队"),
    "oldest": ("Oldest wait", "最长等待"),
    "offered": ("Offered", "呼入量"),
    "answered": ("Answered", "接起量"),
    "abandoned": ("Abandoned", "放弃量"),
    "level": ("Service level", "规定期间接通率"),
    "conversion": ("Conversion", "成交率"),
    "agents": ("Agents", "座席"),
    "number": ("No.", "工号"),
    "name": ("Name", "姓名"),
    "status": ("Status", "状态"),
    "state": ("State", "话务状态"),
    "since": ("For", "持续"),
    "taken": ("Calls", "接起"),
    "finished": ("Last calls", "最近通话"),
    "ended": ("Ended", "结束"),
    "caller": ("Caller", "主叫"),
    "agent": ("Agent", "座席"),
    "waited": ("Before", "接通前"),
    "talked": ("Talk", "通话"),
    "nobody": ("gave up", "放弃"),
    "left_menu": ("in the menu", "语音菜单"),
    "ready": ("ready", "就绪"),
    "away": ("away", "离座"),
    "logged_out": ("logged out", "签出"),
    "offline": ("offline", "离线"),
    "idle": ("idle", "空闲"),
    "offered_state": ("ringing", "振铃"),
    "talking": ("talking", "通话"),
    "held": ("on hold", "保持"),
    "wrap_up": ("wrap-up", "话后"),
    "paused": ("set aside", "暂停派话"),
}
"Key: English, Chinese."

_STATE_STYLES = {
    "idle": "green",
    "offered": "yellow",
    "talking": "cyan",
    "held": "cyan",
    "wrap_up": "magenta",
    "paused": "red",
    "offline": "dim",
}


class Clock(Struct, frozen=True, kw_only=True):
    """How far the demo is."""

    wall: datetime
    "In the centre's zone."

    left_s: float
    "Until no new calls come; 0 and less: they have stopped."


def draw_board(
    board: Board, clock: Clock, *, hint: str, height: int, locale: Locale
) -> RenderableType:
    """Return the whole screen; `hint` is a command that leads further."""
    queues, agents = _queues(board, locale), _agents(board, clock, locale)
    taken = queues.row_count + agents.row_count + ROWS_AROUND
    parts = (
        Text(_head(board, clock, locale), style="bold"),
        queues,
        agents,
        _finished(board, locale, rows=max(LAST_CALLS_MIN, height - taken)),
        Text(hint, style="dim", overflow="ellipsis", no_wrap=True),
    )
    return Panel(Group(*parts), title=_word("title", locale), expand=False)


def plain_line(board: Board, clock: Clock, *, locale: Locale) -> str:
    """Return the figures in one line."""
    parts = [clock.wall.strftime("%H:%M:%S")]
    for queue in board.queues:
        kpi = board.kpis.get(queue.queue) or QueueKpi(queue=queue.queue)
        parts.append(
            f"{queue.name}: {_word('waiting', locale)} {queue.waiting},"
            f" {_word('answered', locale)} {kpi.answered}/{kpi.offered},"
            f" {_word('abandoned', locale)} {kpi.abandons + kpi.short_abandons},"
            f" {_word('level', locale)} {_per_cent(kpi.service_level)}"
        )
    states = Counter(agent.state for agent in board.agents if agent.state != "offline")
    shown = (f"{_state_word(state, locale)} {count}" for state, count in sorted(states.items()))
    parts.append(f"{_word('agents', locale)}: {', '.join(shown)}")
    return " | ".join(parts)


def _head(board: Board, clock: Clock, locale: Locale) -> str:
    left = (
        f"{_word('left', locale)} {_duration(clock.left_s)}"
        if clock.left_s > 0
        else _word("ending", locale)
    )
    return (
        f"{clock.wall:%H:%M:%S}  {_word('calls', locale)}: {board.calls_under_way}"
        f"  {left}  {_word('stop', locale)}"
    )


def _queues(board: Board, locale: Locale) -> Table:
    keys = ("waiting", "oldest", "offered", "answered", "abandoned", "level", "conversion")
    table = _table("queues", ("queue",), keys, locale)
    for queue in board.queues:
        kpi = board.kpis.get(queue.queue) or QueueKpi(queue=queue.queue)
        table.add_row(
            queue.name,
            Text(str(queue.waiting), style="bold red" if queue.waiting else ""),
            _duration(queue.oldest_wait_s) if queue.waiting else "–",
            str(kpi.offered),
            str(kpi.answered),
            str(kpi.abandons + kpi.short_abandons),
            _per_cent(kpi.service_level),
            _per_cent(kpi.conversion_rate),
        )
    return table


def _agents(board: Board, clock: Clock, locale: Locale) -> Table:
    table = _table("agents", ("number", "name", "status", "state"), ("since", "taken"), locale)
    names = {queue.queue: queue.name for queue in board.queues}
    for agent in board.agents:
        if agent.state == "offline" and agent.number not in board.calls_taken:
            continue
        state = _state_word(agent.state, locale)
        queue = names.get(agent.queue, agent.queue)
        table.add_row(
            agent.number,
            agent.name,
            " ".join(filter(None, (_word(agent.status, locale), agent.reason))),
            Text(f"{state} {queue}".strip(), style=_STATE_STYLES.get(agent.state, "")),
            _duration(_age_s(agent, clock)),
            str(board.calls_taken.get(agent.number, 0)),
        )
    return table


def _finished(board: Board, locale: Locale, *, rows: int) -> Table:
    table = _table("finished", ("ended", "caller", "queue", "agent"), ("waited", "talked"), locale)
    queues = {queue.queue: queue.name for queue in board.queues}
    agents = {agent.number: agent.name for agent in board.agents}
    for call in islice(board.finished, rows):
        answered = f"{call.agent} {agents.get(call.agent, '')}".strip()
        table.add_row(
            call.ended.strftime("%H:%M:%S"),
            call.caller,
            queues.get(call.queue, call.queue) or _word("left_menu", locale),
            answered or Text(_word("nobody", locale), style="red"),
            _duration(call.waited_s),
            _duration(call.talked_s) if call.agent else "–",
        )
    return table


def _table(title: str, left: tuple[str, ...], right: tuple[str, ...], locale: Locale) -> Table:
    table = Table(
        title=_word(title, locale),
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 2, 0, 0),
    )
    for key in left:
        table.add_column(_word(key, locale), no_wrap=True)
    for key in right:
        table.add_column(_word(key, locale), no_wrap=True, justify="right")
    return table


def _word(key: str, locale: Locale) -> str:
    words = _WORDS.get(key)
    return key if words is None else words[locale == "zh"]


def _state_word(state: str, locale: Locale) -> str:
    # "offered" is a figure of queues as well as a state of agents, in other words.
    return _word("offered_state" if state == "offered" else state, locale)


def _age_s(agent: AgentView, clock: Clock) -> float:
    return (clock.wall.astimezone(UTC) - datetime.fromisoformat(agent.since)).total_seconds()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    return f"{minutes}:{rest:02d}"


def _per_cent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.0f} %"
