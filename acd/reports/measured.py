"""What a performance contract can measure: by name, the report and column it is taken from.

All reports are asked by month and agent, so a measure is what the agent's own line of that report
says; contract and reports cannot differ.
"""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct


class Source(Struct, frozen=True):
    """Where a measure comes from."""

    report: str
    column: str


def _of(report: str, *columns: str) -> dict[str, Source]:
    return {column: Source(report, column) for column in columns}


MEASURED: Mapping[str, Source] = MappingProxyType(
    {
        **_of("kpi", "service_level", "asa_s"),
        **_of(
            "agents",
            "handled",
            "missed_offers",
            "offer_answer_rate",
            "aht_s",
            "orders",
            "conversion_rate",
            "occupancy",
            "utilisation",
            "traffic_index",
        ),
        **_of("adherence", "adherence"),
        **_of("csat", "csat", "csat_response_rate", "satisfied_rate"),
        **_of("repeat", "repeat_rate", "first_contact_resolution_rate"),
        **_of("orders", "signed", "cancel_rate", "refused_rate", "delivery_success_rate"),
    }
)
"Measure -> source."
