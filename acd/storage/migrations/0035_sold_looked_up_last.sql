-- What a visit led to is found as quickly as before 0034: orders are looked for where the
-- disposition leaves it open. It says the same.

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
        -- Orders are looked for only where the disposition does not say ordered already.
        bool_or(CASE
            WHEN d.interaction IS NULL THEN (
                SELECT o.queue IN ('', v.queue) AND CASE o.queue
                    WHEN '' THEN later.queues = '{}' AND own.queues = '{}'
                    ELSE o.queue <> ALL (later.queues) AND o.queue <> ALL (own.queues)
                END
                FROM order_events o
                WHERE o.started_at = part.started_at AND o.interaction = part.interaction
                    AND o.agent = v.agent AND o.agent <> ''
                ORDER BY o.entered_at DESC, o.order_id COLLATE "C" DESC, o.key COLLATE "C" DESC
                LIMIT 1
            )
            WHEN NOT d.is_here OR d.ordered THEN d.is_here
            ELSE EXISTS (
                SELECT FROM order_events o
                WHERE o.started_at = part.started_at AND o.interaction = part.interaction
                    AND o.agent = v.agent
            )
        END) AS ordered,
        -- Where there are several, the one entered last.
        (array_agg(d.category ORDER BY d.entered_at DESC, d.interaction DESC)
            FILTER (WHERE d.is_here))[1] AS category,
        (array_agg(d.call_class ORDER BY d.entered_at DESC, d.interaction DESC)
            FILTER (WHERE d.is_here))[1] AS call_class
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
        SELECT one.interaction, one.category, one.call_class, one.entered_at, one.ordered,
            one.queue IN ('', v.queue) AND CASE one.queue
                WHEN '' THEN later.queues = '{}' AND own.queues = '{}'
                ELSE one.queue <> ALL (later.queues) AND one.queue <> ALL (own.queues)
            END AS is_here
        FROM dispositions one
        WHERE one.started_at = part.started_at AND one.interaction = part.interaction
            AND one.agent = v.agent
    ) d ON true
    WHERE v.outcome = 'answered'
) followed ON true;
