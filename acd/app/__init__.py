"""The composition root: builds everything, runs it, drains it. Holds no logic of its own."""

from pathlib import Path

import uvloop

from acd.config import Config
from acd.telemetry.logging import set_up_logging

from .service import Service
from .state import StartError

__all__ = ["StartError", "serve"]


def serve(config: Config, *, state_dir: Path, sip: str | None, http: str | None) -> int:
    """Run the server until a signal ends it; return the process's exit code.

    `sip` and `http` (HOST:PORT) replace the addresses of server.yaml. Raises StartError, with one
    line for the operator, when the server cannot start.
    """
    set_up_logging(log_format=config.server.log.format, level=config.server.log.level)
    service = Service(config, state_dir=state_dir, sip=sip, http=http)
    return uvloop.run(service.run())
