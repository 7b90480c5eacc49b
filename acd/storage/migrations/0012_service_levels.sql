-- Service levels as Asterisk, Amazon Connect and Genesys define them, beside the four of before; the
-- definitions with their sources are those of acd/reports/service_level.py.

CREATE OR REPLACE FUNCTION kpi_queues(
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
            count(*) FILTER (WHERE outcome = 'callback' AND in_time) AS callbacks_in_time,
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
            WHEN 'asterisk' THEN in_time::float8 / nullif(answered, 0)
            WHEN 'asterisk_2' THEN
                (in_time + abandons_in_time)::float8
                    / nullif(answered + short_abandons + abandons, 0)
            WHEN 'amazon_connect' THEN
                (in_time + abandons_in_time + callbacks_in_time)::float8 / offered
            WHEN 'genesys' THEN
                in_time::float8 / nullif(answered + short_abandons + abandons, 0)
            WHEN 'genesys_without_short_abandons' THEN
                in_time::float8 / nullif(answered + abandons, 0)
            WHEN 'genesys_with_flow_outs' THEN
                in_time::float8 / nullif(
                    answered + short_abandons + abandons + exited + callbacks + overflowed
                        + timed_out + refused_full + empty + closed, 0)
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
