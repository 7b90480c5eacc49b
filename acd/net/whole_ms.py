"""uvloop's clock and timers count whole milliseconds; deadlines are sums of floats and do not."""


def first_at(time_s: float) -> float:
    """Return the first time of such a clock that is not before this one.

    A timer for the time itself would fire up to a millisecond early: nothing would be due yet,
    and whoever armed it again for the rest would be called some hundred times, until the clock
    counts on.
    """
    count = round(time_s * 1000)
    return (count if count / 1000 >= time_s else count + 1) / 1000
