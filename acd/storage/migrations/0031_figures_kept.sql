-- What is told late of a month whose records were deleted by age leaves its figures as they are.
-- Agents' times and calls are kept for different lengths of time, so that a late disposition of a
-- call that is still there took the times away that were not.

-- Its months have no partition any more, or an empty one, made again for something late.
CREATE FUNCTION agent_kept_parts(quarters timestamptz[], agents text[])
RETURNS SETOF agent_part LANGUAGE sql STABLE AS $$
    WITH months AS MATERIALIZED (
        SELECT m.from_at,
            NOT EXISTS (
                SELECT FROM agent_state_intervals s
                WHERE s.started_at >= m.from_at AND s.started_at < m.to_at
            ) AND NOT EXISTS (
                SELECT FROM agent_status_intervals s
                WHERE s.started_at >= m.from_at AND s.started_at < m.to_at
            ) AS without_times,
            NOT EXISTS (
                SELECT FROM interactions i
                WHERE i.started_at >= m.from_at AND i.started_at < m.to_at
            ) AS without_calls
        FROM (
            SELECT DISTINCT date_trunc('month', q, 'UTC') AS from_at,
                date_trunc('month', q, 'UTC') + interval '1 month' AS to_at
            FROM unnest(quarters) q
        ) m
    ), rows AS (
        SELECT q.*, m.without_times, m.without_calls
        FROM unnest(quarters, agents) AS w(quarter_at, agent)
        JOIN agent_quarters q USING (quarter_at, agent)
        JOIN months m ON m.from_at = date_trunc('month', w.quarter_at, 'UTC')
        WHERE m.without_times OR m.without_calls
    )
    SELECT q.quarter_at, q.agent, q.queue, part.measure, '', part.amount
    FROM rows q CROSS JOIN LATERAL (VALUES
        ('ready_s', q.ready_s), ('available_s', q.available_s), ('idle_s', q.idle_s),
        ('ringing_s', q.ringing_s), ('talk_s', q.talk_s), ('hold_s', q.hold_s),
        ('wrap_up_s', q.wrap_up_s), ('paused_s', q.paused_s), ('cool_down_s', q.cool_down_s)
    ) part(measure, amount)
    WHERE q.without_times AND part.amount > 0
    UNION ALL
    SELECT q.quarter_at, q.agent, q.queue, 'away_s', reason.key, reason.value::float8
    FROM rows q CROSS JOIN LATERAL jsonb_each_text(q.away_reasons) reason
    WHERE q.without_times
    UNION ALL
    SELECT q.quarter_at, q.agent, q.queue, part.measure, '', part.amount::float8
    FROM rows q CROSS JOIN LATERAL (VALUES
        ('offers', q.offers), ('missed_offers', q.missed_offers), ('handled', q.handled),
        ('own_calls', q.own_calls), ('sales', q.sales), ('orders', q.orders),
        ('sales_orders', q.sales_orders), ('complaints', q.complaints)
    ) part(measure, amount)
    WHERE q.without_calls AND part.amount > 0
$$;
COMMENT ON FUNCTION agent_kept_parts(timestamptz[], text[]) IS
    'What agents'' quarter-hours have of records that were deleted by age: it can be computed from nothing else.';

CREATE OR REPLACE FUNCTION refresh_agent_quarters(
    most integer DEFAULT 5000, until timestamptz DEFAULT 'infinity'
) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    quarters timestamptz[];
    agents text[];
    kept agent_part[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('refresh_agent_quarters'));
    -- All notes of a quarter-hour at once: under load some hundred come of each. What is committed
    -- later has a later note, which this does not see.
    WITH due AS (
        SELECT DISTINCT quarter_at, agent FROM agent_quarters_dirty
        WHERE quarter_at < until ORDER BY quarter_at, agent LIMIT most
    ), taken AS (
        DELETE FROM agent_quarters_dirty d USING due
        WHERE d.quarter_at = due.quarter_at AND d.agent = due.agent
        RETURNING d.quarter_at, d.agent
    ), distinctly AS (
        SELECT DISTINCT quarter_at, agent FROM taken
    )
    SELECT array_agg(quarter_at), array_agg(agent) INTO quarters, agents FROM distinctly;
    IF quarters IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM ensure_month(month::date) FROM (
        SELECT DISTINCT date_trunc('month', q AT TIME ZONE 'UTC') AS month FROM unnest(quarters) q
    ) months;
    SELECT array_agg(p) INTO kept FROM agent_kept_parts(quarters, agents) p;
    DELETE FROM agent_quarters q USING unnest(quarters, agents) AS d(quarter_at, agent)
    WHERE q.quarter_at = d.quarter_at AND q.agent = d.agent;
    WITH parts AS MATERIALIZED (
        SELECT * FROM agent_time_parts(quarters, agents)
        UNION ALL
        SELECT * FROM agent_count_parts(quarters, agents)
        UNION ALL
        SELECT * FROM unnest(kept)
    ), by_reason AS (
        SELECT p.quarter_at, p.agent, p.reason, sum(p.amount) AS amount
        FROM parts p WHERE p.measure = 'away_s' GROUP BY 1, 2, 3
    ), reasons AS (
        SELECT r.quarter_at, r.agent, jsonb_object_agg(r.reason, r.amount) AS reasons
        FROM by_reason r GROUP BY 1, 2
    ), sums AS (
        SELECT p.quarter_at, p.agent, p.queue,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'ready_s'), 0) AS ready_s,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'away_s'), 0) AS away_s,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'available_s'), 0) AS available_s,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'idle_s'), 0) AS idle_s,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'ringing_s'), 0) AS ringing_s,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'talk_s'), 0) AS talk_s,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'hold_s'), 0) AS hold_s,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'wrap_up_s'), 0) AS wrap_up_s,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'paused_s'), 0) AS paused_s,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'cool_down_s'), 0) AS cool_down_s,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'offers'), 0) AS offers,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'missed_offers'), 0) AS missed_offers,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'handled'), 0) AS handled,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'own_calls'), 0) AS own_calls,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'sales'), 0) AS sales,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'orders'), 0) AS orders,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'sales_orders'), 0) AS sales_orders,
            coalesce(sum(p.amount) FILTER (WHERE p.measure = 'complaints'), 0) AS complaints
        FROM parts p GROUP BY 1, 2, 3
    )
    INSERT INTO agent_quarters (
        project, quarter_at, agent, queue, team, away_reasons,
        ready_s, away_s, available_s, idle_s, ringing_s, talk_s, hold_s,
        wrap_up_s, paused_s, cool_down_s,
        offers, missed_offers, handled, own_calls, sales, orders, sales_orders, complaints
    )
    SELECT coalesce(p.project, 'main'), s.quarter_at, s.agent, s.queue, coalesce(p.team, ''),
        CASE WHEN s.queue = '' THEN coalesce(r.reasons, '{}') ELSE '{}' END,
        s.ready_s, s.away_s, s.available_s, s.idle_s, s.ringing_s, s.talk_s,
        s.hold_s, s.wrap_up_s, s.paused_s, s.cool_down_s,
        s.offers, s.missed_offers, s.handled, s.own_calls, s.sales,
        s.orders, s.sales_orders, s.complaints
    FROM sums s
    LEFT JOIN reasons r ON r.quarter_at = s.quarter_at AND r.agent = s.agent
    LEFT JOIN LATERAL agent_profile_at(
        s.agent, s.quarter_at + interval '15 minutes' - interval '1 microsecond'
    ) p ON true;
    RETURN cardinality(quarters);
END
$$;
COMMENT ON FUNCTION refresh_agent_quarters(integer, timestamptz) IS
    'Computes agents'' quarter-hours anew of which something was written; returns how many, 0: none was left. At most that many at once, and of those that begin before a moment.';
