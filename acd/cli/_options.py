"""What several nouns' command lines have in common."""

import argparse
import json
from pathlib import Path
from typing import TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"What `add_parser` of a noun is given."


class CommandError(Exception):
    """A command cannot be carried out; the message says why and what would be right."""


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add --config DIR."""
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("config"),
        metavar="DIR",
        help="configuration folder (default: ./config)",
    )


def add_state(parser: argparse.ArgumentParser) -> None:
    """Add --state DIR."""
    parser.add_argument(
        "--state",
        type=Path,
        default=Path("var"),
        metavar="DIR",
        help="folder of all that the server keeps (default: ./var)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def print_json(value: object) -> None:
    """Print a value as JSON for other programs, Chinese names readable."""
    print(json.dumps(value, ensure_ascii=False, indent=2))
