-- What other systems tell of calls: orders and their states, answers of customers, outcomes of
-- matters. Entries come late and in any order; each has its own time (at).

ALTER TABLE dispositions ADD COLUMN entered_by text NOT NULL DEFAULT '';
COMMENT ON COLUMN dispositions.entered_by IS
    'Name of the API token by which somebody else than the agent told it; empty: the agent.';

-- An order's later states come with its number alone.
CREATE INDEX dispositions_order_id ON ONLY dispositions (order_id) WHERE order_id <> '';

CREATE TABLE order_events (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    order_id text NOT NULL,
    key text NOT NULL,
    interaction text NOT NULL,
    state text NOT NULL,
    at timestamptz NOT NULL,
    entered_at timestamptz NOT NULL,
    agent text NOT NULL,
    queue text NOT NULL,
    category text NOT NULL,
    amount bigint,
    currency text NOT NULL,
    entered_by text NOT NULL,
    PRIMARY KEY (started_at, order_id, key)
) PARTITION BY RANGE (started_at);

CREATE INDEX ON order_events (order_id);

COMMENT ON TABLE order_events IS 'A state that an order came into. All events of an order stand under the call that it came from.';
COMMENT ON COLUMN order_events.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN order_events.started_at IS
    'Start of the interaction; the month of it chooses the partition. Without an interaction the time of the order''s first event.';
COMMENT ON COLUMN order_events.order_id IS
    'The order''s number in the shop.';
COMMENT ON COLUMN order_events.key IS
    'Idempotency key of the entry, else its record.';
COMMENT ON COLUMN order_events.interaction IS
    'The call that the order came from; empty: no event and no disposition has named one so far.';
COMMENT ON COLUMN order_events.state IS
    'placed, cancelled, signed, refused (at the door) or returned (after it had been signed for).';
COMMENT ON COLUMN order_events.at IS
    'When the order came into this state.';
COMMENT ON COLUMN order_events.entered_at IS
    'When that was told.';
COMMENT ON COLUMN order_events.agent IS
    'Who handled the call last, or empty.';
COMMENT ON COLUMN order_events.queue IS
    'The queue that the agent took the call from, or empty.';
COMMENT ON COLUMN order_events.category IS
    'Product category, or empty.';
COMMENT ON COLUMN order_events.amount IS
    'What the order is worth, in minor units of currency; NULL: as told before.';
COMMENT ON COLUMN order_events.currency IS
    'ISO 4217; empty without an amount.';
COMMENT ON COLUMN order_events.entered_by IS
    'Name of the API token by which it was told.';

CREATE TABLE csat_answers (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    interaction text NOT NULL,
    question text NOT NULL,
    answered boolean NOT NULL,
    at timestamptz NOT NULL,
    score integer,
    scale_low integer NOT NULL,
    scale_high integer NOT NULL,
    comment text NOT NULL,
    channel text NOT NULL,
    agent text NOT NULL,
    queue text NOT NULL,
    entered_at timestamptz NOT NULL,
    entered_by text NOT NULL,
    PRIMARY KEY (started_at, interaction, question)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE csat_answers IS 'A question of satisfaction that a customer was asked after a call, and the answer, if one came.';
COMMENT ON COLUMN csat_answers.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN csat_answers.started_at IS
    'Start of the interaction; the month of it chooses the partition.';
COMMENT ON COLUMN csat_answers.interaction IS
    'The call that was asked about.';
COMMENT ON COLUMN csat_answers.question IS
    'Which of several; empty: the only one.';
COMMENT ON COLUMN csat_answers.answered IS
    'Whether there is an answer; each row was asked.';
COMMENT ON COLUMN csat_answers.at IS
    'When it was answered, else asked.';
COMMENT ON COLUMN csat_answers.score IS
    'The answer; NULL: none.';
COMMENT ON COLUMN csat_answers.scale_low IS
    'Worst score there is.';
COMMENT ON COLUMN csat_answers.scale_high IS
    'Best score there is.';
COMMENT ON COLUMN csat_answers.comment IS
    'What the customer wrote, or empty.';
COMMENT ON COLUMN csat_answers.channel IS
    'By which way they were asked, in the words of whoever told it; ivr is the call itself.';
COMMENT ON COLUMN csat_answers.agent IS
    'The agent who is meant: who handled the call last.';
COMMENT ON COLUMN csat_answers.queue IS
    'The queue that the agent took the call from, or empty.';
COMMENT ON COLUMN csat_answers.entered_at IS
    'When it was told.';
COMMENT ON COLUMN csat_answers.entered_by IS
    'Name of the API token by which it was told.';

CREATE TABLE matter_outcomes (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    interaction text NOT NULL,
    ticket text NOT NULL,
    at timestamptz NOT NULL,
    solved boolean NOT NULL,
    entered_at timestamptz NOT NULL,
    entered_by text NOT NULL,
    PRIMARY KEY (started_at, interaction, ticket)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE matter_outcomes IS 'What a ticket system said last of a call''s matter. It goes before what the disposition says.';
COMMENT ON COLUMN matter_outcomes.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN matter_outcomes.started_at IS
    'Start of the interaction; the month of it chooses the partition.';
COMMENT ON COLUMN matter_outcomes.interaction IS
    'The call that brought the matter.';
COMMENT ON COLUMN matter_outcomes.ticket IS
    'Its number in the ticket system, or empty.';
COMMENT ON COLUMN matter_outcomes.at IS
    'When it was solved or opened again.';
COMMENT ON COLUMN matter_outcomes.solved IS
    'Solved, or open.';
COMMENT ON COLUMN matter_outcomes.entered_at IS
    'When that was told.';
COMMENT ON COLUMN matter_outcomes.entered_by IS
    'Name of the API token by which it was told.';

-- An order's state is the latest by its own time. A disposition that says "ordered" is the placing
-- of an order, at the time of the call; without an order number it counts as one as long as no
-- event of that call has a number.
CREATE FUNCTION orders_of(from_at timestamptz, to_at timestamptz) RETURNS TABLE (
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
        (array_agg(s.agent ORDER BY s.agent = '', s.said DESC, s.at DESC, s.entered_at DESC, s.key))[1],
        (array_agg(s.queue ORDER BY s.queue = '', s.said DESC, s.at DESC, s.entered_at DESC, s.key))[1],
        (array_agg(s.category ORDER BY s.category = '', s.said DESC, s.at DESC, s.entered_at DESC, s.key))[1],
        (array_agg(s.state ORDER BY s.at DESC, s.entered_at DESC, s.key))[1],
        max(s.at),
        (array_agg(s.amount ORDER BY s.amount IS NULL, s.at DESC, s.entered_at DESC, s.key))[1],
        (array_agg(s.currency ORDER BY s.amount IS NULL, s.at DESC, s.entered_at DESC, s.key))[1]
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
    GROUP BY s.project, s.started_at, s.interaction, s.order_id
$$;
COMMENT ON FUNCTION orders_of(timestamptz, timestamptz) IS
    'The orders of calls that started in [from_at, to_at), each in its latest state by the states'' own time.';

CREATE VIEW orders AS SELECT * FROM orders_of('-infinity', 'infinity');
COMMENT ON VIEW orders IS
    'Every order in its latest state. Large periods are quicker by orders_of(from_at, to_at).';
