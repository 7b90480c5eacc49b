"""The page about the tables: an entity picture and every column, read from a database."""

from collections.abc import Iterable

import asyncpg
from msgspec import Struct

_TABLES = """
SELECT c.oid, c.relname AS name, coalesce(obj_description(c.oid), '') AS comment,
    c.relkind = 'p' AS partitioned
FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND NOT c.relispartition
    AND c.relkind IN ('r', 'p')
ORDER BY c.relname
"""

_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, a.attnotnull AS required,
    coalesce(col_description(a.attrelid, a.attnum), '') AS comment,
    coalesce(array_position(key.indkey::int2[], a.attnum), -1) AS key_place
FROM pg_attribute a
LEFT JOIN pg_index key ON key.indrelid = a.attrelid AND key.indisprimary
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

TYPES = {"timestamp with time zone": "timestamptz", "double precision": "float8"}

PARTS = {"leg": "legs", "visit": "queue_visits"}
"Columns that name a part of the same interaction, and the table in which it has its row."

_HEAD = """# The tables

Written by `acd records schema --markdown` from a database of this version; what the tables mean
together is in [records.md](records.md). `PK` is the primary key. Rows find each other by
`started_at` and `interaction`, and by `leg` or `visit` where a table has them: the database checks
no references, since a part may be written before what it belongs to.

"""


class SchemaColumn(Struct, frozen=True):
    """One column."""

    name: str
    type: str
    required: bool
    comment: str
    key: bool


class SchemaTable(Struct, frozen=True):
    """One table."""

    name: str
    comment: str
    partitioned: bool
    columns: tuple[SchemaColumn, ...]

    def has(self, name: str) -> bool:
        """Return whether there is such a column."""
        return any(column.name == name for column in self.columns)

    def key(self) -> set[str]:
        """Return the primary key's columns."""
        return {column.name for column in self.columns if column.key}


async def read_schema(connection: asyncpg.Connection) -> list[SchemaTable]:
    """Return all tables but the partitions, by name."""
    tables = []
    for table in await connection.fetch(_TABLES):
        columns = tuple(
            SchemaColumn(
                row["name"],
                TYPES.get(row["type"], row["type"]),
                row["required"],
                row["comment"],
                row["key_place"] >= 0,
            )
            for row in await connection.fetch(_COLUMNS, table["oid"])
        )
        tables.append(SchemaTable(table["name"], table["comment"], table["partitioned"], columns))
    return tables


def as_markdown(tables: Iterable[SchemaTable]) -> str:
    """Return the page."""
    tables = list(tables)
    parts = [_HEAD, *_picture(tables)]
    for table in tables:
        by_month = " Partitioned by month." if table.partitioned else ""
        parts.append(f"\n## `{table.name}`\n\n{table.comment}{by_month}\n\n")
        parts.append("| column | type | | meaning |\n|---|---|---|---|\n")
        parts += (_line(column) for column in table.columns)
    return "".join(parts)


def _line(column: SchemaColumn) -> str:
    kind = "PK" if column.key else "" if column.required else "may be NULL"
    comment = column.comment.replace("|", "\\|")
    return f"| `{column.name}` | {column.type} | {kind} | {comment} |\n"


def _picture(tables: list[SchemaTable]) -> Iterable[str]:
    """Yield a Mermaid entity diagram: keys and what leads to other tables."""
    yield "```mermaid\nerDiagram\n"
    for table in tables:
        yield f"    {table.name} {{\n"
        for column in table.columns:
            if column.key or column.name in {"interaction", *PARTS}:
                yield f"        {column.type} {column.name}{' PK' if column.key else ''}\n"
        yield "    }\n"
    names = {table.name for table in tables}
    for table in tables:
        yield from (f"    {line}\n" for line in _relations(table, names))
    yield "```\n"


def _relations(table: SchemaTable, names: set[str]) -> Iterable[str]:
    if table.name == "interactions":
        return
    if {"started_at", "interaction"} <= table.key():
        yield f"interactions ||--o{{ {table.name} : has"
    elif table.has("interaction"):
        yield f"interactions |o--o{{ {table.name} : about"
    for column, target in PARTS.items():
        if target in names and target != table.name and table.has(column):
            yield f"{target} |o--o{{ {table.name} : {column}"
