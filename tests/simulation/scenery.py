"""The stage of the simulations: two lines of agents, the hotline's flow, all numbers."""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from acd.calls.dial_plan import DialPlan
from acd.calls.numbers import FlowTarget, NumberPlan, QueueTarget
from acd.config.rules import rule_of
from acd.ivr.book import FlowBook, load_flows
from acd.ivr.validation import FlowContext
from acd.routing.model import (
    ActivationRule,
    AgentProfile,
    Grade,
    LayerProfile,
    MissRule,
    Overflow,
    QueueKind,
    QueueProfile,
    Requirements,
)
from acd.routing.waiting_rules import CallbackRules, Exit, First, WaitingRules

HOTLINE = """
flow: hotline
start: menu
languages: [zh]
nodes:
  menu:
    type: menu
    prompts: [menu]
    timeout_s: 5
    retries: 1
    digits: {"1": sales, "2": service, "0": service}
    on_timeout: service
    on_invalid: bye
  sales: {type: queue, queue: sales, priority: 1, category: jewelry, on_timeout: bye, on_full: bye}
  service: {type: queue, queue: service, on_timeout: menu, on_full: bye}
  bye: {type: hangup, sounds: [bye]}
"""

NUMBERS = NumberPlan(
    targets={
        "4000": FlowTarget("hotline"),
        "4001": QueueTarget("sales"),
        "4002": QueueTarget("service"),
    }
)


def flows() -> FlowBook:
    sounds = frozenset({"zh/menu", "zh/bye", "music/default"})
    context = FlowContext(queues=frozenset({"sales", "service"}), sounds=sounds, languages=("zh",))
    return load_flows({"hotline.yaml": HOTLINE}, context)


def agents(count: int) -> tuple[AgentProfile, ...]:
    """Two in five sell, two in five serve, one in five does both; each is one caller's manager."""
    lines = ({"sales": Grade.A}, {"sales": Grade.C}, {"service": Grade.B}, {"service": Grade.A})
    both = {"sales": Grade.B, "service": Grade.B}
    return tuple(
        AgentProfile(
            number=str(1001 + i),
            name=f"agent {i}",
            account=str(1001 + i),
            skills=(*lines, both)[i % 5],
            categories={"jewelry": Grade(1 + i % 5)},
            groups=("mobile",) if i % 7 == 0 else (),
            customers=(f"13{i:09d}",),
        )
        for i in range(count)
    )


def queues(
    *, wrap_up_s: float = 10.0, max_wait_s: float = 120.0, ring: str = "one"
) -> tuple[QueueProfile, ...]:
    """`ring`: how the last layer of sales, and service, let phones ring."""
    return (
        QueueProfile(
            name="sales",
            kind=QueueKind.SALES,
            skill="sales",
            layers=(
                LayerProfile(name="top", order="conversion", minimum_grade=Grade.A),
                LayerProfile(name="all", order="category_grade", after_s=5.0),
                LayerProfile(name="borrowed", skills=("service",), after_s=20.0, ring=ring),
            ),
            wrap_up_s=wrap_up_s,
            max_wait_s=max_wait_s,
            starvation_s=40.0,
            overflow=Overflow(queue="service"),
            position_every_s=30.0,
        ),
        QueueProfile(
            name="service",
            skill="service",
            layers=(LayerProfile(name="all", order="longest_idle", ring=ring),),
            wrap_up_s=wrap_up_s,
            max_wait_s=max_wait_s,
            starvation_s=40.0,
            max_length=200,
        ),
    )


class DayAndNight:
    """Customers may be called at any time."""

    def is_open(self, moment: datetime) -> bool:
        return moment.tzinfo is not None


def waiting_queues(first: First, **rules: float) -> tuple[QueueProfile, ...]:
    """Queues with keys out of the line, and call-backs in the first."""
    given: dict[str, Any] = {"retry_pause_s": 60.0, "expires_s": 1_800.0, "ring_s": 20.0, **rules}
    callback = CallbackRules(hours=DayAndNight(), first=first, **given)
    back, menu, wish = Exit(back=True), Exit(flow="hotline"), Exit(callback=True)
    sales, service = queues()
    return (
        replace(
            sales,
            waiting=WaitingRules(
                exits={"9": menu, "*": back, "#": wish, "3": wish},
                return_within_s=300.0,
                callback=callback,
            ),
        ),
        replace(service, waiting=WaitingRules(exits={"9": menu, "*": back, "#": wish})),
    )


def choosy_queues(ring: str) -> tuple[QueueProfile, ...]:
    """Queues that use all that a policy knows: no two calls need have the same agents."""
    sales, service = waiting_queues(First.AGENT)
    rule = rule_of("call.visits < 3 || agent.skills.sales >= B")
    layers = (
        LayerProfile(name="top", order="conversion", minimum_grade=Grade.A, rule=rule),
        LayerProfile(name="near", order="category_grade", after_s=5.0, lower_by=1),
        LayerProfile(name="mobile", order="fewest_calls", groups=("mobile",), after_s=2.0),
        LayerProfile(
            name="borrowed",
            order="round_robin",
            skills=("service",),
            after_s=20.0,
            ring=ring,
            waives=("skills",),
        ),
    )
    rush = ActivationRule(
        group="mobile",
        longest_wait_s=15.0,
        length=4,
        service_level=0.8,
        last_calls=10,
        off_after_s=20.0,
    )
    return (
        replace(
            sales,
            layers=layers,
            activations=(rush,),
            prefers=("open_matter", "manager", "last_agent"),
            preferred_wait_s=15.0,
            requires=Requirements(skills={"sales": Grade.B}, tags=("vip",)),
            hold_out=0.2,
            fairness_window_s=20.0,
            exploration="thompson",
            time_price="measured",
            rank_by="value",
            occupancy_cap=0.3,
            maximum_share=0.03,
            announce_agent=True,
        ),
        replace(
            service,
            prefers=("last_agent",),
            preferred_wait_s=60.0,
            priority=1,
            ageing_s=10.0,
            miss=MissRule(away_after_misses=2),
        ),
    )


CALLING_OUT = replace(
    NUMBERS, dial_plan=DialPlan(trunks=("carrier", "spare"), forbidden=("+86130",))
)
"Some callers have a number that nobody may call."
