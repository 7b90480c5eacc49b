"""shifts.csv: who is to be ready or away when."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.config.shifts import read_shifts
from acd.reports.request import microseconds

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
HEAD = "agent,day,from,to,status\n"


def written(folder, lines, head=HEAD, zone=SHANGHAI):
    (folder / "shifts.csv").write_text(head + lines, encoding="utf-8-sig")
    return read_shifts(folder, zone)


def us(*at):
    return microseconds(datetime(*at, tzinfo=UTC))


def test_a_plan_by_the_centres_clock(tmp_path):
    plan, faults = written(
        tmp_path,
        "1001,2026-11-28,09:00,12:00,ready\n1001,2026-11-28,12:00,13:00,away:meal\n"
        "1002,2026-11-28,22:00,06:00,ready\n1003,2026-11-28,18:00,24:00,away\n",
    )
    assert faults == []
    assert [(one.agent, one.status, one.reason) for one in plan] == [
        ("1001", "ready", ""),
        ("1001", "away", "meal"),
        ("1003", "away", ""),
        ("1002", "ready", ""),
    ]
    assert (plan[0].begin_us, plan[0].end_us) == (us(2026, 11, 28, 1), us(2026, 11, 28, 4))
    assert plan[3].end_us == us(2026, 11, 28, 22)
    assert plan[2].end_us == us(2026, 11, 28, 16)


def test_a_night_with_25_hours_lasts_an_hour_longer(tmp_path):
    plan, _ = written(tmp_path, "1001,2026-10-24,22:00,06:00,ready\n", zone=BERLIN)
    assert plan[0].end_us - plan[0].begin_us == 9 * 3_600_000_000


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("1001,2026-11-31,09:00,12:00,ready", "shifts.csv:2"),
        ("1001,2026-11-28,9:00,12:00,ready", "'9:00' is no time"),
        ("1001,2026-11-28,09:00,25:00,ready", "'25:00' is no time"),
        ("1001,2026-11-28,09:00,12:00,idle", "'idle' is no status"),
        ("1001,2026-11-28,09:00,12:00,ready:meal", "is no status"),
        ("10 01,2026-11-28,09:00,12:00,ready", "is no agent number"),
        ("1001,2026-11-28,09:00,ready", "4 values"),
        (
            "1001,2026-11-28,09:00,12:00,ready\n1001,2026-11-28,11:00,13:00,away",
            "shifts.csv:3",
        ),
        ('"1001,2026-11-28,09:00,12:00,ready', "shifts.csv"),
    ],
)
def test_slips_are_told_with_their_line(tmp_path, lines, says):
    _, faults = written(tmp_path, lines)
    assert any(says in str(fault) for fault in faults)


def test_a_missing_file_says_what_it_would_be(tmp_path):
    _, (fault,) = read_shifts(tmp_path, SHANGHAI)
    assert "agent,day,from,to,status" in str(fault)


@given(st.binary(max_size=300))
def test_no_file_whatsoever_is_our_exception(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("shifts")
    (folder / "shifts.csv").write_bytes(HEAD.encode() + content)
    read_shifts(folder, SHANGHAI)
