-- The audit also has what was told of calls: nothing but words about its columns changes.

COMMENT ON TABLE audit IS
    'A change that somebody ordered by the HTTP interface, or what was told there of a call: a line each.';
COMMENT ON COLUMN audit.changed_by IS
    'Name of the API token; import: a file of orders, read while no server ran; of erase the account of the machine.';
COMMENT ON COLUMN audit.role IS
    'The token''s role: agent, supervisor, analyst, integration, admin.';
COMMENT ON COLUMN audit.action IS
    'What was ordered or told: status, assign, move_call …, order, disposition, csat, matter, erase.';
COMMENT ON COLUMN audit.subject IS
    'Agent number, or the interaction; of what was told the order, the interaction, agent, question or ticket.';
