"""Erlang's formulas, and the production router against them. The figures: theory.py."""

from math import exp, factorial

import pytest
from theory import POINTS, T_99, Crowd, Point, by_hand, guessing, interval

from acd.simulation.erlang import ErlangError, erlang_a, erlang_b, erlang_c, wait_beyond

CALLS = 10_000
LONG_RUN = 250_000
HEAVY = Point(50, 48, 60)
IMPATIENT = Point(50, 48, 60, 120)


def test_erlang_b_of_the_tables() -> None:
    """Load at which 1 % of calls are lost: the usual tables."""
    assert erlang_b(1, 0.0101) == pytest.approx(0.01, abs=1e-4)
    assert erlang_b(10, 4.461) == pytest.approx(0.01, abs=1e-5)
    assert erlang_b(50, 37.901) == pytest.approx(0.01, abs=1e-5)


def test_erlang_c_of_one_agent_and_two() -> None:
    """M/M/1: P(wait) = ρ, mean wait ρ/(1 − ρ)·s; M/M/2: P(wait) = 2ρ²/(1 + ρ)."""
    one = erlang_c(1, 0.008, 100.0)
    assert one.wait_probability == pytest.approx(0.8)
    assert one.mean_wait_s == pytest.approx(400.0)
    assert erlang_c(2, 0.016, 100.0).wait_probability == pytest.approx(2 * 0.64 / 1.8)
    assert wait_beyond(one, 1, 0.8, 100.0, 0.0) == pytest.approx(0.8)
    assert wait_beyond(one, 1, 0.8, 100.0, 500.0) == pytest.approx(0.8 * exp(-1.0))


def test_the_lines_that_are_quoted_everywhere() -> None:
    heavy = HEAVY.theory()
    assert heavy.wait_probability == pytest.approx(0.6945, abs=5e-5)
    assert heavy.mean_wait_s == pytest.approx(20.83, abs=5e-3)
    impatient = IMPATIENT.theory()
    assert impatient.abandoned == pytest.approx(0.0309, abs=5e-5)
    assert impatient.mean_wait_s == pytest.approx(3.71, abs=5e-3)


def test_erlang_a_lies_between_b_and_c() -> None:
    """Without patience nobody waits: what is lost is Erlang B's. With all patience it is C."""
    hasty = erlang_a(50, 0.8, 60.0, 1e-6)
    assert hasty.abandoned == pytest.approx(erlang_b(50, 48.0), rel=1e-4)
    patient = erlang_a(50, 0.8, 60.0, 1e9)
    assert patient.wait_probability == pytest.approx(HEAVY.theory().wait_probability, rel=1e-4)
    assert patient.mean_wait_s == pytest.approx(HEAVY.theory().mean_wait_s, rel=1e-4)


def test_with_patience_as_long_as_the_talk_callers_are_poisson() -> None:
    """θ = µ: everybody goes at µ, waiting or served, as with infinitely many agents."""
    line = erlang_a(3, 0.02, 100.0, 100.0)
    share = [exp(-2.0) * 2.0**k / factorial(k) for k in range(40)]
    assert line.wait_probability == pytest.approx(sum(share[3:]))
    waiting = sum((k - 3) * share[k] for k in range(4, 40))
    assert line.mean_wait_s == pytest.approx(waiting / 0.02)
    assert line.abandoned == pytest.approx(waiting / 100.0 / 0.02)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: erlang_c(10, 0.1, 100.0), "more than 10 agents"),
        (lambda: erlang_b(0, 1.0), "at least 1"),
        (lambda: erlang_b(1, 0.0), "more than 0"),
        (lambda: erlang_a(10, 0.1, 100.0, 0.0), "patience"),
    ],
)
def test_what_has_no_steady_state_says_so(call, said: str) -> None:
    with pytest.raises(ErlangError, match=said):
        call()


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_the_router_serves_everybody_at_the_moment_that_a_fair_line_does(point: Point) -> None:
    measured = Crowd(point, CALLS, seed=1).run()
    line = by_hand(point, CALLS, seed=1)
    assert measured.waits_s == pytest.approx(line.waits_s, abs=1e-6)
    assert measured.abandoned == line.abandoned
    assert measured.waited == line.waited


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_a_fair_line_waits_as_theory_says(point: Point) -> None:
    """With more calls than the router can be given here; it waits alike, as the test above says.

    Batches have to be far longer than a line takes to forget, some 2,400 calls at 96 % load.
    """
    measured, line = by_hand(point, LONG_RUN, seed=2), point.theory()
    for theory, figures in (
        (line.wait_probability, measured.waited),
        (line.mean_wait_s, measured.waits_s),
        (line.abandoned, measured.abandoned),
    ):
        mean, half = interval(figures, T_99)
        assert mean == pytest.approx(theory, abs=half)
    _, half = interval(measured.waited, T_99)
    assert half < 0.1 * line.wait_probability


@pytest.mark.parametrize("point", [HEAVY, IMPATIENT], ids=str)
def test_the_estimated_wait_from_place_12_on(point: Point) -> None:
    guesses = guessing(Crowd(point, 4 * CALLS, seed=3).run(), point.patience_s)
    assert guesses.count > 1_000
    assert abs(guesses.bias) <= 0.05
    assert guesses.median_error <= 0.2
