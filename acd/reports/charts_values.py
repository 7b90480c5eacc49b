"""The points that charts are drawn of."""

from msgspec import Struct


class QuarterHour(Struct, frozen=True, kw_only=True):
    """One point of the trend. Rates are fractions; None: nothing to divide by."""

    at: str
    "Local date and time, ISO 8601."

    offered: int
    service_level: float | None
    abandon_rate: float | None
    asa_s: float | None
