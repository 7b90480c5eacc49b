"""Reports to write in every form."""

from datetime import UTC, datetime

from acd.reports.report import Column, Report, Unit, Value, Words
from acd.reports.request import microseconds

BEGIN_US = microseconds(datetime(2026, 11, 22, 16, tzinfo=UTC))  # midnight in Shanghai
DAY_US = 86_400_000_000


def column(name: str, unit: Unit, *, quiet: bool = False, currency: str = "") -> Column:
    title = Words(en=name.capitalize(), zh=f"中{name}")
    return Column(name=name, title=title, unit=unit, quiet=quiet, currency=currency)


def report(
    columns: tuple[Column, ...], *rows: tuple[Value, ...], days: int = 1, **more: object
) -> Report:
    return Report(
        **{
            "name": "sample",
            "title": Words(en="Sample", zh="样本"),
            "from_us": BEGIN_US,
            "to_us": BEGIN_US + days * DAY_US,
            "timezone": "Asia/Shanghai",
            "columns": columns,
            "rows": rows,
            **more,
        }
    )


EVERY_UNIT = report(
    (
        column("name", Unit.TEXT),
        column("calls", Unit.COUNT),
        column("score", Unit.NUMBER),
        column("talk_s", Unit.SECONDS),
        column("share", Unit.RATE),
        column("gain", Unit.POINTS),
        column("cash", Unit.MONEY, currency="currency"),
        column("currency", Unit.TEXT),
        column("at", Unit.TIME),
        column("odd", Unit.BOOLEAN),
        column("faulted", Unit.COUNT, quiet=True),
    ),
    (
        "sales",
        12_345,
        1.5,
        7.25,
        460 / 510,
        -0.0524,
        14_286,
        "CNY",
        BEGIN_US + 36_061_500_000,
        True,
        0,
    ),
    ("=1+1", 0, None, 0.0, None, None, None, "", None, False, None),
    remarks=(Words(en="Share = part / whole", zh="占比 = 部分 / 全部"),),
    definitions={"share": "plain"},
)
