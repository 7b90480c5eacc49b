"""Agents' quarter-hours (`agent_quarters`), summed here: the database would take half an hour.

The definitions are those of migrations/0015; a test holds both against each other.
"""

import numpy as np

from .contacts import Columns, Outcome, Traffic
from .floor import Floor, kind_of
from .stages import AWAY, BREAK, HELD, IDLE, NONE, OFFERED, READY, TALKING, WRAP_UP

QUARTER_S = 900.0
WIDTH = 32
"More than there are queues, and one place for none."

OF_STATE = {
    IDLE: "idle_s",
    OFFERED: "ringing_s",
    TALKING: "talk_s",
    HELD: "hold_s",
    WRAP_UP: "wrap_up_s",
}
TIMES = ("ready_s", "away_s", "break_s", "lunch_s", "available_s", *OF_STATE.values())
COUNTS = ("offers", "missed_offers", "handled", "sales", "orders", "sales_orders", "complaints")
COMPLAINT = 2


class _Sums:
    """Amounts by quarter-hour, agent and queue, gathered and then added up."""

    def __init__(self, agents: int) -> None:
        self._agents = agents
        self._keys: list[np.ndarray] = []
        self._parts: list[tuple[str, np.ndarray, np.ndarray]] = []

    def times(
        self,
        measure: str,
        agent: np.ndarray,
        queue: np.ndarray,
        begin: np.ndarray,
        end: np.ndarray,
    ) -> None:
        """Add stretches, cut at the quarter-hours."""
        lasts = end > begin
        agent, queue, begin, end = agent[lasts], queue[lasts], begin[lasts], end[lasts]
        first = np.floor(begin / QUARTER_S).astype(np.int64)
        count = np.ceil(end / QUARTER_S).astype(np.int64) - first
        which = np.repeat(np.arange(len(first)), count)
        within = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
        quarter = first[which] + within
        amount = np.minimum(end[which], (quarter + 1) * QUARTER_S) - np.maximum(
            begin[which], quarter * QUARTER_S
        )
        self._add(measure, quarter, agent[which], queue[which], amount)

    def counts(self, measure: str, agent: np.ndarray, queue: np.ndarray, at: np.ndarray) -> None:
        """Add one for each moment."""
        quarter = np.floor(at / QUARTER_S).astype(np.int64)
        self._add(measure, quarter, agent, queue, np.ones(len(at)))

    def _add(self, measure, quarter, agent, queue, amount) -> None:
        key = (quarter * self._agents + agent) * WIDTH + queue + 1
        self._parts.append((measure, key, amount))

    def table(self) -> Columns:
        """Return the sums, a row for each key."""
        keys, place = np.unique(
            np.concatenate([key for _, key, _ in self._parts]), return_inverse=True
        )
        columns = {name: np.zeros(len(keys)) for name in (*TIMES, *COUNTS)}
        at = 0
        for measure, key, amount in self._parts:
            columns[measure] += np.bincount(
                place[at : at + len(key)], weights=amount, minlength=len(keys)
            )
            at += len(key)
        rest, queue = np.divmod(keys, WIDTH)
        quarter, agent = np.divmod(rest, self._agents)
        return columns | {"quarter": quarter * QUARTER_S, "agent": agent, "queue": queue - 1}


def quarters(floor: Floor, traffic: Traffic, states: Columns, statuses: Columns) -> Columns:
    """Return a month's quarter-hours out of its tracks (see stages.py) and its visits."""
    sums = _Sums(int(floor.agent.max()) + 1)
    for state, measure in OF_STATE.items():
        chosen = states["kind"] == state
        sums.times(measure, *(states[name][chosen] for name in ("agent", "queue", "begin", "end")))
    for status, measure in ((READY, "ready_s"), (AWAY, "away_s")):
        chosen = statuses["kind"] == status
        agent, reason, begin, end = (
            statuses[name][chosen] for name in ("agent", "queue", "begin", "end")
        )
        nowhere = np.full(len(agent), NONE)
        sums.times(measure, agent, nowhere, begin, end)
        if status == AWAY:
            for name, which in (("break_s", reason == BREAK), ("lunch_s", reason != BREAK)):
                sums.times(name, agent[which], nowhere[which], begin[which], end[which])
    _count(sums, traffic)
    table = sums.table()
    # Who is away is idle here; all other idle time is available.
    idle = table["queue"] == NONE
    table["available_s"] = np.where(idle, table["idle_s"] - table["away_s"], 0.0)
    return table


def _count(sums: _Sums, traffic: Traffic) -> None:
    visits, misses = traffic.visits, traffic.misses
    answered = visits["outcome"] == Outcome.ANSWERED
    v = {name: values[answered] for name, values in visits.items()}
    sales = kind_of(v["queue"]) == 0
    everything = np.ones(len(sales), dtype=bool)
    complaint = v["disposed"] & (v["call_class"] == COMPLAINT)
    for measure, chosen in (
        ("handled", everything),
        ("sales", sales),
        ("orders", v["ordered"]),
        ("sales_orders", v["ordered"] & sales),
        ("complaints", complaint),
    ):
        sums.counts(measure, v["agent"][chosen], v["queue"][chosen], v["entered"][chosen])
    sums.counts("offers", v["agent"], v["queue"], v["offered"])
    for measure in ("offers", "missed_offers"):
        sums.counts(measure, misses["agent"], misses["queue"], misses["at"])
