-- What became of a caller is said in one place: for the view, which looks up one by one, and for
-- whoever joins whole tables. Both functions are part of the statement that calls them.

CREATE FUNCTION traffic_outcome(
    answered boolean, talked boolean, called_back boolean, ended_at timestamptz, ended_by text
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN answered OR talked THEN 'to_agents'
        WHEN ended_at IS NULL THEN 'under_way'
        WHEN called_back THEN 'callbacks'
        WHEN answered IS NOT NULL THEN 'lost'
        WHEN ended_by = 'flow' THEN 'self_service'
        WHEN ended_by = 'caller' THEN 'left_in_flow'
        ELSE 'failed'
    END
$$;
COMMENT ON FUNCTION traffic_outcome(boolean, boolean, boolean, timestamptz, text) IS
    'What became of an inbound interaction: whether a queue visit of it was answered (NULL: it had none), somebody talked, a visit ended as a call-back; its end, and who ended it.';

CREATE FUNCTION flow_label(flow text, flow_version text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN flow = '' THEN '' ELSE flow || '@' || flow_version END
$$;
COMMENT ON FUNCTION flow_label(text, text) IS
    'A flow with its version, as reports are cut by it; empty without a flow.';

CREATE OR REPLACE VIEW traffic_contacts AS
SELECT
    i.project,
    i.started_at,
    i.interaction,
    i.trunk,
    flow_label(i.flow, i.flow_version) AS flow_version,
    traffic_outcome(
        visits.answered, talk.talked, visits.callback, i.ended_at, i.ended_by
    ) AS outcome
FROM interactions i
LEFT JOIN LATERAL (
    SELECT bool_or(v.outcome = 'answered') AS answered, bool_or(v.outcome = 'callback') AS callback
    FROM queue_visits v
    WHERE v.started_at = i.started_at AND v.interaction = i.interaction
) visits ON true
LEFT JOIN LATERAL (
    SELECT true AS talked
    FROM talk_segments t
    WHERE t.started_at = i.started_at AND t.interaction = i.interaction
    LIMIT 1
) talk ON true
WHERE i.direction = 'inbound';
