"""The figures per queue, as a report."""

from collections.abc import Iterable

from .kpi import QueueKpi
from .report import Column, Comparison, Report, Unit, Words
from .service_level import DEFINITIONS, ServiceLevel


def _column(name: str, en: str, zh: str, unit: Unit, *, quiet: bool = False) -> Column:
    return Column(name=name, title=Words(en, zh), unit=unit, quiet=quiet)


COLUMNS = (
    _column("queue", "Queue", "队列", Unit.TEXT),
    _column("offered", "Offered", "呼入量", Unit.COUNT),
    _column("answered", "Answered", "接起量", Unit.COUNT),
    _column("short_abandons", "Short abandons", "短时放弃", Unit.COUNT),
    _column("abandons", "Abandons", "放弃量", Unit.COUNT),
    _column("exited", "Exited", "按键退出", Unit.COUNT, quiet=True),
    _column("callbacks", "Callbacks", "预约回呼", Unit.COUNT, quiet=True),
    _column("overflowed", "Overflowed", "溢出", Unit.COUNT, quiet=True),
    _column("timed_out", "Timed out", "超时", Unit.COUNT, quiet=True),
    _column("refused_full", "Refused", "队满", Unit.COUNT, quiet=True),
    _column("empty", "Nobody there", "无人值守", Unit.COUNT, quiet=True),
    _column("closed", "Closed", "紧急关闭", Unit.COUNT, quiet=True),
    _column("faulted", "Faulted", "故障", Unit.COUNT, quiet=True),
    _column("waiting", "Waiting", "排队中", Unit.COUNT),
    _column("answer_rate", "Answer rate", "接通率", Unit.RATE),
    _column("service_level", "Service level", "规定期间接通率", Unit.RATE),
    _column("abandon_rate", "Abandon rate", "放弃率", Unit.RATE),
    _column("asa_s", "ASA", "平均应答速度", Unit.SECONDS),
    _column("aht_s", "AHT", "平均处理时长", Unit.SECONDS),
    _column("orders", "Orders", "订单", Unit.COUNT),
    _column("conversion_rate", "Conversion", "成交率", Unit.RATE),
)

CHARTS = (
    Comparison(title=Words(en="Calls offered", zh="呼入量"), of="queue", y="offered"),
    Comparison(
        title=Words(en="Service level", zh="规定期间接通率"), of="queue", y="service_level"
    ),
)


def kpi_report(
    kpis: Iterable[QueueKpi],
    *,
    from_us: int,
    to_us: int,
    timezone: str,
    service_level: ServiceLevel = ServiceLevel.OFFERED,
) -> Report:
    """Return the figures as a report, in the order given."""
    return Report(
        name="kpi",
        title=Words(en="KPI", zh="KPI"),
        from_us=from_us,
        to_us=to_us,
        timezone=timezone,
        columns=COLUMNS,
        rows=tuple(tuple(getattr(kpi, column.name) for column in COLUMNS) for kpi in kpis),
        remarks=(_remark(service_level),),
        definitions={"service_level": service_level.value},
        charts=CHARTS,
    )


def _remark(level: ServiceLevel) -> Words:
    words = DEFINITIONS[level].words
    return Words(en=f"Service level = {words.en}", zh=f"规定期间接通率 = {words.zh}")
