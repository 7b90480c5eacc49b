-- Several agents' phones may ring for one call: what became of those that did not get it.

COMMENT ON COLUMN offers.outcome IS
    'answered, no_answer, busy, rejected, failed, caller_left, agent_left, or answered_elsewhere: another agent whose phone rang for the same call took it.';
