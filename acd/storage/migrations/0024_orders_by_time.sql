-- As in 0020, grouped in another order: the same rows, a quarter to a half sooner.

CREATE OR REPLACE FUNCTION orders_of(from_at timestamptz, to_at timestamptz) RETURNS TABLE (
    project text,
    started_at timestamptz,
    interaction text,
    order_id text,
    agent text,
    queue text,
    category text,
    state text,
    state_at timestamptz,
    amount bigint,
    currency text
) LANGUAGE sql STABLE AS $$
    SELECT
        s.project, s.started_at, s.interaction, s.order_id,
        -- What the agent's disposition says of it goes first.
        coalesce(
            (array_agg(s.agent ORDER BY s.at DESC, s.entered_at DESC, s.key)
                FILTER (WHERE s.said AND s.agent <> ''))[1],
            (array_agg(s.agent ORDER BY s.at DESC, s.entered_at DESC, s.key)
                FILTER (WHERE s.agent <> ''))[1], ''),
        coalesce(
            (array_agg(s.queue ORDER BY s.at DESC, s.entered_at DESC, s.key)
                FILTER (WHERE s.said AND s.queue <> ''))[1],
            (array_agg(s.queue ORDER BY s.at DESC, s.entered_at DESC, s.key)
                FILTER (WHERE s.queue <> ''))[1], ''),
        coalesce(
            (array_agg(s.category ORDER BY s.at DESC, s.entered_at DESC, s.key)
                FILTER (WHERE s.said AND s.category <> ''))[1],
            (array_agg(s.category ORDER BY s.at DESC, s.entered_at DESC, s.key)
                FILTER (WHERE s.category <> ''))[1], ''),
        (array_agg(s.state ORDER BY s.at DESC, s.entered_at DESC, s.key))[1],
        max(s.at),
        (array_agg(s.amount ORDER BY s.at DESC, s.entered_at DESC, s.key)
            FILTER (WHERE s.amount IS NOT NULL))[1],
        coalesce((array_agg(s.currency ORDER BY s.at DESC, s.entered_at DESC, s.key)
            FILTER (WHERE s.amount IS NOT NULL))[1], '')
    FROM (
        SELECT
            o.project, o.started_at, o.interaction, o.order_id, o.agent, o.queue, o.category,
            o.state, o.at, o.entered_at, o.key, o.amount, o.currency, false AS said
        FROM order_events o
        WHERE o.started_at >= from_at AND o.started_at < to_at
        UNION ALL
        SELECT
            d.project, d.started_at, d.interaction, d.order_id, d.agent, d.queue, d.category,
            'placed', d.started_at, d.entered_at, '', d.amount, d.currency, true
        FROM dispositions d
        WHERE d.ordered AND d.started_at >= from_at AND d.started_at < to_at
            AND (d.order_id <> '' OR NOT EXISTS (
                SELECT FROM order_events e
                WHERE e.started_at >= from_at AND e.started_at < to_at
                    AND e.started_at = d.started_at AND e.interaction = d.interaction
            ))
    ) s
    -- By the time first: it is sorted in this order, and texts that are all the same cost most.
    GROUP BY s.started_at, s.interaction, s.order_id, s.project
$$;
