"""Service levels under every name: the figures of one day, and what all of them have in common."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.reports.measures import FLOW_OUTS, MEASURES, PARTS, Measures, Visited, measures_of
from acd.reports.service_level import DEFINITIONS, ServiceLevel, service_level

OUTCOMES = (
    *("answered", "short_abandon", "abandoned", "exited", "callback", "overflowed", "timed_out"),
    *("refused_full", "empty", "closed", "faulted", "waiting", "something_new"),
)


def visit(outcome: str, waited_s: float | None = 1.0, **more) -> Visited:
    fields = {"kind": "sales", "service_level_s": 20.0} | more
    return Visited(outcome=outcome, waited_s=waited_s, **fields)


def total(visits) -> Measures:
    return sum(map(measures_of, visits), Measures())


def led_on(measures: Measures) -> int:
    return sum(getattr(measures, part) for part in FLOW_OUTS)


def hundred() -> list[Visited]:
    """80 answered, 70 of them within 20 s; 15 gave up, 10 within 20 s and 6 within 5 s; 5 left."""
    return [
        *[visit("answered", 20.0)] * 70,
        *[visit("answered", 20.001)] * 10,
        *[visit("short_abandon", 4.0)] * 6,
        *[visit("abandoned", 12.0)] * 4,
        *[visit("abandoned", 45.0)] * 5,
        *[visit("overflowed", 60.0)] * 5,
    ]


FIGURES = {
    ServiceLevel.OFFERED: "70.00",
    ServiceLevel.OFFERED_WITHOUT_SHORT_ABANDONS: "74.47",
    ServiceLevel.ANSWERED: "87.50",
    ServiceLevel.ABANDONS_MET: "80.00",
    ServiceLevel.ASTERISK: "87.50",
    ServiceLevel.ASTERISK_2: "84.21",
    ServiceLevel.AMAZON_CONNECT: "80.00",
    ServiceLevel.GENESYS: "73.68",
    ServiceLevel.GENESYS_WITHOUT_SHORT_ABANDONS: "78.65",
    ServiceLevel.GENESYS_WITH_FLOW_OUTS: "70.00",
}


@pytest.mark.parametrize("definition", ServiceLevel)
def test_the_figures_of_one_day(definition: ServiceLevel) -> None:
    measures = total(hundred())
    assert (measures.offered, measures.answered, led_on(measures)) == (100, 80, 5)
    assert f"{service_level(measures, definition) * 100:.2f}" == FIGURES[definition]


def test_where_two_definitions_agree_on_that_day_they_differ_on_another() -> None:
    day = hundred()

    def level(name: str, *more: Visited) -> float:
        return round(service_level(total([*day, *more]), ServiceLevel(name)), 4)

    early, late = visit("callback", 3.0), visit("callback", 30.0)
    assert level("abandons_met", early) == round(80 / 101, 4)
    assert level("amazon_connect", early) == round(81 / 101, 4)
    assert level("amazon_connect", late) == round(80 / 101, 4)
    assert level("amazon_connect", visit("exited", 3.0)) == round(80 / 101, 4)
    fault = visit("faulted", 3.0)
    assert level("offered", fault) == round(70 / 101, 4)
    assert level("genesys_with_flow_outs", fault) == 0.7


def test_every_definition_has_its_words() -> None:
    assert DEFINITIONS.keys() == set(ServiceLevel)
    for one in DEFINITIONS.values():
        assert one.words.en
        assert one.words.zh != one.words.en
    assert set(FLOW_OUTS) < set(PARTS) < set(MEASURES)


visits = st.lists(
    st.builds(
        Visited,
        outcome=st.sampled_from(OUTCOMES),
        kind=st.sampled_from(["sales", "service"]),
        waited_s=st.none() | st.integers(0, 60).map(float),
        service_level_s=st.sampled_from([10.0, 20.0]),
        ordered=st.booleans(),
        talk_s=st.integers(0, 900).map(float),
        hold_s=st.integers(0, 90).map(float),
        wrap_up_s=st.integers(0, 90).map(float),
    ),
    max_size=40,
)


@given(visits, visits)
def test_measures_add_up_in_any_order_and_grouping(some, others) -> None:
    together = total([*some, *others])
    assert total(others) + total(some) == together
    assert total(reversed([*some, *others])) == together
    assert together + Measures() == together


@given(visits)
def test_offered_is_the_sum_of_its_parts_and_levels_are_fractions(some) -> None:
    measures = total(some)
    assert measures.offered == len(some)
    assert measures.in_time <= measures.answered
    assert measures.abandons_in_time <= measures.short_abandons + measures.abandons
    assert measures.callbacks_in_time <= measures.flow_outs_in_time <= led_on(measures)
    levels = {one: service_level(measures, one) for one in ServiceLevel}
    assert all(level is None or 0 <= level <= 1 for level in levels.values())
    assert (levels[ServiceLevel.OFFERED] is None) == (not some)
    assert levels[ServiceLevel.ASTERISK] == levels[ServiceLevel.ANSWERED]


def test_what_did_not_come_to_an_agent_has_no_handle_time_and_no_order() -> None:
    measures = total([visit("abandoned", 9.0, talk_s=5.0, ordered=True)])
    assert (measures.talk_s, measures.hold_s, measures.wrap_up_s) == (0.0, 0.0, 0.0)
    assert (measures.orders, measures.wait_s) == (0, 0.0)
    assert (measures.abandon_wait_s, measures.longest_wait_s) == (9.0, 9.0)
