"""Hashes of customers' numbers for rows that have none yet, or that were made with a lost key."""

from collections.abc import Callable
from datetime import datetime

import asyncpg

from .customer_keys import CustomerKeys, customer_number
from .table import EPOCH

CHUNK = 5_000
"Rows per transaction: a tenth of a second, so that the shipper never waits for long."

_NEXT = """
SELECT started_at, interaction, direction, caller, number, customer_key FROM interactions
WHERE (started_at, interaction) > ($1, $2) AND ($3 OR customer_key = '')
ORDER BY started_at, interaction LIMIT $4
"""

# Whose calls they are makes repeat calls of them, or first ones.
_SET = """
WITH changed AS (
    UPDATE interactions i SET customer_key = made.customer_key
    FROM unnest($1::timestamptz[], $2::text[], $3::text[])
        AS made (started_at, interaction, customer_key)
    WHERE i.started_at = made.started_at AND i.interaction = made.interaction
    RETURNING i.started_at
)
INSERT INTO repeat_contacts_dirty (quarter_at) SELECT DISTINCT kpi_quarter(started_at) FROM changed
"""

Place = tuple[datetime, str]


async def fill_customer_keys(
    connection: asyncpg.Connection,
    keys: CustomerKeys,
    *,
    again: bool,
    on_progress: Callable[[int], None],
) -> int:
    """Give interactions their `customer_key`; return how many rows were changed.

    `again` makes all of them anew; otherwise those that have none. Rows whose number has been
    erased keep what they have. May be interrupted and begun again; the database may be in use.
    """
    changed = 0
    place: Place = (EPOCH, "")
    while rows := await connection.fetch(_NEXT, *place, again, CHUNK):
        made = [(row, _key_of(row, keys)) for row in rows]
        new = [(row, key) for row, key in made if key not in {"", row["customer_key"]}]
        await connection.execute(
            _SET,
            [row["started_at"] for row, _ in new],
            [row["interaction"] for row, _ in new],
            [key for _, key in new],
        )
        changed += len(new)
        place = rows[-1]["started_at"], rows[-1]["interaction"]
        on_progress(changed)
    return changed


def _key_of(row: asyncpg.Record, keys: CustomerKeys) -> str:
    return keys.of(customer_number(row["direction"], row["caller"], row["number"]))
