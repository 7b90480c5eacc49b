-- What the chain of an interaction lacked: each hold, what the other side said of its end, and a
-- place for recordings.

CREATE TABLE hold_segments (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    interaction text NOT NULL,
    leg text NOT NULL,
    hold integer NOT NULL,
    visit text NOT NULL,
    queue text NOT NULL,
    agent text NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    duration_s double precision,
    PRIMARY KEY (started_at, interaction, leg, hold)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE hold_segments IS
    'A stretch of a talk in which one side was on hold; those of a talk add up to its hold_s.';
COMMENT ON COLUMN hold_segments.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN hold_segments.started_at IS
    'Start of the interaction; the month of it chooses the partition.';
COMMENT ON COLUMN hold_segments.interaction IS
    'The interaction''s id (UUIDv7).';
COMMENT ON COLUMN hold_segments.leg IS
    'The agent''s leg: that of the talk segment.';
COMMENT ON COLUMN hold_segments.hold IS
    '1, 2, 3 … within the talk segment.';
COMMENT ON COLUMN hold_segments.visit IS
    'The queue visit that the talk came from; empty in an agent''s own call.';
COMMENT ON COLUMN hold_segments.queue IS
    'The queue''s name, or empty.';
COMMENT ON COLUMN hold_segments.agent IS
    'Who talked.';
COMMENT ON COLUMN hold_segments.began_at IS
    'When it began.';
COMMENT ON COLUMN hold_segments.ended_at IS
    'When both heard each other again, or the talk was over.';
COMMENT ON COLUMN hold_segments.duration_s IS
    'Length, seconds of the monotonic clock.';

ALTER TABLE legs ADD COLUMN q850_cause integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN legs.q850_cause IS
    'The cause that the other side gave for its BYE or refusal (Reason of RFC 3326; ITU-T Q.850: 16 normal clearing, 17 busy, 19 no answer …); 0: none.';

CREATE TABLE recordings (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    interaction text NOT NULL,
    recording text NOT NULL,
    leg text NOT NULL,
    queue text NOT NULL,
    agent text NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    duration_s double precision,
    file text NOT NULL,
    format text NOT NULL,
    bytes bigint NOT NULL,
    sha256 text NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (started_at, interaction, recording)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE recordings IS
    'A recording of a talk: where its file is and how to tell that it is whole.';
COMMENT ON COLUMN recordings.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN recordings.started_at IS
    'Start of the interaction; the month of it chooses the partition.';
COMMENT ON COLUMN recordings.interaction IS
    'The interaction''s id (UUIDv7).';
COMMENT ON COLUMN recordings.recording IS
    'The recording''s id.';
COMMENT ON COLUMN recordings.leg IS
    'The agent''s leg: that of the talk segment.';
COMMENT ON COLUMN recordings.queue IS
    'The queue''s name, or empty.';
COMMENT ON COLUMN recordings.agent IS
    'Who is heard beside the customer.';
COMMENT ON COLUMN recordings.began_at IS
    'Begin of the recording.';
COMMENT ON COLUMN recordings.ended_at IS
    'End of the recording; NULL: it lasts.';
COMMENT ON COLUMN recordings.duration_s IS
    'Length of the sound, seconds.';
COMMENT ON COLUMN recordings.file IS
    'Path below the folder of recordings.';
COMMENT ON COLUMN recordings.format IS
    'wav, opus …';
COMMENT ON COLUMN recordings.bytes IS
    'Size of the file.';
COMMENT ON COLUMN recordings.sha256 IS
    'Hash of the file, hexadecimal.';
COMMENT ON COLUMN recordings.deleted_at IS
    'When the file was deleted, by its age or at a customer''s request; NULL: it is there.';
