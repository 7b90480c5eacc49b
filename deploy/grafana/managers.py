"""The dashboard of managers: the figures of the call records, by the project's own SQL.

Each figure is a column of `kpi_queues` (docs/records.md): nothing is defined a second time here.
Agents' are sums of `agent_quarters`, with the rates of acd/reports/agent_kpi.py.
"""

from panels import (
    COUNT,
    RATE,
    SECONDS,
    Json,
    Panel,
    Row,
    choice_variable,
    source_variable,
    sql_variable,
    text_variable,
)

from acd.reports.agents_report import AgentsWish, agents_report
from acd.reports.kpi_report import COLUMNS
from acd.reports.report import Unit, Words
from acd.reports.service_level import DEFINITIONS, ServiceLevel

TITLE = Words("Call centre: managers", "呼叫中心：管理报表")

PERIODS = {
    "1 day": Words("day", "日"),
    "1 hour": Words("hour", "小时"),
    "15 minutes": Words("quarter-hour", "刻"),
    "1 week": Words("week", "周"),
    "1 month": Words("month", "月"),
}

UNITS = {Unit.COUNT: COUNT, Unit.RATE: RATE, Unit.SECONDS: SECONDS, Unit.TEXT: "string"}
KPIS = {column.name: (column.title, UNITS[column.unit]) for column in COLUMNS}

AGENTS = {
    column.name: (column.title, UNITS[column.unit])
    for column in agents_report([], {}, AgentsWish(from_us=0, to_us=0, timezone="UTC")).columns
}
AGENT_SUMS = {
    "handled": "sum(handled)::bigint",
    "missed_offers": "sum(missed_offers)::bigint",
    "own_calls": "sum(own_calls)::bigint",
    "talk_s": "sum(talk_s)",
    "hold_s": "sum(hold_s)",
    "wrap_up_s": "sum(wrap_up_s)",
    "logged_in_s": "sum(ready_s + away_s)",
    "available_s": "sum(available_s)",
    "away_s": "sum(away_s)",
    "occupancy": "sum(talk_s + hold_s + wrap_up_s)"
    " / nullif(sum(talk_s + hold_s + wrap_up_s + available_s), 0)",
    "orders": "sum(orders)::bigint",
    "conversion_rate": "sum(sales_orders)::float8 / nullif(sum(sales), 0)",
}

PROJECT = "nullif(${project:sqlstring}, '')"
"All: NULL, by which the function takes all projects together."

WHOLE = f"""kpi_queues(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, ${{definition:sqlstring}}, {PROJECT}
) kpi
WHERE kpi.queue IN (${{queue:sqlstring}})"""
"The figures of all the time that is shown, per queue."

PER_PERIOD = f"""(
    SELECT began_at, began_at AT TIME ZONE ${{zone:sqlstring}} AS local_at,
        (began_at AT TIME ZONE ${{zone:sqlstring}} + step) AT TIME ZONE ${{zone:sqlstring}}
            AS day_after, began_at + step AS moment_after, step
    FROM (SELECT interval ${{period:sqlstring}} AS step) chosen
    CROSS JOIN LATERAL generate_series(
        date_trunc(
            CASE WHEN step < interval '1 day' THEN 'hour'
                ELSE split_part(${{period:sqlstring}}, ' ', 2) END,
            $__timeFrom()::timestamptz, ${{zone:sqlstring}}
        ),
        $__timeTo()::timestamptz, step, ${{zone:sqlstring}}
    ) began_at
) part
CROSS JOIN LATERAL kpi_queues(
    began_at, CASE WHEN step < interval '1 day' THEN moment_after ELSE day_after END,
    ${{definition:sqlstring}}, {PROJECT}
) kpi
WHERE kpi.queue IN (${{queue:sqlstring}})"""
"""The same for each stretch of time. Days, weeks and months begin in the centre's zone and have
23, 24 or 25 hours; the first and last are whole ones, though only a part of them is shown."""

ENDS = (
    *("answered", "short_abandons", "abandons", "exited", "callbacks", "overflowed"),
    *("timed_out", "refused_full", "empty", "closed", "faulted", "waiting"),
)
"What `offered` is the sum of."


def variables(locale: str, zone: str) -> list[Json]:
    """Return what can be chosen at the top."""
    definitions = {level.value: DEFINITIONS[level].words for level in ServiceLevel}
    return [
        source_variable(
            *("records", "grafana-postgresql-datasource", Words("Records", "记录数据源"), locale)
        ),
        sql_variable(
            "project",
            "SELECT DISTINCT project FROM queue_visits"
            " WHERE entered_at >= now() - interval '93 days' ORDER BY 1",
            Words("Project", "项目"),
            locale,
            multi=False,
            all_value="''",
        ),
        sql_variable(
            "queue",
            "SELECT DISTINCT queue FROM queue_visits"
            f" WHERE entered_at >= now() - interval '93 days' AND ({PROJECT} IS NULL"
            f" OR project = {PROJECT}) ORDER BY 1",
            Words("Queue", "队列"),
            locale,
            multi=True,
            all_value=None,
        ),
        choice_variable("period", PERIODS, Words("Period", "周期"), locale),
        choice_variable(
            "definition", definitions, Words("Service level", "规定期间接通率"), locale
        ),
        text_variable("zone", zone, Words("Time zone", "时区"), locale),
    ]


def _sums(*names: str) -> str:
    return ", ".join(f"sum(kpi.{name})::bigint AS {name}" for name in names)


def _named(*names: str) -> dict[str, tuple[Words, str]]:
    return {name: KPIS[name] for name in names}


def _per_period(en: str, zh: str, column: str, **more: object) -> Panel:
    """Return one figure as a line per queue."""
    return Panel(
        kind="timeseries",
        title=Words(en, zh),
        unit=KPIS[column][1],
        queries=(
            f"SELECT began_at AS time, kpi.queue AS metric, kpi.{column} AS value\n"
            f"FROM {PER_PERIOD}\nORDER BY 1, 2",
        ),
        series=True,
        sql=True,
        **more,  # type: ignore[arg-type]  # the fields of Panel, each with its own type
    )


TOTALS = Row(
    Words("All queues that are chosen", "所选队列合计"),
    (
        Panel(
            kind="stat",
            title=Words("Calls", "话务量"),
            queries=(
                f"SELECT {_sums('offered', 'answered', 'abandons', 'orders')}\nFROM {WHOLE}",
            ),
            columns=_named("offered", "answered", "abandons", "orders"),
            sql=True,
            width=10,
            height=5,
        ),
        Panel(
            kind="stat",
            title=Words("Rates", "比率"),
            unit=RATE,
            queries=(
                "SELECT sum(kpi.answered) / nullif(sum(kpi.offered), 0) AS answer_rate,\n"
                "    sum(kpi.abandons) / nullif(sum(kpi.offered), 0) AS abandon_rate\n"
                f"FROM {WHOLE}",
            ),
            columns=_named("answer_rate", "abandon_rate"),
            sql=True,
            width=6,
            height=5,
        ),
        Panel(
            kind="stat",
            title=Words("Service level", "规定期间接通率"),
            unit=RATE,
            queries=(
                "SELECT $__timeTo()::timestamptz AS time, kpi.queue AS metric,"
                f" kpi.service_level AS value\nFROM {WHOLE}\nORDER BY 2",
            ),
            note=Words(
                "Per queue, by the definition chosen at the top.",
                "按队列，口径见上方选择。",
            ),
            red_below=0.8,
            series=True,
            sql=True,
            width=8,
            height=5,
        ),
        Panel(
            kind="table",
            title=Words("KPIs per queue", "队列指标"),
            queries=(f"SELECT kpi.{', kpi.'.join(KPIS)}\nFROM {WHOLE}\nORDER BY 1",),
            columns=KPIS,
            sql=True,
            width=24,
        ),
    ),
)

TRENDS = Row(
    Words("By period", "按周期"),
    (
        Panel(
            kind="timeseries",
            title=Words("How visits ended", "排队结果"),
            queries=(
                f"SELECT began_at AS time, {_sums(*ENDS)}\nFROM {PER_PERIOD}\n"
                "GROUP BY 1 ORDER BY 1",
            ),
            columns=_named(*ENDS),
            note=Words("Together: what was offered.", "合计即呼入量。"),
            stacked=True,
            bars=True,
            series=True,
            sql=True,
            width=12,
        ),
        _per_period(
            "Service level by period", "规定期间接通率（按周期）", "service_level", width=12
        ),
        _per_period("Answer rate", "接通率", "answer_rate"),
        _per_period("Abandon rate", "放弃率", "abandon_rate"),
        _per_period("Conversion", "成交率", "conversion_rate"),
        _per_period("Mean speed of answer", "平均应答速度", "asa_s"),
        _per_period("Mean handling time", "平均处理时长", "aht_s"),
        _per_period("Orders", "订单", "orders", bars=True, stacked=True),
    ),
)

DAY = Row(
    Words("By time of day", "按时段"),
    (
        Panel(
            kind="barchart",
            title=Words("Offered and answered by the hour", "各小时呼入与接起"),
            queries=(
                "SELECT to_char(local_at, 'HH24') AS hour,"
                f" {_sums('offered', 'answered')}\n"
                f"FROM {PER_PERIOD.replace('${period:sqlstring}', chr(39) + '1 hour' + chr(39))}\n"
                "GROUP BY 1 ORDER BY 1",
            ),
            columns={"hour": (Words("Hour", "时"), "string"), **_named("offered", "answered")},
            sql=True,
            width=16,
        ),
        Panel(
            kind="table",
            title=Words("Call-backs", "预约回呼"),
            queries=(
                "SELECT queue, outcome, count(*) AS wishes, sum(attempts) AS attempts\n"
                "FROM callbacks\n"
                "WHERE $__timeFilter(started_at) AND queue IN (${queue:sqlstring})\n"
                f"    AND ({PROJECT} IS NULL OR project = {PROJECT})\n"
                "GROUP BY 1, 2 ORDER BY 1, 2",
            ),
            columns={
                "queue": KPIS["queue"],
                "outcome": (Words("Outcome", "结果"), "string"),
                "wishes": (Words("Wishes", "预约数"), COUNT),
                "attempts": (Words("Attempts", "回呼次数"), COUNT),
            },
            sql=True,
            width=8,
        ),
    ),
)

PEOPLE = Row(
    Words("Agents", "坐席"),
    (
        Panel(
            kind="table",
            title=Words("Work and times per agent", "坐席工作量与时长"),
            queries=(
                "SELECT agent, (array_agg(team ORDER BY quarter_at DESC))[1] AS team,\n    "
                + ",\n    ".join(f"{value} AS {name}" for name, value in AGENT_SUMS.items())
                + "\nFROM agent_quarters\n"
                "WHERE quarter_at >= $__timeFrom()::timestamptz"
                " AND quarter_at < $__timeTo()::timestamptz\n"
                f"    AND ({PROJECT} IS NULL OR project = {PROJECT})\n"
                "GROUP BY agent ORDER BY agent",
            ),
            columns={name: AGENTS[name] for name in ("agent", "team", *AGENT_SUMS)},
            note=Words(
                "Split at quarter-hours; what an agent is doing at this moment is not in it yet.",
                "按刻钟切分；坐席当前正在进行的状态尚未计入。",
            ),
            sql=True,
            width=24,
        ),
    ),
)

ROWS = (TOTALS, TRENDS, DAY, PEOPLE)
