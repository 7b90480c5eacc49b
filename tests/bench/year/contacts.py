"""A month's contacts around the agents' answered calls: who called, waited, gave up, came back.

Times are seconds from the month's begin. A visit is one stay in a queue; a contact has none
(served by the flow alone), one, or two (overflowed, transferred).
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from .floor import MISSED_RING_S, Floor, Slots, kind_of
from .plan import DAY_S, Month, Plan

ANSWERED_SHARE = 0.79
"Of all contacts; the flow serves or loses most of the others."

FLOW_S = (8.0, 35.0)
"Greeting and menu before the queue."

TRANSFERRED = 0.03
OVERFLOWED = 0.015
CALLED_BACK = 0.012
DISPOSED = 0.94
"Share of answered calls that agents class; who forgets stays pending."

ABANDON = 0.025
"Abandons per answered call on a calm floor; they rise with the fourth power of the load."

PATIENCE_S = 45.0
"Mean of the exponential patience (Garnett, Mandelbaum, Reiman 2002)."

CUSTOMERS_PER_CONTACT = 0.35
TAIL = 1.6
"A contact's customer is the one of rank u^1.6 of all: a tenth make a quarter of the calls."

WITHHELD = 0.01
CATEGORIES = (
    *("beauty", "kitchen", "jewellery", "health", "clothing", "digital", "home", "food"),
    *("life", "car", "loan", "card"),
)
NOBODY = -1


class Outcome(IntEnum):
    """Of a visit; the names are those of `queue_visits.outcome`."""

    ANSWERED = 0
    SHORT_ABANDON = 1
    ABANDONED = 2
    OVERFLOWED = 3
    TIMED_OUT = 4
    EXITED = 5
    CALLBACK = 6
    REFUSED_FULL = 7
    EMPTY = 8
    CLOSED = 9
    FAULTED = 10


RARE = {
    Outcome.TIMED_OUT: 0.002,
    Outcome.EXITED: 0.004,
    Outcome.REFUSED_FULL: 0.0005,
    Outcome.EMPTY: 0.0005,
    Outcome.CLOSED: 0.0003,
    Outcome.FAULTED: 0.0002,
}
"Per answered call."

Columns = dict[str, np.ndarray]


@dataclass
class Traffic:
    """A month's contacts and visits, and phones that rang in vain, by column."""

    contacts: Columns
    visits: Columns
    misses: Columns


class _Numbers:
    """Numbers of a month's contacts: a block of its own for each month."""

    def __init__(self, month: Month) -> None:
        self._next = (month.index + 1) << 32

    def take(self, count: int) -> np.ndarray:
        numbers = np.arange(self._next, self._next + count)
        self._next += count
        return numbers


def make_traffic(plan: Plan, month: Month, floor: Floor) -> Traffic:
    """Return the month's contacts, so many as the plan wants."""
    rng = np.random.default_rng([plan.year.seed, 5, month.index])
    numbers = _Numbers(month)
    slots = floor.slots
    wait_s = _waits(slots, rng)
    second, from_slot = _transfers(slots, rng)
    misses, wait_s = _misses(slots, wait_s, second, rng)
    contact = numbers.take(len(slots))
    # The second slot of a transfer belongs to the first one's contact.
    contact[second] = contact[from_slot]
    answered = _answered(slots, contact, wait_s, second, from_slot, rng)
    unserved = _unserved(slots, numbers, rng)
    back, wishes = _call_backs(answered, second, from_slot, rng)
    overflown = _overflown(answered, second, from_slot, back, rng)
    visits = _joined(answered, unserved, wishes, overflown)
    _classify(plan, visits, rng)
    contacts = _contacts(visits, rng)
    missing = month.interactions - len(contacts["contact"])
    if missing > 0:
        contacts = _joined(contacts, _served_by_flow(slots, numbers.take(missing), rng))
    _callers(plan, contacts, rng)
    slot = misses.pop("slot")
    # Who was called back did not wait for the phone that rang in vain.
    waited = visits["entered"][slot] <= misses["at"]
    misses = {name: values[waited] for name, values in misses.items()}
    misses["contact"] = contact[slot[waited]]
    return Traffic(contacts, visits, misses)


def _joined(*parts: Columns) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _day_begin(at: np.ndarray) -> np.ndarray:
    return np.floor(at / DAY_S) * DAY_S


def _waits(slots: Slots, rng: np.random.Generator) -> np.ndarray:
    """Return how long each caller waited: hardly on a calm floor, up to minutes on a busy one."""
    count = len(slots)
    load = np.clip(slots.load, 0, 1.6)
    waits = rng.random(count) < np.clip(load**2 * 0.33, 0, 0.9)
    long_s = rng.exponential(1.0, count) * (5 + 22 * load**3)
    ring_s = slots.connected - slots.offered
    wait_s = ring_s + np.where(waits, np.minimum(long_s, 290), 0.05)
    # Nobody can have come before the day began.
    room_s = slots.connected - _day_begin(slots.connected) - FLOW_S[1] - 1
    return np.minimum(wait_s, np.maximum(room_s, ring_s))


def _following(slots: Slots, queue: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return for each (queue, time) the first slot of that queue connected then; -1: none."""
    scale = 1e8  # more than a month has seconds
    key = slots.queue * scale + slots.connected
    order = np.argsort(key, kind="stable")
    at = np.searchsorted(key[order], queue * scale + after)
    found = order[np.minimum(at, len(order) - 1)]
    return np.where((at < len(order)) & (slots.queue[found] == queue), found, -1)


def _transfers(slots: Slots, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs: the slot that takes a transferred caller, and the slot handing over."""
    giver = np.nonzero(rng.random(len(slots)) < TRANSFERRED)[0]
    target = (slots.queue[giver] // 5) * 5 + rng.integers(0, 5, len(giver))
    taker = _following(slots, target, slots.ended[giver] + 9)
    fits = (
        (taker >= 0)
        & (slots.agent[taker] != slots.agent[giver])
        & (slots.connected[taker] - slots.ended[giver] < 180)
        & ~np.isin(taker, giver)
        & (_day_begin(slots.connected[taker]) == _day_begin(slots.connected[giver]))
    )
    taker, once = np.unique(taker[fits], return_index=True)
    return taker, giver[fits][once]


def _misses(
    slots: Slots, wait_s: np.ndarray, second: np.ndarray, rng: np.random.Generator
) -> tuple[Columns, np.ndarray]:
    """Return whose phone rang in vain for which later answered call; those waited for it."""
    who = np.nonzero(~np.isnan(slots.missed))[0]
    over = slots.missed[who] + MISSED_RING_S
    taker = _following(slots, slots.queue[who], over + 9)
    fits = (
        (taker >= 0)
        & (slots.agent[taker] != slots.agent[who])
        & (slots.connected[taker] - over < 60)
        & ~np.isin(taker, second)
        & (over < slots.offered[who])
        & (_day_begin(slots.missed[who] - 60) == _day_begin(slots.connected[taker]))
    )
    taker, once = np.unique(taker[fits], return_index=True)
    who = who[fits][once]
    at = slots.missed[who]
    wait_s = wait_s.copy()
    wait_s[taker] = np.maximum(
        wait_s[taker], slots.connected[taker] - at + rng.uniform(0, 3, len(at))
    )
    slots.missed[:] = np.nan
    slots.missed[who] = at
    return {
        "slot": taker, "agent": slots.agent[who], "queue": slots.queue[who], "at": at,
    }, wait_s  # fmt: skip


def _answered(slots, contact, wait_s, second, from_slot, rng) -> Columns:
    """Return the visits that ended at an agent; those of a transfer begin at its end."""
    count = len(slots)
    wait_s = wait_s.copy()
    wait_s[second] = slots.connected[second] - slots.ended[from_slot] - 1.0
    entered = slots.connected - wait_s
    turn = np.zeros(count, dtype=np.int64)
    turn[second] = 1
    start = entered - rng.uniform(*FLOW_S, count)
    start[second] = start[from_slot]
    handed = np.zeros(count, dtype=bool)
    handed[from_slot] = True
    return {
        "contact": contact, "turn": turn, "queue": slots.queue, "agent": slots.agent,
        "outcome": np.full(count, Outcome.ANSWERED), "start": start, "entered": entered,
        "left": slots.connected, "offered": slots.offered, "ended": slots.ended,
        "ready": slots.ready, "hold_s": slots.hold_s, "before_s": np.zeros(count),
        "callback": np.zeros(count, dtype=bool), "handed_on": handed,
        "id_at": start.copy(), "wished_at": np.full(count, np.nan),
    }  # fmt: skip


def _unanswered(contact, queue, entered, wait_s, outcome, rng) -> Columns:
    count = len(contact)
    start = np.maximum(entered - rng.uniform(*FLOW_S, count), _day_begin(entered))
    left = entered + wait_s
    return {
        "contact": contact, "turn": np.zeros(count, dtype=np.int64), "queue": queue,
        "agent": np.full(count, NOBODY), "outcome": outcome, "start": start, "entered": entered,
        "left": left, "offered": left, "ended": left, "ready": left, "hold_s": np.zeros(count),
        "before_s": np.zeros(count), "callback": np.zeros(count, dtype=bool),
        "handed_on": np.zeros(count, dtype=bool), "id_at": start.copy(),
        "wished_at": np.full(count, np.nan),
    }  # fmt: skip


def _unserved(slots: Slots, numbers: _Numbers, rng: np.random.Generator) -> Columns:
    """Return visits that nobody answered: beside answered ones, more of them where it is busy."""
    load = np.clip(slots.load, 0, 1.6)
    abandons = np.nonzero(rng.random(len(slots)) < ABANDON * (1 + 2.5 * load**4))[0]
    patience = rng.exponential(PATIENCE_S, len(abandons)) * (0.4 + load[abandons])
    patience = np.clip(patience, 0.3, 280)
    outcome = np.where(patience < 5, Outcome.SHORT_ABANDON, Outcome.ABANDONED)
    parts = [(abandons, patience, outcome)]
    for kind, share in RARE.items():
        beside = np.nonzero(rng.random(len(slots)) < share)[0]
        waited = np.full(len(beside), 0.0)
        if kind is Outcome.TIMED_OUT:
            waited += 300
        elif kind in {Outcome.EXITED, Outcome.FAULTED}:
            waited += rng.exponential(40, len(beside))
        parts.append((beside, waited, np.full(len(beside), kind)))
    beside, waited, outcome = (np.concatenate(column) for column in zip(*parts, strict=True))
    entered = np.maximum(slots.connected[beside] - rng.uniform(0, 20, len(beside)), 0)
    entered = np.maximum(entered, _day_begin(slots.connected[beside]))
    contact = numbers.take(len(beside))
    return _unanswered(contact, slots.queue[beside], entered, waited, outcome, rng)


def _call_backs(answered, second, from_slot, rng) -> tuple[np.ndarray, Columns]:
    """Make some answered visits those of customers who are called back; return their wishes."""
    count = len(answered["contact"])
    free = np.ones(count, dtype=bool)
    free[second] = free[from_slot] = False
    since_s = answered["entered"] - _day_begin(answered["entered"])
    back = np.nonzero((rng.random(count) < CALLED_BACK) & free & (since_s > 2 * 3600))[0]
    wished = answered["entered"][back] - rng.uniform(300, 5400, len(back))
    wait_s = rng.exponential(50, len(back)) + 10
    wishes = _unanswered(
        answered["contact"][back], answered["queue"][back], wished - wait_s, wait_s,
        np.full(len(back), Outcome.CALLBACK), rng,
    )  # fmt: skip
    answered["callback"][back] = True
    answered["turn"][back] = 2
    answered["start"][back] = answered["entered"][back] = answered["offered"][back] - 0.1
    answered["id_at"][back] = wishes["start"]
    answered["wished_at"][back] = wished
    answered["before_s"][back] = answered["entered"][back] - wished
    return back, wishes


def _overflown(answered, second, from_slot, back, rng) -> Columns:
    """Return visits of another queue, before some answered ones, that overflowed into those."""
    count = len(answered["contact"])
    free = np.ones(count, dtype=bool)
    free[second] = free[from_slot] = free[back] = False
    since_s = answered["start"] - _day_begin(answered["start"])
    chosen = np.nonzero((rng.random(count) < OVERFLOWED) & free & (since_s > 400))[0]
    waited = rng.uniform(30, 300, len(chosen))
    own = answered["queue"][chosen]
    visits = _unanswered(
        answered["contact"][chosen], own // 5 * 5 + (own + 1) % 5,
        answered["entered"][chosen] - waited, waited,
        np.full(len(chosen), Outcome.OVERFLOWED), rng,
    )  # fmt: skip
    answered["start"][chosen] = answered["id_at"][chosen] = visits["start"]
    answered["turn"][chosen] = 1
    answered["before_s"][chosen] = waited
    return visits


def _classify(plan: Plan, visits: Columns, rng: np.random.Generator) -> None:
    """Let agents class their calls; some agents sell better than others."""
    count = len(visits["contact"])
    gift = np.random.default_rng([plan.year.seed, 6]).normal(0, 0.09, plan.year.agents)
    answered = visits["outcome"] == Outcome.ANSWERED
    sales = kind_of(visits["queue"]) == 0
    chance = np.where(sales, 0.42, 0.04) + gift[visits["agent"]] * sales
    ordered = answered & ~visits["handed_on"] & (rng.random(count) < chance)
    visits["disposed"] = answered & (rng.random(count) < DISPOSED)
    visits["ordered"] = ordered & visits["disposed"]
    other = rng.choice(5, count, p=[0.62, 0.0, 0.2, 0.06, 0.12])
    visits["call_class"] = np.where(visits["ordered"], 1, np.where(visits["handed_on"], 3, other))
    visits["category"] = (visits["queue"] * 3 + rng.integers(0, 4, count)) % len(CATEGORIES)
    visits["solved"] = np.where(rng.random(count) < 0.3, -1, rng.random(count) < 0.83)
    visits["amount"] = np.round(np.exp(rng.normal(10.2, 0.8, count)), -2).astype(np.int64)
    visits["held_out"] = answered & sales & (rng.random(count) < 0.05)


def _contacts(visits: Columns, rng: np.random.Generator) -> Columns:
    """Return a row for each contact, and one for each call-back, out of its visits."""
    key = visits["contact"] * 2 + visits["callback"]
    order = np.lexsort((visits["entered"], key))
    first = np.nonzero(np.diff(key[order], prepend=-1))[0]
    last = np.append(first[1:], len(order)) - 1
    first, last = order[first], order[last]
    by_agent = (visits["outcome"][last] == Outcome.ANSWERED) & (rng.random(len(last)) < 0.55)
    return {
        "contact": visits["contact"][first], "start": visits["start"][first],
        "id_at": visits["id_at"][first], "ended": visits["ended"][last],
        "queue": visits["queue"][first], "callback": visits["callback"][first],
        "outcome": visits["outcome"][last], "by_agent": by_agent,
        "wished_at": visits["wished_at"][first], "agent": visits["agent"][last],
    }  # fmt: skip


def _served_by_flow(slots: Slots, contact: np.ndarray, rng: np.random.Generator) -> Columns:
    """Return contacts that asked for no agent, spread over the day as the others are."""
    count = len(contact)
    beside = rng.integers(0, len(slots), count)
    day = _day_begin(slots.connected[beside])
    start = np.clip(slots.connected[beside] + rng.uniform(-600, 600, count), day, day + DAY_S - 1)
    return {
        "contact": contact, "start": start, "id_at": start.copy(),
        "ended": start + rng.exponential(50, count) + 2, "queue": slots.queue[beside],
        "callback": np.zeros(count, dtype=bool), "outcome": np.full(count, NOBODY),
        "by_agent": np.zeros(count, dtype=bool), "wished_at": np.full(count, np.nan),
        "agent": np.full(count, NOBODY),
    }  # fmt: skip


def customers(plan: Plan) -> int:
    """Return how many customers the year has."""
    return max(1, int(plan.year.interactions * CUSTOMERS_PER_CONTACT))


def _callers(plan: Plan, contacts: Columns, rng: np.random.Generator) -> None:
    """Say who calls: the same customer in all rows of a contact."""
    numbers, place = np.unique(contacts["contact"], return_inverse=True)
    who = (rng.random(len(numbers)) ** TAIL * customers(plan)).astype(np.int64)
    who[rng.random(len(numbers)) < WITHHELD] = NOBODY
    back = contacts["contact"][contacts["callback"]]
    # Nobody can be called back without a number.
    called = np.isin(numbers, back) & (who == NOBODY)
    who[called] = 0
    contacts["customer"] = who[place]
