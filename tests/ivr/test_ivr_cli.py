"""`acd flow check` and `acd flow draw` as an admin types them."""

import argparse
import wave
from pathlib import Path

import pytest

from acd.cli import flow
from acd.cli._options import CommandError

GOOD = "flow: a\nstart: bye\nnodes:\n  bye: {type: hangup}\n"
BAD = "flow: b\nstart: by\nnodes:\n  bye: {type: hangup, sound: [x]}\n"
QUEUE = "flow: q\nstart: q\nnodes:\n  q: {type: queue, queue: nowhere}\n"
STOCK = Path(__file__).parents[2]


def acd(*words: object) -> int:
    parser = argparse.ArgumentParser()
    flow.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["flow", *map(str, words)])
    return arguments.run(arguments)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.yaml").write_text(GOOD)
    return tmp_path


def test_the_stock_flows_and_configuration_are_good(capsys):
    assert acd("check", "--config", STOCK / "config") == 0
    out = capsys.readouterr().out
    assert "hotline.yaml: good; " in out
    assert "not checked" not in out


def test_every_fault_is_shown(folder, capsys):
    (folder / "b.yaml").write_text(BAD)
    (folder / "c.yaml").write_bytes("flow: c # 销售".encode("gbk"))
    assert acd("check", folder, "--config", folder) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{folder}/b.yaml:4:23: unknown key 'sound' (did you mean 'sounds'?)",
        f"{folder}/c.yaml:1:11: the text is not UTF-8 (save the file as UTF-8)",
        "2 faults",
    ]


def test_a_sound_that_callers_would_not_hear_is_a_fault(folder, capsys):
    zh = folder / "prompts" / "zh"
    zh.mkdir(parents=True)
    with wave.open(str(zh / "stereo.wav"), "wb") as stereo:
        stereo.setparams((2, 2, 44_100, 0, "NONE", ""))
        stereo.writeframes(bytes(400))
    (zh / "cut.wav").write_bytes(b"RIFF")
    assert acd("check", folder, "--config", folder) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{zh}/cut.wav: not a WAVE file of plain samples: it ends before its samples begin",
        f"{zh}/stereo.wav: 2 channel(s) of 16 bit at 44100 Hz; expected one of 16 bit at 8000 or "
        "16000 Hz",
        "2 faults",
    ]
    assert acd("check", folder / "a.yaml", "--config", folder) == 0


def test_one_file_is_judged_by_its_own_faults(folder, capsys):
    (folder / "b.yaml").write_text(BAD)
    assert acd("check", folder / "a.yaml", "--config", folder) == 0
    assert capsys.readouterr().out.startswith(f"{folder}/a.yaml: good; 1 nodes")
    assert acd("check", folder / "b.yaml", "--config", folder) == 1


def test_queues_are_known_from_the_configuration(folder, capsys):
    (folder / "q.yaml").write_text(QUEUE)
    assert acd("check", folder, "--config", STOCK / "config") == 1
    assert "unknown queue 'nowhere'" in capsys.readouterr().out
    assert acd("check", folder, "--config", folder) == 0
    assert "queues were not checked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("check", "nothing", "--config", "."), "nothing does not exist"),
        (("check", "--config", "nothing"), "does not tell where the flows are"),
        (("check", "x.txt", "--config", "."), "must end in .yaml"),
        (("check", "empty", "--config", "."), "no flow files"),
        (("draw", "a.yaml", "-o", "a.png"), "must end in .svg or .mmd"),
    ],
)
def test_what_cannot_be_done_says_why(folder, monkeypatch, words, message):
    monkeypatch.chdir(folder)
    (folder / "x.txt").touch()
    (folder / "empty").mkdir()
    with pytest.raises(CommandError, match=message):
        acd(*words)


def test_a_flow_is_drawn(folder, capsys):
    assert acd("draw", folder / "a.yaml") == 0
    assert capsys.readouterr().out.startswith("flowchart TD")
    assert acd("draw", folder / "a.yaml", "-o", folder / "a.svg") == 0
    assert (folder / "a.svg").read_text().startswith("<svg")
    assert acd("draw", folder / "a.yaml", "-o", folder / "a.mmd") == 0
    assert (folder / "a.mmd").read_text().startswith("flowchart")


def test_a_flow_that_has_no_shape_is_not_drawn(folder, capsys):
    (folder / "b.yaml").write_text("flow: b\nstart: x\nnodes:\n  bye: {type: hangup}\n")
    assert acd("draw", folder / "b.yaml") == 1
    assert "unknown node 'x'" in capsys.readouterr().err
