-- Who asked that nobody is shown the number: such callers are neither remembered nor listed.

ALTER TABLE interactions ADD COLUMN withheld boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN interactions.withheld IS
    'The caller asked that nobody is shown who calls; the number is here only where calls.record_withheld says so.';
