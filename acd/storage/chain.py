"""All rows of one interaction, for whoever looks at a single call."""

from collections.abc import Mapping
from typing import Any

import asyncpg

ChainRows = Mapping[str, list[dict[str, Any]]]
"Rows by table, each as column: value."

PARTS = (
    *("interactions", "flow_steps", "queue_visits", "offers", "talk_segments", "hold_segments"),
    *(
        "transfers",
        "legs",
        "dispositions",
        "order_events",
        "csat_answers",
        "matter_outcomes",
        "recordings",
    ),
)
"Tables whose rows hang on an interaction by its id and start."


async def read_chain(connection: asyncpg.Connection, interaction: str) -> ChainRows:
    """Return what the tables hold of an interaction; no rows at all: it is unknown."""
    starts = [
        row["started_at"]
        for row in await connection.fetch(
            "SELECT started_at FROM interactions WHERE interaction = $1", interaction
        )
    ]
    found = {}
    for table in PARTS:
        rows = await connection.fetch(
            f"SELECT * FROM {table} WHERE started_at = ANY($1) AND interaction = $2",
            starts,
            interaction,
        )
        found[table] = [dict(row) for row in rows]
    rows = await connection.fetch(
        "SELECT * FROM agent_state_intervals WHERE state = 'wrap_up' AND interaction = $1",
        interaction,
    )
    found["wrap_ups"] = [dict(row) for row in rows]
    rows = await connection.fetch("SELECT * FROM callbacks WHERE callback = $1", interaction)
    found["callbacks"] = [dict(row) for row in rows]
    return found
