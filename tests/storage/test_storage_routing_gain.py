"""What ranking gained: the report's SQL and the pure library, on random histories."""

import asyncio
import random
from collections import defaultdict
from copy import copy
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kpi_histories import AGENTS, START, START_US, latest
from msgspec.structs import replace
from test_storage_kpi_rollup import Site, Sold, in_parts, several

from acd.calls import cdr_rows as cdr
from acd.reports.orders import STATES, Order, OrderStep, orders_of
from acd.reports.routing import Amounts, Group, RoutingGain, routing_gains
from acd.reports.visits import counted_visits
from acd.storage.routing import gains

STANDING = {"placed", "signed"}
REGIMES = ("conversion", "conversion", "pairing", "category_grade", "unmeasured", "manager")
"What a choice was made by; the last is a preferred agent."


class Routed(Sold):
    """Sold, with the offers of the visits, and a shop that knows what orders are worth."""

    def __init__(self, seed: int) -> None:
        # One agent alone answers most callers more than once.
        self.agents = AGENTS[: 1 + seed % 2]
        super().__init__(seed)
        for _ in range(60):
            self._interaction()
        for row in [row for row in self.rows if isinstance(row, cdr.Interaction)]:
            if self.random.random() < 0.6:
                self._consult(row, row.started_us + self.random.randrange(1, 10**9))
        held = self.random.choice((0.0, 0.4, 0.4, 0.4, 1.0))
        "At the ends one of the groups has no call."

        for row in list(self.rows):
            if isinstance(row, cdr.QueueVisit):
                self._offers(row, hold_out=self.random.random() < held)
        said = [row for row in self.rows if isinstance(row, cdr.Disposition)]
        for row in said:
            self._said_more(row)
        for row in self.random.sample(said, len(said) // 3):
            self._told(row)

    def _offers(self, visit: cdr.QueueVisit, *, hold_out: bool) -> None:
        pick = self.random
        missed = pick.choice((0, 0, 0, 1, 2))
        outcomes = [pick.choice(("no_answer", "rejected", "agent_left")) for _ in range(missed)]
        if visit.outcome == "answered":
            outcomes.append("answered")
        for outcome in outcomes:
            self.rows.append(
                cdr.Offer(
                    interaction=visit.interaction,
                    started_us=visit.started_us,
                    project=visit.project,
                    offer=f"offer-{self._next()}",
                    visit=visit.visit,
                    queue=visit.queue,
                    agent=visit.agent if outcome == "answered" else pick.choice(self.agents),
                    leg="leg",
                    offered_us=visit.entered_us,
                    outcome=outcome,
                    layer="all",
                    ranked_by="hold_out" if hold_out else pick.choice(REGIMES),
                    waited_s=1.0,
                    candidates=(),
                    candidates_total=1,
                    hold_out=hold_out,
                )
            )

    def _said_more(self, row: cdr.Disposition) -> None:
        """Give an order its number and amount, and sometimes class the call anew, days later."""
        pick = self.random
        if row.ordered:
            row.order_id = pick.choice(("", "", f"{row.interaction}/{pick.randrange(2)}"))
            row.amount = pick.choice((None, 100, 250))
            row.currency = pick.choice(("CNY", "CNY", "USD")) if row.amount is not None else ""
        if pick.random() < 0.2:
            late = copy(row)
            late.entered_us += pick.randrange(1, 10**12)
            late.ordered = not row.ordered
            late.order_id, late.amount, late.currency = "", None, ""
            self.rows.append(late)

    def _told(self, row: cdr.Disposition) -> None:
        """Let the shop tell of an order of the call: its state may be its end."""
        pick, amount = self.random, self.random.choice((None, 0, 100, 250))
        for _ in range(pick.choice((1, 1, 2))):
            at_us = row.entered_us + pick.randrange(10**12)
            self.rows.append(
                cdr.OrderEvent(
                    interaction=row.interaction,
                    started_us=row.started_us,
                    project=row.project,
                    order_id=row.order_id or f"{row.interaction}/{pick.randrange(3)}",
                    key=f"key-{self._next()}",
                    state=pick.choice(STATES),
                    at_us=at_us,
                    entered_us=at_us,
                    agent=pick.choice((row.agent, row.agent, "", *self.agents)),
                    queue=pick.choice(("", row.queue, "sales", "vip")),
                    category="",
                    amount=amount,
                    currency=pick.choice(("CNY", "USD")) if amount is not None else "",
                    entered_by="shop",
                )
            )


class Told:
    """The library's answer: what the rows say of each answered visit."""

    def __init__(self, rows: list[cdr.Row]) -> None:
        rows = latest(rows)

        def of(kind):
            return [row for row in rows if isinstance(row, kind)]

        self.visits: list[cdr.QueueVisit] = of(cdr.QueueVisit)
        self.said: list[cdr.Disposition] = of(cdr.Disposition)
        self.joins = [row for row in of(cdr.Transfer) if row.outcome == "completed"]
        self.taken = {row.visit: row for row in of(cdr.Offer) if row.outcome == "answered"}
        self.events: list[cdr.OrderEvent] = of(cdr.OrderEvent)
        events = self.events
        # Those of customers who are called back count here: an agent talked to them.
        alike = [copy(visit) for visit in self.visits]
        for visit in alike:
            visit.callback = False
        counted = counted_visits(
            alike, dispositions=self.said, transfers=self.joins, orders=events
        )
        self.ordered = {visit.visit for visit in counted if visit.ordered}
        self.worth: dict[str, list[Order]] = defaultdict(list)
        for order in orders_of(
            [_said(row) for row in self.said if row.ordered] + [_step(row) for row in events]
        ):
            if order.state in STANDING and order.amount is not None and order.agent:
                for visit in self._visits_of(order):
                    self.worth[visit.visit].append(order)

    def _visits_of(self, order: Order) -> list[cdr.QueueVisit]:
        """Return the agent's last visit in the order's call, else in those that joined it."""
        consults = [join.consult for join in self.joins if join.interaction == order.call]
        last: dict[str, cdr.QueueVisit] = {}
        for visit in sorted(self.visits, key=lambda each: (each.entered_us, each.visit)):
            agents = visit.outcome == "answered" and visit.agent == order.agent
            if agents and order.queue in ("", visit.queue):
                last[visit.interaction] = visit
        if order.call in last:
            return [last[order.call]]
        return [last[each] for each in consults if each in last]

    def is_classed(self, visit: cdr.QueueVisit) -> bool:
        parts = {join.interaction for join in self.joins if join.consult == visit.interaction}
        return any(
            row.agent == visit.agent and row.interaction in {visit.interaction, *parts}
            for row in (*self.said, *self.events)
        )

    def gains(self, from_at: datetime, to_at: datetime, project: str | None) -> list[RoutingGain]:
        groups: dict[tuple[str, bool], list[cdr.QueueVisit]] = defaultdict(list)
        for visit in self.visits:
            entered_at = START + timedelta(microseconds=visit.entered_us - START_US)
            if (
                visit.kind == "sales"
                and visit.outcome == "answered"
                and from_at <= entered_at < to_at
                and project in (None, visit.project)
            ):
                groups[visit.queue, self.taken[visit.visit].hold_out].append(visit)
        return routing_gains(
            [self._group(*key, visits) for key, visits in groups.items()],
            [each for key, visits in groups.items() for each in self._amounts(*key, visits)],
        )

    def _group(self, queue: str, hold_out: bool, visits: list[cdr.QueueVisit]) -> Group:
        without = [visit for visit in visits if visit.visit not in self.ordered]
        return Group(
            queue=queue,
            hold_out=hold_out,
            answered=len(visits),
            orders=len(visits) - len(without),
            pending=sum(not self.is_classed(visit) for visit in without),
            unmeasured=sum(self.taken[each.visit].ranked_by == "unmeasured" for each in visits),
        )

    def _amounts(self, queue: str, hold_out: bool, visits: list[cdr.QueueVisit]) -> list[Amounts]:
        found: dict[str, list[list[int]]] = defaultdict(list)
        for visit in visits:
            by_currency: dict[str, list[int]] = defaultdict(list)
            for order in self.worth[visit.visit] if visit.visit in self.ordered else ():
                by_currency[order.currency].append(order.amount)
            for currency, amounts in by_currency.items():
                found[currency].append(amounts)
        return [
            Amounts(
                queue=queue,
                hold_out=hold_out,
                currency=currency,
                orders=sum(map(len, calls)),
                amount=float(sum(map(sum, calls))),
                squares=float(sum(sum(call) ** 2 for call in calls)),
            )
            for currency, calls in found.items()
        ]


def _said(row: cdr.Disposition) -> OrderStep:
    return OrderStep(
        call=row.interaction,
        order_id=row.order_id,
        state="placed",
        at_us=row.started_us,
        entered_us=row.entered_us,
        key="",
        agent=row.agent,
        queue=row.queue,
        category=row.category,
        amount=row.amount,
        currency=row.currency,
        said=True,
    )


def _step(row: cdr.OrderEvent) -> OrderStep:
    return OrderStep(
        call=row.interaction,
        order_id=row.order_id,
        state=row.state,
        at_us=row.at_us,
        entered_us=row.entered_us,
        key=row.key,
        agent=row.agent,
        queue=row.queue,
        category=row.category,
        amount=row.amount,
        currency=row.currency,
    )


def same(found: list[RoutingGain], wished: list[RoutingGain]) -> None:
    assert [one.queue for one in found] == [one.queue for one in wished]
    for one, other in zip(found, wished, strict=True):
        for field in RoutingGain.__struct_fields__:
            told, true = getattr(one, field), getattr(other, field)
            if isinstance(true, float):
                true = pytest.approx(true)
            assert told == true, (one.queue, field)


@several
@given(st.integers(0, 10**9))
@example(47193)  # two agents name one order in a call
def test_sql_and_library_agree(dsn: str, seed: int) -> None:
    pick = random.Random(seed)

    async def compare() -> None:
        async with Site(dsn) as site:
            rows = Routed(seed).rows
            for part in in_parts(rows, pick):
                await site.loader.load(part)
            told = Told(rows)
            whole = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
            begin = START + timedelta(hours=pick.randrange(20))
            for from_at, to_at in (whole, (begin, begin + timedelta(hours=pick.randrange(1, 20)))):
                for project in (None, "shop", "main"):
                    found = await gains(
                        site.connection, from_at=from_at, to_at=to_at, project=project
                    )
                    same(found, told.gains(from_at, to_at, project))
            assert sum(one.ranked + one.hold_out for one in told.gains(*whole, None)) > 0

    asyncio.run(compare())


def test_an_order_of_no_queue_is_of_the_last_visit_that_its_agent_answered(dsn: str) -> None:
    """Which another disposition did not sell: its value counts nowhere."""
    rows = Routed(1).rows
    call = next(row for row in rows if isinstance(row, cdr.Interaction))
    of_call = {
        "interaction": call.interaction,
        "started_us": call.started_us,
        "project": call.project,
    }

    def like(row_type, **fields):
        found = next(row for row in rows if isinstance(row, row_type))
        return replace(found, **of_call, **fields)

    happened: list[cdr.Row] = [call]
    for number, queue in enumerate(("sales", "vip")):
        visit = like(
            cdr.QueueVisit,
            visit=f"visit-{number}",
            queue=queue,
            kind="sales",
            outcome="answered",
            agent="1001",
            entered_us=call.started_us + number,
        )
        offer = like(
            cdr.Offer,
            offer=f"offer-{number}",
            visit=visit.visit,
            queue=queue,
            agent="1001",
            outcome="answered",
            hold_out=False,
        )
        happened += [visit, offer]
    happened += [
        like(cdr.Disposition, agent="1001", queue="sales", ordered=True, amount=None),
        like(cdr.OrderEvent, agent="1001", queue="", state="signed", amount=100, currency="CNY"),
    ]

    async def compare() -> None:
        async with Site(dsn) as site:
            await site.loader.load(happened)
            period = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
            found = await gains(site.connection, from_at=period[0], to_at=period[1])
            same(found, Told(happened).gains(*period, None))
            assert [(one.queue, one.ranked_orders) for one in found] == [("sales", 1), ("vip", 0)]
            assert found[0].ranked_value is None

    asyncio.run(compare())
