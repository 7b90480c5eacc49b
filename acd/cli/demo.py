"""`acd demo`: a server with simulated callers and agents, live in the terminal."""

import argparse
import asyncio
import math

from ._options import CommandError, Subparsers, add_config


def add_parser(subparsers: Subparsers) -> None:
    """Add `demo`."""
    parser = subparsers.add_parser(
        "demo", help="see a call centre at work: server, callers and agents on this machine"
    )
    add_config(parser)
    parser.add_argument(
        "--minutes", type=float, default=5.0, help="how long calls come in (default: 5)"
    )
    parser.add_argument(
        "--agents", type=int, metavar="N", help="how many work (default: all of agents.yaml)"
    )
    parser.add_argument(
        "--calls-per-minute", type=float, metavar="X", help="default: two per agent"
    )
    parser.add_argument(
        "--locale", choices=("zh", "en"), help="language of the screen (default: the centre's)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demo to its end or to Ctrl-C."""
    _check(arguments)
    from acd.app.demo import DemoError, DemoOptions, run_demo
    from acd.config import load_config
    from acd.telemetry.terminal import Terminal

    config = load_config(arguments.config)
    employed = len(config.agent_profiles())
    if arguments.agents is not None and arguments.agents > employed:
        raise CommandError(f"--agents: {config.folder}/agents.yaml has {employed}")
    options = DemoOptions(
        minutes=arguments.minutes,
        agents=arguments.agents or 0,
        calls_per_minute=arguments.calls_per_minute or 0.0,
        locale=arguments.locale or config.server.centre.locale,
    )
    try:
        asyncio.run(run_demo(config, options, Terminal()))
    except DemoError as error:
        raise CommandError(str(error)) from error
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None  # the second Ctrl-C
    return 0


def _check(arguments: argparse.Namespace) -> None:
    for name in ("minutes", "agents", "calls_per_minute"):
        value = getattr(arguments, name)
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise CommandError(f"--{name.replace('_', '-')}: must be a number above 0")
