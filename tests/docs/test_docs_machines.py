"""Every machine is in the table of contributing.md, beside a test that goes through sequences."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("sip", "calls", "routing")


def machines() -> Iterator[str]:
    """Yield the classes with timers of their own."""
    for room in ROOMS:
        for path in sorted((ROOT / "acd" / room).glob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and any(map(is_timed, node.body)):
                    yield node.name


def is_timed(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == "on_time" and not node.decorator_list


def table() -> dict[str, Path]:
    """Return the test of each machine that the page names."""
    page = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*) \| `(tests/\S+\.py)` \|$", page, re.MULTILINE)
    return {name: ROOT / test for names, test in rows for name in re.findall(r"`(\w+)`", names)}


def test_every_machine_is_in_the_table() -> None:
    found = set(machines())
    assert len(found) > 20
    assert found <= table().keys()


def test_every_test_in_the_table_goes_through_sequences() -> None:
    for name, path in table().items():
        text = path.read_text(encoding="utf-8")
        assert "from hypothesis import" in text, f"{name}: {path.name}"
        assert "st.lists(" in text or "RuleBasedStateMachine" in text or "WireWorld" in text
