"""What other systems may post of a call: orders, dispositions, answers of customers, outcomes."""

from datetime import datetime
from typing import Literal, Self

from pydantic import Field, model_validator

from .bodies import AMOUNT_MAX, CODE_CHARACTERS_MAX, Currency, Disposition, RequestBody

KEY_CHARACTERS_MAX = 200
"UUIDs have 36; room for keys that are put together of names and numbers."

COMMENT_CHARACTERS_MAX = 2_000
"What somebody writes on a phone."

SCORE_MAX = 100
"Scales go to 5, 7, 10 or 100."


class Entry(RequestBody):
    """What every entry may say."""

    at: str = ""
    "When it happened: ISO 8601 with a zone. Left out: now."

    key: str = Field(default="", max_length=KEY_CHARACTERS_MAX)
    "Idempotency key; the header of that name is the same."

    @property
    def told_at(self) -> datetime | None:
        """When it happened; None: now."""
        return datetime.fromisoformat(self.at) if self.at else None

    @property
    def at_us(self) -> int | None:
        """The same, µs since 1970 in UTC."""
        told = self.told_at
        return None if told is None else int(told.timestamp() * 1e6)

    @model_validator(mode="after")
    def _a_time_with_a_zone(self) -> Self:
        if self.at:
            try:
                known = datetime.fromisoformat(self.at).tzinfo is not None
            except ValueError:
                known = False
            if not known:
                raise ValueError("at must be ISO 8601 with a zone: 2026-11-28T10:15:00+08:00")
        return self


class OrderEntry(Entry):
    """POST /api/orders: an order came into a state."""

    order_id: str = Field(min_length=1, max_length=CODE_CHARACTERS_MAX)
    state: Literal["placed", "cancelled", "signed", "refused", "returned"]
    interaction: str = Field(default="", max_length=CODE_CHARACTERS_MAX)
    agent: str = Field(default="", max_length=CODE_CHARACTERS_MAX)
    category: str = Field(default="", max_length=CODE_CHARACTERS_MAX)
    amount: int | None = Field(default=None, ge=0, le=AMOUNT_MAX)
    currency: Currency = ""

    @model_validator(mode="after")
    def _amount_with_currency(self) -> Self:
        if (self.amount is None) != (not self.currency):
            raise ValueError("amount and currency belong together: give both or neither")
        return self


class DispositionEntry(Disposition):
    """POST /api/dispositions: how a call is classed, by whoever may say so, also days later."""

    interaction: str = Field(min_length=1, max_length=CODE_CHARACTERS_MAX)
    agent: str = Field(default="", max_length=CODE_CHARACTERS_MAX)
    "Whose part of the call; left out: who handled it last."

    key: str = Field(default="", max_length=KEY_CHARACTERS_MAX)
    why: str = Field(default="", max_length=200)


class CsatEntry(Entry):
    """POST /api/csat: a customer was asked, and answered or not."""

    interaction: str = Field(default="", max_length=CODE_CHARACTERS_MAX)
    order_id: str = Field(default="", max_length=CODE_CHARACTERS_MAX)
    "The call that this order came from, in place of its id."

    agent: str = Field(default="", max_length=CODE_CHARACTERS_MAX)
    "Who is meant; left out: who handled the call last."

    question: str = Field(default="", max_length=CODE_CHARACTERS_MAX)
    score: int | None = Field(default=None, ge=0, le=SCORE_MAX)
    scale_low: int = Field(default=1, ge=0, le=SCORE_MAX)
    scale_high: int = Field(default=5, ge=0, le=SCORE_MAX)
    comment: str = Field(default="", max_length=COMMENT_CHARACTERS_MAX)
    channel: str = Field(default="", max_length=CODE_CHARACTERS_MAX)

    @model_validator(mode="after")
    def _one_call(self) -> Self:
        if bool(self.interaction) == bool(self.order_id):
            raise ValueError("interaction must be given, or order_id: one of them")
        return self

    @model_validator(mode="after")
    def _score_on_the_scale(self) -> Self:
        if self.scale_low >= self.scale_high:
            raise ValueError("scale_low must be below scale_high")
        if self.score is not None and not self.scale_low <= self.score <= self.scale_high:
            raise ValueError(f"score must be {self.scale_low} to {self.scale_high}, or left out")
        return self


class MatterEntry(Entry):
    """POST /api/matters: what became of a call's matter (工单)."""

    interaction: str = Field(min_length=1, max_length=CODE_CHARACTERS_MAX)
    state: Literal["solved", "reopened"]
    ticket: str = Field(default="", max_length=CODE_CHARACTERS_MAX)
