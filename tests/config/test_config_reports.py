"""reports.yaml: what comes by itself, and where it goes."""

from datetime import date, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from acd.cli import main
from acd.config import ConfigError, load_config
from acd.reports.schedule import Every

REPORTS = """\
mail:
  host: smtp.example.com
  username: reports@example.com
  password_file: secrets-mail
  sender: reports@example.com
schedules:
  yesterday:
    report: kpi
    every: day
    at: "07:30"
    per: hour
    by: [queue]
    only: {queue: sales}
    options: {service_level: answered}
    folder: reports
  week:
    report: agents
    every: week
    at: 08:00
    format: html
    mail_to: [boss@example.com, wang@xn--fsqu00a.xn--0zwm56d]
"""


@pytest.fixture
def written(folder):
    (folder / "secrets-mail").write_text("s3cret\n")

    def write(text=REPORTS):
        (folder / "reports.yaml").write_text(text)
        return folder

    return write


def faults(folder):
    with pytest.raises(ConfigError) as caught:
        load_config(folder)
    return [str(fault) for fault in caught.value.faults]


def test_without_the_file_no_report_comes_by_itself(folder):
    config = load_config(folder)
    assert config.reports.schedules == {}
    assert config.reports.plans(ZoneInfo("UTC")) == {}


def test_a_schedule_arrives_as_the_server_takes_it(written):
    config = load_config(written())
    plans = config.reports.plans(ZoneInfo("Asia/Shanghai"))
    assert (plans["yesterday"].every, plans["yesterday"].at) == (Every.DAY, time(7, 30))
    wish = config.reports.schedules["yesterday"].wish(date(2026, 11, 1), date(2026, 11, 2))
    assert (wish.first, wish.last, wish.per) == ("2026-11-01", "2026-11-02", "hour")
    assert (wish.by, wish.only) == (("queue",), ("queue=sales",))
    assert wish.options == {"service_level": "answered"}
    assert config.reports.schedules["week"].role == "analyst"
    assert config.mail_password == "s3cret"
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ('at: "07:30"', 'at: "25:00"', 10, "at"),
        ("per: hour", "per: fortnight", 7, "per: fortnight"),
        ("by: [queue]", "by: [colour]", 7, "by: colour"),
        ("    folder: reports\n", "", 7, "the report goes nowhere"),
        ("boss@example.com", "boss", 21, "an e-mail address is wanted"),
        ("host: smtp.example.com", 'host: ""', 1, "no server takes it"),
        ("  sender: reports@example.com\n", "", 1, "nobody sends"),
        ("sender:", "security: none\n  sender:", 1, "in the clear"),
        ("secrets-mail", "secrets-none", 4, "No such file"),
        ("  password_file: secrets-mail\n", "", 3, "no password for it"),
        ("every: day", "every: hour", 9, "every"),
    ],
)
def test_a_mistake_is_found_with_its_line(written, before, after, line, words):
    assert before in REPORTS
    found = faults(written(REPORTS.replace(before, after)))
    assert any(words in fault for fault in found), found
    assert any(f"reports.yaml:{line}:" in fault for fault in found), found


def test_the_example_of_the_page_is_right(written):
    page = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
    section = page.partition("\n## Reports that come by themselves\n")[2]
    example = section.partition("```yaml\n")[2].partition("```")[0]
    folder = written(example.replace("secrets/mail", "secrets-mail"))
    assert set(load_config(folder).reports.schedules) == {"yesterday", "week_for_the_boss"}


def test_a_report_that_there_is_not_is_warned_of(written, capsys):
    assert main(["config", "check", str(written(REPORTS.replace("agents", "angels")))]) == 0
    told = capsys.readouterr().out
    assert "week: there is no report angels" in told
