"""The three standard streams, made fit for what commands print and start."""

import io
import os
import sys

STANDARD = (0, 1, 2)
"Input, output, errors."


def prepare_standard_streams() -> None:
    r"""See to it that all three are open, and that none stumbles over a letter it cannot show.

    A stream that was closed (`acd run >&-`) would give its number to the next file that is opened,
    and a child would take that one for its output. A terminal in another encoding shows letters
    that it lacks as `\u738b`: the names of agents must not end a command.
    """
    for descriptor in STANDARD:
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is taken, which is this one: those below it are open.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _nowhere() -> io.TextIOWrapper:
    return open(os.devnull, "w", encoding="utf-8")
