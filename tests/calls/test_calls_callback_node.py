"""A flow that asks for another number to be called back at: the dial plan and the queue decide."""

import pytest
from calls_stage import ANSWER, OFFER, Stage, queue

from acd.calls import commands, events
from acd.calls.dial_plan import CallClass, DialPlan
from acd.ivr.book import FlowBook, load_flows
from acd.ivr.validation import FlowContext
from acd.media import events as media_in
from acd.routing.model import Status
from acd.routing.waiting_rules import CallbackRules, Exit, WaitingRules
from acd.sip import events as sip
from acd.sip.peer import Peer

OWN, OTHER = "13800138000", "13900139000"

FLOW = """
flow: callback
start: ask
variables: {number: ""}
nodes:
  ask:
    type: collect
    prompts: [menu]
    variable: number
    min_digits: 3
    max_digits: 16
    next: right
    on_timeout: mine
  right:
    type: menu
    prompts: [{say_digits: number}, menu]
    digits: {"1": other, "2": ask}
    on_timeout: bye
  other: {type: callback, queue: sales, number: number, next: bye, on_refused: sorry}
  mine: {type: callback, queue: sales, next: bye, on_refused: sorry}
  bye: {type: hangup, reason: promised}
  sorry: {type: hangup, reason: refused}
"""


class Always:
    def is_open(self, moment: object) -> bool:
        return True


def book() -> FlowBook:
    sounds = frozenset({"zh/menu", *(f"zh/number_{digit}" for digit in range(10))})
    context = FlowContext(queues=frozenset({"sales"}), sounds=sounds, languages=("zh",))
    return load_flows({"callback.yaml": FLOW}, context)


class Desk(Stage):
    """Key 2 leads from the line into the flow."""

    def __init__(self, other_numbers: CallClass) -> None:
        callback = CallbackRules(hours=Always(), other_numbers=other_numbers)
        waiting = WaitingRules(exits={"2": Exit(flow="callback")}, callback=callback)
        super().__init__(
            queues=(queue(waiting=waiting, wrap_up_s=0.0, max_wait_s=120.0),),
            dial_plan=DialPlan(trunks=("carrier",), forbidden=("+861391",)),
            book=book(),
        )
        self.registers("1001")
        self.take(self.centre.set_status("1001", Status.AWAY, "meal", "agent", self.now))

    def calls(self, *, withheld: bool = False) -> str:
        """A caller who has waited for a minute and pressed the key; the leg."""
        leg = f"caller{next(self._legs)}"
        peer = Peer("udp", "192.0.2.7", 5060)
        self.on_sip(
            sip.InviteReceived(leg, leg, peer, OWN, "", "4001", None, OFFER, withheld=withheld)
        )
        self.on_media(media_in.StreamOpened(leg, ANSWER))
        self.wait(60)
        self.presses(leg, "2")
        return leg

    def types(self, leg: str, keys: str) -> None:
        for key in keys:
            self.presses(leg, key)


@pytest.mark.parametrize(
    ("allowed", "number", "taken"),
    [
        (CallClass.NONE, OTHER, False),
        (CallClass.NONE, OWN, True),
        (CallClass.LOCAL, OTHER, False),
        (CallClass.NATIONAL, OTHER, True),
        (CallClass.NATIONAL, "13910000000", False),
        (CallClass.NATIONAL, "110", False),
        (CallClass.NATIONAL, "16812345", False),
        (CallClass.INTERNATIONAL, "0085223456789", False),  # farther than may_call
    ],
)
def test_only_numbers_that_the_queue_and_the_dial_plan_let_are_taken(
    allowed: CallClass, number: str, taken: bool
) -> None:
    desk = Desk(allowed)
    leg = desk.calls()
    desk.types(leg, f"{number}#1")
    assert desk.ended().detail == ("promised" if taken else "refused")
    asked = desk.all(events.CallbackRequested)
    assert [one.number for one in asked] == ([f"+86{number}"] if taken else [])


def test_the_place_of_the_line_that_the_caller_left_is_kept_and_the_number_is_called() -> None:
    desk = Desk(CallClass.NATIONAL)
    began = desk.now
    desk.types(desk.calls(), f"{OTHER}#1")
    [first, second] = desk.all(events.QueueLeft)
    assert [first.reason, second.reason] == ["exited", "callback"]
    assert desk.all(events.QueueEntered)[-1].waited_before_s == desk.now - began
    desk.take(desk.centre.set_status("1001", Status.READY, "", "agent", desk.now))
    [attempt] = desk.all(events.CallbackAttempted)
    assert attempt.number == f"+86{OTHER}"
    assert not [one for one in desk.all(commands.InviteLeg) if one.target.trunk]


def test_who_withholds_the_number_may_still_name_one() -> None:
    desk = Desk(CallClass.NATIONAL)
    desk.types(desk.calls(withheld=True), f"{OTHER}#1")
    assert desk.ended().detail == "promised"
    desk = Desk(CallClass.NONE)
    desk.types(desk.calls(withheld=True), f"{OWN}#1")
    assert desk.ended().detail == "refused"
