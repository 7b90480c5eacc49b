"""What ranking gained, out of the tables."""

from datetime import datetime

import asyncpg

from acd.reports.routing import Amounts, Group, RoutingGain, routing_gains


def _within(table: str) -> str:
    """Return the condition that only the months are read in which the calls began.

    An interaction is given up after a day, so a visit begins within it.
    """
    return f"{table}.started_at > $1::timestamptz - interval '2 days' AND {table}.started_at < $2"


_PARTS = """
    SELECT r.started_at, r.interaction, true AS own
    UNION ALL
    SELECT x.started_at, x.interaction, false FROM transfers x
    WHERE x.consult = r.interaction AND x.consult <> '' AND x.outcome = 'completed'
        AND x.started_at BETWEEN r.started_at - interval '31 days'
            AND r.started_at + interval '1 day'
"""
"""Where a call's disposition and orders may lie, as in kpi_visits: those of a consultation's visit
in the interaction that it joined, too."""

# Whether there was an order is what kpi_visits says. Nearly every call is simple, and its own
# disposition says it, or what a shop told; only where it has another answered visit, or was a
# consultation, the view has to be asked. All is looked up call by call: the planner takes equal
# columns for conditions that few rows hold, and would join each call with each.
_GAINS = f"""
    WITH routed AS MATERIALIZED (
        SELECT v.queue, v.started_at, v.interaction, v.visit, v.entered_at,
            v.agent AS answered_by, o.agent, o.hold_out, o.ranked_by,
            EXISTS (
                SELECT FROM queue_visits w
                WHERE w.started_at = v.started_at AND w.interaction = v.interaction
                    AND w.outcome = 'answered' AND w.visit <> v.visit AND {_within("w")}
            ) OR v.interaction IN (
                SELECT x.consult FROM transfers x
                WHERE x.consult <> '' AND x.outcome = 'completed'
                    AND x.started_at BETWEEN $1::timestamptz - interval '33 days'
                        AND $2::timestamptz + interval '1 day'
            ) AS is_joined
        FROM queue_visits v
        JOIN offers o ON o.started_at = v.started_at AND o.interaction = v.interaction
            AND o.visit = v.visit AND o.outcome = 'answered' AND {_within("o")}
        WHERE v.entered_at >= $1 AND v.entered_at < $2 AND {_within("v")}
            AND v.kind = 'sales' AND v.outcome = 'answered'
            AND ($3::text IS NULL OR v.project = $3)
    ), calls AS MATERIALIZED (
        SELECT r.*,
            CASE WHEN r.is_joined THEN EXISTS (
                SELECT FROM ({_PARTS}) part
                JOIN dispositions d
                    ON d.started_at = part.started_at AND d.interaction = part.interaction
                WHERE d.agent = r.agent
            ) OR EXISTS (
                SELECT FROM ({_PARTS}) part
                JOIN order_events e
                    ON e.started_at = part.started_at AND e.interaction = part.interaction
                WHERE e.agent = r.agent
            ) ELSE coalesce(said.is_classed, false) OR told.queue IS NOT NULL END AS is_classed,
            CASE WHEN r.is_joined THEN (
                SELECT k.ordered FROM kpi_visits k
                WHERE k.started_at = r.started_at AND k.interaction = r.interaction
                    AND k.visit = r.visit AND {_within("k")}
            ) ELSE coalesce(said.ordered, false) OR coalesce(told.queue IN ('', r.queue), false)
            END AS ordered
        FROM routed r
        LEFT JOIN LATERAL (
            SELECT bool_or(d.agent = r.agent) AS is_classed,
                bool_or(d.agent = r.answered_by AND d.queue IN ('', r.queue)
                    AND (d.ordered OR EXISTS (
                        SELECT FROM order_events e
                        WHERE e.started_at = d.started_at AND e.interaction = d.interaction
                            AND e.agent = d.agent AND {_within("e")}))) AS ordered
            FROM dispositions d
            WHERE d.started_at = r.started_at AND d.interaction = r.interaction
                AND {_within("d")}
        ) said ON true
        -- What a shop told of a call whose agent has classed nothing.
        LEFT JOIN LATERAL (
            SELECT e.queue FROM order_events e
            WHERE e.started_at = r.started_at AND e.interaction = r.interaction
                AND e.agent = r.answered_by AND {_within("e")}
                AND NOT EXISTS (
                    SELECT FROM dispositions d
                    WHERE d.started_at = r.started_at AND d.interaction = r.interaction
                        AND d.agent = r.answered_by AND {_within("d")})
            ORDER BY e.entered_at DESC, e.order_id COLLATE "C" DESC, e.key COLLATE "C" DESC
            LIMIT 1
        ) told ON NOT r.is_joined
    ), sold AS MATERIALIZED (
        SELECT c.*, c.is_joined OR EXISTS (
            SELECT FROM order_events e
            WHERE e.started_at = c.started_at AND e.interaction = c.interaction
                AND {_within("e")}
        ) OR EXISTS (
            -- Two agents may name one order, by its number or as the call's: it is of whoever
            -- named it last.
            SELECT FROM dispositions d
            WHERE d.started_at = c.started_at AND d.interaction = c.interaction
                AND d.agent <> c.agent AND d.ordered AND {_within("d")}
        ) AS is_told
        FROM calls c WHERE c.ordered
    ), worth AS (
        SELECT r.queue, r.hold_out, w.currency, count(*) AS orders, sum(w.amount) AS amount
        FROM sold r
        CROSS JOIN LATERAL (
            SELECT d.amount::float8, d.currency FROM dispositions d
            WHERE NOT r.is_told AND d.started_at = r.started_at AND d.interaction = r.interaction
                AND d.agent = r.agent AND d.queue IN ('', r.queue)
                AND d.ordered AND d.amount IS NOT NULL AND {_within("d")}
            UNION ALL
            SELECT o.amount::float8, o.currency
            FROM ({_PARTS}) part
            CROSS JOIN LATERAL
                orders_of(part.started_at, part.started_at + interval '1 microsecond') o
            WHERE r.is_told AND o.interaction = part.interaction AND o.agent = r.agent
                AND o.queue IN ('', r.queue) AND o.amount IS NOT NULL
                AND o.state IN ('placed', 'signed')
                AND NOT (r.is_joined AND EXISTS (
                    SELECT FROM queue_visits v
                    WHERE v.started_at = r.started_at AND v.interaction = r.interaction
                        AND v.outcome = 'answered' AND v.agent = r.agent
                        AND o.queue IN ('', v.queue)
                        AND (v.entered_at, v.visit) > (r.entered_at, r.visit)))
                AND (part.own OR NOT EXISTS (
                    SELECT FROM queue_visits v
                    WHERE v.started_at = part.started_at AND v.interaction = part.interaction
                        AND v.outcome = 'answered' AND v.agent = r.agent
                        AND o.queue IN ('', v.queue)))
        ) w
        GROUP BY r.queue, r.hold_out, r.started_at, r.interaction, r.visit, w.currency
    )
    SELECT queue, hold_out, NULL AS currency, count(*) AS calls,
        count(*) FILTER (WHERE ordered) AS orders,
        count(*) FILTER (WHERE ranked_by = 'unmeasured') AS unmeasured,
        count(*) FILTER (WHERE NOT ordered AND NOT is_classed) AS pending,
        NULL::float8 AS amount, NULL::float8 AS squares
    FROM calls GROUP BY queue, hold_out
    UNION ALL
    SELECT queue, hold_out, currency, sum(orders)::bigint, sum(orders)::bigint, 0, 0, sum(amount),
        sum(amount ^ 2)
    FROM worth GROUP BY queue, hold_out, currency
"""
"""Answered calls of sales queues, by how they were routed; then the amounts of their orders, with
their currency."""


async def gains(
    connection: asyncpg.Connection,
    *,
    from_at: datetime,
    to_at: datetime,
    project: str | None = None,
) -> list[RoutingGain]:
    """Return the gain of the calls that entered in [from_at, to_at), by queue name."""
    rows = await connection.fetch(_GAINS, from_at, to_at, project)
    return routing_gains(
        [
            Group(
                queue=row["queue"],
                hold_out=row["hold_out"],
                answered=row["calls"],
                orders=row["orders"],
                unmeasured=row["unmeasured"],
                pending=row["pending"],
            )
            for row in rows
            if row["currency"] is None
        ],
        [
            Amounts(
                queue=row["queue"],
                hold_out=row["hold_out"],
                currency=row["currency"],
                orders=row["orders"],
                amount=row["amount"],
                squares=row["squares"],
            )
            for row in rows
            if row["currency"] is not None
        ],
    )
