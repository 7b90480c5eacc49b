"""Reports to write in every form."""

from datetime import UTC, datetime
from random import Random

from acd.reports.report import (
    Column,
    Comparison,
    Dispersion,
    HeatMap,
    Histogram,
    Quadrants,
    Report,
    Trend,
    Unit,
    Value,
    Words,
)
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


def quarters(days: int = 3, queues: tuple[str, ...] = ("sales", "service")) -> Report:
    """Quarter-hours of the working day, with every chart over time and by queue."""
    draw = Random(4)
    rows = []
    for day in range(days):
        for quarter in range(36, 84):
            at_us = BEGIN_US + day * DAY_US + quarter * 900_000_000
            for queue in queues:
                offered = max(0, round(draw.gauss(20 - abs(quarter - 60) / 2, 4)))
                level = min(1.0, max(0.0, draw.gauss(0.82, 0.1))) if offered else None
                rows.append((at_us, queue, offered, level, draw.expovariate(1 / 9)))
    return report(
        (
            Column(name="at", title=Words(en="From", zh="时段"), unit=Unit.TIME),
            Column(name="queue", title=Words(en="Queue", zh="队列"), unit=Unit.TEXT),
            Column(name="offered", title=Words(en="Offered", zh="呼入量"), unit=Unit.COUNT),
            Column(
                name="service_level",
                title=Words(en="Service level", zh="规定期间接通率"),
                unit=Unit.RATE,
            ),
            Column(name="asa_s", title=Words(en="ASA", zh="平均应答速度"), unit=Unit.SECONDS),
        ),
        *rows,
        days=days,
        title=Words(en="Quarter-hours", zh="时段报表"),
        remarks=(
            Words(
                en="Service level = answered in time / offered",
                zh="规定期间接通率 = 规定时间内接起 / 呼入",
            ),
        ),
        definitions={"service_level": "offered"},
        charts=(
            Trend(
                title=Words(en="Service level and volume", zh="服务水平与呼入量"),
                x="at",
                y=("service_level", "offered"),
                by="queue",
            ),
            HeatMap(
                title=Words(en="Calls by quarter-hour", zh="各刻钟呼入量"),
                x="at",
                y="at",
                colour="offered",
            ),
            Comparison(title=Words(en="Calls", zh="呼入量"), of="queue", y="offered"),
            Histogram(title=Words(en="Waits", zh="等待分布"), x="asa_s"),
        ),
    )


OUTLIERS = ("黄勇", "Li 5")


def agents(count: int = 40) -> Report:
    """Agents in the plane, of whom two lie apart."""
    draw = Random(7)
    rows = []
    for number in range(count):
        name = OUTLIERS[number] if number < len(OUTLIERS) else f"坐席{number}"
        far = number < len(OUTLIERS)
        rows.append(
            (
                str(1001 + number),
                name,
                "AB"[number % 2],
                draw.randrange(20, 140),
                draw.gauss(0.7, 0.04) - 0.3 * far,
                max(0.0, draw.gauss(0.08, 0.02)) + 0.12 * far,
                draw.randrange(10**5, 10**7),
                "CNY",
                far,
            )
        )
    return report(
        (
            Column(name="agent", title=Words(en="Agent", zh="工号"), unit=Unit.TEXT),
            Column(name="name", title=Words(en="Name", zh="姓名"), unit=Unit.TEXT),
            Column(name="team", title=Words(en="Team", zh="班组"), unit=Unit.TEXT),
            Column(name="answered", title=Words(en="Answered", zh="接起量"), unit=Unit.COUNT),
            Column(
                name="conversion_rate", title=Words(en="Conversion", zh="成交率"), unit=Unit.RATE
            ),
            Column(name="cancel_rate", title=Words(en="Cancelled", zh="取消率"), unit=Unit.RATE),
            Column(
                name="cash",
                title=Words(en="Cash", zh="回款"),
                unit=Unit.MONEY,
                currency="currency",
            ),
            Column(name="currency", title=Words(en="Currency", zh="币种"), unit=Unit.TEXT),
            Column(name="outlier", title=Words(en="Outlier", zh="离群"), unit=Unit.BOOLEAN),
        ),
        *rows,
        title=Words(en="Agents", zh="座席报表"),
        remarks=(Words(en="Outliers are for listening.", zh="离群座席供抽听。"),),
        charts=(
            Quadrants(
                title=Words(en="Conversion and cancellations", zh="成交率与取消率四象限"),
                x="conversion_rate",
                y="cancel_rate",
                label="name",
                size="answered",
                outlier="outlier",
            ),
            Dispersion(
                title=Words(en="Conversion by team", zh="各班组成交率"),
                of="team",
                y="conversion_rate",
                label="name",
            ),
        ),
    )
