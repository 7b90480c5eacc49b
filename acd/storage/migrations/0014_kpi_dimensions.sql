-- What queue visits can be grouped by, and the view of them with all that followed.

ALTER TABLE interactions
    ADD COLUMN trunk text NOT NULL DEFAULT '',
    ADD COLUMN flow_version text NOT NULL DEFAULT '';
COMMENT ON COLUMN interactions.trunk IS
    'The trunk that the caller came by, or was called back by; empty: none.';
COMMENT ON COLUMN interactions.flow_version IS
    'Version of that flow.';
COMMENT ON COLUMN legs.trunk IS
    'The trunk that the leg goes over, the caller''s too; empty: none.';

ALTER TABLE queue_visits
    ADD COLUMN skill text NOT NULL DEFAULT '',
    ADD COLUMN region text NOT NULL DEFAULT '',
    ADD COLUMN trunk text NOT NULL DEFAULT '',
    ADD COLUMN flow_version text NOT NULL DEFAULT '';
COMMENT ON COLUMN queue_visits.skill IS
    'Skill group that the queue served at that time.';
COMMENT ON COLUMN queue_visits.region IS
    'Whose agents the call asked for, as flow or queue said; empty: any.';
COMMENT ON COLUMN queue_visits.trunk IS
    'The trunk that the caller came by; empty: none.';
COMMENT ON COLUMN queue_visits.flow_version IS
    'First flow of the call and its version, name@version; empty: none.';

-- As in 0005, with more columns; and with bounds in time, by which all but two or three months'
-- partitions are passed over: an interaction is given up after a day, so nothing of it lies a
-- month away.
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
    coalesce(talk.talk_s, 0) AS talk_s,
    coalesce(talk.hold_s, 0) AS hold_s,
    coalesce(wrap_up.wrap_up_s, 0) AS wrap_up_s,
    coalesce(disposition.ordered, false) AS ordered,
    v.agent,
    CASE WHEN v.agent = '' THEN '' ELSE agent_team_at(v.agent, v.entered_at) END AS team,
    v.skill,
    coalesce(nullif(disposition.category, ''), v.category) AS category,
    coalesce(disposition.call_class, '') AS call_class,
    v.region,
    v.trunk,
    v.flow_version,
    v.callback
FROM queue_visits v
LEFT JOIN LATERAL (
    SELECT sum(t.talk_s) AS talk_s, sum(t.hold_s) AS hold_s
    FROM (
        SELECT v.started_at, v.interaction
        UNION ALL
        SELECT x.started_at, x.interaction FROM transfers x
        WHERE x.consult = v.interaction AND x.consult <> '' AND x.outcome = 'completed'
            AND x.started_at BETWEEN v.started_at - interval '31 days'
                AND v.started_at + interval '1 day'
    ) part
    JOIN talk_segments t ON t.started_at = part.started_at AND t.interaction = part.interaction
    WHERE v.outcome = 'answered' AND t.visit = v.visit
) talk ON true
LEFT JOIN LATERAL (
    SELECT sum(s.duration_s) AS wrap_up_s
    FROM (
        SELECT v.started_at, v.interaction, true AS own
        UNION ALL
        SELECT x.started_at, x.interaction, false FROM transfers x
        WHERE x.consult = v.interaction AND x.consult <> '' AND x.outcome = 'completed'
            AND x.started_at BETWEEN v.started_at - interval '31 days'
                AND v.started_at + interval '1 day'
    ) part
    JOIN agent_state_intervals s ON s.interaction = part.interaction
        AND s.started_at BETWEEN v.started_at - interval '1 day'
            AND v.started_at + interval '31 days'
    WHERE v.outcome = 'answered'
        AND s.state = 'wrap_up' AND s.queue = v.queue AND s.agent = v.agent
        -- Of several visits that this agent answered in this queue, the last one.
        AND NOT EXISTS (
            SELECT FROM queue_visits later
            WHERE later.started_at = v.started_at AND later.interaction = v.interaction
                AND later.outcome = 'answered'
                AND later.queue = v.queue AND later.agent = v.agent
                AND (later.entered_at, later.visit) > (v.entered_at, v.visit)
        )
        -- A visit of the interaction's own comes before one of a consultation.
        AND (part.own OR NOT EXISTS (
            SELECT FROM queue_visits other
            WHERE other.started_at = part.started_at AND other.interaction = part.interaction
                AND other.outcome = 'answered'
                AND other.queue = v.queue AND other.agent = v.agent
        ))
) wrap_up ON true
LEFT JOIN LATERAL (
    SELECT
        bool_or(d.ordered) AS ordered,
        -- Where there are several, the one entered last.
        (array_agg(d.category ORDER BY d.entered_at DESC, d.interaction DESC))[1] AS category,
        (array_agg(d.call_class ORDER BY d.entered_at DESC, d.interaction DESC))[1] AS call_class
    FROM (
        SELECT v.started_at, v.interaction, true AS own
        UNION ALL
        SELECT x.started_at, x.interaction, false FROM transfers x
        WHERE x.consult = v.interaction AND x.consult <> '' AND x.outcome = 'completed'
            AND x.started_at BETWEEN v.started_at - interval '31 days'
                AND v.started_at + interval '1 day'
    ) part
    JOIN dispositions d ON d.started_at = part.started_at AND d.interaction = part.interaction
    WHERE v.outcome = 'answered' AND d.agent = v.agent AND d.queue IN ('', v.queue)
        -- The order belongs to the agent's last visit, of the disposition's queue if it names one.
        AND NOT EXISTS (
            SELECT FROM queue_visits later
            WHERE later.started_at = v.started_at AND later.interaction = v.interaction
                AND later.outcome = 'answered'
                AND later.agent = v.agent AND d.queue IN ('', later.queue)
                AND (later.entered_at, later.visit) > (v.entered_at, v.visit)
        )
        AND (part.own OR NOT EXISTS (
            SELECT FROM queue_visits other
            WHERE other.started_at = part.started_at AND other.interaction = part.interaction
                AND other.outcome = 'answered'
                AND other.agent = v.agent AND d.queue IN ('', other.queue)
        ))
) disposition ON true;
