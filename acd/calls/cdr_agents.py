"""Agents' two tracks of intervals, status and state, each without gaps (part of the CDR)."""

import itertools
from collections.abc import Iterable
from copy import copy

from . import events as ev
from .cdr_open import Instant, Mark, elapsed_s
from .cdr_rows import AgentStateInterval, AgentStatusInterval, Interval, Row
from .journal import Record

OPEN_ROW_AFTER_S = 30.0
"An interval gets a row while it lasts only when it lasts longer than most."

PROJECT = "main"
"Agents' own times belong to the house: their events name no project."

Key = tuple[str, type[AgentStatusInterval] | type[AgentStateInterval]]


class AgentIntervals:
    """The interval under way of each agent and track. Limited by the number of agents."""

    def __init__(self) -> None:
        self._open: dict[Key, Interval] = {}
        self._unwritten: dict[Key, Mark] = {}

    def on_status(self, record: Record, event: ev.AgentStatusChanged, mark: Mark) -> list[Row]:
        """Begin a status interval; return the one that it ends."""
        row = AgentStatusInterval(
            node=record.node,
            boot=record.boot,
            seq=record.seq,
            project=PROJECT,
            agent=event.agent,
            status=event.status,
            reason=event.reason,
            changed_by=event.by,
            began_us=record.wall_us,
            began_mono_s=record.mono_s,
        )
        return self._begin(row, record, mark)

    def on_state(self, record: Record, event: ev.AgentStateChanged, mark: Mark) -> list[Row]:
        """Begin a state interval; return the one that it ends."""
        row = AgentStateInterval(
            node=record.node,
            boot=record.boot,
            seq=record.seq,
            project=PROJECT,
            agent=event.agent,
            state=event.state,
            queue=event.queue,
            interaction=event.interaction,
            began_us=record.wall_us,
            began_mono_s=record.mono_s,
        )
        return self._begin(row, record, mark)

    def close_all(self, moment: Instant, closed_by: str) -> list[Row]:
        """End all intervals."""
        return [row for key in list(self._open) for row in self._close(key, moment, closed_by)]

    def open_rows(self, now_s: float) -> list[Row]:
        """Return rows of the intervals that have none yet and have lasted for a while."""
        rows: list[Row] = []
        for key in list(self._unwritten):
            interval = self._open[key]
            if now_s < interval.began_mono_s + OPEN_ROW_AFTER_S:
                break
            rows.append(copy(interval))
            del self._unwritten[key]
        return rows

    def lasting(self) -> list[tuple[str, int]]:
        """Return boot and number of the records that began the intervals under way."""
        return [(interval.boot, interval.seq) for interval in self._open.values()]

    def oldest_unwritten(self) -> list[Mark]:
        """Return the mark of the oldest interval without a row, if any."""
        return list(itertools.islice(self._unwritten.values(), 1))

    def seed(self, intervals: Iterable[Interval]) -> None:
        """Take intervals that have an open row, where none is known for the agent."""
        for interval in intervals:
            self._open.setdefault((interval.agent, type(interval)), copy(interval))

    def _begin(self, row: Interval, record: Record, mark: Mark) -> list[Row]:
        key = (row.agent, type(row))
        closed = self._close(key, record, "change")
        self._open[key] = row
        self._unwritten[key] = mark
        return closed

    def _close(self, key: Key, moment: Instant, closed_by: str) -> list[Row]:
        interval = self._open.pop(key, None)
        if interval is None:
            return []
        self._unwritten.pop(key, None)
        interval.ended_us = max(interval.began_us, moment.wall_us)
        interval.duration_s = elapsed_s(interval.began_mono_s, moment.mono_s)
        interval.closed_by = closed_by
        return [interval]
