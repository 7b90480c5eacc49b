"""Agents' time cut at quarter-hours, and the check of their tracks."""

from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from acd.calls.cdr_rows import AgentStateInterval, AgentStatusInterval, Interval
from acd.reports.agent_times import QUARTER_US, agent_quarters, quarters
from acd.reports.agent_tracks import TrackFault, track_faults

KEY = {"node": "n", "boot": "b", "project": "main", "agent": "1001"}


def us(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1e6)


def status(value: str, began_us: int, mono_s: float, lasted_s: float | None, reason: str = ""):
    return AgentStatusInterval(
        **KEY,
        seq=int(mono_s * 10),
        status=value,
        reason=reason,
        changed_by="agent",
        began_us=began_us,
        began_mono_s=mono_s,
        duration_s=lasted_s,
        closed_by="change" if lasted_s is not None else "",
    )


def state(value: str, began_us: int, mono_s: float, lasted_s: float | None, queue: str = ""):
    return AgentStateInterval(
        **KEY,
        seq=int(mono_s * 10),
        state=value,
        queue=queue,
        interaction="",
        began_us=began_us,
        began_mono_s=mono_s,
        duration_s=lasted_s,
        closed_by="change" if lasted_s is not None else "",
    )


MOMENTS = st.integers(us("2025-01-01"), us("2027-01-01"))


@given(MOMENTS, st.integers(0, 90_000_000_000))
def test_the_parts_are_the_whole_and_each_lies_in_one_quarter(began_us: int, length: int) -> None:
    parts = list(quarters(began_us, length))
    ends = [began_us, *(to_us for _, to_us in parts)]
    assert [from_us for from_us, _ in parts] == ends[:-1]
    assert ends[-1] == began_us + length
    for from_us, to_us in parts:
        assert from_us < to_us
        assert from_us // QUARTER_US == (to_us - 1) // QUARTER_US


@given(
    st.sampled_from(
        ["Asia/Shanghai", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]
    ),
    MOMENTS,
)
def test_midnight_of_any_zone_begins_a_quarter(zone: str, moment_us: int) -> None:
    day = datetime.fromtimestamp(moment_us / 1e6, ZoneInfo(zone)).date().isoformat()
    assert us(day, zone) % QUARTER_US == 0


def test_a_day_on_which_clocks_go_back_has_25_hours() -> None:
    midnight = us("2026-11-01", "America/New_York")
    lasted_s = (us("2026-11-02", "America/New_York") - midnight) / 1e6
    found = agent_quarters([status("ready", midnight, 1.0, lasted_s)], [], now_us=0)
    assert sum(one.ready_s for one in found.values()) == 25 * 3600
    assert len(found) == 100


def test_a_clock_that_is_set_makes_no_second_and_loses_none() -> None:
    # At 10:05 the clock was set back by an hour: the track is in 09:xx once more.
    ready = status("ready", us("2026-11-20T10:00"), 100.0, 600.0)
    after = status("away", us("2026-11-20T09:10"), 700.0, 1200.0, "meal")
    found = agent_quarters([ready, after], [], now_us=0)
    assert {key[0] for key in found} == {
        us(f"2026-11-20T{quarter}") for quarter in ("09:00", "09:15", "10:00")
    }
    assert sum(one.ready_s for one in found.values()) == 600.0
    assert sum(one.away_s.get("meal", 0.0) for one in found.values()) == 1200.0


def test_available_is_ready_and_idle_only() -> None:
    ten = us("2026-11-20T10:00")
    statuses = [
        status("ready", ten, 0.0, 300.0),
        status("away", ten + 300_000_000, 300.0, 400.0, "meal"),
        status("ready", ten + 700_000_000, 700.0, None),
    ]
    states = [
        state("idle", ten + 100_000_000, 100.0, 900.0),
        state("talking", ten + 1_000_000_000, 1000.0, None, "sales"),
    ]
    found = agent_quarters(statuses, states, now_us=ten + 1_100_000_000)
    first, second = found[ten, "1001", ""], found[ten + QUARTER_US, "1001", ""]
    assert (first.available_s, second.available_s) == (200.0 + 200.0, 100.0)
    assert (first.ready_s, first.away_s, second.ready_s) == (500.0, {"meal": 400.0}, 200.0)
    assert found[ten + QUARTER_US, "1001", "sales"].talk_s == 100.0


TRACK: list[Interval] = [
    state("idle", 0, 1.0, 2.0),
    state("talking", 2_000_000, 3.0, 4.5),
    state("idle", 6_500_000, 7.5, None),
]


def test_a_whole_track_has_no_fault() -> None:
    assert track_faults(reversed(TRACK)) == []
    later_boot = [replace(TRACK[0], boot="c", began_mono_s=0.2)]
    assert track_faults([*TRACK, *later_boot]) == []


def test_what_does_not_follow_is_told() -> None:
    def faults(*changed: Interval) -> list[TrackFault]:
        return [replace(one, node="", boot="", agent="") for one in track_faults(changed)]

    def fault(seq: int, kind: str, seconds: float = 0.0) -> TrackFault:
        none = {"node": "", "boot": "", "agent": ""}
        return TrackFault(**none, track="state", seq=seq, fault=kind, seconds=seconds)

    first, second, third = TRACK
    assert faults(replace(first, duration_s=1.5), second, third) == [fault(30, "gap", 0.5)]
    assert faults(first, replace(second, duration_s=4.6), third) == [fault(75, "overlap", 0.1)]
    assert faults(replace(first, duration_s=None), second) == [fault(10, "not_closed")]
    assert faults(replace(first, closed_by="restart"), second) == [fault(10, "went_on")]
    assert faults(replace(first, duration_s=2.000001), second) == []
