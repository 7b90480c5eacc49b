"""Are an agent's two tracks without gap and overlap? On the clock that cannot be set."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from msgspec import Struct

from acd.calls.cdr_rows import AgentStateInterval, AgentStatusInterval, Interval

TOLERANCE_S = 2e-6
"Lengths are kept in whole microseconds; each end may be half of one off."


class TrackFault(Struct, frozen=True, kw_only=True):
    """Two intervals of one track that do not follow each other."""

    agent: str
    track: str
    '"status" or "state".'

    node: str
    boot: str
    seq: int
    "Record that began the later one, or the one that is wrong by itself."

    fault: str
    '"gap", "overlap", "not_closed", "went_on" (closed by the end of its boot, yet not the last).'

    seconds: float = 0.0
    "How much is missing, or there twice."


def track_faults(intervals: Iterable[Interval]) -> list[TrackFault]:
    """Return what is wrong with the tracks, by agent; within each boot they have to be whole.

    Between two boots the server was down, and nobody knows. `intervals` has to hold all of a boot
    from the first one looked at on.
    """
    tracks: dict[tuple[str, str, str, str], list[Interval]] = defaultdict(list)
    for one in intervals:
        tracks[one.agent, _track(one), one.node, one.boot].append(one)
    return [
        fault
        for key in sorted(tracks)
        for earlier, later in pairwise(sorted(tracks[key], key=lambda one: one.seq))
        if (fault := _between(earlier, later)) is not None
    ]


def _between(earlier: Interval, later: Interval) -> TrackFault | None:
    if earlier.duration_s is None:
        return _fault(earlier, "not_closed")
    if earlier.closed_by != "change":
        return _fault(earlier, "went_on")
    missing_s = later.began_mono_s - (earlier.began_mono_s + earlier.duration_s)
    if abs(missing_s) <= TOLERANCE_S:
        return None
    return _fault(later, "gap" if missing_s > 0 else "overlap", abs(missing_s))


def _fault(one: Interval, fault: str, seconds: float = 0.0) -> TrackFault:
    return TrackFault(
        agent=one.agent,
        track=_track(one),
        node=one.node,
        boot=one.boot,
        seq=one.seq,
        fault=fault,
        seconds=round(seconds, 6),
    )


def _track(one: Interval) -> str:
    if isinstance(one, AgentStatusInterval):
        return "status"
    assert isinstance(one, AgentStateInterval)
    return "state"
