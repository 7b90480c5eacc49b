"""When an entry may have happened: what other systems tell, and what a shop's file says, alike.

A state of an order that is dated ahead would be the latest for good: no cancellation would come
after it. One that is dated long ago has a slip in its date.
"""

from datetime import datetime, timedelta, tzinfo

AHEAD = timedelta(minutes=5)
"Clocks of other systems may be fast by so much."

BEHIND = timedelta(days=400)
"Orders come back within a year; what is older has a slip in its date."


def time_fault(at: datetime, now: datetime, zone: tzinfo) -> str:
    """Say what is wrong with a time, and which would be right; empty: nothing is."""
    earliest, latest = now - BEHIND, now + AHEAD
    if at > latest:
        text = f"lies ahead: it must have been by {_shown(now, zone)}, this clock's time"
        return f"at {_shown(at, zone)} {text}, give or take 5 minutes"
    if at < earliest:
        text = f"is too long ago: it must be within the last {BEHIND.days} days"
        return f"at {_shown(at, zone)} {text}, from {_shown(earliest, zone)} on"
    return ""


def _shown(moment: datetime, zone: tzinfo) -> str:
    try:
        return moment.astimezone(zone).isoformat(timespec="seconds")
    except OverflowError:  # the first or last day of all, in another zone
        return moment.isoformat(timespec="seconds")
