"""The `acd` command: one module per noun, each with `add_parser(subparsers)`.

A noun's parser sets `run`, a function from the parsed arguments to the exit code. Whatever is
heavy is imported inside that function, so that `acd --help` answers at once. Modules whose names
begin with an underscore are no nouns.
"""

import argparse
import gc
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence

from acd.cli._options import CommandError
from acd.cli._streams import prepare_standard_streams

USAGE_ERROR = 2
"argparse's own exit code for arguments that cannot be understood."

INTERRUPTED = 130
"128 + SIGINT, as shells count."

GENERATION_0 = 50_000
"""Containers between two young collections. What a command imports lives as long as it does: with
Python's 700, looking for garbage in it took a fifth of what the imports of `acd run` take."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; known errors become one clear line."""
    gc.set_threshold(GENERATION_0, *gc.get_threshold()[1:])
    prepare_standard_streams()
    try:
        arguments = _parser().parse_args(argv)
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has enough; Python must not complain about it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if not isinstance(error, _known_errors()):
            raise
        print(f"acd: {error}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="acd", description="Call-centre server: SIP, IVR flows, queues, call records."
    )
    nouns = parser.add_subparsers(metavar="COMMAND", required=True, dest="noun")
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{__name__}.{module.name}").add_parser(nouns)
    return parser


def _known_errors() -> tuple[type[Exception], ...]:
    """Return the errors whose message says all that an admin needs; others are our own bugs.

    What a room has raised is found among the modules that are loaded by then: importing the rest
    of the server in order to report an error would only add to the trouble.
    """
    rooms = [getattr(sys.modules[room], name) for room, name in _ROOTS if room in sys.modules]
    return (CommandError, OSError, *rooms)


_ROOTS = (
    ("acd.config", "ConfigError"),
    ("acd.ivr.document", "IvrError"),
    ("acd.storage.errors", "StorageError"),
    ("acd.web.errors", "WebError"),
    ("acd.app.state", "StartError"),
)
