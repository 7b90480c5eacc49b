-- Sums of agents' quarter-hours: each is computed once it is over, and not again and again while
-- calls come; and by reading no more than that agent's rows. A plain join with each one's range of
-- time was planned as a scan of all months.

-- OFFSET 0 keeps each LATERAL from becoming a join.
CREATE OR REPLACE FUNCTION agent_time_parts(quarters timestamptz[], agents text[])
RETURNS SETOF agent_part LANGUAGE sql STABLE AS $$
    WITH wanted AS (
        SELECT w.quarter_at, w.quarter_at + interval '15 minutes' AS end_at, w.agent
        FROM unnest(quarters, agents) AS w(quarter_at, agent)
    )
    SELECT part.*
    FROM wanted w
    CROSS JOIN LATERAL (
        SELECT s.node, s.boot, s.queue, s.state, s.started_at, s.started_mono_s, s.duration_s
        FROM agent_state_intervals s
        WHERE s.agent = w.agent AND s.started_at > w.quarter_at - interval '15 minutes'
            AND s.started_at < w.end_at AND s.duration_s <= 900 AND s.state <> 'offline'
        UNION ALL
        SELECT s.node, s.boot, s.queue, s.state, s.started_at, s.started_mono_s,
            least(s.duration_s, 2678400)
        FROM agent_state_intervals s
        WHERE s.agent = w.agent AND s.started_at > w.quarter_at - interval '31 days'
            AND s.started_at < w.end_at AND s.duration_s > 900 AND s.state <> 'offline'
    ) s
    CROSS JOIN LATERAL (
        SELECT greatest(s.started_at, w.quarter_at) AS from_at,
            least(s.started_at + make_interval(secs => s.duration_s), w.end_at) AS to_at
    ) cut
    CROSS JOIN LATERAL agent_state_parts(
        w.agent, s.node, s.boot, s.queue, s.state, s.started_at, s.started_mono_s,
        w.quarter_at, cut.from_at, cut.to_at
    ) part
    WHERE cut.to_at > cut.from_at
    UNION ALL
    SELECT w.quarter_at, w.agent, '', s.status || '_s', s.reason,
        extract(epoch FROM cut.to_at - cut.from_at)::float8
    FROM wanted w
    CROSS JOIN LATERAL (
        SELECT * FROM agent_status_intervals s
        WHERE s.agent = w.agent AND s.status IN ('ready', 'away')
            AND s.started_at > w.quarter_at - interval '31 days' AND s.started_at < w.end_at
            AND s.duration_s IS NOT NULL
        OFFSET 0
    ) s
    CROSS JOIN LATERAL (
        SELECT greatest(s.started_at, w.quarter_at) AS from_at,
            least(s.started_at + make_interval(secs => least(s.duration_s, 2678400)), w.end_at)
                AS to_at
    ) cut
    WHERE cut.to_at > cut.from_at
$$;

CREATE OR REPLACE FUNCTION agent_count_parts(quarters timestamptz[], agents text[])
RETURNS SETOF agent_part LANGUAGE sql STABLE AS $$
    WITH wanted AS (
        SELECT w.quarter_at, w.quarter_at + interval '15 minutes' AS end_at, w.agent
        FROM unnest(quarters, agents) AS w(quarter_at, agent)
    ), visits AS (
        SELECT w.quarter_at, v.agent, v.queue, v.kind,
            coalesce(d.ordered, false) AS ordered, coalesce(d.complaint, false) AS complaint
        FROM wanted w
        -- An interaction is given up after a day: a visit begins within it.
        CROSS JOIN LATERAL (
            SELECT * FROM queue_visits v
            WHERE v.agent = w.agent AND v.outcome = 'answered'
                AND v.entered_at >= w.quarter_at AND v.entered_at < w.end_at
                AND v.started_at > w.quarter_at - interval '2 days' AND v.started_at < w.end_at
            OFFSET 0
        ) v
        -- As in kpi_visits: it belongs to the agent's last visit, of its queue if it names one.
        LEFT JOIN LATERAL (
            SELECT bool_or(d.sold) AS ordered,
                (array_agg(d.call_class ORDER BY d.entered_at DESC, d.interaction DESC))[1]
                    = 'complaint' AS complaint
            FROM (
                SELECT v.started_at, v.interaction, true AS own
                UNION ALL
                SELECT x.started_at, x.interaction, false FROM transfers x
                WHERE x.consult = v.interaction AND x.consult <> '' AND x.outcome = 'completed'
                    AND x.started_at BETWEEN v.started_at - interval '31 days'
                        AND v.started_at + interval '1 day'
            ) part
            JOIN dispositions_sold d
                ON d.started_at = part.started_at AND d.interaction = part.interaction
            WHERE d.agent = v.agent AND d.queue IN ('', v.queue)
                AND NOT EXISTS (
                    SELECT FROM queue_visits later
                    WHERE later.started_at = v.started_at AND later.interaction = v.interaction
                        AND later.outcome = 'answered' AND later.agent = v.agent
                        AND d.queue IN ('', later.queue)
                        AND (later.entered_at, later.visit) > (v.entered_at, v.visit)
                )
                AND (part.own OR NOT EXISTS (
                    SELECT FROM queue_visits other
                    WHERE other.started_at = part.started_at
                        AND other.interaction = part.interaction
                        AND other.outcome = 'answered' AND other.agent = v.agent
                        AND d.queue IN ('', other.queue)
                ))
        ) d ON true
    )
    SELECT quarter_at, agent, queue, m.measure, '', m.amount::float8
    FROM visits
    CROSS JOIN LATERAL (VALUES
        ('handled', 1),
        ('sales', (kind = 'sales')::int),
        ('orders', ordered::int),
        ('sales_orders', (ordered AND kind = 'sales')::int),
        ('complaints', complaint::int)
    ) m(measure, amount)
    WHERE m.amount > 0
    UNION ALL
    SELECT w.quarter_at, w.agent, o.queue, m.measure, '', m.amount::float8
    FROM wanted w
    CROSS JOIN LATERAL (
        SELECT * FROM offers o
        WHERE o.agent = w.agent
            AND o.offered_at >= w.quarter_at AND o.offered_at < w.end_at
            AND o.started_at > w.quarter_at - interval '2 days' AND o.started_at < w.end_at
        OFFSET 0
    ) o
    CROSS JOIN LATERAL (VALUES
        ('offers', 1),
        ('missed_offers', (o.outcome IN ('no_answer', 'busy', 'rejected'))::int)
    ) m(measure, amount)
    WHERE m.amount > 0
    UNION ALL
    SELECT w.quarter_at, w.agent, '', 'own_calls', '', 1
    FROM wanted w
    CROSS JOIN LATERAL (
        SELECT FROM talk_segments t
        WHERE t.agent = w.agent AND t.visit = ''
            AND t.began_at >= w.quarter_at AND t.began_at < w.end_at
            AND t.started_at > w.quarter_at - interval '2 days' AND t.started_at < w.end_at
        OFFSET 0
    ) t
$$;

-- Made anew with its index. Notes that are written meanwhile wait.
ALTER TABLE agent_quarters_dirty RENAME TO agent_quarters_noted;
ALTER INDEX agent_quarters_dirty_pkey RENAME TO agent_quarters_noted_pkey;
CREATE TABLE agent_quarters_dirty (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    quarter_at timestamptz NOT NULL,
    agent text NOT NULL
);
INSERT INTO agent_quarters_dirty (quarter_at, agent)
SELECT quarter_at, agent FROM agent_quarters_noted ORDER BY id;
CREATE INDEX agent_quarters_dirty_by_quarter ON agent_quarters_dirty (quarter_at, agent);
DROP TABLE agent_quarters_noted;
COMMENT ON TABLE agent_quarters_dirty IS 'Agents'' quarter-hours of which something was written since they were computed. Without a unique key: a note must not get lost in one that is being worked off.';
COMMENT ON COLUMN agent_quarters_dirty.id IS
    'Running number.';
COMMENT ON COLUMN agent_quarters_dirty.quarter_at IS
    'Begin of the quarter-hour.';
COMMENT ON COLUMN agent_quarters_dirty.agent IS
    'Agent number.';

DROP FUNCTION refresh_agent_quarters(integer);
CREATE FUNCTION refresh_agent_quarters(
    most integer DEFAULT 5000, until timestamptz DEFAULT 'infinity'
) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    quarters timestamptz[];
    agents text[];
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
    DELETE FROM agent_quarters q USING unnest(quarters, agents) AS d(quarter_at, agent)
    WHERE q.quarter_at = d.quarter_at AND q.agent = d.agent;
    WITH parts AS MATERIALIZED (
        SELECT * FROM agent_time_parts(quarters, agents)
        UNION ALL
        SELECT * FROM agent_count_parts(quarters, agents)
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
