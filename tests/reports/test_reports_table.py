"""Reports as tables: what people see."""

import io

import pytest
from report_samples import BEGIN_US, EVERY_UNIT, column, report
from rich.console import Console

from acd.reports.kpi import QueueKpi, ServiceLevel
from acd.reports.kpi_report import kpi_report
from acd.reports.report import Report, Unit
from acd.reports.showing import days, heading, minor_digits, shown_cells, shown_columns
from acd.reports.table import as_table, fitting, for_terminal

BUSY = QueueKpi(
    queue="sales",
    offered=510,
    answered=460,
    short_abandons=10,
    abandons=40,
    answer_rate=460 / 510,
    service_level=410 / 510,
    abandon_rate=40 / 510,
    asa_s=7.25,
    aht_s=120.0,
    conversion_rate=0.5,
    orders=230,
)
QUIET = QueueKpi(queue="service")


def kpis(*figures: QueueKpi, level: ServiceLevel = ServiceLevel.OFFERED) -> Report:
    return kpi_report(
        figures,
        from_us=BEGIN_US,
        to_us=BEGIN_US + 86_400_000_000,
        timezone="Asia/Shanghai",
        service_level=level,
    )


def shown(locale: str, told: Report, columns: int = 250) -> str:
    console = Console(width=columns, record=True, file=io.StringIO())
    for part in for_terminal(told, console, locale):
        console.print(part)
    return console.export_text()


def test_a_table_shows_per_cent_and_no_unused_counts() -> None:
    text = shown("en", kpis(BUSY, QUIET))
    for part in ("KPI 2026-11-23 (Asia/Shanghai)", "Answer rate", "90.2 %", "80.4 %", "7.8 %"):
        assert part in text
    for part in ("7.2 s", "service", "–", "Service level = answered in time / offered"):
        assert part in text
    assert "Overflowed" not in text
    assert "Overflowed" in shown("en", kpis(QueueKpi(queue="a", offered=1, overflowed=1)))


def test_a_table_speaks_chinese_and_names_its_definition() -> None:
    text = shown("zh", kpis(BUSY, level=ServiceLevel.ANSWERED))
    for part in ("队列", "呼入量", "接通率", "规定期间接通率 = 规定时间内接起 / 接起", "成交率"):
        assert part in text


def test_every_unit_is_shown_as_people_expect_it() -> None:
    cells = {
        EVERY_UNIT.columns[at].name: shown_cells(EVERY_UNIT, at, "zh")
        for at in shown_columns(EVERY_UNIT)
    }
    assert cells == {
        "name": ["sales", "=1+1"],
        "calls": ["12,345", "0"],
        "score": ["1.50", "–"],
        "talk_s": ["7.2 s", "0.0 s"],
        "share": ["90.2 %", "–"],
        "gain": ["-5.2", "–"],
        "cash": ["142.86 CNY", "–"],
        "at": ["10:01:01", "–"],
        "odd": ["是", "否"],
    }


def test_long_durations_are_shown_as_a_clock_shows_them() -> None:
    talk = report((column("talk_s", Unit.SECONDS),), (3_600.0,), (59.6,), (None,))
    assert shown_cells(talk, 0, "en") == ["1:00:00", "0:01:00", "–"]
    short = report((column("talk_s", Unit.SECONDS),), (3_599.9,))
    assert shown_cells(short, 0, "en") == ["3599.9 s"]


@pytest.mark.parametrize(
    ("times_us", "length_days", "texts"),
    [
        ([0, 86_400_000_000], 2, ["2026-11-23", "2026-11-24"]),
        ([0, 900_000_000], 1, ["00:00", "00:15"]),
        ([0, 900_000_000], 2, ["2026-11-23 00:00", "2026-11-23 00:15"]),
        ([1_000_000], 1, ["00:00:01"]),
        ([-1_000_000], 1, ["2026-11-22 23:59:59"]),
    ],
)
def test_times_are_shown_as_far_as_they_differ(
    times_us: list[int], length_days: int, texts: list[str]
) -> None:
    rows = [(BEGIN_US + us,) for us in times_us]
    assert shown_cells(report((column("at", Unit.TIME),), *rows, days=length_days), 0, "en") == (
        texts
    )


def test_the_heading_names_the_days() -> None:
    assert heading(report(()), "zh") == "样本 2026-11-23 (Asia/Shanghai)"
    assert days(report((), days=28)) == "2026-11-23 … 2026-12-20"
    odd = report((), to_us=BEGIN_US + 3_600_000_000)
    assert days(odd) == "2026-11-23 00:00 … 2026-11-23 01:00"


def test_currencies_have_their_own_minor_units() -> None:
    assert [minor_digits(code) for code in ("CNY", "JPY", "KWD")] == [2, 0, 3]


def test_names_from_outside_are_neither_markup_nor_control() -> None:
    text = shown("en", report((column("name", Unit.TEXT),), ("[red]a[/red]\x1b[2J\n",)))
    assert "[red]a[/red]\ufffd[2J\ufffd" in text


def test_a_table_that_is_too_wide_is_turned_and_nothing_is_cut() -> None:
    narrow = shown("en", kpis(BUSY, QUIET), 80)
    assert "…" not in narrow
    [row] = [line for line in narrow.splitlines() if "Answer rate" in line]
    assert row.split("│")[1:4] == [" Answer rate    ", "  90.2 % ", "       – "]
    assert "Service level = answered in time / offered" in " ".join(narrow.split())


def test_a_table_stays_as_it_is_where_it_fits_and_where_nothing_would() -> None:
    table = as_table(kpis(BUSY))
    assert fitting(table, Console(width=250)) is table
    many = as_table(kpis(*(QueueKpi(queue=f"queue-{at}") for at in range(20))))
    assert fitting(many, Console(width=80)) is many
    nothing = as_table(kpis())
    assert fitting(nothing, Console(width=20)) is nothing
