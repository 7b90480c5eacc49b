-- Who agents are: team, leader, skills, and since when. Not in partitions, and never dropped by
-- age: whoever has not changed for years is still described by an old row.

CREATE TABLE agent_profiles (
    project text NOT NULL DEFAULT 'main',
    started_at timestamptz NOT NULL,
    node text NOT NULL,
    boot text NOT NULL,
    seq bigint NOT NULL,
    agent text NOT NULL,
    name text NOT NULL,
    team text NOT NULL,
    leader text NOT NULL,
    skills jsonb NOT NULL,
    groups text[] NOT NULL,
    configured boolean NOT NULL,
    PRIMARY KEY (started_at, node, boot, seq)
);

COMMENT ON TABLE agent_profiles IS 'Who an agent was from a moment on, until the agent''s next row.';
COMMENT ON COLUMN agent_profiles.project IS
    'Business line or outsourcing client that the agent works for.';
COMMENT ON COLUMN agent_profiles.started_at IS
    'From when on it was so.';
COMMENT ON COLUMN agent_profiles.node IS
    'The server''s node name.';
COMMENT ON COLUMN agent_profiles.boot IS
    'The start of the server that recorded it.';
COMMENT ON COLUMN agent_profiles.seq IS
    'Number of the journal''s record.';
COMMENT ON COLUMN agent_profiles.agent IS
    'Agent number.';
COMMENT ON COLUMN agent_profiles.name IS
    'The person''s name.';
COMMENT ON COLUMN agent_profiles.team IS
    'Team, that of an assignment in place of the configured one; empty: none.';
COMMENT ON COLUMN agent_profiles.leader IS
    'Who leads the team; empty: not told.';
COMMENT ON COLUMN agent_profiles.skills IS
    'Skill: grade (C B A AA AAA), those of an assignment in place of the configured ones.';
COMMENT ON COLUMN agent_profiles.groups IS
    'Further groups, such as the mobile group.';
COMMENT ON COLUMN agent_profiles.configured IS
    'False: taken out of the configuration then; the rest is what was known last.';

CREATE INDEX ON agent_profiles (agent, started_at DESC);

CREATE FUNCTION agent_profile_at(of_agent text, at timestamptz) RETURNS agent_profiles
LANGUAGE sql STABLE AS $$
    SELECT p FROM agent_profiles p
    WHERE p.agent = of_agent AND p.started_at <= at
    ORDER BY p.started_at DESC, p.seq DESC
    LIMIT 1
$$;
COMMENT ON FUNCTION agent_profile_at(text, timestamptz) IS
    'Who the agent was at a time; all NULL where nothing was known of the agent yet.';

CREATE FUNCTION agent_team_at(of_agent text, at timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT p.team FROM agent_profiles p
        WHERE p.agent = of_agent AND p.started_at <= at
        ORDER BY p.started_at DESC, p.seq DESC
        LIMIT 1
    ), '')
$$;
COMMENT ON FUNCTION agent_team_at(text, timestamptz) IS
    'In which team the agent was at a time; empty: in none, or nothing was known of the agent yet.';
