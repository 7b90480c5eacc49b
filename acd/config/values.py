"""The kinds of value that settings are made of, each with its own check and message."""

import re
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator
from pydantic_core import PydanticCustomError

from acd.ivr.document import DocumentModel, did_you_mean
from acd.reports.days import has_quarter_hours
from acd.routing.model import Grade


class Section(DocumentModel):
    """Part of a settings file: unknown keys are faults, and values do not change."""

    model_config = ConfigDict(validate_by_name=True)


class Address(NamedTuple):
    """A host and a port to listen on; port 0 lets the system choose a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_ADDRESS = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>\d{1,5})"
)


def parse_address(text: str) -> Address:
    """Read "HOST:PORT" (an IPv6 address in brackets); raises ValueError for anything else."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError(f"{text!r} is no address; HOST:PORT is one, such as 127.0.0.1:5060")
    return Address(match["v6"] or match["host"], int(match["port"]))


def fault(message: str, hint: str) -> PydanticCustomError:
    """Return an error for pydantic that carries its own hint to the report."""
    return PydanticCustomError("acd", message, {"hint": hint})


def _address(value: object) -> Address:
    if isinstance(value, Address):
        return value
    try:
        return parse_address(value if isinstance(value, str) else "")
    except ValueError:
        raise fault("an address is wanted", "HOST:PORT, such as 127.0.0.1:5060") from None


def _grade(value: object) -> Grade:
    if isinstance(value, Grade):
        return value
    if isinstance(value, str) and value in Grade.__members__:
        return Grade[value]
    raise fault("a grade is wanted", "C, B, A, AA or AAA, from lowest to highest")


def _timezone(value: str) -> str:
    try:
        zone = ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        near = did_you_mean(value, ("Asia/Shanghai", "Asia/Urumqi", "Asia/Hong_Kong", "UTC"))
        raise fault("an IANA time zone is wanted", near) from None
    if not has_quarter_hours(zone, range(2000, 2041)):
        raise fault(
            "a time zone is wanted whose offset is a multiple of 15 minutes",
            "figures are kept by quarter-hour",
        )
    return value


ListenAddress = Annotated[Address, PlainValidator(_address)]
"HOST:PORT."

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"Name of a queue, skill, category or reason: lower-case letters, digits and _, 40 at most."

Dialled = Annotated[str, Field(pattern=r"^[0-9*#+]{1,32}$")]
"What is dialled: digits, *, # and +."

AgentNumber = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,32}$")]
"Agent number (工号) or SIP user: letters, digits, dot, _ and -, 32 at most."

Digit = Annotated[str, Field(pattern=r"^[0-9]$")]
"One key, 0-9."

GradeName = Annotated[Grade, PlainValidator(_grade)]
"C, B, A, AA or AAA."

Timezone = Annotated[str, AfterValidator(_timezone)]
"IANA time zone."

Seconds = Annotated[float, Field(ge=0, le=86_400)]
"0 to 86400 s (one day)."

MayCall = Literal["none", "internal", "local", "national", "international"]
"How far somebody may dial; each includes those before it."

CallerNumber = Annotated[str, Field(pattern=r"^\+?[0-9]{0,20}$")]
"Digits, with + in front for E.164; empty: the agent's own number."
