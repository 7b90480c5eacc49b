-- What a caller brings along has its words: the talk before a transfer is no wait, though the
-- place in the line is kept over it.

COMMENT ON COLUMN queue_visits.waited_before_s IS
    'Wait brought along, seconds: from queues that handed the caller on, and since the first enqueue of who came back to the former place or is called back. The talk before a transfer does not count, though the place is kept over it; in rows of before this comment it does.';
COMMENT ON COLUMN offers.waited_s IS
    'The call''s wait when the choice was made, seconds, with what it had brought along; without the talk before a transfer.';
