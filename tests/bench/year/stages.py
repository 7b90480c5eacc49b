"""From numpy's columns to staging tables, by COPY in Postgres' binary format.

PostgreSQL manual, COPY, "Binary Format": per row a count of fields, per field its length and its
bytes in network order. With fields of fixed size a structured array has just these bytes.
"""

import io

import asyncpg
import numpy as np

from .contacts import Columns, Outcome, Traffic
from .floor import MISSED_RING_S, Floor

Staged = dict[str, tuple[str, np.ndarray]]
"A staging table: each column's type and values."

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

TYPES = {
    "timestamptz": ">i8",
    "bigint": ">i8",
    "integer": ">i4",
    "smallint": ">i2",
    "float8": ">f8",
    "boolean": "u1",
}

MS_TO_2000 = 946_684_800_000
"From 1970."

NEVER = np.iinfo(np.int64).max
"Postgres' infinity: stands for no time at all."


async def stage(connection: asyncpg.Connection, name: str, columns: Staged) -> None:
    """Make a staging table anew and fill it."""
    fields = ", ".join(f"{column} {kind} NOT NULL" for column, (kind, _) in columns.items())
    await connection.execute(f"DROP TABLE IF EXISTS history.{name}")
    await connection.execute(f"CREATE UNLOGGED TABLE history.{name} ({fields})")
    await connection.copy_to_table(
        name,
        schema_name="history",
        source=io.BytesIO(binary(columns)),
        columns=list(columns),
        format="binary",
    )
    await connection.execute(f"ANALYZE history.{name}")


def binary(columns: Staged) -> bytes:
    """Return the bytes of COPY."""
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for column, (kind, _) in columns.items():
        layout += [(f"{column} length", ">i4"), (column, TYPES[kind])]
    size = len(next(iter(columns.values()))[1])
    rows = np.empty(size, dtype=layout)
    rows["fields"] = len(columns)
    for column, (kind, values) in columns.items():
        rows[f"{column} length"] = np.dtype(TYPES[kind]).itemsize
        rows[column] = values
    return HEADER + rows.tobytes() + TRAILER


def _at(seconds: np.ndarray, begin_us: int) -> tuple[str, np.ndarray]:
    known = ~np.isnan(seconds)
    us = np.where(known, np.round(np.where(known, seconds, 0) * 1e6), 0).astype(np.int64)
    return "timestamptz", np.where(known, us + begin_us, NEVER)


def _ms(seconds: np.ndarray, begin_us: int) -> tuple[str, np.ndarray]:
    """Return the time in an id: ms since 1970."""
    return "bigint", (np.round(seconds * 1e3).astype(np.int64)) + begin_us // 1000 + MS_TO_2000


def _lasts(end: np.ndarray, begin: np.ndarray) -> tuple[str, np.ndarray]:
    return "float8", np.round(np.nan_to_num(end - begin), 6)


def contacts(columns: Columns, begin_us: int) -> Staged:
    """Return the staging table of contacts, in the order of their start."""
    order = np.argsort(columns["start"], kind="stable")
    c = {name: values[order] for name, values in columns.items()}
    return {
        "contact": ("bigint", c["contact"]),
        "started_at": _at(c["start"], begin_us),
        "id_ms": _ms(c["id_at"], begin_us),
        "lasts_s": _lasts(c["ended"], c["start"]),
        "ended_at": _at(c["ended"], begin_us),
        "wished_at": _at(c["wished_at"], begin_us),
        "customer": ("integer", c["customer"]),
        "agent": ("integer", c["agent"]),
        "queue": ("smallint", c["queue"]),
        "outcome": ("smallint", c["outcome"]),
        "callback": ("boolean", c["callback"]),
        "by_agent": ("boolean", c["by_agent"]),
    }


def visits(columns: Columns, begin_us: int) -> Staged:
    """Return the staging table of queue visits, in the order of their contact's start."""
    order = np.argsort(columns["start"], kind="stable")
    v = {name: values[order] for name, values in columns.items()}
    times = ("entered", "left", "offered", "ended", "ready")
    return {
        "contact": ("bigint", v["contact"]),
        "started_at": _at(v["start"], begin_us),
        "id_ms": _ms(v["id_at"], begin_us),
        "waited_s": _lasts(v["left"], v["entered"]),
        "ring_s": _lasts(v["left"], v["offered"]),
        "talk_s": _lasts(v["ended"] - v["hold_s"], v["left"]),
        **{f"{name}_at": _at(v[name], begin_us) for name in times},
        "turn": ("smallint", v["turn"]),
        "queue": ("smallint", v["queue"]),
        "agent": ("integer", v["agent"]),
        "outcome": ("smallint", v["outcome"]),
        "hold_s": ("float8", np.round(v["hold_s"], 6)),
        "before_s": ("float8", np.round(v["before_s"], 3)),
        "callback": ("boolean", v["callback"]),
        "handed_on": ("boolean", v["handed_on"]),
        "disposed": ("boolean", v["disposed"]),
        "ordered": ("boolean", v["ordered"]),
        "held_out": ("boolean", v["held_out"]),
        "call_class": ("smallint", v["call_class"]),
        "category": ("smallint", v["category"]),
        "solved": ("smallint", v["solved"]),
        "amount": ("bigint", v["amount"]),
    }


def misses(traffic: Traffic, begin_us: int) -> Staged:
    """Return the staging table of phones that rang in vain."""
    columns = traffic.misses
    return {
        "contact": ("bigint", columns["contact"]),
        "agent": ("integer", columns["agent"]),
        "queue": ("smallint", columns["queue"]),
        "offered_at": _at(columns["at"], begin_us),
    }


STATES = ("offline", "idle", "offered", "talking", "held", "wrap_up")
OFFLINE, IDLE, OFFERED, TALKING, HELD, WRAP_UP = range(len(STATES))

STATUSES = ("logged_out", "ready", "away")
LOGGED_OUT, READY, AWAY = range(len(STATUSES))

REASONS = ("", "break", "lunch")
BREAK, LUNCH = 1, 2

NONE = -1


def state_track(floor: Floor, traffic: Traffic) -> Columns:
    """Return the agents' states, each until the next one begins."""
    slots = floor.slots
    contact, id_at = _contacts_of(floor, traffic)
    every = np.ones(len(slots), dtype=bool)
    held, rang = slots.hold_s > 0, ~np.isnan(slots.missed)
    hold_from = slots.connected + 0.4 * (slots.ended - slots.connected - slots.hold_s)
    of_calls = (
        (OFFERED, every, slots.offered),
        (TALKING, every, slots.connected),
        (HELD, held, hold_from),
        (TALKING, held, hold_from + slots.hold_s),
        (WRAP_UP, every, slots.ended),
    )
    between = (
        (IDLE, every, slots.idle_from),
        (OFFERED, rang, slots.missed),
        (IDLE, rang, slots.missed + MISSED_RING_S),
    )
    parts = [
        _part(
            slots.agent[which],
            begin[which],
            state,
            slots.queue[which],
            contact[which],
            id_at[which],
        )
        for state, which, begin in of_calls
    ]
    parts += [_part(slots.agent[which], begin[which], state) for state, which, begin in between]
    parts += [
        _part(floor.agent, floor.rest_from, IDLE),
        _part(floor.agent, floor.end, OFFLINE),
    ]
    return _track(floor, parts)


def states(track: Columns, begin_us: int) -> Staged:
    """Return the staging table of states."""
    return {
        **_interval(track, begin_us),
        "id_ms": _ms(track["id_at"], begin_us),
        "state": ("smallint", track["kind"]),
        "queue": ("smallint", track["queue"]),
        "contact": ("bigint", track["contact"]),
    }


def status_track(floor: Floor) -> Columns:
    """Return what the agents wanted, each until the next one begins; `queue` is the reason."""
    parts = [_part(floor.agent, floor.start, READY)]
    for number, reason in enumerate((BREAK, LUNCH, BREAK)):
        taken = ~np.isnan(floor.pauses[:, number, 0])
        begin, end = floor.pauses[taken, number].T
        parts.append(_part(floor.agent[taken], begin, AWAY, np.full(len(begin), reason)))
        parts.append(_part(floor.agent[taken], end, READY))
    # The last, for a pause may end with the day.
    parts.append(_part(floor.agent, floor.end, LOGGED_OUT))
    return _track(floor, parts)


def statuses(track: Columns, begin_us: int) -> Staged:
    """Return the staging table of statuses."""
    return {
        **_interval(track, begin_us),
        "status": ("smallint", track["kind"]),
        "reason": ("smallint", np.maximum(track["queue"], 0)),
    }


def _contacts_of(floor: Floor, traffic: Traffic) -> tuple[np.ndarray, np.ndarray]:
    """Return each slot's contact, and the time in its id: an agent's k-th is the same call."""
    slots, visits_ = floor.slots, traffic.visits
    served = visits_["outcome"] == Outcome.ANSWERED
    here = np.lexsort((slots.connected, slots.agent))
    there = np.lexsort((visits_["left"][served], visits_["agent"][served]))
    contact, id_at = np.empty(len(slots), dtype=np.int64), np.empty(len(slots))
    contact[here] = visits_["contact"][served][there]
    id_at[here] = visits_["id_at"][served][there]
    return contact, id_at


def _part(agent, begin, kind, queue=None, contact=None, id_at=None) -> Columns:
    nothing = np.full(len(agent), NONE)
    return {
        "agent": agent,
        "begin": begin,
        "kind": np.full(len(agent), kind),
        "queue": nothing if queue is None else queue,
        "contact": nothing if contact is None else contact,
        "id_at": begin if id_at is None else id_at,
    }


def _track(floor: Floor, parts: list[Columns]) -> Columns:
    """Return the intervals of all agents with their ends, in the order of their begin."""
    track = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((track["begin"], track["agent"]))
    track = {name: values[order] for name, values in track.items()}
    end = np.append(track["begin"][1:], np.nan)
    last = np.append(np.diff(track["agent"]) != 0, True)
    # The month's last rows of the agents, in the order of agents as `last` has them.
    final = np.full(int(floor.agent.max()) + 1, np.nan)
    final[floor.agent] = floor.next_start
    end[last] = final[track["agent"][last]]
    track["end"] = end
    order = np.argsort(track["begin"], kind="stable")
    return {name: values[order] for name, values in track.items()}


def _interval(track: Columns, begin_us: int) -> Staged:
    return {
        "started_at": _at(track["begin"], begin_us),
        "ended_at": _at(track["end"], begin_us),
        "lasts_s": _lasts(track["end"], track["begin"]),
        "mono_s": ("float8", np.round(track["begin"], 6)),
        "seq": ("bigint", np.arange(1, len(track["begin"]) + 1)),
        "agent": ("integer", track["agent"]),
    }
