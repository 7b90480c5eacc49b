-- Why a flow ended a call, in the words of its author, and what went wrong in a step.

ALTER TABLE interactions ADD COLUMN detail text NOT NULL DEFAULT '';
COMMENT ON COLUMN interactions.detail IS
    'The reason that the flow''s hang-up names, when the flow ended the call; else empty.';

ALTER TABLE flow_steps ADD COLUMN note text NOT NULL DEFAULT '';
COMMENT ON COLUMN flow_steps.note IS
    'What went wrong in the node, for whoever maintains the flow; empty when nothing did.';
