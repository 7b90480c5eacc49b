-- Who called again: each contact with its neighbours of the same customer and class, so that no report
-- has to sort a year of contacts, and sums of them per day. Both are kept like the roll-ups of the KPIs:
-- computed out of the records where these have changed (acd/storage/repeat_contacts.py, repeat_days.py).

CREATE TABLE repeat_contacts (
    started_at timestamptz NOT NULL,
    interaction text NOT NULL,
    project text NOT NULL,
    customer_key text NOT NULL,
    call_class text NOT NULL,
    agent text NOT NULL,
    queue text NOT NULL,
    category text NOT NULL,
    solved boolean NOT NULL,
    former_at timestamptz,
    next_at timestamptz,
    PRIMARY KEY (started_at, interaction)
) PARTITION BY RANGE (started_at);

CREATE INDEX repeat_contacts_customer ON repeat_contacts (customer_key, started_at);

COMMENT ON TABLE repeat_contacts IS 'Contacts (inbound calls of a known customer that somebody has classed), each with its neighbours, as they were when its quarter-hour was computed last.';
COMMENT ON COLUMN repeat_contacts.started_at IS
    'Start of the call; the month of it chooses the partition.';
COMMENT ON COLUMN repeat_contacts.interaction IS
    'The call.';
COMMENT ON COLUMN repeat_contacts.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN repeat_contacts.customer_key IS
    'Whose, as in interactions.';
COMMENT ON COLUMN repeat_contacts.call_class IS
    'Class of the disposition that was entered last.';
COMMENT ON COLUMN repeat_contacts.agent IS
    'Who entered it.';
COMMENT ON COLUMN repeat_contacts.queue IS
    'Its queue, or empty.';
COMMENT ON COLUMN repeat_contacts.category IS
    'Its product category, or empty.';
COMMENT ON COLUMN repeat_contacts.solved IS
    'All tickets of the call are solved; without a ticket: the disposition says so.';
COMMENT ON COLUMN repeat_contacts.former_at IS
    'Start of the contact of the same project, customer and class before it; NULL: none within 31 days of 24 hours.';
COMMENT ON COLUMN repeat_contacts.next_at IS
    'Start of the one after it; NULL: none within 31 days.';

CREATE TABLE repeat_contacts_dirty (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    quarter_at timestamptz NOT NULL
);

COMMENT ON TABLE repeat_contacts_dirty IS 'Quarter-hours whose records have changed since repeat_contacts was computed: noted when their roll-ups have been computed.';
COMMENT ON COLUMN repeat_contacts_dirty.id IS 'Running number.';
COMMENT ON COLUMN repeat_contacts_dirty.quarter_at IS 'Begin of the quarter-hour.';

CREATE TABLE repeat_days (
    day date NOT NULL,
    dimension text NOT NULL,
    project text NOT NULL,
    queue text NOT NULL,
    value text NOT NULL,
    calls integer NOT NULL,
    repeats integer NOT NULL,
    solved integer NOT NULL,
    resolved integer NOT NULL,
    PRIMARY KEY (day, dimension, project, queue, value)
);

COMMENT ON TABLE repeat_days IS 'Sums of repeat_contacts per day, queue and one dimension more, with 7 days for a repeat call; computed when the 7 days are over.';
COMMENT ON COLUMN repeat_days.day IS
    'Day in the zone of kpi_zone on which the calls started.';
COMMENT ON COLUMN repeat_days.dimension IS
    'agent, team, category, class; empty: none, the queue''s whole day.';
COMMENT ON COLUMN repeat_days.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN repeat_days.queue IS
    'The queue''s name, or empty.';
COMMENT ON COLUMN repeat_days.value IS
    'Value of the dimension, or empty.';
COMMENT ON COLUMN repeat_days.calls IS
    'Contacts.';
COMMENT ON COLUMN repeat_days.repeats IS
    'Those with another of the same customer and class within 7 days before.';
COMMENT ON COLUMN repeat_days.solved IS
    'The others that say that the matter is solved.';
COMMENT ON COLUMN repeat_days.resolved IS
    'Those of them with no other within 7 days after.';

CREATE TABLE repeat_days_dirty (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day date NOT NULL,
    marked_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE repeat_days_dirty IS 'Days whose contacts have changed since repeat_days was computed.';
COMMENT ON COLUMN repeat_days_dirty.id IS 'Running number.';
COMMENT ON COLUMN repeat_days_dirty.day IS 'The day, in the zone of kpi_zone.';
COMMENT ON COLUMN repeat_days_dirty.marked_at IS 'When its contacts were computed.';

CREATE FUNCTION repeat_contacts_of(from_at timestamptz, to_at timestamptz) RETURNS TABLE (
    started_at timestamptz, interaction text, project text, customer_key text, call_class text,
    agent text, queue text, category text, solved boolean
) LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (d.started_at, d.interaction)
        d.started_at, d.interaction, i.project, i.customer_key, d.call_class,
        d.agent, d.queue, d.category, coalesce(told.solved, d.solved, false)
    FROM dispositions d
    JOIN interactions i ON i.started_at = d.started_at AND i.interaction = d.interaction
        AND i.started_at >= from_at AND i.started_at < repeat_contacts_of.to_at
    LEFT JOIN (
        SELECT m.started_at, m.interaction, bool_and(m.solved) AS solved FROM matter_outcomes m
        WHERE m.started_at >= from_at AND m.started_at < repeat_contacts_of.to_at GROUP BY 1, 2
    ) told ON told.started_at = d.started_at AND told.interaction = d.interaction
    WHERE d.started_at >= from_at AND d.started_at < repeat_contacts_of.to_at
        AND i.direction = 'inbound' AND i.customer_key <> ''
    ORDER BY d.started_at, d.interaction, d.entered_at DESC, d.agent
$$;
COMMENT ON FUNCTION repeat_contacts_of(timestamptz, timestamptz) IS
    'Contacts of [from_at, to_at) out of the records: what repeat_contacts is to hold of them, but for the neighbours.';

CREATE FUNCTION repeat_contacts_ensure(month_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    month timestamp := date_trunc('month', month_at AT TIME ZONE 'UTC');
    part text := 'repeat_contacts_' || to_char(month, 'YYYYMM');
BEGIN
    IF to_regclass(part) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE repeat_contacts INCLUDING ALL)', part);
        EXECUTE format(
            'ALTER TABLE repeat_contacts ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part,
            month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
    END IF;
END
$$;
COMMENT ON FUNCTION repeat_contacts_ensure(timestamptz) IS
    'Makes the partition of repeat_contacts for the UTC month of a time.';

CREATE FUNCTION repeat_contacts_mark_all() RETURNS void LANGUAGE sql AS $$
    INSERT INTO repeat_contacts_dirty (quarter_at)
    SELECT generate_series(kpi_quarter(first), last, '15 minutes')
    FROM
        (SELECT min(started_at) AS first FROM dispositions) f,
        (SELECT max(started_at) AS last FROM dispositions) l
    WHERE first IS NOT NULL
$$;
COMMENT ON FUNCTION repeat_contacts_mark_all() IS
    'Notes that repeat_contacts has to be computed for all quarter-hours of which there are records.';

CREATE FUNCTION repeat_days_mark_all() RETURNS void LANGUAGE sql AS $$
    INSERT INTO repeat_days_dirty (day)
    SELECT generate_series(
        (first AT TIME ZONE z.zone)::date, (last AT TIME ZONE z.zone)::date, '1 day'
    )::date
    FROM
        kpi_zone z,
        (SELECT min(started_at) AS first FROM repeat_contacts) f,
        (SELECT max(started_at) AS last FROM repeat_contacts) l
    WHERE first IS NOT NULL
$$;
COMMENT ON FUNCTION repeat_days_mark_all() IS
    'Notes that repeat_days has to be computed for all days of which there are contacts.';

CREATE FUNCTION repeat_contacts_rename(keys text[], pseudonym text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- One customer under one name stays what it was. Several, or one of whom more has come since, are
    -- one from now on: their contacts are taken out, and their quarter-hours computed again.
    IF (SELECT count(DISTINCT customer_key) FROM repeat_contacts
        WHERE customer_key = ANY(keys || pseudonym)) > 1
    THEN
        WITH gone AS (
            DELETE FROM repeat_contacts WHERE customer_key = ANY(keys || pseudonym)
            RETURNING started_at
        )
        INSERT INTO repeat_days_dirty (day)
        SELECT DISTINCT (g.started_at AT TIME ZONE z.zone)::date FROM gone g, kpi_zone z;
    ELSE
        UPDATE repeat_contacts SET customer_key = pseudonym WHERE customer_key = ANY(keys);
    END IF;
    -- Whoever computes one of them at this moment still knows the old name.
    INSERT INTO repeat_contacts_dirty (quarter_at)
    SELECT DISTINCT kpi_quarter(started_at) FROM interactions
    WHERE customer_key = pseudonym AND direction = 'inbound';
END
$$;
COMMENT ON FUNCTION repeat_contacts_rename(text[], text) IS
    'Gives contacts of erased customers their pseudonym, once their interactions have it.';

-- What was recorded before is computed in the background.
SELECT repeat_contacts_mark_all();
