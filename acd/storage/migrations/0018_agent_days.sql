-- Agents' days: sums of agent_quarters, so that a year need not be added up of quarter-hours. A day is
-- summed up when a report first wants it and it is over; whatever changes a quarter-hour of it later
-- takes its mark in agent_days_current away. Not in partitions: a row is small, and there are few.

CREATE TABLE agent_days (
    project text NOT NULL DEFAULT 'main',
    zone text NOT NULL,
    day date NOT NULL,
    agent text NOT NULL,
    queue text NOT NULL,
    team text NOT NULL,
    away_reasons jsonb NOT NULL,
    ready_s double precision NOT NULL,
    away_s double precision NOT NULL,
    available_s double precision NOT NULL,
    idle_s double precision NOT NULL,
    ringing_s double precision NOT NULL,
    talk_s double precision NOT NULL,
    hold_s double precision NOT NULL,
    wrap_up_s double precision NOT NULL,
    paused_s double precision NOT NULL,
    cool_down_s double precision NOT NULL,
    offers integer NOT NULL,
    missed_offers integer NOT NULL,
    handled integer NOT NULL,
    own_calls integer NOT NULL,
    sales integer NOT NULL,
    orders integer NOT NULL,
    sales_orders integer NOT NULL,
    complaints integer NOT NULL,
    PRIMARY KEY (zone, day, agent, queue, team, project)
);

COMMENT ON TABLE agent_days IS 'Times and counts of an agent on a day of a zone, for each queue worked for and team belonged to.';
COMMENT ON COLUMN agent_days.project IS
    'Business line or outsourcing client that the agent worked for.';
COMMENT ON COLUMN agent_days.zone IS
    'Time zone of the day, IANA name.';
COMMENT ON COLUMN agent_days.day IS
    'The day.';
COMMENT ON COLUMN agent_days.agent IS
    'Agent number.';
COMMENT ON COLUMN agent_days.queue IS
    'Queue of the call at hand; empty: none.';
COMMENT ON COLUMN agent_days.team IS
    'The agent''s team.';
COMMENT ON COLUMN agent_days.away_reasons IS
    'away_s by reason, seconds; in rows of queue ''''.';
COMMENT ON COLUMN agent_days.ready_s IS
    'Sum of agent_quarters.ready_s.';
COMMENT ON COLUMN agent_days.away_s IS
    'Sum of agent_quarters.away_s.';
COMMENT ON COLUMN agent_days.available_s IS
    'Sum of agent_quarters.available_s.';
COMMENT ON COLUMN agent_days.idle_s IS
    'Sum of agent_quarters.idle_s.';
COMMENT ON COLUMN agent_days.ringing_s IS
    'Sum of agent_quarters.ringing_s.';
COMMENT ON COLUMN agent_days.talk_s IS
    'Sum of agent_quarters.talk_s.';
COMMENT ON COLUMN agent_days.hold_s IS
    'Sum of agent_quarters.hold_s.';
COMMENT ON COLUMN agent_days.wrap_up_s IS
    'Sum of agent_quarters.wrap_up_s.';
COMMENT ON COLUMN agent_days.paused_s IS
    'Sum of agent_quarters.paused_s.';
COMMENT ON COLUMN agent_days.cool_down_s IS
    'Sum of agent_quarters.cool_down_s.';
COMMENT ON COLUMN agent_days.offers IS
    'Sum of agent_quarters.offers.';
COMMENT ON COLUMN agent_days.missed_offers IS
    'Sum of agent_quarters.missed_offers.';
COMMENT ON COLUMN agent_days.handled IS
    'Sum of agent_quarters.handled.';
COMMENT ON COLUMN agent_days.own_calls IS
    'Sum of agent_quarters.own_calls.';
COMMENT ON COLUMN agent_days.sales IS
    'Sum of agent_quarters.sales.';
COMMENT ON COLUMN agent_days.orders IS
    'Sum of agent_quarters.orders.';
COMMENT ON COLUMN agent_days.sales_orders IS
    'Sum of agent_quarters.sales_orders.';
COMMENT ON COLUMN agent_days.complaints IS
    'Sum of agent_quarters.complaints.';

CREATE TABLE agent_days_current (
    zone text NOT NULL,
    day date NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    PRIMARY KEY (zone, day)
);

COMMENT ON TABLE agent_days_current IS 'Days that agent_days has as agent_quarters has them.';
COMMENT ON COLUMN agent_days_current.zone IS
    'Time zone of the day, IANA name.';
COMMENT ON COLUMN agent_days_current.day IS
    'The day.';
COMMENT ON COLUMN agent_days_current.from_at IS
    'Its begin.';
COMMENT ON COLUMN agent_days_current.to_at IS
    'Its end.';

CREATE FUNCTION agent_days_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM agent_days_current c
    USING (SELECT DISTINCT quarter_at FROM changed) q
    WHERE q.quarter_at >= c.from_at AND q.quarter_at < c.to_at;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION agent_days_changed() IS
    'Takes the marks of days away of which a quarter-hour has changed.';

CREATE TRIGGER agent_days_added AFTER INSERT ON agent_quarters
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION agent_days_changed();
CREATE TRIGGER agent_days_removed AFTER DELETE ON agent_quarters
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION agent_days_changed();

CREATE FUNCTION sum_agent_day(
    of_zone text, of_day date, begin_at timestamptz, end_at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- No quarter-hour changes meanwhile.
    PERFORM pg_advisory_xact_lock(hashtext('refresh_agent_quarters'));
    DELETE FROM agent_days d WHERE d.zone = of_zone AND d.day = of_day;
    WITH quarters AS (
        SELECT * FROM agent_quarters q WHERE q.quarter_at >= begin_at AND q.quarter_at < end_at
    ), by_reason AS (
        SELECT q.project, q.agent, q.queue, q.team, r.key AS reason, sum(r.value::float8) AS amount
        FROM quarters q, jsonb_each_text(q.away_reasons) r WHERE q.away_s > 0
        GROUP BY 1, 2, 3, 4, 5
    ), reasons AS (
        SELECT r.project, r.agent, r.queue, r.team, jsonb_object_agg(r.reason, r.amount) AS reasons
        FROM by_reason r GROUP BY 1, 2, 3, 4
    ), sums AS (
        SELECT q.project, q.agent, q.queue, q.team,
            sum(q.ready_s) AS ready_s,
            sum(q.away_s) AS away_s,
            sum(q.available_s) AS available_s,
            sum(q.idle_s) AS idle_s,
            sum(q.ringing_s) AS ringing_s,
            sum(q.talk_s) AS talk_s,
            sum(q.hold_s) AS hold_s,
            sum(q.wrap_up_s) AS wrap_up_s,
            sum(q.paused_s) AS paused_s,
            sum(q.cool_down_s) AS cool_down_s,
            sum(q.offers) AS offers,
            sum(q.missed_offers) AS missed_offers,
            sum(q.handled) AS handled,
            sum(q.own_calls) AS own_calls,
            sum(q.sales) AS sales,
            sum(q.orders) AS orders,
            sum(q.sales_orders) AS sales_orders,
            sum(q.complaints) AS complaints
        FROM quarters q GROUP BY 1, 2, 3, 4
    )
    INSERT INTO agent_days (
        project, zone, day, agent, queue, team, away_reasons,
        ready_s, away_s, available_s, idle_s, ringing_s, talk_s, hold_s,
        wrap_up_s, paused_s, cool_down_s, offers, missed_offers, handled, own_calls,
        sales, orders, sales_orders, complaints
    )
    SELECT s.project, of_zone, of_day, s.agent, s.queue, s.team, coalesce(r.reasons, '{}'),
        s.ready_s, s.away_s, s.available_s, s.idle_s, s.ringing_s,
        s.talk_s, s.hold_s, s.wrap_up_s, s.paused_s, s.cool_down_s,
        s.offers, s.missed_offers, s.handled, s.own_calls, s.sales,
        s.orders, s.sales_orders, s.complaints
    FROM sums s
    LEFT JOIN reasons r USING (project, agent, queue, team);
    INSERT INTO agent_days_current AS c (zone, day, from_at, to_at)
    VALUES (of_zone, of_day, begin_at, end_at)
    ON CONFLICT (zone, day) DO UPDATE SET from_at = EXCLUDED.from_at, to_at = EXCLUDED.to_at;
END
$$;
COMMENT ON FUNCTION sum_agent_day(text, date, timestamptz, timestamptz) IS
    'Sums up a day of agent_quarters; its begin and end are those of the zone.';
