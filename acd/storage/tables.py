"""Which table a row of the CDR goes into, under which key, with which values."""

from acd.calls import cdr_rows as cdr

from .table import Table
from .tables_calls import CALL_TABLES
from .tables_house import HOUSE_TABLES
from .tables_late import LATE_TABLES

TABLES: dict[type[cdr.Row], Table] = {
    table.kind: table for table in (*CALL_TABLES, *HOUSE_TABLES, *LATE_TABLES)
}
"In the order in which a batch writes them."
