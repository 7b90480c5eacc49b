"""Who changed what: the table `audit`, for people."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

ENTRIES_MAX = 1000
"A day of a large centre's supervisors; whoever wants more asks the database."

_ENTRIES = """
SELECT started_at AS at, changed_by AS by, role, action, subject, value_before AS before,
    value_after AS after, why
FROM audit WHERE started_at >= $1 AND started_at < $2
ORDER BY started_at DESC, seq DESC LIMIT $3
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
    connection: asyncpg.Connection, *, from_at: datetime, to_at: datetime
) -> list[AuditEntry]:
    """Return the changes in [from_at, to_at), the latest first. Both times carry a zone."""
    rows = await connection.fetch(_ENTRIES, from_at, to_at, ENTRIES_MAX)
    return [AuditEntry(**dict(row)) for row in rows]
