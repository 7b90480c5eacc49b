-- The call detail record. Rows are those of acd/calls/cdr_rows.py; every table is partitioned by
-- the month in which its interaction (or interval) started, and that start is part of each key.

CREATE TABLE interactions (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    interaction text NOT NULL,
    node text NOT NULL,
    boot text NOT NULL,
    direction text NOT NULL,
    caller text NOT NULL,
    caller_name text NOT NULL,
    called text NOT NULL,
    account text NOT NULL,
    peer text NOT NULL,
    sip_call_id text NOT NULL,
    flow text NOT NULL,
    answered_at timestamptz,
    ended_at timestamptz,
    duration_s double precision,
    ended_by text NOT NULL,
    reason text NOT NULL,
    sip_status integer NOT NULL,
    PRIMARY KEY (started_at, interaction)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE interactions IS 'A customer''s contact, from the INVITE to the end of all its legs. ended_at NULL: under way.';
COMMENT ON COLUMN interactions.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN interactions.started_at IS
    'Start of the interaction; the month of it chooses the partition.';
COMMENT ON COLUMN interactions.interaction IS
    'The interaction''s id (UUIDv7).';
COMMENT ON COLUMN interactions.node IS
    'The server''s node name.';
COMMENT ON COLUMN interactions.boot IS
    'The start of the server in which it began.';
COMMENT ON COLUMN interactions.direction IS
    'inbound or outbound.';
COMMENT ON COLUMN interactions.caller IS
    'The caller''s number as the INVITE named it.';
COMMENT ON COLUMN interactions.caller_name IS
    'Display name of From, or empty.';
COMMENT ON COLUMN interactions.called IS
    'The number dialled.';
COMMENT ON COLUMN interactions.account IS
    'The account that called, when it proved itself; else empty.';
COMMENT ON COLUMN interactions.peer IS
    'Transport address of the caller.';
COMMENT ON COLUMN interactions.sip_call_id IS
    'Call-ID of the caller''s leg.';
COMMENT ON COLUMN interactions.flow IS
    'The first IVR flow that it entered, or empty.';
COMMENT ON COLUMN interactions.answered_at IS
    'When we sent 200 to the caller; NULL: never.';
COMMENT ON COLUMN interactions.ended_at IS
    'End of the interaction; NULL: under way.';
COMMENT ON COLUMN interactions.duration_s IS
    'From start to end, seconds of the monotonic clock.';
COMMENT ON COLUMN interactions.ended_by IS
    'caller, agent, flow, system or fault; empty while under way.';
COMMENT ON COLUMN interactions.reason IS
    'What ended it: hangup, max_wait, restart …';
COMMENT ON COLUMN interactions.sip_status IS
    'The status that we answered when it came to nothing; else 0.';

CREATE TABLE legs (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    interaction text NOT NULL,
    leg text NOT NULL,
    side text NOT NULL,
    agent text NOT NULL,
    sip_call_id text NOT NULL,
    began_at timestamptz NOT NULL,
    answered_at timestamptz,
    ended_at timestamptz,
    duration_s double precision,
    ended_by text NOT NULL,
    reason text NOT NULL,
    sip_status integer NOT NULL,
    PRIMARY KEY (started_at, interaction, leg)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE legs IS 'One INVITE dialog of an interaction, or the attempt at one.';
COMMENT ON COLUMN legs.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN legs.started_at IS
    'Start of the interaction; the month of it chooses the partition.';
COMMENT ON COLUMN legs.interaction IS
    'The interaction''s id (UUIDv7).';
COMMENT ON COLUMN legs.leg IS
    'The leg''s id.';
COMMENT ON COLUMN legs.side IS
    'caller or agent.';
COMMENT ON COLUMN legs.agent IS
    'The agent called by it, or empty.';
COMMENT ON COLUMN legs.sip_call_id IS
    'Its Call-ID.';
COMMENT ON COLUMN legs.began_at IS
    'INVITE received or sent.';
COMMENT ON COLUMN legs.answered_at IS
    '200 sent or received; NULL: never.';
COMMENT ON COLUMN legs.ended_at IS
    'Its end.';
COMMENT ON COLUMN legs.duration_s IS
    'From begin to end, seconds.';
COMMENT ON COLUMN legs.ended_by IS
    'peer, server or fault.';
COMMENT ON COLUMN legs.reason IS
    'Reason given, or restart.';
COMMENT ON COLUMN legs.sip_status IS
    'The final answer when it came to nothing; else 0.';

CREATE TABLE queue_visits (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    interaction text NOT NULL,
    visit text NOT NULL,
    queue text NOT NULL,
    kind text NOT NULL,
    priority integer NOT NULL,
    category text NOT NULL,
    entered_at timestamptz NOT NULL,
    left_at timestamptz,
    outcome text NOT NULL,
    waited_s double precision,
    waited_before_s double precision NOT NULL,
    short_abandon_s double precision NOT NULL,
    service_level_s double precision NOT NULL,
    agent text NOT NULL,
    PRIMARY KEY (started_at, interaction, visit)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE queue_visits IS 'One stay in a queue: one offered of the queue''s KPIs.';
COMMENT ON COLUMN queue_visits.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN queue_visits.started_at IS
    'Start of the interaction; the month of it chooses the partition.';
COMMENT ON COLUMN queue_visits.interaction IS
    'The interaction''s id (UUIDv7).';
COMMENT ON COLUMN queue_visits.visit IS
    'The visit''s id.';
COMMENT ON COLUMN queue_visits.queue IS
    'The queue''s name.';
COMMENT ON COLUMN queue_visits.kind IS
    'sales or service.';
COMMENT ON COLUMN queue_visits.priority IS
    'Higher is served first.';
COMMENT ON COLUMN queue_visits.category IS
    'Product category used for routing, or empty.';
COMMENT ON COLUMN queue_visits.entered_at IS
    'When the caller asked for an agent: the visit belongs to the quarter-hour of this.';
COMMENT ON COLUMN queue_visits.left_at IS
    'When it ended; NULL: waiting.';
COMMENT ON COLUMN queue_visits.outcome IS
    'answered, short_abandon, abandoned, timed_out, overflowed, exited, callback, refused_full, faulted, or waiting.';
COMMENT ON COLUMN queue_visits.waited_s IS
    'Wait within this visit, seconds; NULL: waiting.';
COMMENT ON COLUMN queue_visits.waited_before_s IS
    'Wait brought along from the queue that overflowed into this one, seconds.';
COMMENT ON COLUMN queue_visits.short_abandon_s IS
    'The queue''s short-abandon threshold at that time, seconds.';
COMMENT ON COLUMN queue_visits.service_level_s IS
    'The queue''s service-level threshold at that time, seconds.';
COMMENT ON COLUMN queue_visits.agent IS
    'Who answered, or empty.';

CREATE TABLE offers (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    interaction text NOT NULL,
    offer text NOT NULL,
    visit text NOT NULL,
    queue text NOT NULL,
    agent text NOT NULL,
    leg text NOT NULL,
    offered_at timestamptz NOT NULL,
    ended_at timestamptz,
    outcome text NOT NULL,
    sip_status integer NOT NULL,
    ring_s double precision,
    layer text NOT NULL,
    ranked_by text NOT NULL,
    waited_s double precision NOT NULL,
    candidates jsonb NOT NULL,
    candidates_total integer NOT NULL,
    PRIMARY KEY (started_at, interaction, offer)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE offers IS 'One ringing of one agent''s phone, and why this agent was chosen.';
COMMENT ON COLUMN offers.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN offers.started_at IS
    'Start of the interaction; the month of it chooses the partition.';
COMMENT ON COLUMN offers.interaction IS
    'The interaction''s id (UUIDv7).';
COMMENT ON COLUMN offers.offer IS
    'The offer''s id.';
COMMENT ON COLUMN offers.visit IS
    'The queue visit.';
COMMENT ON COLUMN offers.queue IS
    'The queue''s name.';
COMMENT ON COLUMN offers.agent IS
    'Who was rung.';
COMMENT ON COLUMN offers.leg IS
    'The agent''s leg.';
COMMENT ON COLUMN offers.offered_at IS
    'When the ringing was asked for.';
COMMENT ON COLUMN offers.ended_at IS
    'When the offer ended.';
COMMENT ON COLUMN offers.outcome IS
    'answered, no_answer, busy, rejected, failed, caller_left or agent_left.';
COMMENT ON COLUMN offers.sip_status IS
    'The phone''s final answer, or 0.';
COMMENT ON COLUMN offers.ring_s IS
    'How long it rang, seconds.';
COMMENT ON COLUMN offers.layer IS
    'Layer of the routing policy that chose.';
COMMENT ON COLUMN offers.ranked_by IS
    'What the layer ranks agents by.';
COMMENT ON COLUMN offers.waited_s IS
    'The call''s wait when the choice was made, seconds.';
COMMENT ON COLUMN offers.candidates IS
    'The candidates, best first, ten at most: agent, score, idle seconds.';
COMMENT ON COLUMN offers.candidates_total IS
    'How many candidates there were.';

CREATE TABLE flow_steps (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    interaction text NOT NULL,
    step integer NOT NULL,
    at timestamptz NOT NULL,
    flow text NOT NULL,
    version text NOT NULL,
    node text NOT NULL,
    outcome text NOT NULL,
    PRIMARY KEY (started_at, interaction, step)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE flow_steps IS 'One node of an IVR flow that a call left.';
COMMENT ON COLUMN flow_steps.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN flow_steps.started_at IS
    'Start of the interaction; the month of it chooses the partition.';
COMMENT ON COLUMN flow_steps.interaction IS
    'The interaction''s id (UUIDv7).';
COMMENT ON COLUMN flow_steps.step IS
    '1, 2, 3 … within the interaction.';
COMMENT ON COLUMN flow_steps.at IS
    'When the node was left.';
COMMENT ON COLUMN flow_steps.flow IS
    'The flow''s name.';
COMMENT ON COLUMN flow_steps.version IS
    'The flow''s version.';
COMMENT ON COLUMN flow_steps.node IS
    'The node''s name.';
COMMENT ON COLUMN flow_steps.outcome IS
    'Which way the call went on.';

CREATE TABLE talk_segments (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    interaction text NOT NULL,
    leg text NOT NULL,
    visit text NOT NULL,
    queue text NOT NULL,
    agent text NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    talk_s double precision NOT NULL,
    hold_s double precision NOT NULL,
    PRIMARY KEY (started_at, interaction, leg)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE talk_segments IS 'Caller and one agent connected, from joining to parting.';
COMMENT ON COLUMN talk_segments.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN talk_segments.started_at IS
    'Start of the interaction; the month of it chooses the partition.';
COMMENT ON COLUMN talk_segments.interaction IS
    'The interaction''s id (UUIDv7).';
COMMENT ON COLUMN talk_segments.leg IS
    'The agent''s leg.';
COMMENT ON COLUMN talk_segments.visit IS
    'The queue visit that led here.';
COMMENT ON COLUMN talk_segments.queue IS
    'The queue''s name.';
COMMENT ON COLUMN talk_segments.agent IS
    'Who talked.';
COMMENT ON COLUMN talk_segments.began_at IS
    'When both heard each other.';
COMMENT ON COLUMN talk_segments.ended_at IS
    'When the talk was over.';
COMMENT ON COLUMN talk_segments.talk_s IS
    'Talk without hold, seconds.';
COMMENT ON COLUMN talk_segments.hold_s IS
    'Hold, seconds.';

CREATE TABLE dispositions (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    interaction text NOT NULL,
    entered_at timestamptz NOT NULL,
    agent text NOT NULL,
    queue text NOT NULL,
    call_class text NOT NULL,
    category text NOT NULL,
    order_id text NOT NULL,
    ordered boolean NOT NULL,
    solved boolean,
    PRIMARY KEY (started_at, interaction)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE dispositions IS 'How an agent classed an interaction; a later one replaced an earlier one.';
COMMENT ON COLUMN dispositions.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN dispositions.started_at IS
    'Start of the interaction; the month of it chooses the partition.';
COMMENT ON COLUMN dispositions.interaction IS
    'The interaction''s id (UUIDv7).';
COMMENT ON COLUMN dispositions.entered_at IS
    'When it was entered.';
COMMENT ON COLUMN dispositions.agent IS
    'Who entered it.';
COMMENT ON COLUMN dispositions.queue IS
    'The queue it is about; empty: the one that answered last.';
COMMENT ON COLUMN dispositions.call_class IS
    'inquiry, order, complaint, transfer or other.';
COMMENT ON COLUMN dispositions.category IS
    'Product category, or empty.';
COMMENT ON COLUMN dispositions.order_id IS
    'The order''s id, or empty.';
COMMENT ON COLUMN dispositions.ordered IS
    'Whether an order was placed.';
COMMENT ON COLUMN dispositions.solved IS
    'Whether the matter was solved; NULL: not said.';

CREATE TABLE streams (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    interaction text NOT NULL,
    leg text NOT NULL,
    packets_received bigint NOT NULL,
    packets_sent bigint NOT NULL,
    packets_lost bigint NOT NULL,
    packets_late bigint NOT NULL,
    packets_foreign bigint NOT NULL,
    jitter_ms double precision NOT NULL,
    PRIMARY KEY (started_at, interaction, leg)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE streams IS 'What a leg''s media stream counted.';
COMMENT ON COLUMN streams.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN streams.started_at IS
    'Start of the interaction; the month of it chooses the partition.';
COMMENT ON COLUMN streams.interaction IS
    'The interaction''s id (UUIDv7).';
COMMENT ON COLUMN streams.leg IS
    'The leg.';
COMMENT ON COLUMN streams.packets_received IS
    'RTP packets received.';
COMMENT ON COLUMN streams.packets_sent IS
    'RTP packets sent.';
COMMENT ON COLUMN streams.packets_lost IS
    'Missing by sequence numbers (RFC 3550 A.3).';
COMMENT ON COLUMN streams.packets_late IS
    'Arrived after their place had been played.';
COMMENT ON COLUMN streams.packets_foreign IS
    'Dropped: from another address than the one latched onto.';
COMMENT ON COLUMN streams.jitter_ms IS
    'Interarrival jitter (RFC 3550 6.4.1) at the end, ms.';

CREATE TABLE agent_status_intervals (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    node text NOT NULL,
    boot text NOT NULL,
    seq bigint NOT NULL,
    agent text NOT NULL,
    status text NOT NULL,
    reason text NOT NULL,
    changed_by text NOT NULL,
    started_mono_s double precision NOT NULL,
    ended_at timestamptz,
    duration_s double precision,
    closed_by text NOT NULL,
    PRIMARY KEY (started_at, node, boot, seq)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE agent_status_intervals IS 'Status track: what an agent wanted, without gaps.';
COMMENT ON COLUMN agent_status_intervals.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN agent_status_intervals.started_at IS
    'Begin of the interval; the month of it chooses the partition.';
COMMENT ON COLUMN agent_status_intervals.node IS
    'The server''s node name.';
COMMENT ON COLUMN agent_status_intervals.boot IS
    'The start of the server that recorded it.';
COMMENT ON COLUMN agent_status_intervals.seq IS
    'Number of the journal''s record that began it.';
COMMENT ON COLUMN agent_status_intervals.agent IS
    'Agent number.';
COMMENT ON COLUMN agent_status_intervals.status IS
    'What the agent wanted: ready, away, logged_out.';
COMMENT ON COLUMN agent_status_intervals.reason IS
    'Away reason code, or empty.';
COMMENT ON COLUMN agent_status_intervals.changed_by IS
    'agent, system, or a supervisor''s name.';
COMMENT ON COLUMN agent_status_intervals.started_mono_s IS
    'Begin on the boot''s monotonic clock, seconds.';
COMMENT ON COLUMN agent_status_intervals.ended_at IS
    'End; NULL: it lasts.';
COMMENT ON COLUMN agent_status_intervals.duration_s IS
    'Length, seconds of the monotonic clock; NULL: it lasts.';
COMMENT ON COLUMN agent_status_intervals.closed_by IS
    'change, stopped, or restart (the boot died: closed at its last record); empty while it lasts.';

CREATE TABLE agent_state_intervals (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    node text NOT NULL,
    boot text NOT NULL,
    seq bigint NOT NULL,
    agent text NOT NULL,
    state text NOT NULL,
    queue text NOT NULL,
    interaction text NOT NULL,
    started_mono_s double precision NOT NULL,
    ended_at timestamptz,
    duration_s double precision,
    closed_by text NOT NULL,
    PRIMARY KEY (started_at, node, boot, seq)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE agent_state_intervals IS 'State track: what the system knew about an agent, without gaps.';
COMMENT ON COLUMN agent_state_intervals.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN agent_state_intervals.started_at IS
    'Begin of the interval; the month of it chooses the partition.';
COMMENT ON COLUMN agent_state_intervals.node IS
    'The server''s node name.';
COMMENT ON COLUMN agent_state_intervals.boot IS
    'The start of the server that recorded it.';
COMMENT ON COLUMN agent_state_intervals.seq IS
    'Number of the journal''s record that began it.';
COMMENT ON COLUMN agent_state_intervals.agent IS
    'Agent number.';
COMMENT ON COLUMN agent_state_intervals.state IS
    'What the system knew: offline, idle, offered, talking, held, wrap_up, paused.';
COMMENT ON COLUMN agent_state_intervals.queue IS
    'Queue of the call at hand, or empty.';
COMMENT ON COLUMN agent_state_intervals.interaction IS
    'The call at hand, or empty.';
COMMENT ON COLUMN agent_state_intervals.started_mono_s IS
    'Begin on the boot''s monotonic clock, seconds.';
COMMENT ON COLUMN agent_state_intervals.ended_at IS
    'End; NULL: it lasts.';
COMMENT ON COLUMN agent_state_intervals.duration_s IS
    'Length, seconds of the monotonic clock; NULL: it lasts.';
COMMENT ON COLUMN agent_state_intervals.closed_by IS
    'change, stopped, or restart (the boot died: closed at its last record); empty while it lasts.';

CREATE INDEX ON interactions (interaction);
CREATE INDEX ON queue_visits (entered_at);
CREATE INDEX ON talk_segments (interaction);
CREATE INDEX ON dispositions (interaction);
CREATE INDEX ON agent_status_intervals (node) WHERE ended_at IS NULL;
CREATE INDEX ON agent_state_intervals (node) WHERE ended_at IS NULL;
CREATE INDEX ON agent_state_intervals (interaction) WHERE state = 'wrap_up';

CREATE TABLE journal_position (
    journal text PRIMARY KEY,
    node text NOT NULL,
    segment bigint NOT NULL,
    segment_offset bigint NOT NULL,
    resume_segment bigint NOT NULL,
    resume_offset bigint NOT NULL,
    boot text NOT NULL,
    seq bigint NOT NULL,
    wall_us bigint NOT NULL,
    mono_s double precision NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE journal_position IS 'How far each journal has been written into these tables; moves in the rows'' own transaction.';
COMMENT ON COLUMN journal_position.journal IS
    'The journal''s own id (file id in its folder).';
COMMENT ON COLUMN journal_position.node IS
    'The server''s node name.';
COMMENT ON COLUMN journal_position.segment IS
    'Everything before this place is in the tables: segment.';
COMMENT ON COLUMN journal_position.segment_offset IS
    '… and offset in it, bytes.';
COMMENT ON COLUMN journal_position.resume_segment IS
    'Where a new reader begins, because an open call began there: segment.';
COMMENT ON COLUMN journal_position.resume_offset IS
    '… and offset in it, bytes.';
COMMENT ON COLUMN journal_position.boot IS
    'Boot of the last record written.';
COMMENT ON COLUMN journal_position.seq IS
    'Number of that record.';
COMMENT ON COLUMN journal_position.wall_us IS
    'Its wall time, µs since 1970, UTC.';
COMMENT ON COLUMN journal_position.mono_s IS
    'Its monotonic time, seconds.';
COMMENT ON COLUMN journal_position.updated_at IS
    'When it was written.';

CREATE TABLE set_aside (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    set_aside_at timestamptz NOT NULL DEFAULT now(),
    journal text NOT NULL,
    place text NOT NULL,
    error text NOT NULL,
    content text NOT NULL
);

COMMENT ON TABLE set_aside IS 'Records and rows that could not be stored as they are; nothing waits for them.';
COMMENT ON COLUMN set_aside.id IS
    'Running number.';
COMMENT ON COLUMN set_aside.set_aside_at IS
    'When.';
COMMENT ON COLUMN set_aside.journal IS
    'The journal''s own id.';
COMMENT ON COLUMN set_aside.place IS
    'Where: segment:offset of a record, or the table of a row.';
COMMENT ON COLUMN set_aside.error IS
    'Why it could not be stored.';
COMMENT ON COLUMN set_aside.content IS
    'The record (hexadecimal) or the row (JSON).';

CREATE FUNCTION ensure_month(day date) RETURNS void LANGUAGE plpgsql AS $$
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
COMMENT ON FUNCTION ensure_month(date) IS
    'Makes the partitions of the UTC month that holds this day, where they are missing.';
