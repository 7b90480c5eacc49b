"""Agents' days: each a row of calls one after the other, so that no two of an agent overlap.

All agents of a month go through their days side by side: step by step each gets the next call,
which is numpy's arithmetic on some ten thousand rows at a time.
"""

from dataclasses import dataclass

import numpy as np

from .plan import DAY_S, LOAD, SHIFT_S, Month, Plan

QUEUES = 20
PER_PROJECT = 5
"Queues: each project has so many, the first three of kind sales."

HOME, SECOND = 0.7, 0.9
"Share of an agent's calls from the own queue; up to the second from the next, else the one after."

TALK_S, TALK_SPREAD = (205.0, 165.0), 0.55
"Median talk of sales and service, and the log-normal's sigma (call lengths: Brown et al. 2005)."

WRAP_UP_S, WRAP_UP_SPREAD = 26.0, 0.6
HOLD_SHARE, HOLD_S = 0.12, 28.0
RING_S = (2.0, 8.0)
MISSED_SHARE, MISSED_RING_S = 0.02, 15.0
"Share of the gaps between two calls in which a phone rings in vain, and how long."

MAX_STEPS = 400
"Calls of one agent in one day: 8.5 hours of a call every 76 seconds."

SAMPLE = 400
"Agents' days from which the pause between calls is found that gives the wanted number of them."


@dataclass
class Slots:
    """Answered calls, one element each; times are seconds from the month's begin."""

    row: np.ndarray
    "The agent's day."

    agent: np.ndarray
    queue: np.ndarray
    idle_from: np.ndarray
    offered: np.ndarray
    connected: np.ndarray
    ended: np.ndarray
    "End of the talk, hold included; wrap-up begins."

    hold_s: np.ndarray
    ready: np.ndarray
    "End of the wrap-up."

    load: np.ndarray
    "How busy the floor was, 0 to 1 and above."

    missed: np.ndarray
    "When the agent's phone rang in vain in the gap before; NaN: it did not."

    def __len__(self) -> int:
        return len(self.row)

    def take(self, chosen: np.ndarray) -> "Slots":
        """Return some of them."""
        return Slots(**{name: values[chosen] for name, values in vars(self).items()})


@dataclass
class Floor:
    """A month of agents' days."""

    slots: Slots
    agent: np.ndarray
    "By row: whose day it is; with `start` (log-in), `end` (log-out) and the three pauses."

    start: np.ndarray
    rest_from: np.ndarray
    "End of the last call's wrap-up."

    end: np.ndarray
    next_start: np.ndarray
    "When the agent logs in again; NaN: not within the year."

    pauses: np.ndarray
    "Rows x 3 x (begin, end); NaN: left out."


def kind_of(queue: np.ndarray) -> np.ndarray:
    """Return 0 for sales queues, 1 for service."""
    return (queue % PER_PROJECT >= 3).astype(np.int64)


def make_floor(plan: Plan, month: Month, answered: int) -> Floor:
    """Return a month in which agents take about so many calls."""
    first = plan.year.day_index(month.first)
    starts = plan.start_s[first : first + month.days]
    day, agent = np.nonzero(~np.isnan(starts))
    walk = _Walk(plan, first, day, agent, starts[day, agent])
    sample = np.random.default_rng([plan.year.seed, 2, month.index])
    chosen = np.sort(sample.choice(len(day), min(SAMPLE, len(day)), replace=False))
    pause_s = 100.0
    for _ in range(6):
        trial = walk.some(chosen).run(pause_s, np.random.default_rng([plan.year.seed, 3]))
        wanted = answered / len(day)
        got = len(trial.slots) / len(chosen)
        # A call takes some 240 s beside the pause.
        pause_s = max(2.0, (pause_s + 240.0) * got / wanted - 240.0)
    return walk.run(pause_s, np.random.default_rng([plan.year.seed, 4, month.index]))


class _Walk:
    """Agents' days of a month, walked call by call."""

    def __init__(
        self, plan: Plan, first: int, day: np.ndarray, agent: np.ndarray, start_s: np.ndarray
    ) -> None:
        self.plan, self.first, self.day, self.agent, self.start_s = (
            plan,
            first,
            day,
            agent,
            start_s,
        )
        self.load = np.array(LOAD)

    def some(self, chosen: np.ndarray) -> "_Walk":
        return _Walk(
            self.plan, self.first, self.day[chosen], self.agent[chosen], self.start_s[chosen]
        )

    def run(self, pause_s: float, rng: np.random.Generator) -> Floor:
        """Walk through the days with pauses between calls of about so long at full load."""
        size = len(self.day)
        begin = self.day * DAY_S
        now = begin + self.start_s
        shift_end = now + SHIFT_S
        pauses = self._pauses(now, rng)
        due = np.zeros(size, dtype=np.int64)
        busy = self.plan.day_load[self.first + self.day]
        alive = np.arange(size)
        parts: list[Slots] = []
        ready = now.copy()
        for _ in range(MAX_STEPS):
            slots, goes_on = self._step(alive, ready, shift_end, pauses, due, busy, pause_s, rng)
            parts.append(slots)
            alive = alive[goes_on]
            if not len(alive):
                break
        joined = {
            name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])
        }
        pauses[due[:, None] <= np.arange(3)[None, :]] = np.nan
        paused_until = np.nan_to_num(pauses[:, :, 1]).max(axis=1)
        end = np.maximum(np.maximum(ready, shift_end), paused_until)
        return Floor(Slots(**joined), self.agent, now, ready, end, self._next_starts(), pauses)

    def _pauses(self, now: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return when lunch and the two breaks are due, and how long each is."""
        size = len(now)
        pauses = np.empty((size, 3, 2))
        for number, (hour, minutes) in enumerate(((1.8, 10), (3.8, 45), (6.3, 10))):
            pauses[:, number, 0] = now + (hour + rng.uniform(0, 0.5, size)) * 3600
            pauses[:, number, 1] = minutes * 60 * rng.uniform(0.8, 1.15, size)
        return pauses

    def _step(self, alive, ready, shift_end, pauses, due, busy, pause_s, rng):
        """Give each of these agents the next call; those whose shift is over get none."""
        count = len(alive)
        idle_from = ready[alive].copy()
        now = idle_from.copy()
        turn = np.minimum(due[alive], 2)
        goes = (due[alive] < 3) & (pauses[alive, turn, 0] <= now)
        # A pause that is due begins as soon as the last call is over; from now on it has its end.
        length = pauses[alive, turn, 1]
        now = np.where(goes, now + length, now)
        rows = alive[goes]
        pauses[rows, turn[goes], 0] = idle_from[goes]
        pauses[rows, turn[goes], 1] = now[goes]
        due[rows] += 1
        hour = (now % DAY_S / 3600).astype(int) % 24
        load = self.load[hour] * busy[alive]
        gap = rng.exponential(1.0, count) * pause_s * np.clip(1.6 - load, 0.08, 2) / 0.6 + 1.0
        offered = now + gap
        queue = self._queues(self.agent[alive], rng)
        connected = offered + rng.uniform(*RING_S, count)
        median = np.array(TALK_S)[kind_of(queue)]
        talk = median * np.exp(rng.normal(0, TALK_SPREAD, count))
        hold = np.where(rng.random(count) < HOLD_SHARE, rng.exponential(HOLD_S, count), 0.0)
        ended = connected + np.clip(talk, 4, 3000) + hold
        wrap = np.clip(WRAP_UP_S * np.exp(rng.normal(0, WRAP_UP_SPREAD, count)), 1, 600)
        missed = np.where(
            (rng.random(count) < MISSED_SHARE) & (gap > 60), now + 10 + 0.2 * gap, np.nan
        )
        goes_on = offered < shift_end[alive] - 5
        slots = Slots(
            row=alive, agent=self.agent[alive], queue=queue, idle_from=idle_from,
            offered=offered, connected=connected, ended=ended, hold_s=hold,
            ready=ended + wrap, load=load, missed=missed,
        ).take(goes_on)  # fmt: skip
        ready[alive[goes_on]] = slots.ready
        return slots, goes_on

    def _queues(self, agent: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return whose call each gets: mostly of the agent's own queue, else of its project's."""
        home = agent % QUEUES
        draw = rng.random(len(agent))
        step = (draw >= HOME).astype(int) + (draw >= SECOND)
        return home // PER_PROJECT * PER_PROJECT + (home % PER_PROJECT + step) % PER_PROJECT

    def _next_starts(self) -> np.ndarray:
        """Return each row's agent's next log-in."""
        starts = self.plan.start_s
        following = np.full(starts.shape, np.nan)
        coming = np.full(starts.shape[1], np.nan)
        for day in range(len(starts) - 1, -1, -1):
            following[day] = coming
            here = ~np.isnan(starts[day])
            coming = np.where(here, starts[day] + day * DAY_S, coming)
        return following[self.first + self.day, self.agent] - self.first * DAY_S
