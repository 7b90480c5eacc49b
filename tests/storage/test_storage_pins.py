"""PINs: kept as slow hashes, for the owner's eyes only."""

import io
from pathlib import Path

import pytest

from acd.cli import main
from acd.storage.pins import FILE, PinsError, PinStore

CONFIG = Path(__file__).parents[2] / "config"


def test_a_pin_is_kept_as_a_hash(tmp_path: Path) -> None:
    PinStore(tmp_path).set("1001", "2468")
    PinStore(tmp_path).set("1002", "2468")
    path = tmp_path / FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert "2468" not in path.read_text()
    store = PinStore(tmp_path)
    assert store.matches("1001", "2468")
    assert store.matches("1002", "2468")
    assert not store.matches("1001", "2469")
    assert not store.matches("1003", "2468")
    assert not store.matches("1003", "")
    store.set("1001", "1111")
    assert not store.matches("1001", "2468")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("[]")
    with pytest.raises(PinsError, match=r"pins\.json"):
        PinStore(tmp_path).matches("1001", "2468")


def test_the_command(tmp_path: Path, capsys, monkeypatch) -> None:
    words = ["agents", "pin", "1001", "--config", str(CONFIG), "--state", str(tmp_path)]
    assert main(words) == 0
    pin = capsys.readouterr().out.split("pin: ")[1].strip()
    assert PinStore(tmp_path).matches("1001", pin)
    monkeypatch.setattr("sys.stdin", io.StringIO("24a8\n"))
    assert main([*words, "--stdin"]) == 1
    monkeypatch.setattr("sys.stdin", io.StringIO("13579\n"))
    assert main([*words, "--stdin"]) == 0
    assert "13579" not in capsys.readouterr().out
    assert PinStore(tmp_path).matches("1001", "13579")
