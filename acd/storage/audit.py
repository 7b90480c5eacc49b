"""Who changed what: the table `audit`, for people."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

ENTRIES_MAX = 1000
"Lines of a page: a day of a large centre's supervisors; a shop's orders take several."

_ENTRIES = """
SELECT started_at AS at, changed_by AS by, role, action, subject, value_before AS before,
    value_after AS after, why
FROM audit WHERE started_at >= $1 AND started_at < $2
    AND $3 IN ('', changed_by) AND $4 IN ('', action)
    AND ($5 IN ('', subject) OR $5 = ANY (string_to_array(subject, ' ')))
ORDER BY started_at DESC, node DESC, boot DESC, seq DESC LIMIT $6 OFFSET $7
"""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change; see the comments of the table."""

    at: datetime
    by: str
    role: str
    action: str
    subject: str
    before: str
    after: str
    why: str


async def audit_entries(
    connection: asyncpg.Connection,
    *,
    from_at: datetime,
    to_at: datetime,
    by: str = "",
    action: str = "",
    subject: str = "",
    page: int = 1,
) -> list[AuditEntry]:
    """Return a page of the changes in [from_at, to_at), the latest first. Both carry a zone.

    `by` and `action` are whole, `subject` is all of it or one of its words; empty: any.
    """
    skipped = (page - 1) * ENTRIES_MAX
    rows = await connection.fetch(
        *(_ENTRIES, from_at, to_at, by, action, subject, ENTRIES_MAX, skipped)
    )
    return [AuditEntry(**dict(row)) for row in rows]
