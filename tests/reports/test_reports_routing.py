"""What ranking gained: the arithmetic and the tables."""

import csv
import io
import json

import msgspec
import pytest
from rich.console import Console

from acd.reports.data import as_csv, as_json
from acd.reports.report import Report
from acd.reports.routing import Amounts, Group, RoutingGain, routing_gains
from acd.reports.routing_report import routing_report
from acd.reports.table import for_terminal

RANKED = Group(queue="sales", hold_out=False, answered=70, orders=56, pending=2)
HELD = Group(queue="sales", hold_out=True, answered=80, orders=48, pending=1)


def told(rows: list[RoutingGain]) -> Report:
    return routing_report(rows, from_us=0, to_us=86_400_000_000, timezone="UTC")


def shown(rows: list[RoutingGain], locale: str = "en") -> str:
    console = Console(width=250, record=True, file=io.StringIO())
    for part in for_terminal(told(rows), console, locale):
        console.print(part)
    return console.export_text()


def test_the_gain_and_its_interval_are_those_of_the_paper() -> None:
    (sales,) = routing_gains([RANKED, HELD])
    assert sales.gain == pytest.approx(0.2)
    assert (sales.gain_low, sales.gain_high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert sales.pending == 3
    text = shown([sales])
    for part in ("80.0 %", "60.0 %", "+20.0", "+5.2", "+33.4", "Not classed yet", "Newcombe"):
        assert part in text
    assert "Value" not in text
    assert "提升" in shown([sales], "zh")


def test_without_hold_out_there_is_no_gain_to_tell() -> None:
    (sales,) = routing_gains([RANKED])
    assert (sales.ranked_conversion, sales.hold_out_conversion, sales.gain) == (0.8, None, None)
    assert shown([sales]).count("–") >= 2


def test_values_are_in_the_currency_of_most_orders() -> None:
    amounts = [
        Amounts(
            queue="sales", hold_out=False, currency="CNY", orders=50, amount=1e6, squares=3e10
        ),
        Amounts(queue="sales", hold_out=True, currency="CNY", orders=40, amount=8e5, squares=2e10),
        Amounts(queue="sales", hold_out=True, currency="USD", orders=1, amount=9e9, squares=9e18),
    ]
    (sales,) = routing_gains([RANKED, HELD], amounts)
    assert (sales.currency, sales.ranked_value) == ("CNY", pytest.approx(1e6 / 70))
    assert sales.value_gain == pytest.approx(1e6 / 70 - 1e4)
    assert sales.value_gain_low < sales.value_gain < sales.value_gain_high
    assert "142.86 CNY" in shown([sales])


def test_json_and_csv_have_the_same_names() -> None:
    rows = routing_gains([RANKED, HELD])
    (parsed,) = json.loads(as_json(told(rows)))["rows"]
    (line,) = csv.DictReader(io.StringIO(as_csv(told(rows))))
    assert parsed == msgspec.to_builtins(rows[0])
    assert list(parsed) == list(line)
    assert (line["gain"][:6], line["hold_out_value"]) == ("0.2000", "")
