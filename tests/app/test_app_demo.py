"""The demo: its figures, its screen, and the whole of it for some seconds."""

import asyncio
import io
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from acd.app.demo import DemoError, DemoOptions, run_demo
from acd.app.demo.board import FINISHED_KEPT, Board
from acd.app.demo.client import AgentView, CallView, QueueView
from acd.app.demo.people import Pace
from acd.app.demo.screen import Clock, draw_board, plain_line
from acd.app.demo.site import DemoSite
from acd.config import Config, load_config
from acd.reports.kpi import QueueKpi

ROOT = Path(__file__).parents[2]
LIMIT_S = 90.0
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HURRIED = Pace(
    greeting_s=(0.2, 0.6),
    patience_s=(60.0, 90.0),
    ring_s=(0.1, 0.4),
    talk_s=(0.6, 1.5),
    wrap_up_s=(0.1, 0.3),
    break_s=(0.5, 1.0),
    misses=0.0,
)


def agent(**fields: str) -> AgentView:
    known = {
        "number": "1001",
        "name": "王丽",
        "account": "1001",
        "status": "ready",
        "reason": "",
        "state": "idle",
        "since": (NOON - timedelta(seconds=75)).isoformat(),
        "queue": "",
        "last_interaction": "",
    }
    return AgentView(**{**known, **fields})


def call(interaction: str, phase: str, **fields: str) -> CallView:
    known = {"caller": "138", "queue": "", "agent": ""}
    return CallView(interaction=interaction, phase=phase, **{**known, **fields})


# --- figures ---


def test_a_call_is_followed_from_the_menu_to_its_end() -> None:
    board = Board()
    for at_s, calls in (
        (0.0, [call("a", "in_flow")]),
        (4.0, [call("a", "waiting", queue="sales")]),
        (10.0, [call("a", "talking", queue="sales", agent="1001")]),
        (30.0, [call("a", "talking", queue="sales", agent="1001")]),
    ):
        board.take_calls(calls, now_s=at_s, wall=NOON)
        assert board.calls_under_way == 1
    board.take_calls([], now_s=31.0, wall=NOON)
    [over] = board.finished
    assert (over.queue, over.agent, over.waited_s, over.talked_s) == ("sales", "1001", 10.0, 21.0)
    assert (board.calls_under_way, board.last_call) == (0, "a")


def test_who_gave_up_talked_to_nobody() -> None:
    board = Board()
    # While a phone rings the server names the agent already.
    board.take_calls([call("a", "waiting", queue="sales", agent="1001")], now_s=0.0, wall=NOON)
    board.take_calls([], now_s=9.0, wall=NOON)
    [over] = board.finished
    assert (over.agent, over.waited_s, over.talked_s) == ("", 9.0, 0.0)


def test_agents_who_dial_codes_are_no_callers() -> None:
    board = Board()
    board.take_agents([agent()])
    board.take_calls([call("a", "in_flow", caller="1001")], now_s=0.0, wall=NOON)
    board.take_calls([], now_s=1.0, wall=NOON)
    assert not board.finished


def test_calls_of_an_agent_are_counted_once_each() -> None:
    board = Board()
    for last in ("", "a", "a", "b"):
        board.take_agents([agent(last_interaction=last)])
    assert board.calls_taken == {"1001": 2}


def test_only_the_last_calls_are_kept() -> None:
    board = Board()
    names = [str(number) for number in range(FINISHED_KEPT + 3)]
    for name in names:
        board.take_calls([call(name, "in_flow")], now_s=0.0, wall=NOON)
    board.take_calls([], now_s=1.0, wall=NOON)
    assert [over.interaction for over in board.finished] == names[::-1][:FINISHED_KEPT]


# --- screen ---


@pytest.fixture
def board() -> Board:
    board = Board()
    board.take_queues(
        [QueueView(queue="sales", name="销售", kind="sales", waiting=3, oldest_wait_s=62.0)]
    )
    board.take_kpis(
        [
            QueueKpi(
                queue="sales",
                offered=8,
                answered=4,
                abandons=2,
                short_abandons=1,
                service_level=0.5,
                conversion_rate=0.25,
            )
        ]
    )
    board.take_agents([agent(state="talking", queue="sales", last_interaction="a")])
    board.take_calls([call("a", "talking", queue="sales", agent="1001")], now_s=0.0, wall=NOON)
    board.take_calls([call("b", "in_flow", caller="139")], now_s=8.0, wall=NOON)
    return board


def shown(board: Board, locale: str, *, width: int = 120, height: int = 40) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height)
    clock = Clock(wall=NOON, left_s=90.0)
    console.print(draw_board(board, clock, hint="acd trace a", height=height, locale=locale))
    return console.file.getvalue().splitlines()


def test_the_screen_has_queues_agents_and_last_calls(board: Board) -> None:
    lines = shown(board, "en")
    [queue] = [line.split() for line in lines if "3" in line and "1:02" in line]
    assert queue == ["│", "销售", "3", "1:02", "8", "4", "3", "50", "%", "25", "%", "│"]
    assert any("1001  王丽  ready   talking 销售  1:15      1" in line for line in lines)
    assert any("12:00:00  138     销售   1001 王丽    0:00  0:08" in line for line in lines)
    assert any("new calls for 1:30" in line for line in lines)
    assert any("acd trace a" in line for line in lines)


def test_the_screen_speaks_chinese(board: Board) -> None:
    text = "\n".join(shown(board, "zh"))
    for word in ("队列", "座席", "最长等待", "规定期间接通率", "成交率", "就绪", "通话 销售"):
        assert word in text


@pytest.mark.parametrize("height", [24, 30])
def test_it_fits_a_low_terminal_by_fewer_last_calls(board: Board, height: int) -> None:
    board.take_agents([agent(number=f"100{at}", account=f"100{at}") for at in range(1, 10)])
    for name in range(20):
        board.take_calls([call(f"c{name}", "in_flow")], now_s=9.0, wall=NOON)
    assert len(shown(board, "en", height=height)) < height


def test_one_line_without_a_terminal(board: Board) -> None:
    line = plain_line(board, Clock(wall=NOON, left_s=1), locale="en")
    assert line == (
        "12:00:00 | 销售: Waiting 3, Answered 4/8, Abandoned 3, Service level 50 %"
        " | Agents: talking 1"
    )


# --- the whole ---


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that a Postgres of another account may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="acd-demo-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    # A Postgres whose server was killed still tidies up in its folder.
    await_ends(handles_of(folder))
    shutil.rmtree(folder)


def processes_of(folder: Path) -> dict[int, str]:
    """Return all processes that were started for this folder with their command lines."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words:
            found[int(entry.name)] = words.replace("\0", " ")
    return found


def handles_of(folder: Path) -> dict[int, int]:
    """Return handles of those processes that have not ended meanwhile."""
    handles = {}
    for pid in processes_of(folder):
        with suppress(ProcessLookupError):
            handles[pid] = os.pidfd_open(pid)
    return handles


def await_ends(handles: dict[int, int]) -> None:
    """Wait until the processes have ended, by their handles, which are closed."""
    for pid, handle in handles.items():
        # A process's handle can be read when the process has ended.
        assert select.select([handle], [], [], LIMIT_S)[0], f"{pid} still runs"
        os.close(handle)


@pytest.fixture
def operators(tmp_path: Path) -> Config:
    """Return the stock configuration as an operator's, with a database and addresses in it."""
    home = tmp_path / "operators"
    shutil.copytree(ROOT / "config", home)
    text = (home / "server.yaml").read_text()
    for stock, own in (
        ('dsn: ""', 'dsn: "postgresql://calls@db.invalid/acd"'),
        ("bind_host: 127.0.0.1", "bind_host: 0.0.0.0\n  advertised_host: 192.0.2.1"),
        ("flows: ../ivr_flows", f"flows: {ROOT / 'ivr_flows'}"),
    ):
        assert stock in text
        text = text.replace(stock, own)
    (home / "server.yaml").write_text(text)
    return load_config(home)


@pytest.mark.asyncio
async def test_a_demo_ends_by_itself_with_its_calls_in_the_report(
    folder: Path, operators: Config
) -> None:
    console = Console(file=io.StringIO(), width=200)
    options = DemoOptions(
        minutes=0.03, calls_per_minute=120, locale="en", folder=folder, pace=HURRIED
    )
    async with asyncio.timeout(LIMIT_S):
        await run_demo(operators, options, console)
    served = load_config(folder / "config").server
    assert served.database.dsn == "", "the operator's own database is not for play"
    assert (served.media.bind_host, served.media.advertised_host) == ("127.0.0.1", "")
    assert served.centre.locale == "en"
    text = console.file.getvalue()
    rows = {
        cells[0]: cells[1:]
        for line in text.splitlines()
        if len(cells := [cell.strip() for cell in line.strip("│").split("│")]) > 10
    }
    offered = sum(int(rows[queue][0]) for queue in ("sales", "service"))
    answered = sum(int(rows[queue][1]) for queue in ("sales", "service"))
    assert 1 <= answered <= offered
    assert "| Agents: " in text
    for words in ("acd report kpi --config", "acd journal dump", "last-call.txt"):
        assert words in text
    assert "CallStarted caller=13" in (folder / "last-call.txt").read_text()
    assert processes_of(folder) == {}


@pytest.mark.asyncio
async def test_a_folder_that_is_in_use_is_left_alone(folder: Path) -> None:
    (folder / "mine").touch()
    options = DemoOptions(folder=folder)
    with pytest.raises(DemoError, match="is not empty"):
        await run_demo(load_config(ROOT / "config"), options, Console(file=io.StringIO()))


@pytest.mark.asyncio
async def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    (folder / "state").mkdir()
    (folder / "state" / "journal").write_text("no journal")
    with pytest.raises(DemoError, match=r"could not start; .*server\.log"):
        async with DemoSite(load_config(ROOT / "config"), folder, locale="en"):
            pass
    assert processes_of(folder) == {}


def started(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start `acd demo` and wait for its first figures."""
    process = subprocess.Popen(
        [sys.executable, "-m", "acd", "demo", "--locale", "en", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "Agents: idle 2" in line:
            return process
    raise AssertionError("it never had two idle agents")


def test_ctrl_c_ends_it_in_good_order(folder: Path) -> None:
    process = started(folder, "--agents", "2", "--calls-per-minute", "30")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0
    assert "Answer rate" in said
    assert "Traceback" not in said
    assert processes_of(folder) == {}


def test_nothing_outlives_it_when_it_is_killed(folder: Path) -> None:
    process = started(folder, "--agents", "2")
    others = handles_of(folder)
    assert others
    process.kill()
    process.communicate()
    await_ends(others)
    assert processes_of(folder) == {}


def test_a_server_that_dies_under_way_is_told(folder: Path) -> None:
    process = started(folder, "--agents", "2")
    [server] = [pid for pid, words in processes_of(folder).items() if " -m acd run " in words]
    os.kill(server, signal.SIGKILL)
    said, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1
    assert "acd: the server ended; the end of " in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--minutes", "0"), "--minutes: must be a number above 0"),
        (("--minutes", "nan"), "--minutes: must be a number above 0"),
        (("--calls-per-minute", "-1"), "--calls-per-minute: must be a number above 0"),
        (("--agents", "0"), "--agents: must be a number above 0"),
        (("--agents", "99"), "agents.yaml has 9"),
    ],
)
def test_wishes_that_cannot_be(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    from acd.cli import main

    assert main(["demo", "--config", str(ROOT / "config"), *arguments]) == 1
    assert words in capsys.readouterr().err
