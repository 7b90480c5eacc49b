"""`acd report kpi` without and beside a running server; `acd journal dump`."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
from storage_traffic import started, timeline

from acd.calls import events as ev
from acd.cli import main
from acd.storage.journal import Journal
from acd.storage.postgres import EmbeddedPostgres
from acd.storage.recovery import begin_boot
from acd.storage.shipper import Shipper

CONFIG = str(Path(__file__).parents[2] / "config")


def opened(state: Path, boot: str = "boot") -> Journal:
    return Journal.open(
        state / "journal",
        node=socket.gethostname(),
        boot=boot,
        wall_us=lambda: time.time_ns() // 1000,
        on_alarm=pytest.fail,
    )


def report(state: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str, str]:
    code = main(["report", "kpi", "--config", CONFIG, "--state", str(state), *more])
    output = capsys.readouterr()
    return code, output.out, output.err


def test_abandoned_callers_are_listed(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = opened(state)
    begin_boot(journal, version="1", mono_s=0.0)
    call = {"interaction": "gone", "visit": "visit", "queue": "sales"}
    journal.append(
        [
            started("gone", "leg", caller="+8613800000001"),
            ev.QueueEntered(**call, kind="sales"),
            ev.QueueLeft(**call, reason="abandoned", waited_s=33.0),
            ev.LegEnded(interaction="gone", leg="leg", ended_by="peer"),
            ev.CallEnded(interaction="gone", ended_by="caller", reason="hangup"),
        ],
        1.0,
    )
    journal.close()
    words = ["report", "abandoned", "--config", CONFIG, "--state", str(state)]
    assert main([*words, *NOT_ONLY_TODAY, "--format", "json"]) == 0
    [entry] = json.loads(capsys.readouterr().out)["rows"]
    assert (entry["caller"], entry["calls"]) == ("+8613800000001", 1)
    assert main([*words, *NOT_ONLY_TODAY, "--locale", "zh"]) == 0
    table = capsys.readouterr().out
    assert "放弃来电" in table
    assert "33.0 s" in table
    assert main([*words, "--day", "2020-02-29", "--format", "csv"]) == 0
    assert capsys.readouterr().out.count("\n") == 1
    assert main([*words, "--day", "someday"]) != 0


NOT_ONLY_TODAY = ("--from", "yesterday")
"Midnight may come while a test runs."


def figures(state: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, dict]:
    code, out, err = report(state, capsys, "--format", "json", *(more or NOT_ONLY_TODAY))
    assert code == 0, err
    return {row["queue"]: row for row in json.loads(out)["rows"]}


def test_without_a_server_calls_of_a_killed_one_are_closed_and_counted(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = opened(state)
    begin_boot(journal, version="1", mono_s=0.0)
    for at_s, event in timeline(1, 40):
        journal.append([event], at_s)
    waits = ev.QueueEntered(interaction="open", visit="visit", queue="sales", kind="sales")
    journal.append([started("open", "leg"), waits], 1000.0)
    journal.close()  # without ServerStopped, as after SIGKILL

    first = figures(state, capsys)
    assert {"sales", "service"} <= first.keys()
    assert first["sales"]["offered"] > 5
    assert first["sales"]["waiting"] == 0
    assert first["sales"]["faulted"] >= 1
    assert figures(state, capsys) == first
    assert figures(state, capsys, "--day", "2020-02-29")["sales"]["offered"] == 0
    sizes = (state / "journal" / "0000000001.journal").stat().st_size
    figures(state, capsys)
    assert (state / "journal" / "0000000001.journal").stat().st_size == sizes

    code, out, _ = report(state, capsys, "--locale", "zh")
    assert code == 0
    assert "接通率" in out
    _, out, _ = report(state, capsys, "--format", "csv", "--day", "yesterday")
    assert out.startswith("queue,offered,answered,")


def test_beside_a_server_its_database_is_asked(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = opened(state)
    for at_s, event in timeline(2, 40):
        journal.append([event], at_s)

    async def serve() -> dict[str, dict]:
        postgres = EmbeddedPostgres(state, on_event=pytest.fail)
        shipper = Shipper(journal, await postgres.start(), on_alarm=pytest.fail)
        running = asyncio.create_task(shipper.run())
        await shipper.drain()
        found = await asyncio.to_thread(figures, state, capsys)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await postgres.stop()
        return found

    beside = asyncio.run(serve())
    journal.close()
    assert beside["service"]["offered"] > 5
    assert figures(state, capsys) == beside


def test_a_state_folder_without_records_is_one_clear_line(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = report(state / "wrong", capsys)
    assert code == 1
    assert "no server has run on this state folder" in err
    assert not (state / "wrong").exists()


def test_the_journal_is_dumped_as_json_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = opened(tmp_path)
    journal.append([started("one", "leg"), started("two", "leg"), ev.ServerStopped()], 4.5)
    journal.close()
    assert main(["journal", "dump", "--state", str(tmp_path)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3]
    assert lines[0]["event"]["type"] == "CallStarted"
    assert lines[0]["mono_s"] == 4.5
    assert datetime.fromisoformat(lines[0]["wall"]).tzinfo is not None
    main(["journal", "dump", "--state", str(tmp_path), "--interaction", "two"])
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["event"]["interaction"] == "two"
    assert main(["journal", "dump", "--state", str(tmp_path / "wrong")]) == 1
    assert "there is no journal" in capsys.readouterr().err


def test_a_dump_follows_the_journal(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    command = [
        sys.executable,
        "-m",
        "acd",
        "journal",
        "dump",
        "--follow",
        "--state",
        str(tmp_path),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as dump:
        assert dump.stdout is not None
        for number in (1, 2):
            journal.append([started(f"call-{number}", "leg")], 0.0)
            assert json.loads(dump.stdout.readline())["event"]["interaction"] == f"call-{number}"
        dump.send_signal(signal.SIGINT)
        assert dump.wait(60) == 130
    journal.close()
