"""Taking a customer's number and name out of the tables; figures stay what they were."""

import asyncio
import secrets
from pathlib import Path

import asyncpg
from msgspec import Struct

from .customer_keys import HASH_BYTES, CustomerKeys
from .database import POSITION_CHANNEL
from .erasures import FILE, Erasure, add_erasures, pattern_of
from .errors import ErasureError
from .frames import segment_path, segments
from .kept_segments import shipped_before

SHORTEST_DIGITS = 7
"A shorter number is an extension or a service number: nobody's own, and part of many texts."

SETTLE_S = 5.0
"Twice what the shipper waits at most: a batch that it had begun before has been written then."

INTERACTIONS = """
UPDATE interactions SET
    caller = CASE WHEN caller = ANY($1) OR (customer_key = ANY($2) AND direction <> 'outbound')
        THEN '' ELSE caller END,
    caller_name = CASE
        WHEN caller = ANY($1) OR (customer_key = ANY($2) AND direction <> 'outbound')
        THEN '' ELSE caller_name END,
    called = CASE WHEN called = ANY($1) OR (customer_key = ANY($2) AND direction = 'outbound')
        THEN '' ELSE called END,
    number = CASE WHEN number = ANY($1) OR customer_key = ANY($2) THEN '' ELSE number END,
    customer_key = CASE WHEN customer_key = ANY($2) THEN $3 ELSE customer_key END
WHERE customer_key = ANY($2) OR caller = ANY($1) OR called = ANY($1) OR number = ANY($1)
"""

NUMBERS = {"legs": "number", "callbacks": "number", "transfers": "target"}
"Columns that hold nothing but a number."

TEXTS = {
    "closures": ("reason",),
    "interactions": ("detail",),
    "flow_steps": ("note",),
    "audit": ("subject", "value_before", "value_after", "why"),
    "csat_answers": ("comment",),
    "set_aside": ("content", "error"),
}
"Columns in which somebody may have written one."


class Erased(Struct, frozen=True):
    """What was done."""

    pseudonym: str
    rows: dict[str, int]
    "By table."


async def numbers_of(connection: asyncpg.Connection, customer_key: str) -> set[str]:
    """Return the numbers that the tables hold of a customer."""
    rows = await connection.fetch(
        "SELECT DISTINCT CASE WHEN direction = 'outbound' THEN number ELSE caller END AS number"
        " FROM interactions WHERE customer_key = $1",
        customer_key,
    )
    return {row["number"] for row in rows} - {""}


async def erase(
    connection: asyncpg.Connection,
    state: Path,
    keys: CustomerKeys,
    *,
    numbers: set[str],
    customer_key: str,
    now_us: int,
    by: str,
) -> Erased:
    """Take a customer out of the tables; beside a running server or not.

    `numbers` are all ways in which the number may stand there, `customer_key` is its hash where
    that is all that is known. Raises ErasureError for what is no customer's number.
    """
    for number in numbers:
        if sum(char.isdecimal() for char in number) < SHORTEST_DIGITS:
            raise ErasureError(f"{number!r} is no customer's number: it has fewer than 7 digits")
    hashes = sorted({keys.of(number) for number in numbers} | {customer_key} - {""})
    pseudonym = "erased-" + secrets.token_urlsafe(HASH_BYTES)
    new = tuple(Erasure(one, pseudonym, now_us) for one in hashes)
    # First the note: from then on nothing that is shipped again brings the number back.
    await asyncio.to_thread(add_erasures, state / FILE, new)
    await connection.execute(f"NOTIFY {POSITION_CHANNEL}")
    rows: dict[str, int] = {}
    for pause_s in (0.0, SETTLE_S):
        await asyncio.sleep(pause_s)
        for table, count in (await _pass(connection, numbers, hashes, pseudonym)).items():
            rows[table] = rows.get(table, 0) + count
    rows = {table: count for table, count in rows.items() if count}
    await _note(connection, pseudonym, rows, by)
    return Erased(pseudonym, rows)


async def _pass(
    connection: asyncpg.Connection, numbers: set[str], hashes: list[str], pseudonym: str
) -> dict[str, int]:
    wanted = sorted(numbers)
    async with connection.transaction():
        done = {"interactions": await _count(connection, INTERACTIONS, wanted, hashes, pseudonym)}
        await connection.execute("SELECT repeat_contacts_rename($1, $2)", hashes, pseudonym)
    for table, column in NUMBERS.items():
        update = f"UPDATE {table} SET {column} = '' WHERE {column} = ANY($1)"
        done[table] = await _count(connection, update, wanted)
    for table, columns in TEXTS.items():
        for column in columns:
            update = (
                f"UPDATE {table} SET {column} = regexp_replace({column}, $1, '', 'g')"
                f" WHERE {column} <> '' AND {column} ~ $1"
            )
            pattern = pattern_of(numbers)
            done[table] = done.get(table, 0) + await _count(connection, update, pattern)
    return done


async def _count(connection: asyncpg.Connection, update: str, *arguments: object) -> int:
    return int((await connection.execute(update, *arguments)).rpartition(" ")[2])


async def _note(
    connection: asyncpg.Connection, pseudonym: str, rows: dict[str, int], by: str
) -> None:
    """Write into the audit that it was done, to whom under the new name, and by whom."""
    await connection.execute("SELECT ensure_month(current_date)")
    told = ", ".join(f"{count} {table}" for table, count in rows.items())
    await connection.execute(
        "INSERT INTO audit (project, started_at, node, boot, seq, changed_by, role, action,"
        " subject, value_before, value_after, why)"
        " VALUES ('main', now(), '', $1, 1, $2, 'admin', 'erase', $1, '', $3, '')",
        *(pseudonym, by, told),
    )


def drop_kept(folder: Path) -> int:
    """Delete the journal's segments that are shipped and only kept; return how many."""
    before = shipped_before(folder)
    gone = [number for number in segments(folder) if number < before]
    for number in gone:
        segment_path(folder, number).unlink(missing_ok=True)
    return len(gone)
