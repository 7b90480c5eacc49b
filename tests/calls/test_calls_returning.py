"""Who hung up waiting and calls again in time gets the former place."""

import pytest
from calls_stage import ANSWER, OFFER, Stage, queue
from test_calls_callbacks import MOBILE, OTHER

from acd.calls import events
from acd.calls.returning import MAX_REMEMBERED, Returning
from acd.media import events as media_in
from acd.routing.model import Overflow, Status
from acd.routing.waiting_rules import WaitingRules
from acd.sip import events as sip
from acd.sip.peer import Peer


def line(within_s: float = 600.0) -> Stage:
    return Stage(queues=(queue(waiting=WaitingRules(return_within_s=within_s)),))


def calls(stage: Stage, caller: str, number: str = "4001", *, withheld: bool = False) -> str:
    leg = f"caller{next(stage._legs)}"
    peer = Peer("udp", "192.0.2.7", 5060)
    stage.on_sip(
        sip.InviteReceived(leg, leg, peer, caller, "", number, None, OFFER, withheld=withheld)
    )
    stage.on_media(media_in.StreamOpened(leg, ANSWER))
    return leg


def test_the_former_place_comes_before_those_who_came_meanwhile() -> None:
    stage = line()
    leg = calls(stage, MOBILE)
    stage.wait(60)
    stage.hangs_up(leg)
    stage.wait(100)
    calls(stage, OTHER)
    stage.wait(100)
    calls(stage, MOBILE)
    again = stage.all(events.QueueEntered)[-1]
    assert again.waited_before_s == 260
    stage.registers("1001")
    assert stage.all(events.OfferMade)[0].visit == again.visit


@pytest.mark.parametrize("late_s", [599.0, 600.0, 601.0])
def test_only_within_the_time_that_the_queue_gives(late_s: float) -> None:
    stage = line()
    leg = calls(stage, MOBILE)
    stage.wait(10)
    stage.hangs_up(leg)
    stage.wait(late_s)
    calls(stage, MOBILE)
    expected = 0 if late_s > 600 else 10 + late_s
    assert stage.all(events.QueueEntered)[-1].waited_before_s == expected


def test_a_place_is_given_back_once() -> None:
    stage = line()
    stage.hangs_up(calls(stage, MOBILE))
    stage.wait(10)
    calls(stage, MOBILE)
    calls(stage, MOBILE)
    assert [e.waited_before_s for e in stage.all(events.QueueEntered)] == [0, 10, 0]


@pytest.mark.parametrize(
    ("caller", "withheld"), [(MOBILE, True), ("anonymous", False), ("", False)]
)
def test_withheld_numbers_are_nobodys(caller: str, withheld: bool) -> None:
    stage = line()
    stage.hangs_up(calls(stage, caller, withheld=withheld))
    stage.wait(10)
    calls(stage, caller, withheld=withheld)
    assert stage.all(events.QueueEntered)[-1].waited_before_s == 0


def test_another_queue_and_another_number_are_others() -> None:
    stage = line()
    stage.hangs_up(calls(stage, MOBILE))
    stage.wait(10)
    calls(stage, MOBILE, "4002")
    calls(stage, OTHER)
    assert [e.waited_before_s for e in stage.all(events.QueueEntered)] == [0, 0, 0]


def handing_on(within_s: float) -> Stage:
    """Sales hands on to service after half a minute, and keeps places; service as long as said."""
    keeps = WaitingRules(return_within_s=600.0)
    sales = queue(waiting=keeps, max_wait_s=30.0, overflow=Overflow(queue="service"))
    service = queue("service", waiting=WaitingRules(return_within_s=within_s))
    return Stage(queues=(sales, service))


@pytest.mark.parametrize("within_s", [0.0, 600.0])
def test_who_gave_up_after_an_overflow_has_the_place_where_the_next_call_begins(
    within_s: float,
) -> None:
    stage = handing_on(within_s)
    leg = calls(stage, MOBILE)
    stage.wait(60)
    stage.hangs_up(leg)
    stage.wait(40)
    calls(stage, MOBILE)
    again = stage.all(events.QueueEntered)[-1]
    assert (again.queue, again.waited_before_s) == ("sales", 100)
    calls(stage, MOBILE, "4002")
    assert stage.all(events.QueueEntered)[-1].waited_before_s == 0, "given back once"


def test_who_was_answered_has_no_place_to_come_back_to() -> None:
    stage = line()
    stage.registers("1001")
    leg = calls(stage, MOBILE)
    stage.answers(stage.ringing("1001"))
    stage.hangs_up(leg)
    stage.wait(10)
    calls(stage, MOBILE)
    assert stage.all(events.QueueEntered)[-1].waited_before_s == 0


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    stage = line()
    calls(stage, MOBILE)
    [call] = stage.centre.calls
    assert call.visit is not None
    returning = Returning()
    for number in range(MAX_REMEMBERED + 5):
        call.caller = f"+86{number}"
        returning.remember(call, call.visit, 0.0)
    assert len(returning) == MAX_REMEMBERED
    call.caller = "+860"
    assert returning.place(call, call.visit.queue, 1.0) == (1.0, 0.0)
    call.caller = f"+86{MAX_REMEMBERED}"
    assert returning.place(call, call.visit.queue, 1.0) == (call.visit.first_enqueued_at, 0.0)


def test_the_talk_before_a_transfer_is_no_wait_after_a_return_either() -> None:
    stage = Stage(queues=(queue(waiting=WaitingRules(return_within_s=600.0)), queue("service")))
    stage.registers("1001")
    leg = calls(stage, MOBILE)
    phone = stage.ringing("1001")
    stage.answers(phone)
    stage.wait(50)
    stage.centre.set_status("1001", Status.AWAY, "lunch", "1001", stage.now)
    stage.refers(phone, "4001")  # back into the same queue, where nobody is left
    stage.wait(7)
    stage.hangs_up(leg)
    stage.wait(5)
    calls(stage, MOBILE)
    again = stage.all(events.QueueEntered)[-1]
    assert (again.waited_before_s, again.served_before_s) == (12, 50)
    assert stage.router.oldest_wait(stage.now)["sales"] == 12
