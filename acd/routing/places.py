"""Where a waiting call stands in its line: by now, and as far as the line's pace tells.

A line is kept by priority; within one priority calls stand in the order in which they came, and
so reach their starvation bound in that order. Those ahead of a call are thus the first so many of
each priority, and no line is walked along.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection

from .pace import Pace

Place = tuple[float, float, str]
"""Place in the line of one queue: (figure, first enqueue time, call). Smaller is served first.

The figure is −priority; where priority grows with the wait, first enqueue time in units of
`ageing_s` − priority: all grow at the same pace, so that their order never changes.
"""

Lines = Collection[list[Place]]
"The line, each priority apart; none is empty."

LOOKS_AHEAD = 8
"""Each look adds those who reach their bound while the ones of the look before are served. They
get fewer from look to look, unless calls come faster than they are served."""


def position(lines: Lines, place: Place, starvation_s: float, now: float) -> int:
    """Return the place by now; 1 is the head.

    Calls at their bound stand in front of the others, by first enqueue time.
    """
    if now >= place[1] + starvation_s:
        return 1 + sum(_older(line, place) for line in lines)
    return 1 + _more_urgent(lines, place, starvation_s, now)


def expected_place(lines: Lines, place: Place, starvation_s: float, pace: Pace, now: float) -> int:
    """Return 1 and those who will have gone before when it comes to this call's turn.

    Whoever reaches the bound before goes first. When its turn is follows from the pace; without
    one it is `position`. Who comes later is not foreseen.
    """
    found = position(lines, place, starvation_s, now)
    bound_at = place[1] + starvation_s
    for _ in range(LOOKS_AHEAD):
        wait_s = pace.wait_s(found)
        if wait_s is None or now >= bound_at:
            return found
        if now + wait_s >= bound_at:
            return _place_at_bound(lines, place, starvation_s, pace, now)
        later = 1 + _more_urgent(lines, place, starvation_s, now + wait_s)
        if later == found:
            return found
        found = later
    return found


def _older(line: list[Place], place: Place) -> int:
    return bisect_left(line, place[1:], key=lambda each: each[1:])


def _starving(line: list[Place], starvation_s: float, at: float, least: int = 0) -> int:
    """Count those at their bound by then; where they are no more than `least`, return that."""
    if least == len(line) or at < line[least][1] + starvation_s:
        return least
    return bisect_right(line, at, least, key=lambda each: each[1] + starvation_s)


def _more_urgent(lines: Lines, place: Place, starvation_s: float, at: float) -> int:
    """Count those who go before a call that is not at its bound by then."""
    return sum(_starving(line, starvation_s, at, bisect_left(line, place)) for line in lines)


def _place_at_bound(
    lines: Lines, place: Place, starvation_s: float, pace: Pace, now: float
) -> int:
    """Return the place of a call that reaches its bound before its turn.

    From then on only older calls go before it: all of those, and of the younger ones ahead of it
    as many as are served until then. Older ones go before these from the start, if they are more
    urgent, else from their own bound on.
    """
    older = younger = first = 0
    next_at = bound_at = place[1] + starvation_s
    for line in lines:
        came_before, ahead = _older(line, place), bisect_left(line, place)
        older += came_before
        if ahead > came_before:
            younger += ahead - came_before
            first += came_before
        else:
            at_bound = _starving(line, starvation_s, now)
            first += at_bound
            if at_bound < came_before:
                next_at = min(next_at, line[at_bound][1] + starvation_s)
    served = pace.places_within(bound_at - now, older + younger)
    at_bounds = pace.places_within(bound_at - next_at, older - first)
    return 1 + older + min(younger, max(0, served - first - at_bounds))
