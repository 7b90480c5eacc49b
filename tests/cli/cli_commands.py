"""Running commands: what they say, and how they end."""

import subprocess
from collections.abc import Callable

LIMIT_S = 60.0

Acd = Callable[..., "subprocess.Popen[str]"]
"The fixture that starts `acd ARGUMENT…`."


def line_with(process: "subprocess.Popen[str]", text: str) -> str:
    """Read until the line that has this text, and return it."""
    seen = []
    assert process.stdout is not None
    for line in process.stdout:
        seen.append(line)
        if text in line:
            return line
    raise AssertionError(f"it never said {text!r}, but:\n{''.join(seen)}")


def result(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Wait for the end; return exit code and the rest of what it said."""
    said, _ = process.communicate(timeout=LIMIT_S)
    return process.returncode, said
