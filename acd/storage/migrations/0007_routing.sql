-- What `acd report routing` compares: which calls were held out from ranking, and what orders are
-- worth; and why a better agent or an earlier call had to stand back.

ALTER TABLE offers
    ADD COLUMN hold_out boolean NOT NULL DEFAULT false,
    ADD COLUMN spared integer NOT NULL DEFAULT 0,
    ADD COLUMN overtook_s double precision NOT NULL DEFAULT 0;

COMMENT ON COLUMN offers.ranked_by IS
    'What ranked the agent: the layer''s order; value: conversion times order value; hold_out or unmeasured (no outcome known): longest idle in place of conversion; pairing: the call was taken ahead of the head of the line.';
COMMENT ON COLUMN offers.hold_out IS
    'The call is of the hold-out share: longest idle and first come.';
COMMENT ON COLUMN offers.spared IS
    'Idle agents who ranked before this one and were above the queue''s occupancy cap or share.';
COMMENT ON COLUMN offers.overtook_s IS
    'How much later than the head of the line, which it overtook, the call had come, seconds.';

ALTER TABLE dispositions
    ADD COLUMN amount bigint,
    ADD COLUMN currency text NOT NULL DEFAULT '';

COMMENT ON COLUMN dispositions.amount IS
    'What the order is worth, in minor units; null: not told.';
COMMENT ON COLUMN dispositions.currency IS
    'ISO 4217; empty without an amount.';
