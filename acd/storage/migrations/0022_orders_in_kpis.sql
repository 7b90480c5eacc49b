-- An order that only the shop has told counts in the KPIs, too: whatever the disposition said, the
-- call led to it. One that was cancelled later was placed all the same.

CREATE VIEW dispositions_sold AS
SELECT d.*, d.ordered OR EXISTS (
    SELECT FROM order_events o
    WHERE o.started_at = d.started_at AND o.interaction = d.interaction AND o.agent = d.agent
) AS sold
FROM dispositions d;
COMMENT ON VIEW dispositions_sold IS
    'Dispositions; sold: says ordered, or an order of this agent''s part of the call was told.';

-- As in 0019, with what was sold in place of what the disposition says.
CREATE OR REPLACE VIEW kpi_visits AS
SELECT
    v.project,
    v.queue,
    v.kind,
    v.interaction,
    v.started_at,
    v.visit,
    v.entered_at,
    date_bin('15 minutes', v.entered_at, timestamptz '2000-01-01 00:00:00+00') AS quarter_at,
    v.outcome,
    v.waited_s,
    coalesce(v.waited_s <= v.service_level_s, false) AS in_time,
    coalesce(followed.talk_s, 0) AS talk_s,
    coalesce(followed.hold_s, 0) AS hold_s,
    coalesce(followed.wrap_up_s, 0) AS wrap_up_s,
    coalesce(followed.ordered, false) AS ordered,
    v.agent,
    CASE WHEN v.agent = '' THEN '' ELSE agent_team_at(v.agent, v.entered_at) END AS team,
    v.skill,
    coalesce(nullif(followed.category, ''), v.category) AS category,
    coalesce(followed.call_class, '') AS call_class,
    v.region,
    v.trunk,
    v.flow_version,
    v.callback
FROM queue_visits v
-- Queues in which this agent answered the same caller once more, later: what followed is of that.
LEFT JOIN LATERAL (
    SELECT coalesce(array_agg(later.queue), '{}') AS queues
    FROM queue_visits later
    WHERE v.outcome = 'answered'
        AND later.started_at = v.started_at AND later.interaction = v.interaction
        AND later.outcome = 'answered' AND later.agent = v.agent
        AND (later.entered_at, later.visit) > (v.entered_at, v.visit)
) later ON true
LEFT JOIN LATERAL (
    SELECT
        sum(talk.talk_s) AS talk_s,
        sum(talk.hold_s) AS hold_s,
        sum(wrap_up.wrap_up_s) AS wrap_up_s,
        bool_or(d.sold) AS ordered,
        -- Where there are several, the one entered last.
        (array_agg(d.category ORDER BY d.entered_at DESC, d.interaction DESC)
            FILTER (WHERE d.interaction IS NOT NULL))[1] AS category,
        (array_agg(d.call_class ORDER BY d.entered_at DESC, d.interaction DESC)
            FILTER (WHERE d.interaction IS NOT NULL))[1] AS call_class
    FROM (
        SELECT v.started_at, v.interaction, true AS own
        UNION ALL
        -- What followed from a consultation's visit may lie in the interaction that it joined.
        SELECT x.started_at, x.interaction, false FROM transfers x
        WHERE x.consult = v.interaction AND x.consult <> '' AND x.outcome = 'completed'
            AND x.started_at BETWEEN v.started_at - interval '31 days'
                AND v.started_at + interval '1 day'
    ) part
    -- Queues in which this agent answered in that interaction itself: these come first.
    LEFT JOIN LATERAL (
        SELECT coalesce(array_agg(own.queue), '{}') AS queues
        FROM queue_visits own
        WHERE NOT part.own
            AND own.started_at = part.started_at AND own.interaction = part.interaction
            AND own.outcome = 'answered' AND own.agent = v.agent
    ) own ON true
    LEFT JOIN LATERAL (
        SELECT sum(t.talk_s) AS talk_s, sum(t.hold_s) AS hold_s
        FROM talk_segments t
        WHERE t.started_at = part.started_at AND t.interaction = part.interaction
            AND t.visit = v.visit
    ) talk ON true
    LEFT JOIN LATERAL (
        SELECT sum(s.duration_s) AS wrap_up_s
        FROM agent_state_intervals s
        WHERE s.interaction = part.interaction
            AND s.started_at BETWEEN v.started_at - interval '1 day'
                AND v.started_at + interval '31 days'
            -- || '': found by the interaction, which has few of them, not by the agent's month.
            AND s.state = 'wrap_up' AND s.queue = v.queue AND s.agent || '' = v.agent
            AND v.queue <> ALL (later.queues) AND v.queue <> ALL (own.queues)
    ) wrap_up ON true
    LEFT JOIN LATERAL (
        SELECT one.*
        FROM dispositions_sold one
        WHERE one.started_at = part.started_at AND one.interaction = part.interaction
            AND one.agent = v.agent AND one.queue IN ('', v.queue)
            AND CASE one.queue
                WHEN '' THEN later.queues = '{}' AND own.queues = '{}'
                ELSE one.queue <> ALL (later.queues) AND one.queue <> ALL (own.queues)
            END
    ) d ON true
    WHERE v.outcome = 'answered'
) followed ON true;

-- As in 0015, with the same.
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
        JOIN queue_visits v ON v.agent = w.agent AND v.outcome = 'answered'
            AND v.entered_at >= w.quarter_at AND v.entered_at < w.end_at
            AND v.started_at > w.quarter_at - interval '2 days' AND v.started_at < w.end_at
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
COMMENT ON COLUMN agent_quarters.orders IS
    'Handled ones whose disposition says ordered, or of which an order was told.';
COMMENT ON COLUMN kpi_facts.ordered IS
    'Its disposition says ordered, or an order was told.';
COMMENT ON COLUMN kpi_quarters.orders IS
    'Answered visits whose disposition says ordered, or of which an order was told.';
COMMENT ON COLUMN kpi_days.orders IS
    'Answered visits whose disposition says ordered, or of which an order was told.';
