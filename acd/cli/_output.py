"""Where a report goes: the terminal, the standard output, or a file that is there whole."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from acd.reports.report import Report

TABLE_WIDTH = 200
"Columns where no terminal tells its own width."


def show(found: "Report", locale: str, output: Path | None) -> None:
    """Print a table, or write it."""
    if output is None:
        _print(found, locale)
        return
    with file_at(output) as file:
        file.write(_as_text(found, locale).encode())


def _as_text(found: "Report", locale: str) -> str:
    import io

    from rich.console import Console

    from acd.reports.table import for_terminal

    console = Console(width=TABLE_WIDTH, file=io.StringIO(), record=True)
    for part in for_terminal(found, console, locale):
        console.print(part)
    return console.export_text()


def _print(found: "Report", locale: str) -> None:
    from acd.reports.table import for_terminal
    from acd.telemetry.terminal import Terminal

    console = Terminal()
    if not console.is_terminal:
        console = Terminal(width=TABLE_WIDTH)
    for part in for_terminal(found, console, locale):
        console.print(part)


@contextmanager
def file_at(path: Path | None) -> Iterator[IO[bytes]]:
    """Give a file to write into, or the standard output.

    It is there whole or not at all: other programs may wait for it.
    """
    if path is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
