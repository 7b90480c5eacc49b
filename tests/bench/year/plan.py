"""The year's plan: who works when, how busy hours and days are, how many contacts a month has.

A day here begins at 08:00 in Asia/Shanghai, which is midnight in UTC: so a day's contacts lie in
one month's partition, and no shift crosses a day's end.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np

DAY_S = 86_400.0

LOAD = (
    *(0.65, 0.95, 1.30, 1.10, 0.55, 0.45, 0.80, 1.25, 0.25, 0.05, 0.35, 0.60),
    *(0.75, 0.65, 0.50, 0.40, 0.30, 0.20, 0.10, 0.10, 0.10, 0.10, 0.15, 0.30),
)
"""How busy agents are by the hour from 08:00: peaks at 10-11 and 15-16, a smaller one at 20,
after work."""

WEEK = (0.80, 0.78, 0.77, 0.77, 0.78, 0.60, 0.50)
"Share of the agents who work, from Monday."

HOLIDAY = 0.25
"The same on public holidays."

HOLIDAYS = {(1, 1), (4, 5), (5, 1), (5, 2), (5, 3)} | {(10, day) for day in range(1, 8)}
SPRING_FESTIVAL = {
    2024: date(2024, 2, 10),
    2025: date(2025, 1, 29),
    2026: date(2026, 2, 17),
    2027: date(2027, 2, 6),
}
"First day of seven."

SHIFTS = ((0.1, 0.36), (1.0, 0.36), (4.0, 0.12), (7.0, 0.11), (12.0, 0.05))
"(hour after 08:00, share): 8.5 hours each, with a lunch of 45 minutes and two breaks of 10."

SHIFT_S = 8.5 * 3600
GROWTH = 0.25
"So many of the agents are new: they join one after the other."


@dataclass(frozen=True)
class Year:
    """What is to be made, and out of which seed."""

    first: date
    "Begin of the first month."

    months: int
    interactions: int
    seed: int
    agents: int

    def month(self, index: int) -> date:
        """Return the first day of a month."""
        count = self.first.month - 1 + index
        return date(self.first.year + count // 12, count % 12 + 1, 1)

    def day_index(self, day: date) -> int:
        """Return how many days after the begin a day is."""
        return (day - self.first).days


@dataclass(frozen=True)
class Month:
    """One month of the year."""

    index: int
    first: date
    days: int
    interactions: int


class Plan:
    """Shifts of all agents on all days, and the months' shares of the year's contacts."""

    def __init__(self, year: Year) -> None:
        self.year = year
        end = year.month(year.months)
        self.days = year.day_index(end)
        rng = np.random.default_rng([year.seed, 1])
        # One day more, for the log-in that ends the last night.
        shape = (self.days + 1, year.agents)
        present = rng.random(shape) < self._presence()[:, None]
        # The last ones of a random order join in the course of the year.
        order = rng.permutation(year.agents) / year.agents
        joined = np.maximum(0.0, (order - (1 - GROWTH)) / GROWTH)
        present &= joined[None, :] <= np.arange(self.days + 1)[:, None] / self.days
        begins = np.array([hour for hour, _ in SHIFTS]) * 3600.0
        usual = rng.choice(len(SHIFTS), year.agents, p=[share for _, share in SHIFTS])
        other = rng.choice(len(SHIFTS), shape, p=[share for _, share in SHIFTS])
        kind = np.where(rng.random(shape) < 0.8, usual[None, :], other)
        start = begins[kind] + rng.uniform(-240, 240, shape)
        self.start_s = np.where(present, np.maximum(start, 60.0), np.nan)
        "By day and agent: log-in, seconds after the day's begin; NaN: does not work."
        self.day_load = self._day_load(rng)
        "By day: how much busier or calmer than usual."

    def _presence(self) -> np.ndarray:
        return np.array([_presence(self.day(index)) for index in range(self.days + 1)])

    def _day_load(self, rng: np.random.Generator) -> np.ndarray:
        load = rng.normal(1.0, 0.06, self.days + 1)
        for index in range(self.days + 1):
            day = self.day(index)
            load[index] *= 1.12 if day.weekday() == 0 else 1.0  # what the weekend left over
            load[index] *= 1.3 if (day.month, day.day) in {(11, 11), (6, 18)} else 1.0
        return np.clip(load, 0.7, 1.5)

    def day(self, index: int) -> date:
        """Return a day by its number."""
        return self.year.first + timedelta(days=index)

    def months(self) -> list[Month]:
        """Return all months; their contacts sum up to the year's."""
        firsts = [self.year.month(index) for index in range(self.year.months + 1)]
        edges = [self.year.day_index(first) for first in firsts]
        worked = ~np.isnan(self.start_s[: self.days]) * self.day_load[: self.days, None]
        weight = np.array([worked[a:b].sum() for a, b in pairwise(edges)])
        until = np.round(np.cumsum(weight) / weight.sum() * self.year.interactions).astype(int)
        counts = np.diff(until, prepend=0)
        return [
            Month(index, firsts[index], edges[index + 1] - edges[index], int(counts[index]))
            for index in range(self.year.months)
        ]


def _presence(day: date) -> float:
    festival = SPRING_FESTIVAL.get(day.year)
    if (day.month, day.day) in HOLIDAYS or (
        festival is not None and 0 <= (day - festival).days < 7
    ):
        return HOLIDAY
    return WEEK[day.weekday()]


def month_us(first: date) -> int:
    """Return a month's begin in µs since 2000, as Postgres counts."""
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return round((begin - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000
