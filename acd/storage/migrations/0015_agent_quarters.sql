-- Agents' times and counts by quarter-hour. Rows are computed anew whenever something of an agent's
-- quarter-hour was written: the shipper notes such quarters in its own transaction, and
-- refresh_agent_quarters() works the notes off. What still lasts is not in it, see
-- agent_open_sums(). The definitions are those of acd/reports/agent_times.py.

CREATE TABLE agent_quarters (
    project text NOT NULL DEFAULT 'main',
    quarter_at timestamptz NOT NULL,
    agent text NOT NULL,
    queue text NOT NULL,
    team text NOT NULL,
    away_reasons jsonb NOT NULL,
    ready_s double precision NOT NULL,
    away_s double precision NOT NULL,
    available_s double precision NOT NULL,
    idle_s double precision NOT NULL,
    ringing_s double precision NOT NULL,
    talk_s double precision NOT NULL,
    hold_s double precision NOT NULL,
    wrap_up_s double precision NOT NULL,
    paused_s double precision NOT NULL,
    cool_down_s double precision NOT NULL,
    offers integer NOT NULL,
    missed_offers integer NOT NULL,
    handled integer NOT NULL,
    own_calls integer NOT NULL,
    sales integer NOT NULL,
    orders integer NOT NULL,
    sales_orders integer NOT NULL,
    complaints integer NOT NULL,
    PRIMARY KEY (quarter_at, agent, queue)
) PARTITION BY RANGE (quarter_at);

COMMENT ON TABLE agent_quarters IS 'Times and counts of an agent in a quarter-hour, for each queue worked for, and without one.';
COMMENT ON COLUMN agent_quarters.project IS
    'Business line or outsourcing client that the agent worked for at its end.';
COMMENT ON COLUMN agent_quarters.quarter_at IS
    'Begin of the quarter-hour; the month of it chooses the partition.';
COMMENT ON COLUMN agent_quarters.agent IS
    'Agent number.';
COMMENT ON COLUMN agent_quarters.queue IS
    'Queue of the call at hand; empty: none.';
COMMENT ON COLUMN agent_quarters.team IS
    'The agent''s team at its end.';
COMMENT ON COLUMN agent_quarters.away_reasons IS
    'away_s by reason, seconds; in the row of queue ''''.';
COMMENT ON COLUMN agent_quarters.ready_s IS
    'Status ready, seconds; in the row of queue ''''.';
COMMENT ON COLUMN agent_quarters.away_s IS
    'Status away, whatever the reason; in the row of queue ''''.';
COMMENT ON COLUMN agent_quarters.available_s IS
    'Ready and idle: a call could have come; in the row of queue ''''.';
COMMENT ON COLUMN agent_quarters.idle_s IS
    'State idle, also while away.';
COMMENT ON COLUMN agent_quarters.ringing_s IS
    'State offered: the phone rings.';
COMMENT ON COLUMN agent_quarters.talk_s IS
    'State talking.';
COMMENT ON COLUMN agent_quarters.hold_s IS
    'State held.';
COMMENT ON COLUMN agent_quarters.wrap_up_s IS
    'State wrap_up: after-call work.';
COMMENT ON COLUMN agent_quarters.paused_s IS
    'State paused: set aside after a missed offer.';
COMMENT ON COLUMN agent_quarters.cool_down_s IS
    'State cool_down: left in peace after an upsetting call.';
COMMENT ON COLUMN agent_quarters.offers IS
    'Offers made to the agent in it.';
COMMENT ON COLUMN agent_quarters.missed_offers IS
    'Offers of them that the agent did not take: no_answer, busy, rejected.';
COMMENT ON COLUMN agent_quarters.handled IS
    'Queue visits begun in it that the agent answered, also of customers who were called back.';
COMMENT ON COLUMN agent_quarters.own_calls IS
    'Talks begun in it that came through no queue: own calls, calls handed on to the agent''s number.';
COMMENT ON COLUMN agent_quarters.sales IS
    'Handled ones of queues of kind sales.';
COMMENT ON COLUMN agent_quarters.orders IS
    'Handled ones whose disposition says ordered.';
COMMENT ON COLUMN agent_quarters.sales_orders IS
    'Orders of queues of kind sales.';
COMMENT ON COLUMN agent_quarters.complaints IS
    'Handled ones whose disposition has the class complaint.';

CREATE TABLE agent_quarters_dirty (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    quarter_at timestamptz NOT NULL,
    agent text NOT NULL
);

COMMENT ON TABLE agent_quarters_dirty IS 'Agents'' quarter-hours of which something was written since they were computed. Without a unique key: a note must not get lost in one that is being worked off.';
COMMENT ON COLUMN agent_quarters_dirty.id IS
    'Running number.';
COMMENT ON COLUMN agent_quarters_dirty.quarter_at IS
    'Begin of the quarter-hour.';
COMMENT ON COLUMN agent_quarters_dirty.agent IS
    'Agent number.';

CREATE INDEX agent_states_by_agent ON ONLY agent_state_intervals (agent, started_at);
CREATE INDEX agent_states_long ON ONLY agent_state_intervals (agent, started_at)
    WHERE duration_s > 900;
CREATE INDEX agent_statuses_by_agent ON ONLY agent_status_intervals (agent, started_at);
CREATE INDEX agent_statuses_of_boot ON ONLY agent_status_intervals (agent, boot, started_mono_s);
CREATE INDEX offers_by_agent ON ONLY offers (agent, offered_at);
CREATE INDEX visits_by_agent ON ONLY queue_visits (agent, entered_at) WHERE outcome = 'answered';
CREATE INDEX own_talks_by_agent ON ONLY talk_segments (agent, began_at) WHERE visit = '';

CREATE FUNCTION quarter_of(at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT date_bin('15 minutes', at, timestamptz '2000-01-01 00:00:00+00')
$$;
COMMENT ON FUNCTION quarter_of(timestamptz) IS
    'Begin of the quarter-hour that holds this moment.';

-- Within a boot, on its monotonic clock, a status track has no overlaps: the interval that holds
-- the begin is the last one to have begun by then.
CREATE FUNCTION agent_ready_within(
    of_agent text, of_node text, of_boot text, from_s double precision, to_s double precision,
    around timestamptz
) RETURNS double precision LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(
        least(to_s, started_mono_s + coalesce(duration_s, 'infinity'))
            - greatest(from_s, started_mono_s)
    ), 0)
    FROM agent_status_intervals
    WHERE agent = of_agent AND node = of_node AND boot = of_boot AND status = 'ready'
        AND started_at BETWEEN around - interval '62 days' AND around + interval '62 days'
        AND started_mono_s < to_s
        AND started_mono_s + coalesce(duration_s, 'infinity') > from_s
        AND started_mono_s >= coalesce((
            SELECT max(began.started_mono_s) FROM agent_status_intervals began
            WHERE began.agent = of_agent AND began.node = of_node AND began.boot = of_boot
                AND began.started_at
                    BETWEEN around - interval '62 days' AND around + interval '62 days'
                AND began.started_mono_s <= from_s
        ), from_s)
$$;
COMMENT ON FUNCTION agent_ready_within(text, text, text, double precision, double precision, timestamptz) IS
    'How long of a stretch of a boot''s monotonic clock the agent was ready; around: its wall time, give or take two months.';

-- One interval's part in a quarter-hour, under the name of the column that it is added to.
CREATE TYPE agent_part AS (
    quarter_at timestamptz,
    agent text,
    queue text,
    measure text,
    reason text,
    amount double precision
);

CREATE FUNCTION agent_state_parts(
    of_agent text, of_node text, of_boot text, of_queue text, of_state text,
    began_at timestamptz, began_mono_s double precision, in_quarter_at timestamptz,
    from_at timestamptz, to_at timestamptz
) RETURNS SETOF agent_part LANGUAGE sql STABLE AS $$
    SELECT (in_quarter_at, of_agent, of_queue, CASE of_state
            WHEN 'idle' THEN 'idle_s'
            WHEN 'offered' THEN 'ringing_s'
            WHEN 'talking' THEN 'talk_s'
            WHEN 'held' THEN 'hold_s'
            WHEN 'wrap_up' THEN 'wrap_up_s'
            WHEN 'paused' THEN 'paused_s'
            WHEN 'cool_down' THEN 'cool_down_s'
        END, '', extract(epoch FROM to_at - from_at)::float8)::agent_part
    UNION ALL
    SELECT (in_quarter_at, of_agent, '', 'available_s', '', agent_ready_within(
            of_agent, of_node, of_boot,
            began_mono_s + extract(epoch FROM from_at - began_at)::float8,
            began_mono_s + extract(epoch FROM to_at - began_at)::float8,
            from_at
        ))::agent_part
    WHERE of_state = 'idle'
$$;
COMMENT ON FUNCTION agent_state_parts(text, text, text, text, text, timestamptz, double precision, timestamptz, timestamptz, timestamptz) IS
    'What the part of a state interval in one quarter-hour adds to it.';

-- Stretches longer than a month are counted up to there: LONGEST_S of agent_times.py.
CREATE FUNCTION agent_time_parts(quarters timestamptz[], agents text[])
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
    JOIN agent_status_intervals s ON s.agent = w.agent AND s.status IN ('ready', 'away')
        AND s.started_at > w.quarter_at - interval '31 days' AND s.started_at < w.end_at
        AND s.duration_s IS NOT NULL
    CROSS JOIN LATERAL (
        SELECT greatest(s.started_at, w.quarter_at) AS from_at,
            least(s.started_at + make_interval(secs => least(s.duration_s, 2678400)), w.end_at)
                AS to_at
    ) cut
    WHERE cut.to_at > cut.from_at
$$;
COMMENT ON FUNCTION agent_time_parts(timestamptz[], text[]) IS
    'What the finished intervals of these agents add to these quarter-hours.';

CREATE FUNCTION agent_count_parts(quarters timestamptz[], agents text[])
RETURNS SETOF agent_part LANGUAGE sql STABLE AS $$
    WITH wanted AS (
        SELECT w.quarter_at, w.quarter_at + interval '15 minutes' AS end_at, w.agent
        FROM unnest(quarters, agents) AS w(quarter_at, agent)
    ), visits AS (
        SELECT w.quarter_at, v.agent, v.queue, v.kind,
            coalesce(d.ordered, false) AS ordered, coalesce(d.complaint, false) AS complaint
        FROM wanted w
        -- An interaction is given up after a day: a visit begins within it.
        JOIN queue_visits v ON v.agent = w.agent AND v.outcome = 'answered'
            AND v.entered_at >= w.quarter_at AND v.entered_at < w.end_at
            AND v.started_at > w.quarter_at - interval '2 days' AND v.started_at < w.end_at
        -- As in kpi_visits: it belongs to the agent's last visit, of its queue if it names one.
        LEFT JOIN LATERAL (
            SELECT bool_or(d.ordered) AS ordered,
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
            JOIN dispositions d
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
    JOIN offers o ON o.agent = w.agent
        AND o.offered_at >= w.quarter_at AND o.offered_at < w.end_at
        AND o.started_at > w.quarter_at - interval '2 days' AND o.started_at < w.end_at
    CROSS JOIN LATERAL (VALUES
        ('offers', 1),
        ('missed_offers', (o.outcome IN ('no_answer', 'busy', 'rejected'))::int)
    ) m(measure, amount)
    WHERE m.amount > 0
    UNION ALL
    SELECT w.quarter_at, w.agent, '', 'own_calls', '', 1
    FROM wanted w
    JOIN talk_segments t ON t.agent = w.agent AND t.visit = ''
        AND t.began_at >= w.quarter_at AND t.began_at < w.end_at
        AND t.started_at > w.quarter_at - interval '2 days' AND t.started_at < w.end_at
$$;
COMMENT ON FUNCTION agent_count_parts(timestamptz[], text[]) IS
    'What calls and offers of these agents add to these quarter-hours.';

CREATE FUNCTION refresh_agent_quarters(most integer DEFAULT 5000) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    quarters timestamptz[];
    agents text[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('refresh_agent_quarters'));
    WITH taken AS (
        DELETE FROM agent_quarters_dirty WHERE id IN (
            SELECT id FROM agent_quarters_dirty ORDER BY id LIMIT most
        ) RETURNING quarter_at, agent
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
COMMENT ON FUNCTION refresh_agent_quarters(integer) IS
    'Computes agents'' quarter-hours anew of which something was written; returns how many, 0: none was left. At most that many notes at once.';

-- Few intervals last at any time: two of each agent.
CREATE FUNCTION agent_open_parts(
    from_at timestamptz, to_at timestamptz, now_at timestamptz
) RETURNS SETOF agent_part LANGUAGE sql STABLE AS $$
    WITH states AS (
        SELECT s.node, s.boot, s.agent, s.queue, s.state, s.started_at, s.started_mono_s,
            least(now_at, s.started_at + interval '31 days') AS end_at
        FROM agent_state_intervals s
        WHERE s.ended_at IS NULL AND s.state <> 'offline' AND s.started_at < now_at
            AND s.started_at > from_at - interval '31 days' AND s.started_at < to_at
    ), statuses AS (
        SELECT s.agent, s.status, s.reason, s.started_at,
            least(now_at, s.started_at + interval '31 days') AS end_at
        FROM agent_status_intervals s
        WHERE s.ended_at IS NULL AND s.status IN ('ready', 'away') AND s.started_at < now_at
            AND s.started_at > from_at - interval '31 days' AND s.started_at < to_at
    )
    SELECT part.*
    FROM states s
    CROSS JOIN LATERAL generate_series(
        quarter_of(greatest(s.started_at, from_at)),
        least(s.end_at, to_at) - interval '1 microsecond', interval '15 minutes'
    ) AS q(quarter_at)
    CROSS JOIN LATERAL agent_state_parts(
        s.agent, s.node, s.boot, s.queue, s.state, s.started_at, s.started_mono_s, q.quarter_at,
        greatest(s.started_at, q.quarter_at),
        least(s.end_at, q.quarter_at + interval '15 minutes')
    ) part
    UNION ALL
    SELECT q.quarter_at, s.agent, '', s.status || '_s', s.reason, extract(epoch FROM
        least(s.end_at, q.quarter_at + interval '15 minutes')
            - greatest(s.started_at, q.quarter_at))::float8
    FROM statuses s
    CROSS JOIN LATERAL generate_series(
        quarter_of(greatest(s.started_at, from_at)),
        least(s.end_at, to_at) - interval '1 microsecond', interval '15 minutes'
    ) AS q(quarter_at)
$$;
COMMENT ON FUNCTION agent_open_parts(timestamptz, timestamptz, timestamptz) IS
    'What the intervals that last add to the quarter-hours of [from_at, to_at), as of a moment; both have to begin a quarter-hour.';
