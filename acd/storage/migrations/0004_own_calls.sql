-- Agents' own calls, to colleagues and to numbers outside.

ALTER TABLE interactions ADD COLUMN agent text NOT NULL DEFAULT '';
ALTER TABLE interactions ADD COLUMN number text NOT NULL DEFAULT '';
COMMENT ON COLUMN interactions.direction IS
    'inbound, outbound (an agent called a number outside) or internal (an agent called an agent).';
COMMENT ON COLUMN interactions.agent IS
    'The agent who placed the call, where it is an agent''s own; else empty.';
COMMENT ON COLUMN interactions.number IS
    'What an agent''s own call went to: an E.164 number, or a colleague''s agent number.';
COMMENT ON COLUMN interactions.ended_by IS
    'caller, agent, called, flow, system or fault; empty while under way.';

ALTER TABLE legs ADD COLUMN trunk text NOT NULL DEFAULT '';
ALTER TABLE legs ADD COLUMN number text NOT NULL DEFAULT '';
COMMENT ON COLUMN legs.side IS
    'caller, agent (out of a queue) or called (whom somebody chose to call).';
COMMENT ON COLUMN legs.trunk IS
    'The trunk that a call outside went over; else empty.';
COMMENT ON COLUMN legs.number IS
    'The number called, where the side is called; else empty.';

COMMENT ON COLUMN talk_segments.visit IS
    'The queue visit that it came from; empty in an agent''s own call.';
