"""`acd records` on a state folder whose server does not run."""

import json
from pathlib import Path

import pytest
from storage_traffic import started, timeline

from acd.calls import events as ev
from acd.cli import main
from acd.storage.journal import Journal
from acd.storage.journal_settings import JournalSettings
from acd.storage.recovery import begin_boot

START_US = 1_790_000_000_000_000
NUMBER = "+8613812345678"


def run(state: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["records", words[0], "--state", str(state), *words[1:]])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def journalled(state: Path) -> Path:
    """The state folder of a server that was killed after some calls."""
    journal = Journal.open(
        state / "journal",
        node="node",
        boot="boot",
        wall_us=lambda: START_US,
        on_alarm=pytest.fail,
        settings=JournalSettings(),
    )
    begin_boot(journal, version="1", mono_s=0.0)
    for at_s, event in timeline(41, 20):
        journal.append([event], at_s)
    end = ev.CallEnded(interaction="one", ended_by="caller", reason="hangup")
    journal.append([started("one", "leg", caller=NUMBER, caller_name="Li"), end], 900.0)
    journal.close()
    return state


def test_check_show_erase_and_replay(journalled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(journalled, capsys, "check", "--json")
    found = json.loads(out)
    assert (code, found["sound"], found["rules"]) == (0, True, [])
    rows = {table["table"]: table["rows"] for table in found["tables"]}
    assert rows["interactions"] == 21
    assert rows["agent_state_intervals"] > 5

    code, out, _ = run(journalled, capsys, "show", "one", "--locale", "zh")
    assert code == 0
    assert "呼叫开始" in out
    assert f"caller={NUMBER}" in out
    _, out, _ = run(journalled, capsys, "show", "one", "--json")
    assert json.loads(out)["interactions"][0]["caller_name"] == "Li"
    code, _, err = run(journalled, capsys, "show", "nobody")
    assert code == 1
    assert "acd report calls" in err

    code, out, _ = run(journalled, capsys, "erase", "--number", "138 1234 5678")
    assert code == 0
    assert "interactions: 1 rows changed" in out
    _, out, _ = run(journalled, capsys, "replay")
    assert out.startswith("shipped again: the journal from 1:8 to ")
    _, out, _ = run(journalled, capsys, "show", "one")
    assert NUMBER not in out
    code, out, _ = run(journalled, capsys, "check")
    assert code == 0
    assert "all rules hold" in out
    _, out, _ = run(journalled, capsys, "replay", "--from", "7:8")
    assert out.startswith("nothing to do")
    code, _, err = run(journalled, capsys, "replay", "--from", "1:9")
    assert code == 1
    assert "no record begins at 1:9" in err
