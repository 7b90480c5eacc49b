-- Waiting: call-backs, emergency closures, and visits that end since nobody serves the queue.

ALTER TABLE queue_visits ADD COLUMN callback boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN queue_visits.callback IS
    'Of a customer who was called back: counted as offered before, and not again.';
COMMENT ON COLUMN queue_visits.outcome IS
    'answered, short_abandon, abandoned, timed_out, overflowed, exited, callback, refused_full, empty (nobody serves the queue), closed (in an emergency), faulted, or waiting.';

CREATE TABLE callbacks (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    callback text NOT NULL,
    queue text NOT NULL,
    number text NOT NULL,
    first_enqueued_at timestamptz NOT NULL,
    attempts integer NOT NULL,
    last_attempt_at timestamptz,
    ended_at timestamptz,
    outcome text NOT NULL,
    agent text NOT NULL,
    cancelled_by text NOT NULL,
    PRIMARY KEY (started_at, callback)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE callbacks IS 'A customer''s wish to be called back, and what became of it.';
COMMENT ON COLUMN callbacks.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN callbacks.started_at IS
    'When it was asked for; the month of it chooses the partition.';
COMMENT ON COLUMN callbacks.callback IS
    'The interaction (UUIDv7) in which it was asked for, and in which the attempts are made.';
COMMENT ON COLUMN callbacks.queue IS
    'The queue whose agents call.';
COMMENT ON COLUMN callbacks.number IS
    'Whom to call, E.164.';
COMMENT ON COLUMN callbacks.first_enqueued_at IS
    'From when on the place in the line counts.';
COMMENT ON COLUMN callbacks.attempts IS
    'How often it has been tried.';
COMMENT ON COLUMN callbacks.last_attempt_at IS
    'Begin of the last attempt; NULL: there was none.';
COMMENT ON COLUMN callbacks.ended_at IS
    'When it was over; NULL: waiting.';
COMMENT ON COLUMN callbacks.outcome IS
    'waiting, reached, not_reached, expired, called_in, cancelled, barred.';
COMMENT ON COLUMN callbacks.agent IS
    'Who talked to the customer, or empty.';
COMMENT ON COLUMN callbacks.cancelled_by IS
    'Who cancelled it, or empty.';

CREATE INDEX ON callbacks (number);

-- Who gave up waiting, and was talked to since? The list to call back from asks by number.
CREATE INDEX ON interactions (caller, started_at);
CREATE INDEX ON interactions (number, started_at) WHERE direction = 'outbound';

CREATE TABLE closures (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    node text NOT NULL,
    boot text NOT NULL,
    seq bigint NOT NULL,
    queue text NOT NULL,
    closed boolean NOT NULL,
    reason text NOT NULL,
    changed_by text NOT NULL,
    PRIMARY KEY (started_at, node, boot, seq)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE closures IS 'Each turn of a switch of the emergency closure.';
COMMENT ON COLUMN closures.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN closures.started_at IS
    'When it was turned; the month of it chooses the partition.';
COMMENT ON COLUMN closures.node IS
    'The server''s node name.';
COMMENT ON COLUMN closures.boot IS
    'The start of the server that recorded it.';
COMMENT ON COLUMN closures.seq IS
    'Number of the journal''s record.';
COMMENT ON COLUMN closures.queue IS
    'The queue; empty: all.';
COMMENT ON COLUMN closures.closed IS
    'Closed, or opened again.';
COMMENT ON COLUMN closures.reason IS
    'In the words of whoever closed it.';
COMMENT ON COLUMN closures.changed_by IS
    'Who turned it; configuration: queues.yaml.';

-- As in 0002, with the parts empty and closed, and without visits of customers who are called back.
DROP FUNCTION kpi_queues(timestamptz, timestamptz, text, text);

CREATE FUNCTION kpi_queues(
    from_at timestamptz,
    to_at timestamptz,
    service_level_definition text DEFAULT 'offered',
    of_project text DEFAULT NULL
) RETURNS TABLE (
    queue text,
    offered bigint,
    answered bigint,
    short_abandons bigint,
    abandons bigint,
    exited bigint,
    callbacks bigint,
    overflowed bigint,
    timed_out bigint,
    refused_full bigint,
    empty bigint,
    closed bigint,
    faulted bigint,
    waiting bigint,
    orders bigint,
    answer_rate double precision,
    service_level double precision,
    abandon_rate double precision,
    asa_s double precision,
    aht_s double precision,
    conversion_rate double precision
) LANGUAGE sql STABLE AS $$
    WITH counted AS (
        SELECT
            v.queue AS name,
            count(*) AS offered,
            count(*) FILTER (WHERE outcome = 'answered') AS answered,
            count(*) FILTER (WHERE outcome = 'short_abandon') AS short_abandons,
            count(*) FILTER (WHERE outcome = 'abandoned') AS abandons,
            count(*) FILTER (WHERE outcome = 'exited') AS exited,
            count(*) FILTER (WHERE outcome = 'callback') AS callbacks,
            count(*) FILTER (WHERE outcome = 'overflowed') AS overflowed,
            count(*) FILTER (WHERE outcome = 'timed_out') AS timed_out,
            count(*) FILTER (WHERE outcome = 'refused_full') AS refused_full,
            count(*) FILTER (WHERE outcome = 'empty') AS empty,
            count(*) FILTER (WHERE outcome = 'closed') AS closed,
            count(*) FILTER (WHERE outcome = 'waiting') AS waiting,
            count(*) FILTER (WHERE ordered) AS orders,
            count(*) FILTER (WHERE outcome = 'answered' AND in_time) AS in_time,
            count(*) FILTER (WHERE outcome IN ('abandoned', 'short_abandon') AND in_time)
                AS abandons_in_time,
            count(*) FILTER (WHERE outcome = 'answered' AND kind = 'sales') AS sales,
            count(*) FILTER (WHERE ordered AND kind = 'sales') AS sales_orders,
            sum(waited_s) FILTER (WHERE outcome = 'answered') AS waited_s,
            sum(talk_s + hold_s + wrap_up_s) AS handled_s
        FROM kpi_visits v
        WHERE entered_at >= from_at AND entered_at < to_at
            AND (of_project IS NULL OR project = of_project)
            -- Who is called back was counted when asking for it.
            AND NOT EXISTS (
                SELECT FROM queue_visits own
                WHERE own.started_at = v.started_at AND own.interaction = v.interaction
                    AND own.visit = v.visit AND own.callback
            )
        GROUP BY v.queue
    )
    SELECT
        name, offered, answered, short_abandons, abandons, exited, callbacks, overflowed,
        timed_out, refused_full, empty, closed,
        -- What has no name of its own is a fault; so the parts always sum up to offered.
        offered - answered - short_abandons - abandons - exited - callbacks - overflowed
            - timed_out - refused_full - empty - closed - waiting,
        waiting, orders,
        answered::float8 / offered,
        CASE service_level_definition
            WHEN 'offered' THEN in_time::float8 / offered
            WHEN 'offered_without_short_abandons' THEN
                in_time::float8 / nullif(offered - short_abandons, 0)
            WHEN 'answered' THEN in_time::float8 / nullif(answered, 0)
            WHEN 'abandons_met' THEN (in_time + abandons_in_time)::float8 / offered
        END,
        abandons::float8 / offered,
        waited_s / nullif(answered, 0),
        handled_s / nullif(answered, 0),
        sales_orders::float8 / nullif(sales, 0)
    FROM counted
    ORDER BY name
$$;

COMMENT ON FUNCTION kpi_queues(timestamptz, timestamptz, text, text) IS
    'KPIs per queue of the visits that entered in [from_at, to_at); rates are fractions, NULL where there is nothing to divide by.';
