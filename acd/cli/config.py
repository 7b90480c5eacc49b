"""`acd config`: check the settings, describe them."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._options import Subparsers, add_json, print_json

if TYPE_CHECKING:
    from acd.config import Config
    from acd.ivr.document import Fault


def add_parser(subparsers: Subparsers) -> None:
    """Add `config`."""
    parser = subparsers.add_parser("config", help="check and describe the settings")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    check_parser = verbs.add_parser("check", help="show every mistake in a configuration folder")
    check_parser.add_argument(
        "folder", nargs="?", type=Path, metavar="DIR", help="the folder (default: ./config)"
    )
    check_parser.add_argument(
        "--config", type=Path, default=Path("config"), metavar="DIR", help="the same"
    )
    add_json(check_parser)
    check_parser.set_defaults(run=check)
    describe_parser = verbs.add_parser("describe", help="print every setting, unit and default")
    describe_parser.add_argument(
        "--markdown", action="store_true", help="as the page docs/configuration.md"
    )
    describe_parser.set_defaults(run=describe)


def check(arguments: argparse.Namespace) -> int:
    """Print all faults and warnings, or what the folder holds; 1 if there are faults."""
    from acd.config import ConfigError, load_config

    try:
        config = load_config(arguments.folder or arguments.config)
    except ConfigError as error:
        return _print_faults(error.faults, arguments)
    from acd.app.reporting.scheduled import unknown_reports
    from acd.config.pay_checks import stretch_faults

    if faults := stretch_faults(config):
        return _print_faults(faults, arguments)

    warned = (*config.warnings, *unknown_reports(config))
    if arguments.json:
        warnings = [_fault(fault) for fault in warned]
        print_json({"ok": True, "faults": [], "warnings": warnings, **_counts(config)})
        return 0
    for fault in warned:
        print(f"warning: {fault}")
    counts = ", ".join(f"{value} {name}" for name, value in _counts(config).items())
    print(f"{config.folder}: good; {counts}")
    return 0


def _print_faults(faults: "Sequence[Fault]", arguments: argparse.Namespace) -> int:
    if arguments.json:
        print_json({"ok": False, "faults": [_fault(fault) for fault in faults]})
    else:
        print(*faults, sep="\n")
        print(f"{len(faults)} fault{'' if len(faults) == 1 else 's'}; nothing was changed")
    return 1


def describe(arguments: argparse.Namespace) -> int:
    """Print the reference of all settings."""
    from acd.config.describe import markdown, text

    print(markdown() if arguments.markdown else text(), end="")
    return 0


def _counts(config: "Config") -> dict[str, int]:
    return {
        "numbers": len(config.numbers.numbers),
        "queues": len(config.queues.queues),
        "agents": len(config.agents.everyone()),
    }


def _fault(fault: Any) -> dict[str, Any]:  # noqa: ANN401 - the class is imported only when needed
    names = ("file", "line", "column", "path", "message", "hint")
    return {name: getattr(fault, name) for name in names}
