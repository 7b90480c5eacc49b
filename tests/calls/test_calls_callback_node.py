"""A flow that asks for another number to be called back at: the dial plan and the queue decide."""

import pytest
from calls_stage import ANSWER, OFFER, Stage, queue

from acd.calls import commands, events
from acd.calls.dial_plan import CallClass, DialPlan
from acd.ivr.book import FlowBook, load_flows
from acd.ivr.validation import FlowContext
from acd.media import events as media_in
from acd.routing.model import Overflow, Status
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
LINE = "  line: {type: queue, queue: sales, on_timeout: sorry, on_full: sorry}\n"
BACK = FLOW.replace("on_refused: sorry", "on_refused: line").replace("  sorry:", f"{LINE}  sorry:")
MINE = """
flow: mine
start: mine
nodes:
  mine: {type: callback, queue: sales, next: bye, on_refused: bye}
  bye: {type: hangup, reason: promised}
"""
BOTH = """
flow: both
start: mine
nodes:
  mine: {type: callback, queue: sales, next: line, on_refused: bye}
  line: {type: queue, queue: sales, on_timeout: bye, on_full: bye}
  bye: {type: hangup}
"""


class Always:
    def is_open(self, moment: object) -> bool:
        return True


def book(callback: str) -> FlowBook:
    sounds = frozenset({"zh/menu", *(f"zh/number_{digit}" for digit in range(10))})
    context = FlowContext(queues=frozenset({"sales"}), sounds=sounds, languages=("zh",))
    texts = {"callback.yaml": callback, "mine.yaml": MINE, "both.yaml": BOTH}
    return load_flows(texts, context)


class Desk(Stage):
    """Key 2 leads from the line into the flow."""

    def __init__(
        self, other_numbers: CallClass, *, flow: str = FLOW, overflow: Overflow | None = None
    ) -> None:
        callback = CallbackRules(hours=Always(), other_numbers=other_numbers)
        waiting = WaitingRules(exits={"2": Exit(flow="callback")}, callback=callback)
        super().__init__(
            queues=(queue(waiting=waiting, wrap_up_s=0.0, max_wait_s=120.0, overflow=overflow),),
            dial_plan=DialPlan(trunks=("carrier",), forbidden=("+861391",)),
            book=book(flow),
        )
        self.registers("1001")
        self.take(self.centre.set_status("1001", Status.AWAY, "meal", "agent", self.now))

    def waits(self, caller: str = OWN, *, withheld: bool = False) -> str:
        """A caller in the line; the leg."""
        leg = f"caller{next(self._legs)}"
        peer = Peer("udp", "192.0.2.7", 5060)
        self.on_sip(
            sip.InviteReceived(leg, leg, peer, caller, "", "4001", None, OFFER, withheld=withheld)
        )
        self.on_media(media_in.StreamOpened(leg, ANSWER))
        return leg

    def calls(self, *, withheld: bool = False) -> str:
        """A caller who has waited for a minute and pressed the key; the leg."""
        leg = self.waits(withheld=withheld)
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
    desk.answers(desk.ringing("1001"))
    [attempt] = desk.all(events.CallbackAttempted)
    assert attempt.number == f"+86{OTHER}"
    assert not [one for one in desk.all(commands.InviteLeg) if one.target.trunk]


def test_who_comes_back_to_the_line_unpromised_has_the_place_of_before() -> None:
    desk = Desk(CallClass.NONE, flow=BACK)
    began = desk.now
    leg = desk.calls()
    desk.types(leg, f"{OTHER}#1")  # not taken: back to the line
    desk.wait(5)
    entered = desk.all(events.QueueEntered)[-1]
    assert len(desk.all(events.QueueEntered)) == 2
    assert entered.waited_before_s == desk.now - 5 - began


def test_who_has_waited_for_too_long_keeps_the_place_in_the_wish() -> None:
    desk = Desk(CallClass.NONE, overflow=Overflow(flow="mine"))
    desk.waits()
    desk.wait(120)
    [asked] = desk.all(events.CallbackRequested)
    assert asked.requested_us - asked.first_enqueued_us == 120_000_000


def test_who_is_answered_in_the_very_call_is_not_called_back() -> None:
    desk = Desk(CallClass.NONE, overflow=Overflow(flow="both"))
    leg = desk.waits(f"+86{OWN}")
    desk.wait(120)
    [asked] = desk.all(events.CallbackRequested)
    desk.take(desk.centre.set_status("1001", Status.READY, "", "agent", desk.now))
    desk.answers(desk.ringing("1001"))
    desk.hangs_up(leg)
    [end] = desk.all(events.CallbackEnded)
    assert (end.callback, end.outcome) == (asked.callback, "called_in")


def test_who_withholds_the_number_may_still_name_one() -> None:
    desk = Desk(CallClass.NATIONAL)
    desk.types(desk.calls(withheld=True), f"{OTHER}#1")
    assert desk.ended().detail == "promised"
    desk = Desk(CallClass.NONE)
    desk.types(desk.calls(withheld=True), f"{OWN}#1")
    assert desk.ended().detail == "refused"


def test_many_refusals_in_a_row_are_no_depth() -> None:
    """As many as a flow may have nodes: each is answered at once, and leads to the next."""
    chain = "".join(
        f"  n{at}: {{type: callback, queue: sales, next: bye, on_refused: n{at + 1}}}\n"
        for at in range(490)
    )
    end = "  n490: {type: hangup, reason: refused}\n  bye: {type: hangup}\n"
    desk = Desk(CallClass.NONE, flow=f"flow: callback\nstart: n0\nnodes:\n{chain}{end}")
    desk.calls(withheld=True)
    assert desk.ended().detail == "refused"
