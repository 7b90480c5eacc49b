"""A small good configuration that tests break in one place each."""

from collections.abc import Callable
from pathlib import Path

import pytest

SERVER = """\
centre:
  timezone: Asia/Shanghai
flows: ../flows
"""

NUMBERS = """\
numbers:
  "4000": {flow: hotline}
  "4001": {queue: sales}
  "4099": {echo: true}
"""

QUEUES = """\
queues:
  sales:
    kind: sales
    skill: sales
    category: health
    overflow: {queue: service}
  service:
    skill: service
    overflow: {hang_up_prompt: goodbye}
"""

AGENTS = """\
agents:
  # the best one
  - number: 1001
    name: 王丽
    skills: {sales: AAA}
    categories: {health: AA}
  - number: 1002
    name: 张敏
    account: desk2
    skills: {service: B}   # newly certified

# trailing remark
"""

REASONS = """\
categories:
  - {code: health, name: 保健食品}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write the good configuration and what it points to."""
    for name in ("hotline.yaml", "prompts/zh/goodbye.wav", "prompts/music/default.wav"):
        path = tmp_path / "flows" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    config = tmp_path / "config"
    config.mkdir()
    for name, text in (
        ("server.yaml", SERVER),
        ("numbers.yaml", NUMBERS),
        ("queues.yaml", QUEUES),
        ("agents.yaml", AGENTS),
        ("reasons.yaml", REASONS),
    ):
        (config / name).write_text(text, encoding="utf-8")
    return config


@pytest.fixture
def change(folder: Path) -> Callable[[str, str, str], None]:
    """Return a function that replaces a text that stands exactly once in a file."""

    def replace(file: str, old: str, new: str) -> None:
        text = (folder / file).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")

    return replace
