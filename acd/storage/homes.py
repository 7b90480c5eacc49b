"""Where rows belong that came late: the call's start, which is part of each key, is looked up.

Orders are a case of their own. All events of an order stand under one call, that of the first
event (or disposition) that named one: a customer who calls again to cancel does not move the order
to the second call. An event that comes before any that names a call stands under its own time, and
is moved when the call is known.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
from msgspec import Struct, structs

from acd.calls.cdr_rows import (
    CsatAnswer,
    Disposition,
    MatterOutcome,
    OrderEvent,
    QueueVisit,
    Row,
    StreamQuality,
    TalkSegment,
)

from .table import EPOCH, Values

LateRow = Disposition | OrderEvent | CsatAnswer | MatterOutcome | StreamQuality
"Rows that may come after the fold has forgotten the call."


class Handling(Struct, frozen=True, kw_only=True):
    """A call and who handled it last."""

    interaction: str
    started_us: int
    project: str
    agent: str = ""
    queue: str = ""
    category: str = ""

    sales: bool = False
    "The queue is a sales queue whose call was answered."

    call_class: str = ""
    "How this agent's part is classed, as far as the records have it; empty: it is not."

    told_category: str = ""
    told_order: str = ""
    solved: bool | None = None


HANDLINGS = """
SELECT i.interaction, i.started_at, i.project, coalesce(t.agent, i.agent) AS agent,
    coalesce(t.queue, '') AS queue, coalesce(nullif(d.category, ''), v.category, '') AS category,
    coalesce(v.kind = 'sales', false) AS sales, coalesce(d.call_class, '') AS call_class,
    coalesce(d.category, '') AS told_category, coalesce(d.order_id, '') AS told_order, d.solved
FROM unnest($1::text[], $2::text[]) AS asked (interaction, agent)
JOIN interactions i ON i.interaction = asked.interaction
LEFT JOIN LATERAL (
    SELECT t.agent, t.queue FROM talk_segments t
    WHERE t.started_at = i.started_at AND t.interaction = i.interaction
        AND asked.agent IN ('', t.agent)
    ORDER BY t.began_at DESC LIMIT 1
) t ON true
LEFT JOIN LATERAL (
    SELECT d.call_class, d.category, d.order_id, d.solved FROM dispositions d
    WHERE d.started_at = i.started_at AND d.interaction = i.interaction AND d.agent = t.agent
) d ON true
LEFT JOIN LATERAL (
    SELECT v.category, v.kind FROM queue_visits v
    WHERE v.started_at = i.started_at AND v.interaction = i.interaction AND v.queue = t.queue
        AND v.outcome = 'answered'
    ORDER BY v.entered_at DESC LIMIT 1
) v ON true
"""

ORDER_HOMES = """
SELECT DISTINCT ON (order_id) order_id, interaction, started_at, project, agent, queue, category
FROM (
    SELECT order_id, interaction, started_at, project, agent, queue, category, entered_at
    FROM order_events WHERE order_id = ANY($1::text[])
    UNION ALL
    SELECT order_id, interaction, started_at, project, agent, queue, category, entered_at
    FROM dispositions WHERE order_id <> '' AND order_id = ANY($1::text[]) AND ordered
) known
ORDER BY order_id, interaction = '', entered_at, started_at
"""

MOVE_ORDER = """
WITH moved AS (
    DELETE FROM order_events WHERE order_id = $1 AND interaction = '' RETURNING *
), marked AS (
    INSERT INTO kpi_dirty (quarter_at)
    SELECT DISTINCT kpi_quarter(side) FROM moved, unnest(ARRAY[started_at, $2]) AS side
)
INSERT INTO order_events (
    started_at, interaction, project, agent, queue, category, order_id, key, state, at, entered_at,
    amount, currency, entered_by
)
SELECT $2, $3, $4, $5, $6, coalesce(nullif(category, ''), $7), order_id, key, state, at,
    entered_at, amount, currency, entered_by
FROM moved
ON CONFLICT DO NOTHING
"""


async def find_handlings(
    connection: asyncpg.Connection, asked: Iterable[tuple[str, str]]
) -> dict[str, Handling]:
    """Return calls by interaction, each as this agent ('': the last one) handled it.

    An agent who did not take part is nobody: the agent and the queue are empty then, unless the
    agent placed the call.
    """
    pairs = sorted(set(asked))
    rows = await connection.fetch(HANDLINGS, [one[0] for one in pairs], [one[1] for one in pairs])
    return {row["interaction"]: _handling(row) for row in rows}


async def find_order_homes(
    connection: asyncpg.Connection, order_ids: Iterable[str]
) -> dict[str, Handling]:
    """Return the calls that known orders belong to; without interaction where none is known."""
    rows = await connection.fetch(ORDER_HOMES, sorted(set(order_ids)))
    return {row["order_id"]: _handling(row) for row in rows}


def _handling(row: asyncpg.Record) -> Handling:
    fields = {name: value for name, value in row.items() if name in Handling.__struct_fields__}
    return Handling(started_us=microseconds(row["started_at"]), **fields)


def microseconds(moment: datetime) -> int:
    """Return a time of the database as the rows have it."""
    passed = moment - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def handled_in(tables: Mapping[type[Row], Sequence[Any]]) -> dict[str, Handling]:
    """Return who handled the calls whose rows are written in the same batch."""
    visits: Iterable[QueueVisit] = tables.get(QueueVisit, ())
    talks: Iterable[TalkSegment] = tables.get(TalkSegment, ())
    categories = {visit.visit: visit.category for visit in visits}
    return {
        talk.interaction: Handling(
            interaction=talk.interaction,
            started_us=talk.started_us,
            project=talk.project,
            agent=talk.agent,
            queue=talk.queue,
            category=categories.get(talk.visit, ""),
        )
        for talk in sorted(talks, key=lambda talk: talk.began_us)
    }


class Homes:
    """Finds the homes of one batch's late rows."""

    def __init__(
        self,
        *,
        place: Callable[[LateRow], None],
        put_aside: Callable[[LateRow], None],
        told: list[Disposition],
        handled: dict[str, Handling],
    ) -> None:
        """`place` takes a row whose home is known, `put_aside` one whose call nobody knows.

        `told` are the batch's dispositions with an order number, which the tables do not have yet;
        it may grow while rows are placed. `handled` are the calls of which the same is true.
        """
        self.moves: list[tuple[str, Handling]] = []
        "Orders whose call has become known: what stands under no call has to be moved there."
        self._place = place
        self._put_aside = put_aside
        self._told = told
        self._handled = handled
        self._calls: dict[str, Handling] = {}
        self._orders: dict[str, Handling] = {}

    async def find(self, connection: asyncpg.Connection, rows: list[LateRow]) -> None:
        """Give every row its place."""
        orders = [row for row in rows if isinstance(row, OrderEvent)]
        asked = [(row.interaction, "") for row in rows if row.interaction]
        known = await find_handlings(connection, asked) if asked else {}
        self._calls = {**known, **self._handled}
        for row in rows:
            if not isinstance(row, OrderEvent):
                self._settle(row)
        numbers = {row.order_id for row in orders} | {row.order_id for row in self._told}
        self._orders = await find_order_homes(connection, numbers) if numbers else {}
        for disposition in self._told:
            self._learn(disposition)
        for order in orders:
            self._settle_order(order)

    def _learn(self, row: Disposition) -> None:
        known = self._orders.get(row.order_id)
        if known is None or not known.interaction:
            home = Handling(
                interaction=row.interaction,
                started_us=row.started_us,
                project=row.project,
                agent=row.agent,
                queue=row.queue,
                category=row.category,
            )
            self._link(row.order_id, home)

    def _settle(self, row: Disposition | CsatAnswer | MatterOutcome | StreamQuality) -> None:
        call = self._calls.get(row.interaction)
        if call is None:
            self._put_aside(row)
            return
        row.started_us, row.project = call.started_us, call.project
        if isinstance(row, CsatAnswer) and not row.agent:
            row.agent, row.queue = call.agent, row.queue or call.queue
        self._place(row)

    def _settle_order(self, row: OrderEvent) -> None:
        home = self._orders.get(row.order_id)
        call = self._calls.get(row.interaction) or _call_of(row)
        if home is not None and home.interaction and (not call or call.project == home.project):
            _move_in(row, home)
        elif call is not None:
            fields = {"agent": row.agent or call.agent, "queue": row.queue or call.queue}
            home = structs.replace(call, **fields, category=row.category or call.category)
            self._link(row.order_id, home)
            _move_in(row, home)
        elif row.interaction:
            self._put_aside(row)
            return
        elif home is not None:
            row.started_us = home.started_us
        else:
            self._orders[row.order_id] = Handling(
                interaction="", started_us=row.started_us, project=row.project
            )
        self._place(row)

    def _link(self, order_id: str, home: Handling) -> None:
        former = self._orders.get(order_id)
        if former is not None and not former.interaction:
            self.moves.append((order_id, home))
        self._orders[order_id] = home


def _call_of(row: OrderEvent) -> Handling | None:
    """Return the row's call as the fold knew it; None: it did not."""
    if not row.interaction or not row.started_us:
        return None
    return Handling(interaction=row.interaction, started_us=row.started_us, project=row.project)


def _move_in(row: OrderEvent, home: Handling) -> None:
    row.interaction, row.started_us, row.project = home.interaction, home.started_us, home.project
    row.agent, row.queue = home.agent or row.agent, home.queue or row.queue
    row.category = row.category or home.category


def move_values(order_id: str, home: Handling, at: Callable[[int], datetime]) -> Values:
    """Return the parameters of `MOVE_ORDER`."""
    return (
        order_id,
        at(home.started_us),
        home.interaction,
        home.project,
        home.agent,
        home.queue,
        home.category,
    )
