-- Whoever opens a queue again may say why, too.

COMMENT ON COLUMN closures.reason IS
    'In the words of whoever closed it, or opened it again; empty: nobody said why.';
