"""`acd simulate` as a command: figures, charts, and what it says about mistakes."""

import json
import random
from pathlib import Path

import pytest

from acd.cli import main

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / "config")


@pytest.fixture
def arrivals(tmp_path: Path) -> Path:
    """An hour of a hotline."""
    draw, at_s, lines = random.Random(2), 9 * 3600.0, ["time,queue,category"]
    while at_s < 10 * 3600:
        at_s += draw.expovariate(1 / 30)
        clock = f"{int(at_s // 3600):02}:{int(at_s % 3600 // 60):02}:{int(at_s % 60):02}"
        lines.append(f"2026-11-23T{clock},{draw.choice(('sales', 'service'))},health")
    path = tmp_path / "arrivals.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_figures_as_json(arrivals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["simulate", "--config", CONFIG, "--arrivals", str(arrivals), "--format", "json"]
    assert main([*command, "--conversion", "0.5"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["callers"] == len(arrivals.read_text().splitlines()) - 1
    sales, service = told["queues"]
    assert sales["offered"] + service["offered"] == told["callers"] + sales["overflowed"]
    assert 0 < sales["orders"] < sales["answered"]
    assert service["orders"] == 0
    assert len(told["agents"]) == 9
    assert told["quarters"][0]["at"] == "2026-11-23T09:00:00"
    assert main([*command, "--conversion", "0.5"]) == 0
    assert json.loads(capsys.readouterr().out) == told


def test_tables_and_charts(
    arrivals: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shifts = tmp_path / "shifts.csv"
    shifts.write_text("agent,from,to\n1001,08:55,10:30\n1005,09:00,11:00\n", encoding="utf-8")
    folder = tmp_path / "charts"
    command = ["simulate", "--config", CONFIG, "--arrivals", str(arrivals), "--locale", "zh"]
    assert main([*command, "--shifts", str(shifts), "--charts", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "规定期间接通率" in said
    assert "1005" in said
    assert "1002" not in said
    names = {path.name for path in folder.iterdir()}
    assert names == {"trend.svg", "trend.png", "occupancy.svg", "occupancy.png", "report.html"}
    assert (folder / "trend.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "每刻钟服务水平与等待" in page
    assert 'src="http' not in page


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,queue\n9:00,tea\n", "arrivals.csv:2: queue 'tea' is not configured"),
        ("time,queue\n", "no callers below the head line"),
        ("time\n", "arrivals.csv:1: column 'queue' is missing"),
        ("time,queue\n9:00,sales\n8:00,sales\n", "arrivals.csv:3: 8:00 is before the line above"),
    ],
)
def test_mistakes_in_the_file(
    arrivals: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arrivals.write_text(text, encoding="utf-8")
    assert main(["simulate", "--config", CONFIG, "--arrivals", str(arrivals)]) == 1
    assert said in capsys.readouterr().err


def test_a_file_in_another_encoding(arrivals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrivals.write_bytes("time,queue,category\n9:00,sales,保健\n".encode("gb18030"))
    assert main(["simulate", "--config", CONFIG, "--arrivals", str(arrivals)]) == 1
    assert "not UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--patience-s", "0"], "'0': a number above 0"),
        (["--conversion", "1.5"], "'1.5': a share from 0 to 1"),
        (["--talk-spread", "x"], "'x': a number from 0 on"),
    ],
)
def test_mistakes_in_options(
    arrivals: Path, option: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["simulate", "--config", CONFIG, "--arrivals", str(arrivals), *option])
    assert said in capsys.readouterr().err


def test_an_answer_that_takes_too_long(arrivals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["simulate", "--config", CONFIG, "--arrivals", str(arrivals), "--ring-s", "19"]
    assert main(command) == 1
    assert "--ring-s 19 is too long for a ring_timeout_s of" in capsys.readouterr().err
