-- KPIs per queue. The definitions are those of acd/reports/kpi.py (which says where each comes
-- from); a test holds the two against each other.

CREATE VIEW kpi_visits AS
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
    coalesce(talk.talk_s, 0) AS talk_s,
    coalesce(talk.hold_s, 0) AS hold_s,
    coalesce(wrap_up.wrap_up_s, 0) AS wrap_up_s,
    coalesce(disposition.ordered, false) AS ordered
FROM queue_visits v
LEFT JOIN LATERAL (
    SELECT sum(t.talk_s) AS talk_s, sum(t.hold_s) AS hold_s
    FROM talk_segments t
    WHERE v.outcome = 'answered'
        AND t.started_at = v.started_at AND t.interaction = v.interaction AND t.visit = v.visit
) talk ON true
LEFT JOIN LATERAL (
    SELECT sum(s.duration_s) AS wrap_up_s
    FROM agent_state_intervals s
    WHERE v.outcome = 'answered'
        AND s.state = 'wrap_up' AND s.interaction = v.interaction
        AND s.queue = v.queue AND s.agent = v.agent
        -- Of several visits that this agent answered in this queue, the last one.
        AND NOT EXISTS (
            SELECT FROM queue_visits later
            WHERE later.started_at = v.started_at AND later.interaction = v.interaction
                AND later.outcome = 'answered'
                AND later.queue = v.queue AND later.agent = v.agent
                AND (later.entered_at, later.visit) > (v.entered_at, v.visit)
        )
) wrap_up ON true
LEFT JOIN LATERAL (
    SELECT d.ordered
    FROM dispositions d
    WHERE v.outcome = 'answered'
        AND d.started_at = v.started_at AND d.interaction = v.interaction
        AND d.queue IN ('', v.queue)
        -- The order belongs to the last answered visit, of the disposition's queue if it names one.
        AND NOT EXISTS (
            SELECT FROM queue_visits later
            WHERE later.started_at = v.started_at AND later.interaction = v.interaction
                AND later.outcome = 'answered' AND d.queue IN ('', later.queue)
                AND (later.entered_at, later.visit) > (v.entered_at, v.visit)
        )
) disposition ON true;

COMMENT ON VIEW kpi_visits IS
    'Queue visits with what followed from them: talk, hold, wrap-up, order; the base of all KPIs.';

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
        GROUP BY v.queue
    )
    SELECT
        name, offered, answered, short_abandons, abandons, exited, callbacks, overflowed,
        timed_out, refused_full,
        -- What has no name of its own is a fault; so the parts always sum up to offered.
        offered - answered - short_abandons - abandons - exited - callbacks - overflowed
            - timed_out - refused_full - waiting,
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
