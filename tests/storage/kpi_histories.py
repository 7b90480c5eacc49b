"""Random histories as rows of the CDR, a way into the database, and what is read from it."""

import random
from copy import copy
from datetime import UTC, datetime

import asyncpg

from acd.calls import cdr_rows as cdr
from acd.reports.visits import CountedVisit, counted_visits, teams
from acd.storage.database import Batch, Progress, Writer
from acd.storage.frames import Position

START = datetime(2026, 10, 31, 20, 0, tzinfo=UTC)
"Near a month's end, and two in the zones of the tests: partitions and days change."

START_US = int(START.timestamp()) * 1_000_000

OUTCOMES = (
    *("answered", "answered", "answered", "answered", "short_abandon", "abandoned", "exited"),
    *("callback", "overflowed", "timed_out", "refused_full", "empty", "closed", "faulted"),
    "waiting",
)
QUEUES = {"sales": ("sales", "tv"), "service": ("service", "care"), "vip": ("sales", "tv")}
AGENTS = ("1001", "1002", "1003")
CLASSES = ("inquiry", "order", "complaint")


class History:
    """Interactions of some hours, made of a seed; each row comes as often as it changes."""

    agents = AGENTS
    "Who answers."

    def __init__(self, seed: int, interactions: int = 30, hours: float = 9.0) -> None:
        self.random = random.Random(seed)
        self._shop = random.Random(f"shop {seed}")
        "Apart, so that it changes nothing of the calls."
        self.rows: list[cdr.Row] = []
        "In the order of time, so that of two rows with one key the later one counts."
        self._span_us = int(hours * 3.6e9)
        self._number = 0
        for agent in AGENTS:
            for _ in range(self.random.randrange(3)):
                self._profile(agent)
        for _ in range(interactions):
            self._interaction()

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _at(self) -> int:
        # Whole quarter-hours and their ends are where mistakes are made.
        at = START_US + self.random.randrange(self._span_us)
        border = at - at % 900_000_000
        return self.random.choice((at, at, at, border, border - 1))

    def _profile(self, agent: str) -> None:
        self.rows.append(
            cdr.AgentProfileRow(
                node="n",
                boot="b",
                seq=self._next(),
                project="main",
                started_us=self._at(),
                agent=agent,
                name=agent,
                team=self.random.choice(("north", "south")),
                leader="",
                skills={},
                groups=(),
                configured=True,
            )
        )

    def _interaction(self) -> None:
        pick, started_us = self.random, self._at()
        name = f"call-{self._next()}"
        direction = pick.choice(("inbound", "inbound", "inbound", "outbound"))
        row = cdr.Interaction(
            interaction=name,
            started_us=started_us,
            project=pick.choice(("main", "main", "shop")),
            node="n",
            boot="b",
            direction=direction,
            agent="",
            number="",
            caller="13800000000",
            caller_name="",
            called="4000",
            account="",
            peer="udp:192.0.2.1:5060",
            sip_call_id=name,
            flow=pick.choice(("", "hotline")),
            answered_us=started_us,
            trunk=pick.choice(("", "carrier")),
            flow_version=pick.choice(("a1", "b2")),
        )
        at_us = started_us
        for _ in range(pick.choice((0, 1, 1, 1, 2, 3))):
            at_us = self._visit(row, at_us)
        if pick.random() < 0.15:
            self._consult(row, at_us)
        if pick.random() < 0.9:
            row.ended_us, row.duration_s = at_us, 1.0
            row.ended_by = pick.choice(("caller", "agent", "flow", "system", "fault"))
        self.rows.append(row)

    def _visit(self, row: cdr.Interaction, at_us: int) -> int:
        pick = self.random
        queue = pick.choice(tuple(QUEUES))
        kind, skill = QUEUES[queue]
        outcome = pick.choice(OUTCOMES)
        waiting = outcome == "waiting"
        waited_s = None if waiting else pick.choice((0.0, 3.0, 5.0, 19.9, 20.0, 20.1, 60.5))
        visit = cdr.QueueVisit(
            interaction=row.interaction,
            started_us=row.started_us,
            project=row.project,
            visit=f"visit-{self._next()}",
            queue=queue,
            kind=kind,
            priority=0,
            category=pick.choice(("", "phones", "books")),
            entered_us=at_us,
            outcome=outcome,
            waited_s=waited_s,
            waited_before_s=0.0,
            short_abandon_s=5.0,
            service_level_s=pick.choice((10.0, 20.0)),
            agent=pick.choice(self.agents) if outcome == "answered" else "",
            callback=pick.random() < 0.05,
            skill=skill,
            region=pick.choice(("", "广东", "福建")),
            trunk=row.trunk,
            flow_version=f"{row.flow}@{row.flow_version}" if row.flow else "",
        )
        self.rows.append(visit)
        if outcome == "answered":
            self.followed(row, visit)
        return at_us + pick.randrange(1_000_000, 1_800_000_000)

    def followed(self, row: cdr.Interaction, visit: cdr.QueueVisit) -> None:
        """Add what an answered visit led to, in the visit's interaction or one that it joined."""
        pick = self.random
        if pick.random() < 0.9:
            self.rows.append(
                cdr.TalkSegment(
                    interaction=row.interaction,
                    started_us=row.started_us,
                    project=row.project,
                    leg=f"leg-{self._next()}",
                    visit=visit.visit,
                    queue=visit.queue,
                    agent=visit.agent,
                    began_us=visit.entered_us,
                    talk_s=float(pick.randrange(600)),
                    hold_s=float(pick.randrange(60)),
                )
            )
        for _ in range(pick.randrange(3)):
            self.rows.append(
                cdr.AgentStateInterval(
                    node="n",
                    boot="b",
                    seq=self._next(),
                    project="main",
                    agent=visit.agent,
                    state=pick.choice(("wrap_up", "wrap_up", "talking")),
                    queue=visit.queue,
                    interaction=row.interaction,
                    began_us=visit.entered_us + pick.randrange(3_600_000_000),
                    began_mono_s=0.0,
                    duration_s=pick.choice((None, 7.0, 30.5)),
                )
            )
        if pick.random() < 0.7:
            self.disposition(row, visit)
        for _ in range(self._shop.choice((0, 0, 0, 1, 1, 2))):
            self.order(row, visit)

    def disposition(self, row: cdr.Interaction, visit: cdr.QueueVisit) -> None:
        """Add an agent's classing, which may replace an earlier one."""
        pick = self.random
        self.rows.append(
            cdr.Disposition(
                interaction=row.interaction,
                started_us=row.started_us,
                project=row.project,
                entered_us=START_US + self._next(),
                agent=visit.agent,
                queue=pick.choice(("", visit.queue, "vip")),
                call_class=pick.choice(CLASSES),
                category=pick.choice(("", "phones", "garden")),
                order_id="",
                ordered=pick.random() < 0.5,
                solved=None,
            )
        )

    def order(self, row: cdr.Interaction, visit: cdr.QueueVisit) -> None:
        """Add an order that the shop has told, whether or not the agent has classed the call."""
        pick = self._shop
        told_us = START_US + self._next()
        self.rows.append(
            cdr.OrderEvent(
                interaction=pick.choice((row.interaction, row.interaction, row.interaction, "")),
                started_us=row.started_us,
                project=row.project,
                order_id=f"order-{self._next()}",
                key=f"key-{self._next()}",
                state=pick.choice(("placed", "cancelled", "signed")),
                at_us=told_us,
                entered_us=pick.choice((told_us, START_US)),
                agent=pick.choice((visit.agent, visit.agent, "1001", "")),
                queue=pick.choice(("", visit.queue, visit.queue, "vip")),
                category=pick.choice(("", "garden")),
                amount=None,
                currency="",
                entered_by="shop",
            )
        )

    def _consult(self, row: cdr.Interaction, at_us: int) -> None:
        """Add a consultation whose agent came to the caller, or did not."""
        consult = copy(row)
        consult.interaction, consult.started_us = f"call-{self._next()}", at_us
        consult.direction, consult.ended_us = "internal", at_us
        before = len(self.rows)
        self._visit(consult, at_us)
        self.rows.append(consult)
        outcome = self.random.choice(("completed", "completed", "failed"))
        self.rows.append(
            cdr.Transfer(
                interaction=row.interaction,
                started_us=row.started_us,
                project=row.project,
                transfer=f"transfer-{self._next()}",
                agent="1001",
                kind="attended",
                target="2000",
                consult=consult.interaction,
                consult_started_us=at_us,
                requested_us=at_us,
                outcome=outcome,
            )
        )
        for visit in self.rows[before:]:
            answered = isinstance(visit, cdr.QueueVisit) and visit.outcome == "answered"
            if answered and outcome == "completed":
                self.followed(row, visit)


def latest(rows: list[cdr.Row]) -> list[cdr.Row]:
    """Return the rows as the tables hold them: of those with one key, the last."""
    from acd.storage.tables import TABLES

    found = {}
    for row in rows:
        table = TABLES[type(row)]
        found[table.name, table.values(row)[: table.key_columns]] = row
    return list(found.values())


def counted(rows: list[cdr.Row]) -> list[CountedVisit]:
    """Return what the library counts of rows that may have been replaced meanwhile."""
    rows = latest(rows)

    def of(kind):
        return [row for row in rows if isinstance(row, kind)]

    return counted_visits(
        of(cdr.QueueVisit),
        of(cdr.TalkSegment),
        of(cdr.AgentStateInterval),
        of(cdr.Disposition),
        of(cdr.Transfer),
        teams(of(cdr.AgentProfileRow)),
        of(cdr.OrderEvent),
    )


class Loader:
    """Writes rows as the shipper does: batch for batch, each with a new position."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self._progress: Progress | None = None
        self._place = 0

    async def load(self, rows: list[cdr.Row]) -> None:
        batch = Batch()
        for row in rows:
            batch.add(row)
        self._place += 1
        place = Position(1, self._place)
        progress = Progress(place, place, "b", self._place, START_US, 0.0)
        await self.writer.write(batch, self._progress, progress)
        assert not batch.set_aside, batch.set_aside[0]
        self._progress = progress


async def clear(connection: asyncpg.Connection) -> None:
    """Empty all tables: cheaper than a database for each example."""
    names = await connection.fetch(
        "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'schema_migrations'"
    )
    await connection.execute("TRUNCATE " + ", ".join(row["relname"] for row in names))
