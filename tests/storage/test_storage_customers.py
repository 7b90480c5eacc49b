"""Answers, repeat calls and orders: the database's sums are the library's, on random histories."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo

import asyncpg
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from acd.calls.cdr_rows import (
    CsatAnswer,
    Disposition,
    Interaction,
    MatterOutcome,
    OrderEvent,
    QueueVisit,
    Row,
)
from acd.reports.csat import Asked, csat_lines
from acd.reports.cut import Place
from acd.reports.orders import Order, OrderStep, SalesCall, order_lines, orders_of
from acd.reports.repeat import DAY_US, Contact, repeat_lines
from acd.reports.request import Period, microseconds
from acd.storage import repeat_contacts
from acd.storage.customers import csat_sums
from acd.storage.cuts import Cutting
from acd.storage.homes import microseconds as us
from acd.storage.kpi_rollup import months
from acd.storage.order_sums import order_sums
from acd.storage.repeat_sums import repeat_callers, repeat_sums
from acd.storage.table import Values
from acd.storage.tables import TABLES

ZONE = ZoneInfo("Asia/Shanghai")
BEGIN = datetime(2026, 11, 1, tzinfo=ZONE)
FROM, TO = BEGIN + timedelta(days=10), BEGIN + timedelta(days=20)
NOW = BEGIN + timedelta(days=25)
DAYS = 3
HALF_DAY_US = DAY_US // 2
AGENTS, QUEUES = ("1001", "1002"), ("sales", "service")

T = TypeVar("T")


class Step(Struct, frozen=True):
    """A state of an order: of which order of the call, which state, and when it was told."""

    order: int
    state: str
    at: int
    amount: int | None
    currency: str


class Said(Struct, frozen=True):
    """A disposition."""

    call_class: str
    agent: str
    queue: str
    category: str
    solved: bool | None
    ordered: bool
    order: int
    "0: without a number."

    amount: int | None
    entered: int


class Call(Struct, frozen=True):
    """One inbound call and all that was told of it."""

    half_day: int
    customer: str
    inbound: bool
    queue: str
    agent: str
    category: str
    said: tuple[Said, ...]
    steps: tuple[Step, ...]
    tickets: tuple[bool, ...]
    asked: tuple[Asked, ...]

    @property
    def started_us(self) -> int:
        return microseconds(BEGIN) + self.half_day * HALF_DAY_US


amounts = st.sampled_from([None, 0, 100, 250])
currencies = st.sampled_from(["CNY", "USD"])
categories = st.sampled_from(["", "health", "beauty"])
said = st.builds(
    Said,
    st.sampled_from(["inquiry", "order"]),
    st.sampled_from(AGENTS),
    st.sampled_from(QUEUES),
    categories,
    st.sampled_from([None, True, False]),
    st.booleans(),
    st.integers(0, 2),
    amounts,
    st.integers(0, 3),
)
steps = st.builds(
    Step,
    st.integers(1, 2),
    st.sampled_from(["placed", "cancelled", "signed", "refused", "returned"]),
    st.integers(0, 3),
    amounts,
    currencies,
)
asked = st.one_of(
    st.builds(Asked, score=st.one_of(st.none(), st.integers(1, 5))),
    st.builds(
        Asked,
        score=st.one_of(st.none(), st.integers(0, 10)),
        scale_low=st.just(0),
        scale_high=st.just(10),
    ),
)
calls = st.lists(
    st.builds(
        Call,
        st.integers(5, 14).map(lambda n: 3 * n),  # often exactly DAYS apart
        st.sampled_from(["a", "a", "b", ""]),
        st.sampled_from([True, True, True, False]),
        st.sampled_from(QUEUES),
        st.sampled_from(AGENTS),
        categories,
        st.lists(
            said,
            min_size=1,
            max_size=2,
            unique_by=(lambda one: one.agent, lambda one: one.entered),
        ).map(tuple),
        st.lists(steps, max_size=3).map(tuple),
        st.lists(st.booleans(), max_size=2).map(tuple),
        st.lists(asked, max_size=2).map(tuple),
    ),
    min_size=6,
    max_size=16,
)
cuts = st.tuples(
    st.sampled_from([Period.ALL, Period.DAY, Period.HOUR, Period.WEEK]),
    st.lists(st.sampled_from(["queue", "agent", "category"]), unique=True, max_size=2).map(tuple),
    st.sampled_from([{}, {"agent": "1001"}, {"queue": "sales", "category": "health"}]),
)


def rows_of(number: int, call: Call) -> list[Row]:
    """Return a call's rows."""
    home = {"interaction": f"i{number}", "started_us": call.started_us, "project": "main"}
    rows: list[Row] = [interaction(call, home), visit(call, home)]
    rows += [
        Disposition(
            **home,
            entered_us=call.started_us + one.entered,
            agent=one.agent,
            queue=one.queue,
            call_class=one.call_class,
            category=one.category,
            order_id=f"{number}/{one.order}" if one.order and one.ordered else "",
            ordered=one.ordered,
            solved=one.solved,
            amount=one.amount if one.ordered else None,
            currency="CNY" if one.ordered and one.amount is not None else "",
        )
        for one in call.said
    ]
    rows += [
        MatterOutcome(
            **home,
            ticket=str(ticket),
            at_us=call.started_us,
            solved=solved,
            entered_us=call.started_us,
            entered_by="",
        )
        for ticket, solved in enumerate(call.tickets)
    ]
    rows += [
        CsatAnswer(
            **home,
            question=str(question),
            at_us=call.started_us,
            score=one.score,
            scale_low=one.scale_low,
            scale_high=one.scale_high,
            comment="",
            channel="",
            agent=call.agent,
            queue=call.queue,
            entered_us=call.started_us,
            entered_by="",
        )
        for question, one in enumerate(call.asked)
    ]
    return rows


def order_rows(number: int, call: Call) -> list[OrderEvent]:
    return [
        OrderEvent(
            interaction=f"i{number}",
            started_us=call.started_us,
            project="main",
            order_id=f"{number}/{step.order}",
            key=f"k{key}",
            state=step.state,
            at_us=call.started_us + step.at,
            entered_us=call.started_us + 5,
            agent=call.agent,
            queue=call.queue,
            category=call.category,
            amount=step.amount,
            currency=step.currency if step.amount is not None else "",
            entered_by="",
        )
        for key, step in enumerate(call.steps)
    ]


def interaction(call: Call, home: dict[str, Any]) -> Interaction:
    texts = [
        "node",
        "boot",
        "agent",
        "number",
        "caller_name",
        "called",
        "account",
        "peer",
        "sip_call_id",
    ]
    return Interaction(
        **home,
        **dict.fromkeys(texts, ""),
        direction="inbound" if call.inbound else "outbound",
        caller=f"1380013800{ord(call.customer)}" if call.customer else "",
        customer_key=call.customer,
    )


def visit(call: Call, home: dict[str, Any]) -> QueueVisit:
    return QueueVisit(
        **home,
        visit="v",
        queue=call.queue,
        kind=call.queue,
        priority=0,
        category=call.category,
        entered_us=call.started_us,
        outcome="answered",
        waited_s=1.0,
        waited_before_s=0.0,
        short_abandon_s=5.0,
        service_level_s=20.0,
        agent=call.agent,
    )


class Tables:
    """Empty tables for each example: what one writes is rolled back after it has asked."""

    def __init__(self, dsn: str) -> None:
        self._runner = asyncio.Runner()
        self._connection = self._runner.run(asyncpg.connect(dsn))
        for month in (date(2026, 10, 1), date(2026, 11, 1)):
            self._runner.run(self._connection.execute("SELECT ensure_month($1)", month))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._connection.close())
        self._runner.close()

    def asks(
        self, told: list[Call], *questions: Callable[[asyncpg.Connection], Awaitable[Any]]
    ) -> list[Any]:
        """Write the calls and return the answers."""
        return self._runner.run(self._asks(told, questions))

    async def _asks(self, told: list[Call], questions: tuple[Any, ...]) -> list[Any]:
        transaction = self._connection.transaction(isolation="repeatable_read")
        await transaction.start()
        try:
            by_kind: dict[type[Row], list[Values]] = {}
            for number, call in enumerate(told):
                for row in [*rows_of(number, call), *order_rows(number, call)]:
                    by_kind.setdefault(type(row), []).append(TABLES[type(row)].values(row))
            for kind, records in by_kind.items():
                table = TABLES[kind]
                await self._connection.copy_records_to_table(
                    table.name, columns=table.columns, records=records
                )
            await self._connection.execute("SELECT repeat_contacts_mark_all()")
            return [await question(self._connection) for question in questions]
        finally:
            await transaction.rollback()


def cutting(cut: tuple[Period, tuple[str, ...], dict[str, str]]) -> Cutting:
    period, by, only = cut
    return Cutting(
        from_at=FROM.astimezone(UTC),
        to_at=TO.astimezone(UTC),
        zone=ZONE,
        period=period,
        by=by,
        only=only,
    )


def begin_us(period: Period, started_us: int) -> int | None:
    """Return the begin of a period in a zone without daylight saving."""
    at = datetime.fromtimestamp(started_us / 1e6, ZONE).replace(microsecond=0)
    match period:
        case Period.ALL:
            return None
        case Period.HOUR:
            begin = at.replace(minute=0, second=0)
        case Period.WEEK:
            begin = at.replace(hour=0, minute=0, second=0) - timedelta(days=at.weekday())
        case _:
            begin = at.replace(hour=0, minute=0, second=0)
    return us(begin.astimezone(UTC))


def place(what: Cutting, started_us: int, **dimensions: str) -> Place | None:
    """Return a row's line; None: it is not asked for."""
    if any(dimensions[name] != value for name, value in what.only.items()):
        return None
    return Place(begin_us(what.period, started_us), tuple(dimensions[name] for name in what.by))


def wanted(lines: dict[Place | None, T]) -> dict[Place, T]:
    return {line: sums for line, sums in lines.items() if line is not None}


def within(call: Call) -> bool:
    return us(FROM) <= call.started_us < us(TO)


several = settings(max_examples=50)


def test_repeat_calls_are_those_of_the_library(dsn: str) -> None:
    with Tables(dsn) as tables:

        @several
        @given(told=calls, cut=cuts, bulk=st.booleans())
        def check(told: list[Call], cut: Any, bulk: bool) -> None:
            what = cutting(cut)
            last = {
                number: max(call.said, key=lambda one: (one.entered, -int(one.agent)))
                for number, call in enumerate(told)
                if call.said and call.inbound and call.customer
            }
            contacts = [
                Contact(
                    customer=told[number].customer,
                    call_class=one.call_class,
                    started_us=told[number].started_us,
                    interaction=f"i{number}",
                    solved=all(told[number].tickets) if told[number].tickets else bool(one.solved),
                )
                for number, one in last.items()
            ]

            def line(contact: Contact) -> Place | None:
                one = last[int(contact.interaction[1:])]
                fields = {"queue": one.queue, "agent": one.agent, "category": one.category}
                return place(what, contact.started_us, **fields)

            expected = repeat_lines(
                contacts, line, days=DAYS, from_us=us(FROM), to_us=us(TO), now_us=us(NOW)
            )

            async def kept(connection: asyncpg.Connection) -> None:
                """Set the contacts beside their neighbours before they are asked for."""
                # All that there are: a call after the period decides what its last days resolved.
                parts = months(BEGIN.astimezone(UTC), NOW.astimezone(UTC))
                for some in [[part] for part in parts] if bulk else [parts]:
                    await repeat_contacts.compute(connection, some, bulk=bulk)
                await connection.execute("DELETE FROM repeat_contacts_dirty")

            found, callers, _, *again = tables.asks(
                told,
                lambda c: repeat_sums(c, what, days=DAYS, now_at=NOW),
                lambda c: repeat_callers(c, cutting((cut[0], (), {})), days=DAYS),
                kept,
                lambda c: repeat_sums(c, what, days=DAYS, now_at=NOW),
                lambda c: repeat_callers(c, cutting((cut[0], (), {})), days=DAYS),
            )
            assert found == wanted(expected)
            assert again == [found, callers]
            by_customer = repeat_lines(
                contacts,
                lambda one: f"1380013800{ord(one.customer)}",
                days=DAYS,
                from_us=us(FROM),
                to_us=us(TO),
                now_us=us(NOW),
            )
            assert {one.caller: (one.calls, one.repeats) for one in callers} == {
                caller: (sums.calls, sums.repeats)
                for caller, sums in by_customer.items()
                if sums.repeats
            }

        check()


def test_orders_are_those_of_the_library(dsn: str) -> None:
    with Tables(dsn) as tables:

        @several
        @given(told=calls, cut=cuts)
        def check(told: list[Call], cut: Any) -> None:
            what = cutting(cut)
            starts = {f"i{number}": call.started_us for number, call in enumerate(told)}
            steps_told: list[OrderStep] = []
            sales: list[SalesCall] = []
            for number, call in enumerate(told):
                if not within(call):
                    continue
                steps_told += map(_step_told, order_rows(number, call))
                steps_told += [
                    _step_said(row)
                    for row in rows_of(number, call)
                    if isinstance(row, Disposition) and row.ordered
                ]
                if call.queue == "sales":
                    by_agent = {one.agent: one.category for one in call.said}
                    category = by_agent.get(call.agent, "") if _uses(what, "category") else ""
                    sales.append(
                        SalesCall(
                            call=f"i{number}",
                            queue=call.queue,
                            agent=call.agent,
                            category=category or call.category,
                        )
                    )

            def line(one: Order | SalesCall) -> Place | None:
                fields = {"queue": one.queue, "agent": one.agent, "category": one.category}
                return place(what, starts[one.call], **fields)

            expected = order_lines(orders_of(steps_told), sales, line)
            (found,) = tables.asks(told, lambda c: order_sums(c, what))
            assert found == wanted(expected)

        check()


def _uses(what: Cutting, dimension: str) -> bool:
    return dimension in {*what.by, *what.only}


def _step_told(row: OrderEvent) -> OrderStep:
    names = [
        "order_id",
        "state",
        "at_us",
        "entered_us",
        "key",
        "agent",
        "queue",
        "category",
        "amount",
        "currency",
    ]
    return OrderStep(call=row.interaction, **{name: getattr(row, name) for name in names})


def _step_said(row: Disposition) -> OrderStep:
    names = ["order_id", "entered_us", "agent", "queue", "category", "amount", "currency"]
    fields = {name: getattr(row, name) for name in names}
    return OrderStep(
        call=row.interaction, state="placed", at_us=row.started_us, key="", said=True, **fields
    )


def test_answers_are_those_of_the_library(dsn: str) -> None:
    with Tables(dsn) as tables:

        @several
        @given(told=calls, cut=cuts)
        def check(told: list[Call], cut: Any) -> None:
            what = cutting(cut)
            questions: list[tuple[Place | None, Asked]] = []
            for call in filter(within, told):
                ranked = sorted(call.said, key=lambda one: (one.agent != call.agent, -one.entered))
                category = ranked[0].category if ranked else ""
                fields = {"queue": call.queue, "agent": call.agent, "category": category}
                questions += [(place(what, call.started_us, **fields), one) for one in call.asked]
            expected = wanted(csat_lines(questions))
            (found,) = tables.asks(told, lambda c: csat_sums(c, what))
            assert found.keys() == expected.keys()
            for line, sums in found.items():
                other = expected[line]
                assert abs(sums.shares - other.shares) < 1e-9
                assert (sums.asked, sums.answered, sums.satisfied, sums.fifths) == (
                    *(other.asked, other.answered, other.satisfied, other.fifths),
                )

        check()
