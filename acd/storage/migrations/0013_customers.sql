-- Who called again: the customer's number as a keyed hash, which tells nobody the number.

ALTER TABLE interactions ADD COLUMN customer_key text NOT NULL DEFAULT '';
COMMENT ON COLUMN interactions.customer_key IS
    'Keyed hash of the customer''s number (of the caller inbound, of the one called outbound and in a call-back): equal in all contacts of one customer; empty: no customer, no number, or a row older than the column (acd records keys fills those).';

CREATE INDEX interactions_customer_key ON ONLY interactions (customer_key, started_at)
    WHERE customer_key <> '';
