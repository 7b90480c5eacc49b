-- Callers handed on from one agent to another: the record of it, and the KPIs of what follows.

CREATE TABLE transfers (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    interaction text NOT NULL,
    transfer text NOT NULL,
    agent text NOT NULL,
    kind text NOT NULL,
    target text NOT NULL,
    consult text NOT NULL,
    consult_started_at timestamptz,
    requested_at timestamptz NOT NULL,
    ended_at timestamptz,
    outcome text NOT NULL,
    sip_status integer NOT NULL,
    queue text NOT NULL,
    to_agent text NOT NULL,
    returned_to text NOT NULL,
    PRIMARY KEY (started_at, interaction, transfer)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE transfers IS 'An agent''s wish to hand the caller on, and what became of it.';
COMMENT ON COLUMN transfers.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN transfers.started_at IS
    'Start of the interaction; the month of it chooses the partition.';
COMMENT ON COLUMN transfers.interaction IS
    'The caller''s interaction (UUIDv7); it goes on with whoever takes over.';
COMMENT ON COLUMN transfers.transfer IS
    'The transfer''s id.';
COMMENT ON COLUMN transfers.agent IS
    'Who wanted it.';
COMMENT ON COLUMN transfers.kind IS
    'blind, attended (after a consultation) or moved (the same agent at another phone).';
COMMENT ON COLUMN transfers.target IS
    'The number that the caller was to be connected with.';
COMMENT ON COLUMN transfers.consult IS
    'attended: the interaction in which the agent talked to the other one; else empty.';
COMMENT ON COLUMN transfers.consult_started_at IS
    'Start of that interaction.';
COMMENT ON COLUMN transfers.requested_at IS
    'When the agent asked for it.';
COMMENT ON COLUMN transfers.ended_at IS
    'When it was done or had failed.';
COMMENT ON COLUMN transfers.outcome IS
    'completed, unknown_number, not_allowed, full, busy, rejected, no_answer, failed, caller_left, restart.';
COMMENT ON COLUMN transfers.sip_status IS
    'What the agent''s phone was told when it failed; else 0.';
COMMENT ON COLUMN transfers.queue IS
    'The queue that the caller went to, or whose agent took over; else empty.';
COMMENT ON COLUMN transfers.to_agent IS
    'Who took over, where it was an agent who was connected at once; else empty.';
COMMENT ON COLUMN transfers.returned_to IS
    'Where the caller was after a failure: agent, queue, or empty.';

CREATE INDEX ON transfers (consult) WHERE consult <> '';

CREATE OR REPLACE FUNCTION ensure_month(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent text;
    part text;
    month timestamp := date_trunc('month', day);
BEGIN
    FOREACH parent IN ARRAY ARRAY[
        'interactions',
        'legs',
        'queue_visits',
        'offers',
        'flow_steps',
        'talk_segments',
        'transfers',
        'dispositions',
        'streams',
        'agent_status_intervals',
        'agent_state_intervals'
    ] LOOP
        part := parent || '_' || to_char(month, 'YYYYMM');
        IF to_regclass(part) IS NULL THEN
            -- Made apart, then attached: PARTITION OF would lock the parent against its readers,
            -- and a report that joins two of them and waits for the second is a deadlock.
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, parent);
            EXECUTE format(
                'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, part,
                month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
        END IF;
    END LOOP;
END
$$;

-- Several agents may have a part in one interaction, and each classes the own one.
ALTER TABLE dispositions DROP CONSTRAINT dispositions_pkey;
ALTER TABLE dispositions ADD PRIMARY KEY (started_at, interaction, agent);
COMMENT ON TABLE dispositions IS
    'How an agent classed the own part of an interaction; a later one replaced an earlier one.';

-- As in 0002, but: each agent's order and after-call work belong to the last visit that this agent
-- answered; and what follows from a consultation's visit may lie in the interaction that it joined.
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
    coalesce(disposition.ordered, false) AS ordered
FROM queue_visits v
LEFT JOIN LATERAL (
    SELECT sum(t.talk_s) AS talk_s, sum(t.hold_s) AS hold_s
    FROM (
        SELECT v.started_at, v.interaction
        UNION ALL
        SELECT x.started_at, x.interaction FROM transfers x
        WHERE x.consult = v.interaction AND x.consult <> '' AND x.outcome = 'completed'
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
    ) part
    JOIN agent_state_intervals s ON s.interaction = part.interaction
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
    SELECT bool_or(d.ordered) AS ordered
    FROM (
        SELECT v.started_at, v.interaction, true AS own
        UNION ALL
        SELECT x.started_at, x.interaction, false FROM transfers x
        WHERE x.consult = v.interaction AND x.consult <> '' AND x.outcome = 'completed'
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
