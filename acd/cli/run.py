"""`acd run`: the server."""

import argparse

from ._options import CommandError, Subparsers, add_config, add_state


def add_parser(subparsers: Subparsers) -> None:
    """Add `run`."""
    parser = subparsers.add_parser("run", help="start the server")
    add_config(parser)
    add_state(parser)
    parser.add_argument(
        "--sip", metavar="HOST:PORT", help="listen here for SIP, on UDP and TCP (see server.yaml)"
    )
    parser.add_argument(
        "--http", metavar="HOST:PORT", help="listen here for HTTP (see server.yaml)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    from acd.config import load_config, parse_address

    for option in ("sip", "http"):
        try:
            parse_address(getattr(arguments, option) or "127.0.0.1:0")
        except ValueError as error:
            raise CommandError(f"--{option}: {error}") from error
    config = load_config(arguments.config)

    from acd.app import serve

    return serve(
        config,
        state_dir=arguments.state,
        sip=arguments.sip,
        http=arguments.http,
    )
