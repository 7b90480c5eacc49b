"""Indexes on tables that are being written to.

`CREATE INDEX` on a partitioned table keeps all writers out until every partition has been read.
So a migration says `CREATE INDEX … ON ONLY …`, which takes no time and leaves an index that is not
valid yet; here each partition gets its part while rows come in, and the parts are joined to it
(PostgreSQL's documentation, "Table Partitioning", 5.12.2.2). Begun again at each start until all
is done: a server that was stopped in between goes on where it was.
"""

import re

import asyncpg

from .locks import with_short_locks

BUILD_LIMIT_S = 6 * 3600.0
"Reading a month's rows takes seconds; waiting for a report that is older than the index, longer."

_PENDING = """
SELECT parent.indexrelid::regclass::text AS index, part.inhrelid::regclass::text AS partition,
    pg_get_indexdef(parent.indexrelid) AS definition
FROM pg_index parent
JOIN pg_class c ON c.oid = parent.indexrelid AND c.relkind = 'I'
JOIN pg_inherits part ON part.inhparent = parent.indrelid
WHERE NOT parent.indisvalid AND c.relnamespace = current_schema()::regnamespace
    AND NOT EXISTS (
        SELECT FROM pg_inherits joined JOIN pg_index own ON own.indexrelid = joined.inhrelid
        WHERE joined.inhparent = parent.indexrelid AND own.indrelid = part.inhrelid
    )
ORDER BY 1, 2
"""

_HEAD = re.compile(r"CREATE( UNIQUE)? INDEX \S+ ON ONLY \S+ ")


async def complete_indexes(connection: asyncpg.Connection) -> list[str]:
    """Build the parts that indexes of partitioned tables lack; return the names of those parts.

    Not within a transaction. Readers and writers go on meanwhile.
    """
    built = []
    for pending in await connection.fetch(_PENDING):
        parent, partition = pending["index"], pending["partition"]
        name = f"{partition}_{parent.partition('_')[2]}"
        head = _HEAD.match(pending["definition"])
        assert head is not None, pending["definition"]
        rest = pending["definition"][head.end() :]
        # What an interrupted attempt left behind is no use: it misses rows.
        await connection.execute(f"DROP INDEX IF EXISTS {name}", timeout=BUILD_LIMIT_S)
        await connection.execute(
            f"CREATE{head[1] or ''} INDEX CONCURRENTLY {name} ON {partition} {rest}",
            timeout=BUILD_LIMIT_S,
        )
        await with_short_locks(connection, f"ALTER INDEX {parent} ATTACH PARTITION {name}")
        built.append(name)
    return built
