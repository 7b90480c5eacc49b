"""Log lines: form, level, interaction, secrets."""

import io
import json
import logging

import pytest
import structlog

from acd.telemetry.logging import LoggingError, call_context, set_up_logging


@pytest.fixture(autouse=True)
def _restore():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def json_lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_time_level_logger_and_fields():
    stream = io.StringIO()
    set_up_logging(log_format="json", stream=stream)

    structlog.get_logger("acd.calls").info("call_ended", queue="sales", waited_s=1.5)

    (line,) = json_lines(stream)
    assert line["event"] == "call_ended"
    assert line["level"] == "info"
    assert line["logger"] == "acd.calls"
    assert line["queue"] == "sales"
    assert line["waited_s"] == 1.5
    assert line["timestamp"].endswith("Z")


def test_lines_of_a_call_carry_its_interaction_also_those_of_libraries():
    stream = io.StringIO()
    set_up_logging(log_format="json", stream=stream)

    with call_context("0190-abc"):
        structlog.get_logger("a").info("ours")
        logging.getLogger("aiohttp.server").warning("theirs %d", 7)
    structlog.get_logger("a").info("after")

    ours, theirs, after = json_lines(stream)
    assert ours["interaction"] == theirs["interaction"] == "0190-abc"
    assert theirs["event"] == "theirs 7"
    assert "interaction" not in after


def test_secrets_are_masked_in_fields_texts_and_tracebacks():
    stream = io.StringIO()
    set_up_logging(log_format="json", stream=stream)

    log = structlog.get_logger("a")
    log.info("got Authorization: Digest abcdef", password="hunter2", uri="sip:a:hunter2@b")
    try:
        int("postgresql://acd:hunter2@db")
    except ValueError:
        log.exception("failed")

    assert "hunter2" not in stream.getvalue()
    assert "abcdef" not in stream.getvalue()
    assert "postgresql://acd:***@db" in json_lines(stream)[1]["exception"]


def test_lines_below_the_level_are_not_written():
    stream = io.StringIO()
    set_up_logging(log_format="json", level="warning", stream=stream)

    structlog.get_logger("a").info("quiet")
    logging.getLogger("b").info("quiet")
    structlog.get_logger("a").warning("loud")

    assert [line["event"] for line in json_lines(stream)] == ["loud"]


def test_console_lines_are_for_people():
    stream = io.StringIO()
    set_up_logging(stream=stream)

    structlog.get_logger("a").info("call_ended", queue="sales")

    assert "call_ended" in stream.getvalue()
    assert "queue=sales" in stream.getvalue()


def test_a_value_without_json_form_is_still_logged():
    stream = io.StringIO()
    set_up_logging(log_format="json", stream=stream)

    structlog.get_logger("a").info("odd", value=object)

    assert json_lines(stream)[0]["value"] == "<class 'object'>"


@pytest.mark.parametrize("wrong", [{"log_format": "xml"}, {"level": "loud"}])
def test_a_wrong_setting_says_what_would_be_right(wrong):
    with pytest.raises(LoggingError, match="must be one of"):
        set_up_logging(**wrong)


def test_what_libraries_chat_about_is_left_out_and_what_they_warn_of_is_not():
    stream = io.StringIO()
    set_up_logging(log_format="json", stream=stream)

    logging.getLogger("aiohttp.access").info("GET /healthz 200")
    logging.getLogger("aiohttp.access").warning("cut off")

    (line,) = json_lines(stream)
    assert line["event"] == "cut off"


class Gone(io.StringIO):
    """A stream whose reader has left."""

    def flush(self):
        raise BrokenPipeError


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_line_that_cannot_be_written_is_no_trouble_of_who_logs(log_format):
    set_up_logging(log_format=log_format, level="debug", stream=Gone())
    log = structlog.get_logger("acd.calls")
    for write in (log.debug, log.info, log.warning, log.error, log.critical):
        write("call_ended")
    log.error("flow_failed", exc_info=ValueError("x"))
