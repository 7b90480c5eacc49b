-- Roll-ups of the KPIs. The rows of kpi_facts, kpi_quarters, kpi_days and traffic_quarters are made of
-- the records and of nothing else; whoever changes records marks their quarter-hours in kpi_dirty in
-- the same transaction, and acd/storage/kpi_rollup.py computes whole quarter-hours and days anew.
-- Quarter-hours are those of UTC; days are those of the zone in kpi_zone.

CREATE FUNCTION kpi_quarter(at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT date_bin('15 minutes', at, timestamptz '2000-01-01 00:00:00+00')
$$;
COMMENT ON FUNCTION kpi_quarter(timestamptz) IS
    'Begin of the quarter-hour of a time.';

CREATE FUNCTION kpi_bucket(seconds double precision) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN seconds >= 0.001 THEN ceil(ln(seconds) / 0.020000666706669435)::smallint
        ELSE -1000::smallint
    END
$$;
COMMENT ON FUNCTION kpi_bucket(double precision) IS
    'Bucket of a time in the sketches of percentiles (acd/reports/sketch.py): i holds ((1.01/0.99)^(i-1), (1.01/0.99)^i] seconds, -1000 what is below a millisecond.';

-- As in 0014, but each table is asked once per visit: the same figures for a fraction of the work.
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
        bool_or(d.ordered) AS ordered,
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
        FROM dispositions one
        WHERE one.started_at = part.started_at AND one.interaction = part.interaction
            AND one.agent = v.agent AND one.queue IN ('', v.queue)
            AND CASE one.queue
                WHEN '' THEN later.queues = '{}' AND own.queues = '{}'
                ELSE one.queue <> ALL (later.queues) AND one.queue <> ALL (own.queues)
            END
    ) d ON true
    WHERE v.outcome = 'answered'
) followed ON true;

CREATE TABLE kpi_facts (
    project text NOT NULL,
    entered_at timestamptz NOT NULL,
    queue text NOT NULL,
    kind text NOT NULL,
    outcome text NOT NULL,
    waited_s double precision,
    in_time boolean NOT NULL,
    ordered boolean NOT NULL,
    talk_s double precision NOT NULL,
    hold_s double precision NOT NULL,
    wrap_up_s double precision NOT NULL,
    agent text NOT NULL,
    team text NOT NULL,
    skill text NOT NULL,
    category text NOT NULL,
    call_class text NOT NULL,
    region text NOT NULL,
    trunk text NOT NULL,
    flow_version text NOT NULL
) PARTITION BY RANGE (entered_at);

CREATE INDEX ON kpi_facts (entered_at);

COMMENT ON TABLE kpi_facts IS 'A counted visit (kpi_visits without those called back) as it was when its quarter-hour was computed last.';
COMMENT ON COLUMN kpi_facts.project IS 'Business line or outsourcing client.';
COMMENT ON COLUMN kpi_facts.entered_at IS 'When it entered the queue; the month of it chooses the partition.';
COMMENT ON COLUMN kpi_facts.queue IS 'The queue''s name.';
COMMENT ON COLUMN kpi_facts.kind IS 'sales or service.';
COMMENT ON COLUMN kpi_facts.outcome IS 'As in queue_visits.';
COMMENT ON COLUMN kpi_facts.waited_s IS 'Wait in this queue, seconds; NULL: waiting.';
COMMENT ON COLUMN kpi_facts.in_time IS 'It left the queue within the service-level threshold.';
COMMENT ON COLUMN kpi_facts.ordered IS 'Its disposition says ordered.';
COMMENT ON COLUMN kpi_facts.talk_s IS 'Talk, seconds.';
COMMENT ON COLUMN kpi_facts.hold_s IS 'Hold, seconds.';
COMMENT ON COLUMN kpi_facts.wrap_up_s IS 'After-call work, seconds.';
COMMENT ON COLUMN kpi_facts.agent IS 'Who answered; empty: nobody.';
COMMENT ON COLUMN kpi_facts.team IS 'The agent''s at that time.';
COMMENT ON COLUMN kpi_facts.skill IS 'Skill group of the queue.';
COMMENT ON COLUMN kpi_facts.category IS 'Product category: the disposition''s, else the flow''s or queue''s.';
COMMENT ON COLUMN kpi_facts.call_class IS 'Class of the disposition; empty: not classed.';
COMMENT ON COLUMN kpi_facts.region IS 'Whose agents the call asked for.';
COMMENT ON COLUMN kpi_facts.trunk IS 'The trunk that the caller came by.';
COMMENT ON COLUMN kpi_facts.flow_version IS 'First flow of the call, name@version.';

CREATE TABLE kpi_quarters (
    quarter_at timestamptz NOT NULL,
    project text NOT NULL,
    queue text NOT NULL,
    answered integer NOT NULL,
    short_abandons integer NOT NULL,
    abandons integer NOT NULL,
    exited integer NOT NULL,
    callbacks integer NOT NULL,
    overflowed integer NOT NULL,
    timed_out integer NOT NULL,
    refused_full integer NOT NULL,
    empty integer NOT NULL,
    closed integer NOT NULL,
    faulted integer NOT NULL,
    waiting integer NOT NULL,
    in_time integer NOT NULL,
    abandons_in_time integer NOT NULL,
    callbacks_in_time integer NOT NULL,
    flow_outs_in_time integer NOT NULL,
    orders integer NOT NULL,
    sales integer NOT NULL,
    sales_orders integer NOT NULL,
    wait_s double precision NOT NULL,
    abandon_wait_s double precision NOT NULL,
    talk_s double precision NOT NULL,
    hold_s double precision NOT NULL,
    wrap_up_s double precision NOT NULL,
    longest_wait_s double precision NOT NULL,
    wait_buckets smallint[] NOT NULL,
    wait_counts integer[] NOT NULL,
    handle_buckets smallint[] NOT NULL,
    handle_counts integer[] NOT NULL,
    PRIMARY KEY (quarter_at, project, queue)
);

COMMENT ON TABLE kpi_quarters IS 'Sums of kpi_facts per quarter-hour and queue.';
COMMENT ON COLUMN kpi_quarters.quarter_at IS 'Begin of the quarter-hour.';
COMMENT ON COLUMN kpi_quarters.project IS 'Business line or outsourcing client.';
COMMENT ON COLUMN kpi_quarters.queue IS 'The queue''s name.';
COMMENT ON COLUMN kpi_quarters.answered IS
    'Visits that an agent took.';
COMMENT ON COLUMN kpi_quarters.short_abandons IS
    'Callers who hung up within the queue''s short-abandon threshold.';
COMMENT ON COLUMN kpi_quarters.abandons IS
    'All other callers who hung up waiting.';
COMMENT ON COLUMN kpi_quarters.exited IS
    'Left by a digit.';
COMMENT ON COLUMN kpi_quarters.callbacks IS
    'Took a call-back.';
COMMENT ON COLUMN kpi_quarters.overflowed IS
    'Waited too long and were sent on to another queue or a flow.';
COMMENT ON COLUMN kpi_quarters.timed_out IS
    'Waited too long, without such an overflow.';
COMMENT ON COLUMN kpi_quarters.refused_full IS
    'Refused: the queue was full.';
COMMENT ON COLUMN kpi_quarters.empty IS
    'Refused or led out: nobody served the queue.';
COMMENT ON COLUMN kpi_quarters.closed IS
    'Refused or led out: the queue was closed in an emergency.';
COMMENT ON COLUMN kpi_quarters.faulted IS
    'Cut by a fault, and whatever has no name of its own.';
COMMENT ON COLUMN kpi_quarters.waiting IS
    'Still waiting.';
COMMENT ON COLUMN kpi_quarters.in_time IS
    'Answered within the queue''s service-level threshold.';
COMMENT ON COLUMN kpi_quarters.abandons_in_time IS
    'Hung up within it, short abandons too.';
COMMENT ON COLUMN kpi_quarters.callbacks_in_time IS
    'Took a call-back within it.';
COMMENT ON COLUMN kpi_quarters.flow_outs_in_time IS
    'Led on within it: exited, callbacks, overflowed, timed_out, refused_full, empty, closed.';
COMMENT ON COLUMN kpi_quarters.orders IS
    'Answered visits whose disposition says ordered.';
COMMENT ON COLUMN kpi_quarters.sales IS
    'Answered visits of queues of kind sales.';
COMMENT ON COLUMN kpi_quarters.sales_orders IS
    'Those of them with an order.';
COMMENT ON COLUMN kpi_quarters.wait_s IS
    'Wait of the answered, seconds.';
COMMENT ON COLUMN kpi_quarters.abandon_wait_s IS
    'Wait of those who hung up, seconds.';
COMMENT ON COLUMN kpi_quarters.talk_s IS
    'Talk of the answered, seconds.';
COMMENT ON COLUMN kpi_quarters.hold_s IS
    'Hold of the answered, seconds.';
COMMENT ON COLUMN kpi_quarters.wrap_up_s IS
    'After-call work of the answered, seconds.';
COMMENT ON COLUMN kpi_quarters.longest_wait_s IS
    'Longest wait of those answered or who hung up, seconds.';
COMMENT ON COLUMN kpi_quarters.wait_buckets IS
    'Waits of the answered: numbers of their buckets (kpi_bucket), ascending.';
COMMENT ON COLUMN kpi_quarters.wait_counts IS
    'How many lie in each of these buckets.';
COMMENT ON COLUMN kpi_quarters.handle_buckets IS
    'Handle times of the answered: numbers of their buckets, ascending.';
COMMENT ON COLUMN kpi_quarters.handle_counts IS
    'How many lie in each of these buckets.';

CREATE TABLE kpi_days (
    day date NOT NULL,
    dimension text NOT NULL,
    project text NOT NULL,
    queue text NOT NULL,
    value text NOT NULL,
    answered integer NOT NULL,
    short_abandons integer NOT NULL,
    abandons integer NOT NULL,
    exited integer NOT NULL,
    callbacks integer NOT NULL,
    overflowed integer NOT NULL,
    timed_out integer NOT NULL,
    refused_full integer NOT NULL,
    empty integer NOT NULL,
    closed integer NOT NULL,
    faulted integer NOT NULL,
    waiting integer NOT NULL,
    in_time integer NOT NULL,
    abandons_in_time integer NOT NULL,
    callbacks_in_time integer NOT NULL,
    flow_outs_in_time integer NOT NULL,
    orders integer NOT NULL,
    sales integer NOT NULL,
    sales_orders integer NOT NULL,
    wait_s double precision NOT NULL,
    abandon_wait_s double precision NOT NULL,
    talk_s double precision NOT NULL,
    hold_s double precision NOT NULL,
    wrap_up_s double precision NOT NULL,
    longest_wait_s double precision NOT NULL,
    wait_buckets smallint[] NOT NULL,
    wait_counts integer[] NOT NULL,
    handle_buckets smallint[] NOT NULL,
    handle_counts integer[] NOT NULL,
    PRIMARY KEY (day, dimension, project, queue, value)
);

COMMENT ON TABLE kpi_days IS 'Sums of kpi_facts per day, queue and one dimension more.';
COMMENT ON COLUMN kpi_days.day IS 'Day in the zone of kpi_zone.';
COMMENT ON COLUMN kpi_days.dimension IS 'agent, team, skill, category, class, region, trunk, flow_version; empty: none, the queue''s whole day.';
COMMENT ON COLUMN kpi_days.project IS 'Business line or outsourcing client.';
COMMENT ON COLUMN kpi_days.queue IS 'The queue''s name.';
COMMENT ON COLUMN kpi_days.value IS 'Value of the dimension; empty where the visit has none.';
COMMENT ON COLUMN kpi_days.answered IS
    'Visits that an agent took.';
COMMENT ON COLUMN kpi_days.short_abandons IS
    'Callers who hung up within the queue''s short-abandon threshold.';
COMMENT ON COLUMN kpi_days.abandons IS
    'All other callers who hung up waiting.';
COMMENT ON COLUMN kpi_days.exited IS
    'Left by a digit.';
COMMENT ON COLUMN kpi_days.callbacks IS
    'Took a call-back.';
COMMENT ON COLUMN kpi_days.overflowed IS
    'Waited too long and were sent on to another queue or a flow.';
COMMENT ON COLUMN kpi_days.timed_out IS
    'Waited too long, without such an overflow.';
COMMENT ON COLUMN kpi_days.refused_full IS
    'Refused: the queue was full.';
COMMENT ON COLUMN kpi_days.empty IS
    'Refused or led out: nobody served the queue.';
COMMENT ON COLUMN kpi_days.closed IS
    'Refused or led out: the queue was closed in an emergency.';
COMMENT ON COLUMN kpi_days.faulted IS
    'Cut by a fault, and whatever has no name of its own.';
COMMENT ON COLUMN kpi_days.waiting IS
    'Still waiting.';
COMMENT ON COLUMN kpi_days.in_time IS
    'Answered within the queue''s service-level threshold.';
COMMENT ON COLUMN kpi_days.abandons_in_time IS
    'Hung up within it, short abandons too.';
COMMENT ON COLUMN kpi_days.callbacks_in_time IS
    'Took a call-back within it.';
COMMENT ON COLUMN kpi_days.flow_outs_in_time IS
    'Led on within it: exited, callbacks, overflowed, timed_out, refused_full, empty, closed.';
COMMENT ON COLUMN kpi_days.orders IS
    'Answered visits whose disposition says ordered.';
COMMENT ON COLUMN kpi_days.sales IS
    'Answered visits of queues of kind sales.';
COMMENT ON COLUMN kpi_days.sales_orders IS
    'Those of them with an order.';
COMMENT ON COLUMN kpi_days.wait_s IS
    'Wait of the answered, seconds.';
COMMENT ON COLUMN kpi_days.abandon_wait_s IS
    'Wait of those who hung up, seconds.';
COMMENT ON COLUMN kpi_days.talk_s IS
    'Talk of the answered, seconds.';
COMMENT ON COLUMN kpi_days.hold_s IS
    'Hold of the answered, seconds.';
COMMENT ON COLUMN kpi_days.wrap_up_s IS
    'After-call work of the answered, seconds.';
COMMENT ON COLUMN kpi_days.longest_wait_s IS
    'Longest wait of those answered or who hung up, seconds.';
COMMENT ON COLUMN kpi_days.wait_buckets IS
    'Waits of the answered: numbers of their buckets (kpi_bucket), ascending.';
COMMENT ON COLUMN kpi_days.wait_counts IS
    'How many lie in each of these buckets.';
COMMENT ON COLUMN kpi_days.handle_buckets IS
    'Handle times of the answered: numbers of their buckets, ascending.';
COMMENT ON COLUMN kpi_days.handle_counts IS
    'How many lie in each of these buckets.';

-- What became of each caller, whether or not an agent was asked for.
CREATE VIEW traffic_contacts AS
SELECT
    i.project,
    i.started_at,
    i.interaction,
    i.trunk,
    CASE WHEN i.flow = '' THEN '' ELSE i.flow || '@' || i.flow_version END AS flow_version,
    CASE
        WHEN visits.answered OR EXISTS (
            SELECT FROM talk_segments t
            WHERE t.started_at = i.started_at AND t.interaction = i.interaction
        ) THEN 'to_agents'
        WHEN i.ended_at IS NULL THEN 'under_way'
        WHEN visits.callback THEN 'callbacks'
        WHEN visits.answered IS NOT NULL THEN 'lost'
        WHEN i.ended_by = 'flow' THEN 'self_service'
        WHEN i.ended_by = 'caller' THEN 'left_in_flow'
        ELSE 'failed'
    END AS outcome
FROM interactions i
LEFT JOIN LATERAL (
    SELECT bool_or(v.outcome = 'answered') AS answered, bool_or(v.outcome = 'callback') AS callback
    FROM queue_visits v
    WHERE v.started_at = i.started_at AND v.interaction = i.interaction
) visits ON true
WHERE i.direction = 'inbound';

COMMENT ON VIEW traffic_contacts IS
    'Each caller''s interaction with what became of it; the base of the report traffic.';

CREATE TABLE traffic_quarters (
    quarter_at timestamptz NOT NULL,
    project text NOT NULL,
    trunk text NOT NULL,
    flow_version text NOT NULL,
    to_agents integer NOT NULL,
    self_service integer NOT NULL,
    left_in_flow integer NOT NULL,
    callbacks integer NOT NULL,
    lost integer NOT NULL,
    failed integer NOT NULL,
    under_way integer NOT NULL,
    PRIMARY KEY (quarter_at, project, trunk, flow_version)
);

COMMENT ON TABLE traffic_quarters IS 'Callers per quarter-hour of their interaction''s start (traffic_contacts): the sum of the counts was offered to the system.';
COMMENT ON COLUMN traffic_quarters.quarter_at IS 'Begin of the quarter-hour.';
COMMENT ON COLUMN traffic_quarters.project IS 'Business line or outsourcing client.';
COMMENT ON COLUMN traffic_quarters.trunk IS 'The trunk that they came by; empty: none.';
COMMENT ON COLUMN traffic_quarters.flow_version IS 'Their first flow, name@version; empty: none.';
COMMENT ON COLUMN traffic_quarters.to_agents IS 'Came to an agent.';
COMMENT ON COLUMN traffic_quarters.self_service IS 'Done in self-service: they asked for no agent, and the flow came to its end.';
COMMENT ON COLUMN traffic_quarters.left_in_flow IS 'Hung up in the flow, before asking for an agent.';
COMMENT ON COLUMN traffic_quarters.callbacks IS 'Asked for an agent, and then to be called back.';
COMMENT ON COLUMN traffic_quarters.lost IS 'Asked for an agent and came to none.';
COMMENT ON COLUMN traffic_quarters.failed IS 'Ended by the server or a fault before anything of that.';
COMMENT ON COLUMN traffic_quarters.under_way IS 'Not over yet.';

CREATE TABLE kpi_dirty (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    quarter_at timestamptz NOT NULL,
    marked_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE kpi_dirty IS 'Quarter-hours whose records have changed since the roll-ups were computed; only ever added to by those who change records, so that nobody waits for anybody.';
COMMENT ON COLUMN kpi_dirty.id IS 'Running number.';
COMMENT ON COLUMN kpi_dirty.quarter_at IS 'Begin of the quarter-hour.';
COMMENT ON COLUMN kpi_dirty.marked_at IS 'When the records were changed.';

CREATE TABLE kpi_dirty_days (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day date NOT NULL,
    marked_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE kpi_dirty_days IS 'Days of whose kpi_facts some have changed since kpi_days was computed.';
COMMENT ON COLUMN kpi_dirty_days.id IS 'Running number.';
COMMENT ON COLUMN kpi_dirty_days.day IS 'The day, in the zone of kpi_zone.';
COMMENT ON COLUMN kpi_dirty_days.marked_at IS 'When the facts were changed.';

CREATE TABLE kpi_zone (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    zone text NOT NULL
);

COMMENT ON TABLE kpi_zone IS 'Time zone of the days in kpi_days: one row.';
COMMENT ON COLUMN kpi_zone.only_one IS 'Keeps it at one row.';
COMMENT ON COLUMN kpi_zone.zone IS 'IANA name.';

-- What was recorded before is computed in the background. First and last time come from indexes; a
-- quarter-hour in which nothing was costs next to nothing.
INSERT INTO kpi_dirty (quarter_at)
SELECT generate_series(kpi_quarter(least(v.first, i.first)), greatest(v.last, i.last), '15 minutes')
FROM
    (SELECT min(entered_at) AS first, max(entered_at) AS last FROM queue_visits) v,
    (SELECT min(started_at) AS first, max(started_at) AS last FROM interactions) i
WHERE i.first IS NOT NULL;

CREATE FUNCTION kpi_ensure_facts(month_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    month timestamp := date_trunc('month', month_at AT TIME ZONE 'UTC');
    part text := 'kpi_facts_' || to_char(month, 'YYYYMM');
BEGIN
    IF to_regclass(part) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE kpi_facts INCLUDING ALL)', part);
        EXECUTE format(
            'ALTER TABLE kpi_facts ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part,
            month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
    END IF;
END
$$;
COMMENT ON FUNCTION kpi_ensure_facts(timestamptz) IS
    'Makes the partition of kpi_facts for the UTC month of a time, and none of another table: a month whose records are gone must not look as if it had some.';
