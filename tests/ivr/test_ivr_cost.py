"""What a call costs in its flow, in calls of functions: time is no measure on a shared machine.

Greeting, opening hours and menu took 40 µs of CPU when the budget was set.
"""

import sys
from types import FrameType

from ivr_stage import TUESDAY, book_of

from acd.ivr.events import DigitPressed, SoundsFinished
from acd.ivr.run import FlowRun

BUDGET_CALLS = 90
"70 were counted with Python 3.11; other versions inline more."
FLOW = """
start: hours
languages: [zh, en]
schedules: {office: {weekly: {daily: ["00:00-24:00"]}}}
nodes:
  hours: {type: branch, cases: [{open: office, next: welcome}], else: welcome}
  welcome: {type: play, sounds: [welcome], next: vip}
  vip: {type: branch, cases: [{when: 'caller.startsWith("139")', next: menu}], else: menu}
  menu: {type: menu, prompts: [menu], digits: {1: sales}, on_timeout: sales}
  sales: {type: queue, queue: sales}
"""


def test_a_call_through_greeting_and_menu_keeps_its_budget():
    book = book_of(f=FLOW)
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        run = FlowRun(book, "f", caller="13800138000", called="4000", wall=lambda: TUESDAY)
        run.start(0.0)
        run.on_event(SoundsFinished(1), 5.0)
        run.on_event(DigitPressed("1"), 9.0)
    finally:
        sys.setprofile(None)
    assert 0 < counted <= BUDGET_CALLS
