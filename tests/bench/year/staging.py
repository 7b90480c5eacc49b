"""All staging tables of a month."""

import numpy as np

from . import stages
from .contacts import Columns, Traffic
from .floor import Floor
from .quarters import COUNTS, TIMES, quarters

STAGES = ("contacts", "visits", "misses", "states", "statuses", "quarters")


def staged(floor: Floor, traffic: Traffic, begin_us: int) -> dict[str, stages.Staged]:
    """Return all staging tables of a month by their names."""
    states, statuses = stages.state_track(floor, traffic), stages.status_track(floor)
    tables = (
        stages.contacts(traffic.contacts, begin_us),
        stages.visits(traffic.visits, begin_us),
        stages.misses(traffic, begin_us),
        stages.states(states, begin_us),
        stages.statuses(statuses, begin_us),
        _quarters(quarters(floor, traffic, states, statuses), begin_us),
    )
    return dict(zip(STAGES, tables, strict=True))


def _quarters(columns: Columns, begin_us: int) -> stages.Staged:
    at = columns["quarter"].astype(np.int64) * 1_000_000 + begin_us
    return {
        "quarter_at": ("timestamptz", at),
        "agent": ("integer", columns["agent"]),
        "queue": ("smallint", columns["queue"]),
        **{name: ("float8", columns[name]) for name in TIMES},
        **{name: ("integer", columns[name]) for name in COUNTS},
    }
