"""Sessions whose other end is gone: the database ends them, and gives their locks back.

A firewall that forgets a connection tells neither side. The client gives up by its own limit and
connects anew; its former session would keep the position's row and the tables' locks for two
hours, after which the kernel looks whether anybody is there (Linux' tcp_keepalive_time), and all
that comes after it would wait for them in vain.
"""

import asyncpg

KEEPALIVES = (
    "SET tcp_keepalives_idle = 60",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 6",
)
"Two minutes after its last sign a silent client is gone. Sockets of the same machine need none."


async def end_when_deserted(
    connection: asyncpg.Connection, *, idle_s: float, statement_s: float = 0.0
) -> None:
    """Have the database end this session where its client has been gone for so long.

    `idle_s` is the time in a transaction without a statement, `statement_s` that of a statement;
    0: no limit. A COPY that waits for its data hears of none: the keepalives end it. By SET, for
    a pooler between the two takes no such settings with the connection.
    """
    limits = (
        f"SET idle_in_transaction_session_timeout = {int(idle_s * 1000)}",
        f"SET statement_timeout = {int(statement_s * 1000)}",
    )
    await connection.execute(";".join((*KEEPALIVES, *limits)))
