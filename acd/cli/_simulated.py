"""The figures of a simulated day in the words of the reports."""

from datetime import datetime, timedelta

from acd.reports.kpi import QueueKpi
from acd.reports.simulated import AgentDay, QuarterOfQueue, SimulatedDay, Waits
from acd.simulation.day_figures import QUARTER_S, DayFigures, QueueFigures, Visits

SOME_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 - a day without a date has no zone either
"Stands for the first day where the file has no dates."


def as_reported(figures: DayFigures, *, seed: int, first_day: datetime | None) -> SimulatedDay:
    """Return them; quarter-hours begin at midnight of `first_day`."""
    queues = sorted(figures.queues.items())
    on_duty = [agent for agent in figures.agents.values() if agent.logged_in_s > 0.0]
    return SimulatedDay(
        seed=seed,
        callers=figures.callers,
        queues=[_kpi(name, queue) for name, queue in queues],
        waits=[_waits(name, queue) for name, queue in queues],
        agents=[
            AgentDay(
                agent=agent.agent,
                handled=agent.handled,
                orders=agent.orders,
                talk_s=round(agent.talk_s, 3),
                wrap_up_s=round(agent.wrap_up_s, 3),
                ready_s=round(agent.ready_s, 3),
                logged_in_s=round(agent.logged_in_s, 3),
                occupancy=agent.occupancy,
            )
            for agent in on_duty
        ],
        quarters=[
            _quarter(name, first_day or SOME_DAY, index, queue.quarters[index])
            for name, queue in queues
            for index in sorted(queue.quarters)
        ],
    )


def _kpi(name: str, queue: QueueFigures) -> QueueKpi:
    total = queue.total
    offered, answered = total.offered, total.answered
    return QueueKpi(
        queue=name,
        offered=offered,
        answered=answered,
        short_abandons=total.short_abandons,
        abandons=total.abandons,
        overflowed=total.overflowed,
        timed_out=total.timed_out,
        refused_full=total.refused_full,
        orders=total.orders,
        answer_rate=_share(answered, offered),
        service_level=total.service_level,
        abandon_rate=_share(total.abandons, offered),
        asa_s=total.asa_s,
        aht_s=queue.handled_s / answered if answered else None,
        conversion_rate=_share(total.orders, answered) if queue.sales else None,
    )


def _waits(name: str, queue: QueueFigures) -> Waits:
    return Waits(
        queue=name,
        wait_p50_s=queue.wait_s(0.5),
        wait_p90_s=queue.wait_s(0.9),
        wait_p99_s=queue.wait_s(0.99),
        longest_wait_s=round(queue.longest_wait_s, 3),
    )


def _quarter(name: str, first_day: datetime, index: int, visits: Visits) -> QuarterOfQueue:
    at = first_day + timedelta(seconds=index * QUARTER_S)
    return QuarterOfQueue(
        # Local time as the clock on the wall shows it: charts and tables are read that way.
        at=at.replace(tzinfo=None).isoformat(),
        queue=name,
        offered=visits.offered,
        answered=visits.answered,
        short_abandons=visits.short_abandons,
        abandons=visits.abandons,
        orders=visits.orders,
        service_level=visits.service_level,
        abandon_rate=_share(visits.abandons, visits.offered),
        asa_s=visits.asa_s,
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
