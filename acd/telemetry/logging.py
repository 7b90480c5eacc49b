"""structlog set-up: one line per event, JSON or for people, without secrets.

Our own code logs by `structlog.get_logger()`; libraries that use the standard library's logging
(aiohttp, asyncio, aiortc) come out of the same pipe in the same form.
"""

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec
import structlog

from .masking import MASK, is_secret_name, mask_text, mask_value

FORMATS = ("json", "console")
LEVELS = ("debug", "info", "warning", "error")

CHATTY = ("aiohttp.access",)
"Libraries whose lines below a warning say nothing new: requests are in the metrics."

HARMLESS = frozenset({int, float, bool, type(None)})
"Types whose values cannot hold a secret."


class LoggingError(ValueError):
    """A logging setting is wrong. The text says which one and what would be right."""


def set_up_logging(
    *, log_format: str = "console", level: str = "info", stream: TextIO | None = None
) -> None:
    """Configure logging of the whole process; calling it again replaces the set-up.

    `log_format` is "json" or "console", `level` one of debug, info, warning, error; `stream` is
    standard error unless given. Raises LoggingError.
    """
    if log_format not in FORMATS:
        raise LoggingError(f"log format {log_format!r}: must be one of {', '.join(FORMATS)}")
    if level not in LEVELS:
        raise LoggingError(f"log level {level!r}: must be one of {', '.join(LEVELS)}")
    stream = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    render = _renderer(log_format, colours=stream.isatty())
    # Our own lines go straight to the stream: by way of the standard library's logging a line cost
    # 200 µs, a fifth of what a whole call may.
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _complete, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda name="acd": _StreamLogger(stream, name),
        # Off: a logger made at import, before the set-up, would keep the default for ever.
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_logger_name,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                mask_secrets,
                render,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


class _StreamLogger(structlog.WriteLogger):
    """Writes finished lines; `name` is what `add_logger_name` shows."""

    def __init__(self, stream: TextIO, name: str) -> None:
        super().__init__(stream)
        self.name = name

    def msg(self, message: str) -> None:
        """Write the line, if it can be written: calls do not depend on who reads the log.

        The reader may have left (`acd run 2>&1 | head`), the terminal or the disk's room be gone.
        """
        with suppress(OSError):
            super().msg(message)

    # A logger is asked for the method of the line's level.
    log = debug = info = warn = warning = error = critical = fatal = exception = failure = msg


@contextmanager
def call_context(interaction: str) -> Iterator[None]:
    """Give every line logged inside, by whomever, the id of this interaction."""
    with structlog.contextvars.bound_contextvars(interaction=interaction):
        yield


def _complete(
    logger: _StreamLogger, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask the fields of a line of ours and add what every line has (a structlog processor).

    Does in one step what lines of libraries go five for; what it adds itself needs no masking.
    """
    failed = {"exc_info": event.pop("exc_info")} if "exc_info" in event else None
    mask_secrets(logger, method, event)
    event["logger"] = logger.name
    event["level"] = method
    event["timestamp"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    if failed:
        structlog.processors.format_exc_info(logger, method, failed)
        event.update(mask_secrets(logger, method, failed))
    return event


def mask_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask secrets in every field (a structlog processor)."""
    for key, value in event.items():
        if is_secret_name(key):
            event[key] = MASK
        elif type(value) is str:  # nearly all of them: spared the way through `mask_value`
            event[key] = mask_text(value)
        elif type(value) not in HARMLESS:
            event[key] = mask_value(value)
    return event


def _renderer(log_format: str, *, colours: bool) -> structlog.typing.Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer(serializer=_to_json)
    if not colours:
        return _plain_line
    return structlog.dev.ConsoleRenderer(
        colors=True, exception_formatter=structlog.dev.plain_traceback
    )


def _plain_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    """Render a line for people where nothing shows colours: a file, journald.

    Reads as structlog's own console lines do, for an eighth of their cost: at 100 calls/s those
    would take a twentieth of all that the server does.
    """
    stamp, level = event.pop("timestamp", ""), event.pop("level", "")
    name, logger = event.pop("event", ""), event.pop("logger", "")
    exception = event.pop("exception", "")
    fields = " ".join(
        [f"{key}={value if type(value) is str else repr(value)}" for key, value in event.items()]
    )
    line = f"{stamp} [{level:<8}] {name:<30} [{logger}] {fields}"
    return f"{line}\n{exception}" if exception else line


def _to_json(event: object, **_options: object) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()
