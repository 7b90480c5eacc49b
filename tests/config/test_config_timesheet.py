"""timesheet.csv, and what of the time is paid: `pay` in contracts.yaml."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.cli import main
from acd.config import ConfigError, load_config
from acd.config.timesheet import read_timesheet
from acd.reports.paid_time import Paid, PaidRule, PaidSource
from acd.reports.request import microseconds

SHANGHAI = ZoneInfo("Asia/Shanghai")
HEAD = "agent,day,from,to\n"
SHIFTS = "agent,day,from,to,status\n"


def written(folder, lines, head=HEAD):
    (folder / "timesheet.csv").write_text(head + lines, encoding="utf-8-sig")
    return read_timesheet(folder, SHANGHAI)


def us(*at):
    return microseconds(datetime(*at, tzinfo=UTC))


def test_what_was_paid_by_the_centres_clock(tmp_path):
    paid, faults = written(
        tmp_path,
        "1002,2026-11-28,22:00,06:00\n , ,,\n\n 1001 ,2026-11-28, 13:00 ,18:03\n"
        "1001,2026-11-28,09:00,12:00\n",
    )
    assert faults == []
    assert paid == [
        Paid(agent="1001", begin_us=us(2026, 11, 28, 1), end_us=us(2026, 11, 28, 4)),
        Paid(agent="1001", begin_us=us(2026, 11, 28, 5), end_us=us(2026, 11, 28, 10, 3)),
        Paid(agent="1002", begin_us=us(2026, 11, 28, 14), end_us=us(2026, 11, 28, 22)),
    ]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("1001,2026-11-31,09:00,12:00", "timesheet.csv:2"),
        ("1001,20261128,09:00,12:00", "'20261128' is no day"),
        ("1001,2026-11-28,9:00,12:00", "'9:00' is no time"),
        ("1001,2026-11-28,09:00,１２:00", "is no time"),
        ("10 01,2026-11-28,09:00,12:00", "is no agent number"),
        ("1001,2026-11-28,09:00,12:00,ready", "4: agent,day,from,to"),
        ("1001,2026-11-28,09:00,12:00\n1001,2026-11-28,11:00,13:00", "timesheet.csv:3"),
        ("1001,2026-11-28,09:00,12:00\n1001,2026-11-28,09:00,12:00", "each moment once"),
        ('"1001,2026-11-28,09:00,12:00', "timesheet.csv"),
    ],
)
def test_slips_are_told_with_their_line(tmp_path, lines, says):
    _, faults = written(tmp_path, lines)
    assert any(says in str(fault) for fault in faults)


def test_another_head_says_which_one_it_would_be(tmp_path):
    _, (fault,) = written(tmp_path, "", head="agent,date,in,out\n")
    assert (fault.line, fault.hint) == (1, "agent,day,from,to")


@given(st.binary(max_size=300))
def test_no_file_whatsoever_is_our_exception(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("sheet")
    (folder / "timesheet.csv").write_bytes(HEAD.encode() + content)
    read_timesheet(folder, SHANGHAI)


# --- contracts.yaml ---


def pay(folder, text):
    (folder / "contracts.yaml").write_text(f"pay: {{{text}}}\n")


def test_the_time_logged_in_is_paid_unless_said_otherwise(folder):
    assert load_config(folder).contracts.pay.paid_rule() == PaidRule()
    pay(folder, "paid_time: shifts, unpaid_away: [meal, break]")
    assert load_config(folder).contracts.pay.paid_rule() == PaidRule(
        source=PaidSource.SHIFTS, unpaid_away=("meal", "break")
    )


def test_the_examples_of_the_page_are_right(folder):
    page = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
    section = page.partition("\n## Paid time\n")[2].partition("\n## ")[0]
    (folder / "contracts.yaml").write_text(section.partition("```yaml\n")[2].partition("```")[0])
    rule = load_config(folder).contracts.pay.paid_rule()
    assert (rule.source, rule.unpaid_away) == (PaidSource.TIMESHEET, ("meal",))
    (folder / "timesheet.csv").write_text(section.partition("```csv\n")[2].partition("```")[0])
    paid, faults = read_timesheet(folder, SHANGHAI)
    assert (len(paid), faults) == (2, [])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("paid_time: shift", "did you mean 'shifts'?"),
        ("unpaid_away: [meal, meels]", "no away reason 'meels' in reasons.yaml"),
        ("unpaid_away: [meal, meal]", "meal stands there twice"),
    ],
)
def test_slips_of_pay_are_told_with_their_line(folder, text, says):
    (folder / "contracts.yaml").write_text(f"# paid how\n\npay:\n  {text}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(folder)
    (told,) = map(str, caught.value.faults)
    assert "contracts.yaml:4" in told or "contracts.yaml:3" in told
    assert says in told


def test_a_timesheet_with_unpaid_breaks_taken_off_is_hardly_meant(folder):
    pay(folder, "paid_time: timesheet, unpaid_away: [meal]")
    (warning,) = load_config(folder).warnings
    assert "nothing is taken off" in str(warning)


# --- acd config check ---


@pytest.mark.parametrize(
    ("text", "file", "content", "says"),
    [
        ("paid_time: timesheet", "", "", "timesheet.csv:1:1: the file is missing"),
        ("paid_time: shifts", "", "", "shifts.csv:1:1: the file is missing"),
        (
            "paid_time: logged_in",
            "timesheet.csv",
            f"{HEAD}1001,2026-11-28,09:00,x\n",
            "timesheet.csv:2",
        ),
        (
            "paid_time: logged_in",
            "shifts.csv",
            f"{SHIFTS}1001,2026-11-28,09:00,12:00,idle\n",
            "shifts.csv:2",
        ),
    ],
)
def test_check_looks_into_the_files_that_are_there_or_wanted(
    folder, capsys, text, file, content, says
):
    pay(folder, text)
    if file:
        (folder / file).write_text(content)
    assert main(["config", "check", str(folder)]) == 1
    out = capsys.readouterr().out
    assert says in out
    assert "1 fault; nothing was changed" in out
    # No call depends on it: the server takes such a folder.
    load_config(folder)


def test_check_is_content_with_good_files(folder, capsys):
    pay(folder, "paid_time: timesheet")
    (folder / "timesheet.csv").write_text(f"{HEAD}1001,2026-11-28,09:00,12:00\n")
    (folder / "shifts.csv").write_text(f"{SHIFTS}1001,2026-11-28,09:00,12:00,ready\n")
    assert main(["config", "check", str(folder)]) == 0
    assert "good" in capsys.readouterr().out
