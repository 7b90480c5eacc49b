"""Figures as table, JSON and CSV."""

import csv
import io
import json

from rich.console import Console

from acd.reports.kpi import QueueKpi
from acd.reports.table import as_csv, as_json, as_table, fitting

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


def shown(locale: str, *kpis: QueueKpi) -> str:
    console = Console(width=250, record=True, file=io.StringIO())
    console.print(as_table(kpis, title="KPI", locale=locale))
    return console.export_text()


def test_a_table_shows_per_cent_and_no_unused_counts() -> None:
    text = shown("en", BUSY, QUIET)
    for part in ("Answer rate", "90.2 %", "80.4 %", "7.8 %", "7.2 s", "service", "–"):
        assert part in text
    assert "Overflowed" not in text
    assert "Service level = answered in time / offered" in text
    assert "Overflowed" in shown("en", QueueKpi(queue="a", offered=1, overflowed=1))


def test_a_table_speaks_chinese() -> None:
    text = shown("zh", BUSY)
    for part in ("队列", "呼入量", "接通率", "规定期间接通率", "放弃率", "成交率", "平均处理时长"):
        assert part in text


def printed(columns: int, *kpis: QueueKpi) -> str:
    console = Console(width=columns, file=io.StringIO())
    console.print(fitting(as_table(kpis, title="KPI"), console))
    return console.file.getvalue()


def test_a_table_that_is_too_wide_is_turned_and_nothing_is_cut() -> None:
    narrow = printed(80, BUSY, QUIET)
    assert "…" not in narrow
    [row] = [line for line in narrow.splitlines() if "Answer rate" in line]
    assert row.split("│")[1:4] == [" Answer rate    ", "  90.2 % ", "       – "]
    assert "Service level = answered in time / offered" in " ".join(narrow.split())


def test_a_table_stays_as_it_is_where_it_fits_and_where_nothing_would() -> None:
    table = as_table([BUSY], title="KPI")
    assert fitting(table, Console(width=200)) is table
    many = as_table([QueueKpi(queue=f"queue-{at}") for at in range(20)], title="KPI")
    assert fitting(many, Console(width=80)) is many


def test_json_is_a_list_of_objects_with_the_fields_names() -> None:
    busy, quiet = json.loads(as_json([BUSY, QUIET]))
    assert list(busy) == list(QueueKpi.__struct_fields__)
    assert busy["answer_rate"] == 460 / 510
    assert (quiet["queue"], quiet["offered"], quiet["asa_s"]) == ("service", 0, None)


def test_csv_has_the_same_names() -> None:
    busy, quiet = csv.DictReader(io.StringIO(as_csv([BUSY, QUIET])))
    assert list(busy) == list(QueueKpi.__struct_fields__)
    assert (busy["offered"], float(busy["answer_rate"])) == ("510", 460 / 510)
    assert quiet["asa_s"] == ""
