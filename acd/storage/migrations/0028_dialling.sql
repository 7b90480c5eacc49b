-- The server's attempts to call customers back: one contact in a hundred. A report of a year of
-- them should not read the others.

CREATE INDEX interactions_callbacks ON ONLY interactions (started_at)
    WHERE direction = 'callback';
