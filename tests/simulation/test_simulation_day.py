"""A day of given callers: files, draws, and figures that can be checked by hand."""

import random
from math import inf
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from acd.calls.contacts import Contacts
from acd.config.queues import LayerSettings
from acd.routing.model import (
    AgentProfile,
    Grade,
    LayerProfile,
    Overflow,
    QueueKind,
    QueueProfile,
    Requirements,
)
from acd.simulation.day import Day, DaySettings
from acd.simulation.day_figures import QUARTER_S, DayFigures, QueueFigures
from acd.simulation.day_files import (
    LONGEST_LINE,
    Caller,
    DayFileError,
    Shift,
    Times,
    read_arrivals,
    read_shifts,
)
from acd.simulation.erlang import erlang_a

SHANGHAI = ZoneInfo("Asia/Shanghai")
AT_ONCE = DaySettings(ring_mean_s=0.0, patience_mean_s=inf, conversion=1.0)
SALES = QueueProfile(
    name="sales",
    kind=QueueKind.SALES,
    skill="sales",
    layers=(LayerProfile(name="all", order="longest_idle"),),
    wrap_up_s=30.0,
    max_wait_s=100.0,
    overflow=Overflow(queue="service"),
)
SERVICE = replace(
    SALES,
    name="service",
    kind=QueueKind.SERVICE,
    skill="service",
    overflow=None,
    max_wait_s=500.0,
)


def agent(number: str, skill: str = "sales", **fields: object) -> AgentProfile:
    return AgentProfile(
        number=number, name=number, account=number, skills={skill: Grade.A}, **fields
    )


TWO = (agent("1001"), agent("1002"))


def known() -> Contacts:
    return Contacts(kept_s=1e6, maximum=100)


def run(
    *callers: Caller,
    agents: tuple[AgentProfile, ...] = (agent("1001"), agent("2001", "service")),
    queues: tuple[QueueProfile, ...] = (SALES, SERVICE),
    shifts: tuple[Shift, ...] | None = None,
    settings: DaySettings = AT_ONCE,
    contacts: Contacts | None = None,
) -> DayFigures:
    day = Day(
        agents=agents,
        queues=queues,
        shifts=shifts,
        settings=settings,
        randomness=random.Random(1),
        contacts=contacts,
    )
    return day.run(callers)


def caller(at_s: float, service_s: float = 60.0, queue: str = "sales", **more: object) -> Caller:
    return Caller(at_s=at_s, queue=queue, service_s=service_s, **more)


def test_two_callers_and_one_agent() -> None:
    """The second waits for the rest of the talk and for the after-call work."""
    figures = run(caller(100.0), caller(110.0))
    sales = figures.queues["sales"].total
    assert (sales.offered, sales.answered, sales.answered_in_time, sales.orders) == (2, 2, 1, 2)
    assert sales.waited_s == pytest.approx(60.0 + 30.0 - 10.0)
    assert sales.asa_s == pytest.approx(40.0)
    assert sales.service_level == pytest.approx(0.5)
    busy = figures.agents["1001"]
    assert (busy.handled, busy.orders) == (2, 2)
    assert (busy.talk_s, busy.wrap_up_s) == pytest.approx((120.0, 60.0))
    assert busy.occupancy == pytest.approx(1.0)
    assert figures.queues["sales"].handled_s == pytest.approx(180.0)
    assert figures.agents["2001"].occupancy == 0.0
    assert figures.agents["2001"].ready_s == pytest.approx(figures.ended_s - 100.0)


def test_who_waits_too_long_overflows_and_keeps_the_place() -> None:
    """Out of sales at 200 s; the agent is free at 230 s, and another one came at 180 s."""
    figures = run(
        caller(100.0, 1_000.0),
        caller(100.0, 50.0),
        caller(130.0, 70.0, "service"),
        caller(180.0, 10.0, "service"),
    )
    sales, service = figures.queues["sales"].total, figures.queues["service"].total
    assert (sales.offered, sales.overflowed, sales.answered) == (2, 1, 1)
    assert (service.offered, service.answered) == (3, 3)
    # 30 s in service of who came from sales, then a talk of 50 s and 30 s of wrap-up.
    assert service.waited_s == pytest.approx(0.0 + 30.0 + (230.0 + 80.0 - 180.0))


def test_who_gives_up_is_an_abandon_or_a_short_one() -> None:
    figures = run(
        caller(100.0, 90.0), caller(101.0, patience_s=4.0), caller(101.0, patience_s=30.0)
    )
    sales = figures.queues["sales"].total
    assert (sales.offered, sales.answered) == (3, 1)
    assert (sales.short_abandons, sales.abandons) == (1, 1)


def test_patience_goes_on_in_the_queue_that_takes_over() -> None:
    figures = run(caller(0.0, 1_000.0), caller(0.0, patience_s=130.0), agents=(agent("1001"),))
    assert figures.queues["sales"].total.overflowed == 1
    assert figures.queues["service"].total.abandons == 1


def test_shifts_say_who_is_there_and_how_well_they_sell() -> None:
    shifts = (Shift(agent="1001", from_s=500.0, to_s=1_000.0, conversion=0.0),)
    figures = run(caller(450.0), caller(990.0, 100.0), caller(1_005.0), shifts=shifts)
    sales = figures.queues["sales"].total
    assert (sales.answered, sales.overflowed, sales.orders) == (2, 1, 0)
    assert sales.waited_s == pytest.approx(50.0)
    assert figures.agents["1001"].logged_in_s == pytest.approx(590.0 + 30.0)
    assert figures.agents["2001"].logged_in_s == 0.0


@pytest.mark.parametrize(
    "spans", [((0, 600), (600, 900)), ((600, 900), (0, 600)), ((0, 700), (500, 900), (550, 560))]
)
def test_shifts_of_one_agent_that_touch_or_overlap_are_one(spans) -> None:
    """In whatever order they stand."""
    shifts = tuple(Shift(agent="1001", from_s=low, to_s=high) for low, high in spans)
    figures = run(caller(800.0), shifts=shifts)
    assert figures.queues["sales"].total.answered == 1
    assert figures.agents["1001"].logged_in_s == pytest.approx(900.0)


def test_a_call_requires_of_its_agent_what_the_queue_says() -> None:
    queue = replace(SALES, requires=Requirements(language="yue"), max_wait_s=50.0, overflow=None)
    figures = run(caller(0.0), queues=(queue,), agents=(agent("1001"),))
    assert figures.queues["sales"].total.answered == 0
    figures = run(caller(0.0), queues=(queue,), agents=(agent("1001", languages=("yue",)),))
    assert figures.queues["sales"].total.answered == 1


def test_a_caller_s_number_is_known_to_rules_and_managers() -> None:
    vip = LayerSettings(name="vip", order="top_down", when='call.caller == "42"').profile()
    rest = LayerProfile(name="rest", order="top_down", after_s=20.0)
    queue = replace(SALES, layers=(vip, rest), prefers=("manager",), overflow=None)
    figures = run(caller(0.0, caller="42"), caller(0.0, caller="7"), queues=(queue,), agents=TWO)
    assert figures.queues["sales"].total.waited_s == pytest.approx(20.0)
    managed = (TWO[0], replace(TWO[1], customers=("42",)))
    figures = run(caller(0.0, caller="42"), queues=(queue,), agents=managed)
    assert figures.agents["1002"].handled == 1


def test_a_caller_who_comes_again_meets_the_last_agent() -> None:
    queue = replace(SALES, layers=(LayerProfile(name="all", order="top_down"),), overflow=None)
    callers = [caller(0.0, caller=number) for number in ("7", "42")]
    again = caller(500.0, caller="42")
    assert run(*callers, again, queues=(queue,), agents=TWO).agents["1001"].handled == 2
    queue = replace(queue, prefers=("last_agent",))
    figures = run(*callers, again, queues=(queue,), agents=TWO, contacts=known())
    assert figures.agents["1002"].handled == 2


def test_a_rank_set_by_hand_is_the_conversion_unless_the_shift_says_it() -> None:
    sure = agent("1001", rank={"sales": 1.0})
    callers = [caller(1_000.0 * i) for i in range(1, 21)]
    settings = replace(AT_ONCE, conversion=0.0)
    assert run(*callers, agents=(sure,), settings=settings).agents["1001"].orders == 20
    assert run(*callers, settings=settings).agents["1001"].orders == 0
    unknown = replace(AT_ONCE, conversion=None)
    assert run(*callers, settings=unknown).queues["sales"].total.orders == 0


def test_what_is_drawn_agrees_with_theory() -> None:
    """Ten agents, 3 calls a minute of 180 s, patience 120 s: Erlang A, to its interval of 99 %."""
    randomness = random.Random(5)
    at_s, callers = 0.0, []
    for _ in range(20_000):
        at_s += randomness.expovariate(3 / 60)
        callers.append(Caller(at_s=at_s, queue="sales"))
    queue = replace(SALES, wrap_up_s=0.0, max_wait_s=1e6, overflow=None)
    settings = DaySettings(exponential_talk=True, patience_mean_s=120.0, ring_mean_s=0.0)
    agents = tuple(agent(f"10{i:02}") for i in range(10))
    sales = run(*callers, agents=agents, queues=(queue,), settings=settings).queues["sales"].total
    abandoned = (sales.abandons + sales.short_abandons) / sales.offered
    assert abandoned == pytest.approx(erlang_a(10, 0.05, 180.0, 120.0).abandoned, rel=0.08)


def test_talk_times_have_the_mean_and_the_spread() -> None:
    callers = [Caller(at_s=10_000.0 * i, queue="sales") for i in range(4_000)]
    settings = replace(AT_ONCE, talk_mean_s=200.0, talk_spread=0.5)
    figures = run(*callers, settings=settings)
    assert figures.agents["1001"].talk_s / 4_000 == pytest.approx(200.0, rel=0.03)


def test_a_seed_decides_the_day() -> None:
    callers = [Caller(at_s=20.0 * i, queue="sales") for i in range(200)]
    settings = DaySettings(conversion=0.4)
    first, second = (run(*callers, settings=settings) for _ in range(2))
    assert first.queues["sales"].total == second.queues["sales"].total


def test_quarters_and_percentiles() -> None:
    figures = QueueFigures(sales=True)
    for second in range(100):
        figures.count("answered", 10 * QUARTER_S + second, float(second), second < 20)
    figures.count("abandons", 11 * QUARTER_S, 5.0, in_time=False)
    assert figures.quarters[10].service_level == pytest.approx(0.2)
    assert figures.quarters[11].abandons == 1
    assert (figures.wait_s(0.5), figures.wait_s(0.9)) == (50.0, 90.0)
    assert figures.longest_wait_s == 99.0
    assert QueueFigures(sales=False).wait_s(0.9) is None


# --- files ---


def arrivals(*lines: str) -> list[Caller]:
    known = {"sales", "service"}
    return list(read_arrivals(_text(lines), "a.csv", queues=known, times=Times(SHANGHAI)))


def _text(lines: tuple[str, ...]) -> list[str]:
    return [f"{line}\n" for line in lines]


def test_times_by_date_by_clock_and_by_seconds_are_the_same() -> None:
    at_s = 9 * 3600 + 5.5
    for text in (
        "2026-11-23T09:00:05.5",
        "2026-11-23 09:00:05.5",
        "2026-11-23T09:00:05.5+08:00",
        "2026-11-23T01:00:05.5Z",
        "09:00:05.5",
        str(at_s),
    ):
        assert arrivals("time,queue", f"{text},sales") == [Caller(at_s=at_s, queue="sales")]
    next_day = arrivals("time,queue", "2026-11-23T09:00,sales", "2026-11-24T00:30,sales")
    assert next_day[1].at_s == 24.5 * 3600


def test_all_columns_in_any_order_and_empty_fields() -> None:
    told = arrivals(
        "\ufeffqueue,time,priority,service_s,patience_s,category,caller",
        "sales,09:00,5,61.5,90,tea,13800138000",
        "",
        'service,09:01,,,,"pots, pans",',
    )
    assert told == [
        Caller(
            at_s=32_400.0,
            queue="sales",
            service_s=61.5,
            patience_s=90.0,
            category="tea",
            priority=5,
            caller="13800138000",
        ),
        Caller(at_s=32_460.0, queue="service", category="pots, pans"),
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "a.csv:1: empty; a head line with time,queue"),
        (["time"], "a.csv:1: column 'queue' is missing"),
        (
            ["time,queue,skill"],
            "a.csv:1: column 'skill' is unknown; one of time, queue, service_s",
        ),
        (["time,queue,time"], "a.csv:1: column 'time' stands twice"),
        (["time,queue", "9,sales,x"], "a.csv:2: 3 fields; 2: time,queue"),
        (["time,queue", "9,tea"], "a.csv:2: queue 'tea' is not configured; one of sales, service"),
        (["time,queue", "nine,sales"], "a.csv:2: time is 'nine'; 2026-11-23T09:00:05"),
        (["time,queue", "-1,sales"], "a.csv:2: time is '-1'; not before the first day"),
        (["time,queue", "nan,sales"], "a.csv:2: time is 'nan'"),
        (["time,queue", "40000000,sales"], "a.csv:2: 40000000 is later than 366 days"),
        (["time,queue", "9:00,sales", "8:59,sales"], "a.csv:3: 8:59 is before the line above"),
        (["time,queue,service_s", "9,sales,-1"], "service_s is '-1'; a number from 0 to 1e+09"),
        (["time,queue,priority", "9,sales,1.5"], "priority is '1.5'; a whole number from -100"),
        (["time,queue", '9,"sales'], "a.csv:2: no CSV"),
        (["time,queue", "9," + LONGEST_LINE * "x"], "a.csv:2: a line of more than 10000"),
    ],
)
def test_faults_of_arrivals_say_where_and_what_would_be_right(lines: list[str], said: str) -> None:
    with pytest.raises(DayFileError) as raised:
        arrivals(*lines)
    assert str(raised.value).startswith(said) or said in str(raised.value)


def test_arrivals_are_read_as_the_day_goes_on() -> None:
    def endless():
        yield "time,queue\n"
        for second in range(10**9):
            yield f"{second},sales\n"

    known = {"sales"}
    callers = read_arrivals(endless(), "a.csv", queues=known, times=Times(SHANGHAI))
    assert [next(callers).at_s for _ in range(3)] == [0.0, 1.0, 2.0]


def test_shifts() -> None:
    lines = _text(("agent,from,to,conversion", "1001,09:00,17:30,0.8", "1002,22:00,30:00,"))
    told = read_shifts(lines, "s.csv", agents={"1001", "1002"}, times=Times(SHANGHAI))
    assert list(told) == [
        Shift(agent="1001", from_s=32_400.0, to_s=63_000.0, conversion=0.8),
        Shift(agent="1002", from_s=79_200.0, to_s=108_000.0),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1003,9:00,17:00,", "s.csv:2: agent '1003' is not configured"),
        ("1001,22:00,6:00,", "s.csv:2: the shift ends at 6:00, not after 22:00; after midnight"),
        ("1001,9:00,17:00,1.2", "s.csv:2: conversion is '1.2'; a number from 0 to 1"),
    ],
)
def test_faults_of_shifts(line: str, said: str) -> None:
    lines = _text(("agent,from,to,conversion", line))
    with pytest.raises(DayFileError, match=said):
        list(read_shifts(lines, "s.csv", agents={"1001"}, times=Times(SHANGHAI)))
