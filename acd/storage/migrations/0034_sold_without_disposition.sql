-- An order that only the shop has told counts in the KPIs without a disposition, too. It belongs to
-- the last visit that its agent answered, of the queue that was told with it, if any was.

CREATE FUNCTION sold_in(begun timestamptz, call text, who text)
RETURNS TABLE (
    interaction text, queue text, category text, call_class text, entered_at timestamptz,
    sold boolean
) LANGUAGE sql STABLE AS $$
    SELECT d.interaction, d.queue, d.category, d.call_class, d.entered_at,
        d.ordered OR EXISTS (
            SELECT FROM order_events o
            WHERE o.started_at = begun AND o.interaction = call AND o.agent = who
        )
    FROM dispositions d
    WHERE d.started_at = begun AND d.interaction = call AND d.agent = who
    UNION ALL
    (
        -- Never the one entered last: it says nothing of class and category.
        SELECT o.interaction, o.queue, '', '', timestamptz '-infinity', true
        FROM order_events o
        WHERE o.started_at = begun AND o.interaction = call AND o.agent = who
            AND call <> '' AND who <> ''
            AND NOT EXISTS (
                SELECT FROM dispositions d
                WHERE d.started_at = begun AND d.interaction = call AND d.agent = who
            )
        ORDER BY o.entered_at DESC, o.order_id COLLATE "C" DESC, o.key COLLATE "C" DESC
        LIMIT 1
    )
$$;
COMMENT ON FUNCTION sold_in(timestamptz, text, text) IS
    'What is said of an agent''s part of an interaction, by its start, id and the agent: one row at most, the disposition or, without one, that an order was told. sold: it says ordered, or an order was told.';

-- As in 0023, with that.
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
    CASE WHEN v.agent = '' THEN '' ELSE coalesce((
        SELECT p.team FROM agent_profiles p
        WHERE p.agent = v.agent AND p.started_at <= v.entered_at
        ORDER BY p.started_at DESC, p.seq DESC
        LIMIT 1
    ), '') END AS team,
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
        SELECT one.* FROM sold_in(part.started_at, part.interaction, v.agent) one
        WHERE one.queue IN ('', v.queue)
            AND CASE one.queue
                WHEN '' THEN later.queues = '{}' AND own.queues = '{}'
                ELSE one.queue <> ALL (later.queues) AND one.queue <> ALL (own.queues)
            END
    ) d ON true
    WHERE v.outcome = 'answered'
) followed ON true;

-- As in 0025, with the same.
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
            CROSS JOIN LATERAL sold_in(part.started_at, part.interaction, v.agent) d
            WHERE d.queue IN ('', v.queue)
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

DROP VIEW dispositions_sold;

-- What is computed already without these orders is computed anew.
WITH told AS MATERIALIZED (
    SELECT DISTINCT o.started_at, o.interaction, o.agent FROM order_events o
    WHERE o.interaction <> '' AND o.agent <> ''
        AND NOT EXISTS (
            SELECT FROM dispositions d
            WHERE d.started_at = o.started_at AND d.interaction = o.interaction
                AND d.agent = o.agent
        )
), visits AS MATERIALIZED (
    SELECT kpi_quarter(v.entered_at) AS quarter_at, v.agent
    FROM told t
    JOIN queue_visits v ON v.started_at = t.started_at AND v.interaction = t.interaction
        AND v.agent = t.agent AND v.outcome = 'answered'
    UNION
    SELECT kpi_quarter(v.entered_at), v.agent
    FROM told t
    JOIN transfers x ON x.started_at = t.started_at AND x.interaction = t.interaction
        AND x.consult <> ''
    JOIN queue_visits v ON v.started_at = x.consult_started_at AND v.interaction = x.consult
        AND v.agent = t.agent AND v.outcome = 'answered'
), noted AS (
    INSERT INTO agent_quarters_dirty (quarter_at, agent) SELECT quarter_at, agent FROM visits
)
INSERT INTO kpi_dirty (quarter_at) SELECT DISTINCT quarter_at FROM visits;
