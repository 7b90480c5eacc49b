"""Bodies of requests: what may stand in them, and what is said when something else does."""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from aiohttp import web
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from acd.reports.currencies import known_currency

from .errors import RequestError

Currency = Annotated[str, AfterValidator(known_currency)]

WHY_CHARACTERS_MAX = 200
"A sentence of a supervisor's, for the record."

CODE_CHARACTERS_MAX = 64
"Reasons, categories, order numbers: codes for people, not texts."

REASON_CHARACTERS_MAX = 200
"A sentence for whoever reads the record later."

AMOUNT_MAX = 10**12
"Ten thousand million of a currency with hundredths: more is a slip, and would outweigh all else."

BODY_BYTES_MAX = 16_384
"The largest body we define is below 500 bytes."

BODY_TIMEOUT_S = 10.0
"For 16 kB, on any line that can carry a call as well."


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def has_control_characters(text: str) -> bool:
    """Return whether a text holds what nobody types: all below the blank but tabs and line ends.

    Postgres can store no NUL, and terminals obey an escape.
    """
    return _CONTROL.search(text) is not None


class RequestBody(BaseModel):
    """A JSON object with known fields and no others; blanks around a text are not part of it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, str_strip_whitespace=True)

    @field_validator("*")
    @classmethod
    def _no_control_characters(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str) and has_control_characters(value):
            raise ValueError(f"{info.field_name} must hold no control characters")
        return value


class StatusChange(RequestBody):
    """POST /api/agents/{number}/status."""

    status: Literal["ready", "away", "logged_out"]
    reason: str = Field(default="", max_length=CODE_CHARACTERS_MAX)
    "Away reason code."

    why: str = Field(default="", max_length=WHY_CHARACTERS_MAX)


class Remark(RequestBody):
    """A command without parameters: no body, or why it is given."""

    why: str = Field(default="", max_length=WHY_CHARACTERS_MAX)


class Why(RequestBody):
    """A move that has to be explained."""

    why: str = Field(min_length=1, max_length=WHY_CHARACTERS_MAX)


class Extension(Remark):
    """POST /api/agents/{number}/wrap-up/extend."""

    seconds: float = Field(gt=0, le=3600)


class Assignment(Why):
    """POST /api/agents/{number}/assignment: other skills or another team for the time being."""

    skills: dict[str, Literal["C", "B", "A", "AA", "AAA"]] | None = Field(
        default=None, min_length=1, max_length=100
    )
    "Skill: grade, in place of all that the agent has; None: as configured."

    team: str | None = Field(default=None, max_length=CODE_CHARACTERS_MAX)
    "None: as configured."

    @model_validator(mode="after")
    def _something(self) -> "Assignment":
        if self.skills is None and self.team is None:
            raise ValueError("skills must be given, or team, or both")
        return self


class CallMove(Why):
    """POST /api/calls/{interaction}/queue."""

    queue: str = Field(min_length=1, max_length=CODE_CHARACTERS_MAX)


class PriorityChange(Why):
    """POST /api/calls/{interaction}/priority."""

    priority: int = Field(ge=-1000, le=1000)


class GroupSwitch(Why):
    """POST /api/queues/{queue}/groups/{group}."""

    active: StrictBool


class CallOrder(RequestBody):
    """POST /api/agents/{number}/calls: whom to call for the agent."""

    to: str = Field(min_length=1, max_length=CODE_CHARACTERS_MAX)
    "As the agent would dial it: a colleague's number, or one outside."


class Closing(RequestBody):
    """POST /api/closure, POST /api/queues/{queue}/closure."""

    reason: str = Field(min_length=1, max_length=REASON_CHARACTERS_MAX)
    "Why, in the words of whoever closes; it stands in the records."


class Disposition(RequestBody):
    """POST /api/agents/{number}/disposition: what the call was about and what came of it."""

    interaction: str | None = Field(default=None, min_length=1, max_length=CODE_CHARACTERS_MAX)
    "None: the agent's last one."

    call_class: Literal["inquiry", "order", "complaint", "transfer", "other"] = Field(
        alias="class"
    )
    category: str = Field(default="", max_length=CODE_CHARACTERS_MAX)
    order_id: str = Field(default="", max_length=CODE_CHARACTERS_MAX)

    ordered: bool = False
    "Left out: true when there is an order number."

    solved: bool | None = None

    amount: int | None = Field(default=None, ge=0, le=AMOUNT_MAX)
    "What the order is worth, in minor units of the currency."

    currency: Currency = ""
    "ISO 4217; wanted with an amount."

    @model_validator(mode="before")
    @classmethod
    def _order_number_means_ordered(cls, fields: object) -> object:
        if isinstance(fields, dict) and fields.get("order_id") and "ordered" not in fields:
            return {**fields, "ordered": True}
        return fields

    @model_validator(mode="after")
    def _no_order_number_without_order(self) -> "Disposition":
        if self.order_id and not self.ordered:
            raise ValueError("ordered must be true when there is an order_id")
        if self.amount is not None and not self.ordered:
            raise ValueError("ordered must be true when there is an amount")
        if (self.amount is None) != (not self.currency):
            raise ValueError("amount and currency belong together: give both or neither")
        return self


Body = TypeVar("Body", bound=RequestBody)


async def read_body(request: web.Request, model: type[Body]) -> Body:
    """Return the request's body as the model; raise RequestError with what is wrong in it."""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            data = await request.read()
    except TimeoutError as error:
        raise RequestError(
            408, "too_slow", f"the body did not come within {BODY_TIMEOUT_S:.0f} s"
        ) from error
    if not data and model is Remark:
        return model()
    if request.content_type != "application/json":
        raise RequestError(
            415, "wrong_content_type", "the body must be sent as Content-Type: application/json"
        )
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, "bad_json", f"the body is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise RequestError(422, "invalid", "the body must be a JSON object")
    return checked(fields, model)


def checked(fields: Mapping[str, object], model: type[Body]) -> Body:
    """Return these fields as the model; raise RequestError with what is wrong in them."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise _first_of(error) from error


def _first_of(error: ValidationError) -> RequestError:
    """Say the first mistake in words that name the field and what would be right."""
    mistake = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in mistake["loc"])
    match mistake["type"]:
        case "missing":
            return RequestError(422, "missing_field", f"{field} is required", field=field)
        case "extra_forbidden":
            return RequestError(422, "unknown_field", f"there is no field {field}", field=field)
        case "value_error":
            text = mistake["msg"].removeprefix("Value error, ")
            return RequestError(422, "invalid", text, field=field or text.split(" ", 1)[0])
        case _:
            text = mistake["msg"].removeprefix("Input ")
            return RequestError(422, "invalid", f"{field} {text}", field=field)
