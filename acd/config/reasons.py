"""reasons.yaml: the lists that people choose from - away reasons, dispositions, categories."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .values import Digit, Identifier, Section, fault

CallClass = Literal["inquiry", "order", "complaint", "transfer", "other"]


class AwayReason(Section):
    """A reason to be away (离座原因)."""

    code: Identifier
    "Name in records and reports."

    digit: Digit
    "Key after the code for away."

    name: str
    "Shown to people."

    name_en: str = ""
    "The same in English; empty: the code."

    limit_minutes: Annotated[float, Field(ge=0, le=1440)] = 0.0
    """How long one may be away for this, in minutes, from when there is no work at hand any more.
    Then one warning is told: log, metrics, the API. 0: no limit."""


class Disposition(Section):
    """How a call is classed afterwards (电话小结)."""

    call_class: CallClass = Field(alias="class")
    "inquiry, order, complaint, transfer or other."

    digit: Digit
    "Key after the code for the disposition."

    name: str
    "Shown to people."


class Category(Section):
    """A product category (产品类别) that agents know and calls are about."""

    code: Identifier
    "Name in flows, records and agents' grades."

    name: str
    "Shown to people."


_AWAY = (("break", "1", "小休"), ("meal", "2", "用餐"), ("training", "3", "培训"))
_CLASSES: tuple[tuple[CallClass, str, str], ...] = (
    ("inquiry", "1", "咨询"),
    ("order", "2", "订单"),
    ("complaint", "3", "投诉"),
    ("transfer", "4", "转接"),
    ("other", "5", "其他"),
)


class Reasons(Section):
    """The lists that people choose from."""

    away_reasons: tuple[AwayReason, ...] = tuple(
        AwayReason(code=code, digit=digit, name=name) for code, digit, name in _AWAY
    )
    "Reasons to be away."

    dispositions: tuple[Disposition, ...] = tuple(
        Disposition(call_class=call_class, digit=digit, name=shown)
        for call_class, digit, shown in _CLASSES
    )
    "Classes of calls."

    categories: tuple[Category, ...] = ()
    "Product categories."

    def away_choices(self) -> str:
        """Return the reasons as people are told of them: "1 break, 2 meal"."""
        return ", ".join(f"{entry.digit} {entry.code}" for entry in self.away_reasons)

    def away_limits_s(self) -> dict[str, float]:
        """Return the limits as the router takes them."""
        return {
            entry.code: entry.limit_minutes * 60.0
            for entry in self.away_reasons
            if entry.limit_minutes
        }

    @model_validator(mode="after")
    def _no_doubles(self) -> Self:
        for field, key, values in (
            ("away_reasons", "digit", [reason.digit for reason in self.away_reasons]),
            ("away_reasons", "code", [reason.code for reason in self.away_reasons]),
            ("dispositions", "digit", [disposition.digit for disposition in self.dispositions]),
            ("categories", "code", [category.code for category in self.categories]),
        ):
            doubles = sorted({value for value in values if values.count(value) > 1})
            if doubles:
                raise fault(f"{field}: {key} {', '.join(doubles)} is there twice", "each once")
        return self
