"""A simulated day's figures as people and programs read them: tables, JSON, charts' points."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from rich.table import Table

from .charts_values import QuarterHour
from .kpi import QueueKpi
from .kpi_report import kpi_report
from .table import as_table

AGENTS_SHOWN = 40
"Agents listed one by one at most; of more than fit a screen only the summary is shown."


class Waits(Struct, frozen=True, kw_only=True):
    """How long the answered of one queue had waited; None: nobody was answered."""

    queue: str
    wait_p50_s: float | None
    "Half of them waited no longer than this, rounded up to the second."

    wait_p90_s: float | None
    wait_p99_s: float | None
    longest_wait_s: float


class AgentDay(Struct, frozen=True, kw_only=True):
    """One agent's figures; the names are those of JSON."""

    agent: str
    handled: int
    orders: int
    talk_s: float
    wrap_up_s: float
    ready_s: float
    logged_in_s: float
    occupancy: float | None
    "在线繁忙度: handling time / (handling time + available time)."


class QuarterOfQueue(QuarterHour, frozen=True, kw_only=True):
    """One quarter-hour of one queue; visits belong to the one in which they were offered."""

    queue: str
    answered: int
    short_abandons: int
    abandons: int
    orders: int


class SimulatedDay(Struct, frozen=True, kw_only=True):
    """All of it."""

    seed: int
    callers: int
    queues: list[QueueKpi]
    waits: list[Waits]
    agents: list[AgentDay]
    "Those who were on duty."

    quarters: list[QuarterOfQueue]


def as_json(day: SimulatedDay) -> str:
    """Return one JSON object; rates are fractions, null for none."""
    return msgspec.json.format(msgspec.json.encode(day), indent=2).decode()


def occupancies(day: SimulatedDay) -> list[float]:
    """Return the occupancy of each agent who was on duty."""
    return [agent.occupancy for agent in day.agents if agent.occupancy is not None]


def overall(day: SimulatedDay) -> list[QuarterHour]:
    """Return the trend of all queues together."""
    by_time: dict[str, list[QuarterOfQueue]] = {}
    for quarter in day.quarters:
        by_time.setdefault(quarter.at, []).append(quarter)
    return [_together(at, by_time[at]) for at in sorted(by_time)]


def _together(at: str, quarters: list[QuarterOfQueue]) -> QuarterHour:
    offered = sum(one.offered for one in quarters)
    answered = sum(one.answered for one in quarters)
    in_time = sum((one.service_level or 0.0) * one.offered for one in quarters)
    waited_s = sum((one.asa_s or 0.0) * one.answered for one in quarters)
    abandons = sum(one.abandons for one in quarters)
    return QuarterHour(
        at=at,
        offered=offered,
        service_level=in_time / offered if offered else None,
        abandon_rate=abandons / offered if offered else None,
        asa_s=waited_s / answered if answered else None,
    )


def tables(day: SimulatedDay, *, title: str, locale: str = "en") -> list[Table]:
    """Return the tables for the terminal: queues, waits, agents."""
    chinese = locale == "zh"
    figures = kpi_report(day.queues, from_us=0, to_us=0, timezone="UTC")
    queues = as_table(figures, locale, title)
    queues.caption = "\n".join(remark.of(locale) for remark in figures.remarks)
    shown = [queues, _waits(day.waits, chinese)]
    if len(day.agents) <= AGENTS_SHOWN:
        shown.append(_agents(day.agents, chinese))
    shown.append(_summary(day, chinese))
    return shown


def _waits(waits: Sequence[Waits], chinese: bool) -> Table:
    table = Table(title="接起前等待" if chinese else "Waits of the answered")
    heads = (
        ("队列", "中位数", "90 %", "99 %", "最长")
        if chinese
        else ("Queue", "Median", "90 %", "99 %", "Longest")
    )
    table.add_column(heads[0], no_wrap=True)
    for head in heads[1:]:
        table.add_column(head, justify="right")
    for one in waits:
        figures = (one.wait_p50_s, one.wait_p90_s, one.wait_p99_s, one.longest_wait_s)
        table.add_row(one.queue, *("–" if s is None else f"{s:.0f} s" for s in figures))
    return table


def _agents(agents: Sequence[AgentDay], chinese: bool) -> Table:
    table = Table(title="座席" if chinese else "Agents")
    heads = (
        ("工号", "接听量", "订单", "通话", "话后", "空闲", "在线繁忙度")
        if chinese
        else ("Agent", "Handled", "Orders", "Talk", "Wrap-up", "Ready", "Occupancy")
    )
    table.add_column(heads[0], no_wrap=True)
    for head in heads[1:]:
        table.add_column(head, justify="right")
    for one in agents:
        times = (f"{s / 60:.0f} min" for s in (one.talk_s, one.wrap_up_s, one.ready_s))
        share = "–" if one.occupancy is None else f"{one.occupancy * 100:.1f} %"
        table.add_row(one.agent, str(one.handled), str(one.orders), *times, share)
    return table


def _summary(day: SimulatedDay, chinese: bool) -> Table:
    busy = sorted(occupancies(day))
    mean = f"{sum(busy) / len(busy) * 100:.1f} %" if busy else "–"
    ends = f"{busy[0] * 100:.1f} % – {busy[-1] * 100:.1f} %" if busy else "–"
    rows = (
        (("来电", "Callers"), f"{day.callers:,}"),
        (("在岗座席", "Agents on duty"), f"{len(day.agents):,}"),
        (("平均在线繁忙度", "Mean occupancy"), mean),
        (("最低 – 最高", "Lowest – highest"), ends),
        (("随机种子", "Seed"), str(day.seed)),
    )
    table = Table(show_header=False)
    for (zh, en), value in rows:
        table.add_row(zh if chinese else en, value)
    return table
