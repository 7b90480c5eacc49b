"""The core as both simulations build it: router and call centre on a virtual clock."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from acd.calls.centre import CallCentre
from acd.calls.numbers import NumberPlan
from acd.calls.settings import CentrePrompts, CentreSettings, DevicePolicy
from acd.ivr.book import FlowBook
from acd.routing.model import AgentProfile, QueueProfile
from acd.routing.router import Router

from .clock import VirtualClock
from .randomness import Randomness

START = datetime(2026, 11, 2, 9, 0, tzinfo=timezone(timedelta(hours=8)))
"A Monday morning in Shanghai."

PROMPTS = CentrePrompts(
    callback_taken="callback_taken",
    callback_refused="callback_refused",
    callback_greeting="callback_greeting",
)
"Those after which something goes on: what is promised before a prompt must hold after it."


def build_centre(
    clock: VirtualClock,
    randomness: Randomness,
    new_id: Callable[[], str],
    *,
    agents: tuple[AgentProfile, ...],
    queues: tuple[QueueProfile, ...],
    numbers: NumberPlan,
    flows: FlowBook,
    devices: DevicePolicy = DevicePolicy.NEWEST,
) -> CallCentre:
    """Return a call centre whose time is the clock's and whose chances are the seed's."""

    def wall() -> datetime:
        return START + timedelta(seconds=clock.now + clock.wall_ahead_s)

    router = Router(
        agents=agents,
        queues=queues,
        new_id=new_id,
        random=randomness.random,
        wall_s=lambda: wall().timestamp(),
    )
    return CallCentre(
        router=router,
        agents=agents,
        queues=queues,
        numbers=numbers,
        flows=flows,
        settings=CentreSettings(devices=devices, prompts=PROMPTS),
        new_id=new_id,
        wall=wall,
    )
