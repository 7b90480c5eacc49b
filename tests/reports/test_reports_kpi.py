"""KPI definitions: the handbook's worked example, the named variants, and the identity."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.cdr_rows import (
    AgentStateInterval,
    Disposition,
    OrderEvent,
    QueueVisit,
    TalkSegment,
)
from acd.reports.kpi import PARTS, QueueKpi, ServiceLevel, queue_kpis, with_all_queues

OUTCOMES = [
    "answered",
    "short_abandon",
    "abandoned",
    "exited",
    "callback",
    "overflowed",
    "timed_out",
    "refused_full",
    "empty",
    "closed",
    "faulted",
    "waiting",
    "something_new",
]


@dataclasses.dataclass
class Centre:
    """Numbers the visits of a queue."""

    visits: list[QueueVisit] = dataclasses.field(default_factory=list)

    def visit(self, outcome: str, waited_s: float | None = 1.0, **more) -> QueueVisit:
        number = len(self.visits)
        fields = {"interaction": f"call-{number}", "visit": f"visit-{number}", "queue": "sales"}
        fields |= {"kind": "sales", "entered_us": number, "agent": "1001"} | more
        visit = QueueVisit(
            started_us=0,
            project="main",
            priority=0,
            category="",
            outcome=outcome,
            waited_s=waited_s,
            waited_before_s=0.0,
            short_abandon_s=5.0,
            service_level_s=20.0,
            **fields,
        )
        self.visits.append(visit)
        return visit

    def kpi(self, **more) -> QueueKpi:
        (kpi,) = queue_kpis(self.visits, from_us=0, to_us=10**9, **more)
        return kpi


def talk(visit: QueueVisit, talk_s: float, hold_s: float) -> TalkSegment:
    return TalkSegment(
        interaction=visit.interaction,
        started_us=0,
        project="main",
        leg=f"leg-{visit.visit}",
        visit=visit.visit,
        queue=visit.queue,
        agent=visit.agent,
        began_us=0,
        talk_s=talk_s,
        hold_s=hold_s,
    )


def wrap_up(visit: QueueVisit, duration_s: float, state: str = "wrap_up") -> AgentStateInterval:
    return AgentStateInterval(
        node="n",
        boot="b",
        seq=1,
        project="main",
        agent=visit.agent,
        state=state,
        queue=visit.queue,
        interaction=visit.interaction,
        began_us=0,
        began_mono_s=0.0,
        duration_s=duration_s,
    )


def order(visit: QueueVisit, queue: str = "", *, ordered: bool = True) -> Disposition:
    return Disposition(
        interaction=visit.interaction,
        started_us=0,
        project="main",
        entered_us=0,
        agent=visit.agent,
        queue=queue,
        call_class="order",
        category="",
        order_id="",
        ordered=ordered,
        solved=None,
    )


def handbook() -> Centre:
    """Offered 510, answered 460 of which 410 within 20 s, 10 short abandons, 40 abandons."""
    centre = Centre()
    for outcome, waited_s, count in (
        ("answered", 20.0, 410),
        ("answered", 20.5, 50),
        ("short_abandon", 3.0, 10),
        ("abandoned", 15.0, 8),
        ("abandoned", 60.0, 32),
    ):
        for _ in range(count):
            centre.visit(outcome, waited_s)
    return centre


def test_the_handbooks_worked_example() -> None:
    kpi = handbook().kpi()
    assert (kpi.offered, kpi.answered, kpi.short_abandons, kpi.abandons) == (510, 460, 10, 40)
    assert kpi.answer_rate == pytest.approx(460 / 510)
    assert f"{kpi.answer_rate:.1%}" == "90.2%"
    assert f"{kpi.service_level:.1%}" == "80.4%"
    assert f"{kpi.abandon_rate:.1%}" == "7.8%"
    assert kpi.service_level_definition == "offered"


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (ServiceLevel.OFFERED, 410 / 510),
        (ServiceLevel.OFFERED_WITHOUT_SHORT_ABANDONS, 410 / 500),
        (ServiceLevel.ANSWERED, 410 / 460),
        (ServiceLevel.ABANDONS_MET, (410 + 10 + 8) / 510),
    ],
)
def test_variants_of_service_level_are_named(definition: ServiceLevel, expected: float) -> None:
    kpi = handbook().kpi(service_level=definition)
    assert kpi.service_level == pytest.approx(expected)
    assert kpi.service_level_definition == definition.value


def test_asa_aht_and_conversion() -> None:
    centre = Centre()
    first, second = centre.visit("answered", 4.0), centre.visit("answered", 8.0)
    kpi = centre.kpi(
        talks=[talk(first, 50.0, 10.0), talk(second, 20.0, 0.0)],
        states=[wrap_up(first, 30.0), wrap_up(second, 10.0), wrap_up(first, 99.0, "talking")],
        dispositions=[order(first), order(second, ordered=False)],
    )
    assert kpi.asa_s == pytest.approx(6.0)
    assert kpi.aht_s == pytest.approx((50 + 10 + 30 + 20 + 10) / 2)
    assert (kpi.orders, kpi.conversion_rate) == (1, 0.5)


def test_a_service_queue_has_orders_but_no_conversion() -> None:
    centre = Centre()
    visit = centre.visit("answered", kind="service")
    kpi = centre.kpi(dispositions=[order(visit)])
    assert (kpi.orders, kpi.conversion_rate) == (1, None)


def test_an_order_belongs_to_the_last_answered_visit_of_its_queue() -> None:
    centre = Centre()
    first = centre.visit("answered", interaction="call")
    centre.visit("answered", interaction="call", queue="service", kind="service")
    centre.visit("overflowed", interaction="call")

    def orders(disposition: Disposition) -> dict[str, int]:
        kpis = queue_kpis(centre.visits, dispositions=[disposition], from_us=0, to_us=10**9)
        return {kpi.queue: kpi.orders for kpi in kpis}

    assert orders(order(first)) == {"sales": 0, "service": 1}
    assert orders(order(first, "sales")) == {"sales": 1, "service": 0}
    assert orders(order(first, "unknown")) == {"sales": 0, "service": 0}


def told(visit: QueueVisit, queue: str, entered_us: int = 0, **more) -> OrderEvent:
    """An order that the shop has told of the agent's part of a call."""
    fields = {"interaction": visit.interaction, "agent": visit.agent, "state": "placed"} | more
    return OrderEvent(
        started_us=0,
        project="main",
        order_id=f"order-{queue}-{entered_us}",
        key="",
        at_us=entered_us,
        entered_us=entered_us,
        queue=queue,
        category="",
        amount=None,
        currency="",
        entered_by="shop",
        **fields,
    )


def test_an_order_that_a_shop_told_needs_no_disposition() -> None:
    centre = Centre()
    first = centre.visit("answered", interaction="call")
    centre.visit("answered", interaction="call", queue="service", kind="service")

    def orders(*events: OrderEvent, dispositions: tuple[Disposition, ...] = ()) -> dict[str, int]:
        kpis = queue_kpis(
            centre.visits, dispositions=dispositions, orders=events, from_us=0, to_us=10**9
        )
        return {kpi.queue: kpi.orders for kpi in kpis if kpi.orders}

    assert orders(told(first, "")) == {"service": 1}
    assert orders(told(first, "sales")) == {"sales": 1}
    assert orders(told(first, "sales", state="cancelled")) == {"sales": 1}
    assert orders(told(first, "sales"), told(first, "sales", 1)) == {"sales": 1}
    assert orders(told(first, "sales", 2), told(first, "service", 1)) == {"sales": 1}
    assert orders(told(first, "unknown")) == {}
    assert orders(told(first, "sales", agent="1002")) == {}
    assert orders(told(first, "sales", agent="")) == {}
    assert orders(told(first, "sales", interaction="")) == {}
    # Where the agent has classed the call, that says whose the order is.
    classed = order(first, ordered=False)
    assert orders(told(first, "sales"), dispositions=(classed,)) == {"service": 1}


def test_a_visit_belongs_to_where_it_was_offered() -> None:
    centre = Centre()
    for entered_us in (99, 100, 199, 200):
        centre.visit("answered", entered_us=entered_us)
    (kpi,) = queue_kpis(centre.visits, from_us=100, to_us=200)
    assert kpi.offered == 2


def test_nothing_to_divide_by_is_none() -> None:
    centre = Centre()
    centre.visit("waiting", None)
    kpi = centre.kpi()
    assert (kpi.offered, kpi.waiting, kpi.answer_rate) == (1, 1, 0.0)
    assert (kpi.asa_s, kpi.aht_s, kpi.conversion_rate) == (None, None, None)


def test_queues_without_calls_are_listed() -> None:
    kpis = with_all_queues(handbook().kpi() and [handbook().kpi()], ["service", "sales", "vip"])
    assert [(kpi.queue, kpi.offered) for kpi in kpis] == [
        ("sales", 510),
        ("service", 0),
        ("vip", 0),
    ]
    assert kpis[1].answer_rate is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(OUTCOMES),
            st.sampled_from(["sales", "service"]),
            st.floats(0, 100),
        )
    )
)
def test_offered_is_the_sum_of_its_parts_and_rates_are_fractions(visits) -> None:
    centre = Centre()
    for outcome, queue, waited_s in visits:
        centre.visit(outcome, None if outcome == "waiting" else waited_s, queue=queue)
    for level in ServiceLevel:
        kpis = queue_kpis(centre.visits, from_us=0, to_us=10**9, service_level=level)
        assert sum(kpi.offered for kpi in kpis) == len(visits)
        for kpi in kpis:
            assert kpi.offered == sum(getattr(kpi, part) for part in PARTS)
            for rate in (kpi.answer_rate, kpi.service_level, kpi.abandon_rate):
                assert rate is None or 0 <= rate <= 1
