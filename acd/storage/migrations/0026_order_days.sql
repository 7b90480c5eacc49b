-- Orders' days: sums of orders_of and of answered sales calls, so that a report of a year need not go
-- through every order. Like kpi_days they are computed whole out of the records, whenever one of their
-- quarter-hours is marked in kpi_dirty, by acd/storage/order_days.py; days are those of kpi_zone.

CREATE TABLE order_days (
    day date NOT NULL,
    dimension text NOT NULL,
    project text NOT NULL,
    queue text NOT NULL,
    value text NOT NULL,
    answered integer NOT NULL,
    converted integer NOT NULL,
    placed integer NOT NULL,
    cancelled integer NOT NULL,
    signed integer NOT NULL,
    refused integer NOT NULL,
    returned integer NOT NULL,
    PRIMARY KEY (day, dimension, project, queue, value)
);

COMMENT ON TABLE order_days IS 'Orders and answered sales calls per day of the call, queue and one dimension more.';
COMMENT ON COLUMN order_days.day IS
    'Day in the zone of kpi_zone on which the call started that the order came from.';
COMMENT ON COLUMN order_days.dimension IS
    'agent, team, category; empty: none, the queue''s whole day.';
COMMENT ON COLUMN order_days.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN order_days.queue IS
    'The queue''s name, or empty.';
COMMENT ON COLUMN order_days.value IS
    'Value of the dimension, or empty.';
COMMENT ON COLUMN order_days.answered IS
    'Answered visits of queues of kind sales.';
COMMENT ON COLUMN order_days.converted IS
    'Calls that led to an order, or several of this queue, agent and category; the others are in order_day_splits.';
COMMENT ON COLUMN order_days.placed IS
    'Orders that are on their way.';
COMMENT ON COLUMN order_days.cancelled IS
    'Orders that were cancelled.';
COMMENT ON COLUMN order_days.signed IS
    'Orders that were signed for.';
COMMENT ON COLUMN order_days.refused IS
    'Orders that were refused at the door.';
COMMENT ON COLUMN order_days.returned IS
    'Orders that came back after they had been signed for.';

CREATE TABLE order_day_values (
    day date NOT NULL,
    dimension text NOT NULL,
    project text NOT NULL,
    queue text NOT NULL,
    value text NOT NULL,
    currency text NOT NULL,
    orders integer NOT NULL,
    worth bigint NOT NULL,
    signed_worth bigint NOT NULL,
    PRIMARY KEY (day, dimension, project, queue, value, currency)
);

COMMENT ON TABLE order_day_values IS 'What the orders of order_days are worth, per currency.';
COMMENT ON COLUMN order_day_values.day IS
    'As in order_days.';
COMMENT ON COLUMN order_day_values.dimension IS
    'As in order_days.';
COMMENT ON COLUMN order_day_values.project IS
    'As in order_days.';
COMMENT ON COLUMN order_day_values.queue IS
    'As in order_days.';
COMMENT ON COLUMN order_day_values.value IS
    'As in order_days.';
COMMENT ON COLUMN order_day_values.currency IS
    'ISO 4217.';
COMMENT ON COLUMN order_day_values.orders IS
    'Orders with an amount in it.';
COMMENT ON COLUMN order_day_values.worth IS
    'Sum of their amounts, in minor units.';
COMMENT ON COLUMN order_day_values.signed_worth IS
    'Of those that were signed for.';

CREATE TABLE order_day_splits (
    day date NOT NULL,
    interaction text NOT NULL,
    project text NOT NULL,
    queue text NOT NULL,
    agent text NOT NULL,
    team text NOT NULL,
    category text NOT NULL,
    PRIMARY KEY (day, interaction, project, queue, agent, team, category)
);

COMMENT ON TABLE order_day_splits IS 'Calls with several orders that are not of one queue, agent and category: they count once in whatever they are grouped by, so they cannot be added up.';
COMMENT ON COLUMN order_day_splits.day IS
    'As in order_days.';
COMMENT ON COLUMN order_day_splits.interaction IS
    'The call.';
COMMENT ON COLUMN order_day_splits.project IS
    'An order''s business line or outsourcing client.';
COMMENT ON COLUMN order_day_splits.queue IS
    'Its queue, or empty.';
COMMENT ON COLUMN order_day_splits.agent IS
    'Its agent, or empty.';
COMMENT ON COLUMN order_day_splits.team IS
    'The agent''s team when the call started.';
COMMENT ON COLUMN order_day_splits.category IS
    'Its product category, or empty.';

CREATE TABLE order_days_dirty (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day date NOT NULL,
    marked_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE order_days_dirty IS 'Days whose records have changed since order_days was computed, once their quarter-hours are done.';
COMMENT ON COLUMN order_days_dirty.id IS 'Running number.';
COMMENT ON COLUMN order_days_dirty.day IS 'The day, in the zone of kpi_zone.';
COMMENT ON COLUMN order_days_dirty.marked_at IS 'When its quarter-hours were computed.';

CREATE FUNCTION order_days_mark_all() RETURNS void LANGUAGE sql AS $$
    INSERT INTO order_days_dirty (day)
    SELECT generate_series(
        (least(v.first, o.first, d.first) AT TIME ZONE z.zone)::date,
        (greatest(v.last, o.last, d.last) AT TIME ZONE z.zone)::date, '1 day'
    )::date
    FROM
        kpi_zone z,
        (SELECT min(started_at) AS first, max(started_at) AS last FROM queue_visits) v,
        (SELECT min(started_at) AS first, max(started_at) AS last FROM order_events) o,
        (SELECT min(started_at) AS first, max(started_at) AS last FROM dispositions) d
$$;
COMMENT ON FUNCTION order_days_mark_all() IS
    'Notes that order_days has to be computed for all days of which there are records.';

-- What was recorded before is computed in the background. Where no roll-up has been made yet there
-- is no zone, and it is noted when there is one.
SELECT order_days_mark_all();

CREATE VIEW agent_team_spans AS
SELECT agent, team, started_at AS from_at,
    lead(started_at, 1, 'infinity') OVER (PARTITION BY agent ORDER BY started_at, seq) AS to_at
FROM agent_profiles;
COMMENT ON VIEW agent_team_spans IS
    'Who was in which team from from_at until before to_at: agent_team_at for many at once.';

CREATE FUNCTION order_day_parts(day_at timestamptz, to_at timestamptz) RETURNS TABLE (
    project text, queue text, agent text, team text, category text,
    answered integer, interaction text, state text, amount bigint, currency text
) LANGUAGE sql STABLE AS $$
    SELECT p.project, p.queue, p.agent, coalesce(span.team, ''), p.category, p.answered,
        p.interaction, p.state, p.amount, p.currency
    FROM (
        SELECT o.started_at, o.project, o.queue, o.agent, o.category, 0 AS answered,
            o.interaction, o.state, o.amount, o.currency
        FROM orders_of(day_at, order_day_parts.to_at) o
        UNION ALL
        SELECT v.started_at, v.project, v.queue, v.agent,
            coalesce(nullif(d.category, ''), v.category), 1, NULL, NULL, NULL, NULL
        FROM queue_visits v
        LEFT JOIN dispositions d
            ON d.started_at = v.started_at AND d.interaction = v.interaction AND d.agent = v.agent
            AND d.started_at >= day_at AND d.started_at < order_day_parts.to_at
        WHERE v.started_at >= day_at AND v.started_at < order_day_parts.to_at
            AND v.kind = 'sales' AND v.outcome = 'answered'
    ) p
    LEFT JOIN agent_team_spans span
        ON span.agent = p.agent AND span.from_at <= p.started_at AND span.to_at > p.started_at
$$;
COMMENT ON FUNCTION order_day_parts(timestamptz, timestamptz) IS
    'Orders (state is not NULL) and answered sales calls (answered is 1) of calls that started in [day_at, to_at), with all that the report orders can be cut by.';

-- Who gave up waiting on a day: one visit of a dozen.
CREATE INDEX queue_visits_abandoned ON ONLY queue_visits (entered_at)
    WHERE outcome IN ('abandoned', 'short_abandon');
