-- Who changed what by the HTTP interface.

CREATE TABLE audit (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    node text NOT NULL,
    boot text NOT NULL,
    seq bigint NOT NULL,
    changed_by text NOT NULL,
    role text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    value_before text NOT NULL,
    value_after text NOT NULL,
    why text NOT NULL,
    PRIMARY KEY (started_at, node, boot, seq)
) PARTITION BY RANGE (started_at);

COMMENT ON TABLE audit IS 'A change that somebody ordered by the HTTP interface.';
COMMENT ON COLUMN audit.project IS
    'Business line or outsourcing client.';
COMMENT ON COLUMN audit.started_at IS
    'When; the month of it chooses the partition.';
COMMENT ON COLUMN audit.node IS
    'The server''s node name.';
COMMENT ON COLUMN audit.boot IS
    'The start of the server that recorded it.';
COMMENT ON COLUMN audit.seq IS
    'Number of the journal''s record.';
COMMENT ON COLUMN audit.changed_by IS
    'Name of the API token.';
COMMENT ON COLUMN audit.role IS
    'The token''s role: agent, supervisor, analyst, admin.';
COMMENT ON COLUMN audit.action IS
    'What was ordered: status, assign, move_call …';
COMMENT ON COLUMN audit.subject IS
    'Agent number, or the interaction.';
COMMENT ON COLUMN audit.value_before IS
    'How it was, in words.';
COMMENT ON COLUMN audit.value_after IS
    'How it is from then on, in words.';
COMMENT ON COLUMN audit.why IS
    'The reason, as whoever ordered it gave it.';

-- Every partitioned table, whichever migration made it: no list to be kept.
CREATE OR REPLACE FUNCTION ensure_month(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent text;
    part text;
    month timestamp := date_trunc('month', day);
BEGIN
    FOR parent IN
        SELECT c.relname FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
        WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'audit'::regclass)
        ORDER BY c.relname
    LOOP
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
