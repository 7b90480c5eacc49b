"""What waiting callers hear, the keys they may press, and when nobody may wait."""

import pytest
from calls_stage import NUMBERS, OFFER, Stage, agent, flows, queue

from acd.calls import commands, events
from acd.calls.call import EndReason
from acd.calls.closures import EVERY_QUEUE
from acd.calls.numbers import FlowTarget, NumberPlan
from acd.ivr.book import FlowBook
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.model import LayerProfile, Overflow, State, Status
from acd.routing.waiting_rules import EmptyRule, Exit, WaitingRules
from acd.sip import events as sip

DESK = """
flow: desk
start: wait
languages: [zh]
nodes:
  wait:
    {type: queue, queue: sales, on_timeout: bye, on_exit: sorry, on_empty: full, on_closed: sorry}
  sorry: {type: play, sounds: [sorry], next: bye}
  full: {type: play, sounds: [full], next: bye}
  bye: {type: hangup, sounds: [bye]}
"""


def book() -> FlowBook:
    return flows(desk=DESK)


def stage(
    overflow: Overflow | None = None, fields: dict[str, object] | None = None, **rules: object
) -> Stage:
    settings = {"waiting": WaitingRules(**rules), "overflow": overflow} | (fields or {})  # type: ignore[arg-type]  # a wrong one fails
    made = Stage(queues=(queue(**settings),), book=book())
    made.registers("1001", "1002")
    return made


def away(made: Stage, *numbers: str) -> None:
    for number in numbers:
        made.take(made.centre.set_status(number, Status.AWAY, "meal", "agent", made.now))


def left(made: Stage) -> list[str]:
    return [event.reason for event in made.all(events.QueueLeft)]


# --- announcements ---


def test_the_place_alone_is_told_while_there_is_no_estimate() -> None:
    made = stage(fields={"position_every_s": 30.0}, announce_wait=True)
    away(made, "1001", "1002")
    leg = made.calls("4001")
    assert made.plays(leg) == ("zh/queue_next",)


def test_the_estimate_is_told_after_the_place() -> None:
    made = stage(fields={"position_every_s": 30.0, "wrap_up_s": 0.0}, announce_wait=True)
    away(made, "1001", "1002")
    legs = [made.calls("4001") for _ in range(4)]
    made.take(made.centre.set_status("1001", Status.READY, "", "agent", made.now))
    for leg in legs[:2]:
        phone = made.ringing("1001")
        made.answers(phone)
        made.wait(150)
        made.hangs_up(leg)
    # 150 s from answer to answer: the third in line waits for two more of them.
    made.ringing("1001")
    wait_s = made.router.estimated_wait(made.all(events.QueueEntered)[3].visit, made.now)
    assert wait_s is not None
    made.heard_out(legs[3])
    made.wait(31)
    assert made.plays(legs[3])[-3:] == (
        "zh/queue_wait_before",
        f"zh/number_{-(-wait_s // 60):.0f}",
        "zh/queue_wait_after",
    )


def test_a_queue_may_tell_the_wait_and_not_the_place() -> None:
    made = stage(fields={"position_every_s": 30.0}, announce_position=False)
    away(made, "1001", "1002")
    assert made.plays(made.calls("4001")) == ("music/default",)


def test_prompts_come_in_turn_and_the_music_goes_on_after_each() -> None:
    made = stage(prompts=("sorry", "music/jingle"), prompts_every_s=20.0)
    away(made, "1001", "1002")
    leg = made.calls("4001")
    heard = []
    for _ in range(3):
        made.wait(20)
        heard.append(made.plays(leg))
        made.heard_out(leg)
        assert made.plays(leg) == ("music/default",)
    assert heard == [("zh/sorry",), ("music/jingle",), ("zh/sorry",)]
    made.hangs_up(leg)
    made.wait(100)
    assert not made.now_all(media.Play)


def test_an_announcement_is_heard_to_its_end_before_the_next_one() -> None:
    made = stage(fields={"position_every_s": 20.0}, prompts=("sorry",), prompts_every_s=20.0)
    away(made, "1001", "1002")
    leg = made.calls("4001")
    made.heard_out(leg)
    made.wait(20)  # both are due
    [only] = made.now_all(media.Play)
    first = made.plays(leg)
    made.wait(20)  # and again, while the first one still plays
    assert not made.now_all(media.Play)
    made.heard_out(leg)
    assert made.plays(leg) != ("music/default",)
    assert {first, made.plays(leg)} <= {("zh/sorry",), ("zh/queue_next",)}
    made.heard_out(leg)
    assert made.plays(leg) == ("music/default",)
    assert only.loop is False


def test_who_is_answered_hears_no_prompt_any_more() -> None:
    made = stage(prompts=("sorry",), prompts_every_s=20.0)
    made.talk()
    made.wait(60)
    assert not made.now_all(media.Play)


# --- keys ---


def test_a_key_leads_into_a_flow() -> None:
    made = stage(exits={"9": Exit(flow="later")})
    away(made, "1001", "1002")
    leg = made.calls("4001")
    made.wait(7)
    made.presses(leg, "5")
    assert not left(made)
    made.presses(leg, "9")
    assert left(made) == ["exited"]
    assert made.plays(leg) == ("zh/sorry",)
    assert not made.router.queue_lengths()["sales"]


def test_a_key_silences_the_phone_that_rings_and_its_agent_keeps_the_idle_time() -> None:
    made = stage(exits={"9": Exit(flow="later")})
    leg = made.calls("4001")
    phone = made.ringing("1001")
    idle_since = made.router._dispatch.agents["1001"].idle_since
    made.wait(3)
    made.presses(leg, "9")
    assert [c.leg for c in made.now_all(commands.HangUpLeg)] == [phone]
    assert made.one(events.OfferEnded).outcome == "caller_left"
    assert made.state("1001") is State.IDLE
    assert made.router._dispatch.agents["1001"].idle_since == idle_since


def test_a_key_counts_before_the_call_is_answered() -> None:
    made = stage(exits={"9": Exit(flow="later")})
    away(made, "1001", "1002")
    leg = made.calls("4003")  # the caller hears ringing
    assert not made.all(commands.AnswerLeg)
    made.on_sip(sip.InfoDigit(leg, "9", 100))
    assert left(made) == ["exited"]
    assert made.one(commands.AnswerLeg).leg == leg
    assert made.plays(leg) == ("zh/sorry",)


def test_back_goes_by_the_flow_and_is_nothing_for_who_came_from_none() -> None:
    made = stage(exits={"*": Exit(back=True)})
    away(made, "1001", "1002")
    straight = made.calls("4001")
    made.presses(straight, "*")
    assert not left(made)
    leg = enter_desk(made)
    made.presses(leg, "*")
    assert left(made) == ["exited"]
    assert made.plays(leg) == ("zh/sorry",)


def enter_desk(made: Stage) -> str:
    """A caller who waits out of the flow `desk`."""
    made.centre.configure(
        agents=made.agents,
        queues=made.queues,
        numbers=numbers_with_desk(),
        now=made.now,
    )
    return made.calls("4005")


def numbers_with_desk() -> NumberPlan:
    return NumberPlan(targets=NUMBERS | {"4005": FlowTarget("desk")})


def test_a_key_pressed_in_a_talk_is_no_exit() -> None:
    made = stage(exits={"9": Exit(flow="later")})
    caller, _ = made.talk()
    assert made.presses(caller, "9") == []


# --- nobody there ---


@pytest.mark.parametrize(
    ("rule", "what", "empty"),
    [
        (EmptyRule.NEVER, "logged_out", False),
        (EmptyRule.LOGGED_OUT, "logged_out", True),
        (EmptyRule.LOGGED_OUT, "no_phone", True),
        (EmptyRule.LOGGED_OUT, "away", False),
        (EmptyRule.LOGGED_OUT, "busy", False),
        (EmptyRule.AWAY, "logged_out", True),
        (EmptyRule.AWAY, "no_phone", True),
        (EmptyRule.AWAY, "away", True),
        (EmptyRule.AWAY, "busy", False),
    ],
)
def test_what_counts_as_empty(rule: EmptyRule, what: str, empty: bool) -> None:
    made = stage(refuse_when_empty=rule)
    if what == "busy":
        made.talk(number="1001")
        made.talk(number="1002")
    for number in ("1001", "1002"):
        match what:
            case "logged_out":
                made.take(made.centre.set_status(number, Status.LOGGED_OUT, "", "agent", made.now))
            case "no_phone":
                made.devices(f"phone{number}", 0)
            case "away":
                away(made, number)
            case _:
                pass
    leg = made.calls("4001")
    if empty:
        assert left(made)[-1] == "empty"
        assert made.ended().reason == EndReason.QUEUE_EMPTY.value
    else:
        assert made.centre.calls_total >= 1
        assert leg in {call.leg for call in made.centre.calls}


def test_agents_whom_no_layer_admits_do_not_count() -> None:
    layers = (LayerProfile(name="top", order="longest_idle", minimum_grade=4),)
    made = stage(refuse_when_empty=EmptyRule.LOGGED_OUT, fields={"layers": layers})
    made.calls("4001")
    assert left(made) == ["empty"]


def test_who_cannot_wait_goes_where_overflow_says_and_keeps_the_place() -> None:
    made = stage(Overflow(queue="service"), refuse_when_empty=EmptyRule.AWAY)
    away(made, "1001", "1002")
    made.calls("4001")
    assert left(made) == ["empty"]
    assert [event.queue for event in made.all(events.QueueEntered)] == ["sales", "service"]


def test_without_overflow_the_flow_decides() -> None:
    made = stage(refuse_when_empty=EmptyRule.AWAY)
    away(made, "1001", "1002")
    leg = enter_desk(made)
    assert made.plays(leg) == ("zh/full",)


def test_two_empty_queues_do_not_send_a_caller_round_for_ever() -> None:
    ring = (
        queue(
            waiting=WaitingRules(refuse_when_empty=EmptyRule.AWAY),
            overflow=Overflow(flow="at_once"),
        ),
    )
    made = Stage(queues=ring)
    made.calls("4001")
    assert made.ended().reason == EndReason.QUEUE_EMPTY.value
    assert left(made) == ["empty", "empty"]


def test_who_waits_is_led_out_once_the_queue_has_been_empty_for_long_enough() -> None:
    made = stage(leave_when_empty=EmptyRule.LOGGED_OUT)
    away(made, "1001", "1002")
    made.calls("4001")
    made.calls("4001")
    made.devices("phone1001", 0)
    made.wait(60)
    assert not left(made)
    made.devices("phone1002", 0)
    made.wait(9)
    made.devices("phone1002", 1)  # it was the network
    made.wait(60)
    assert not left(made)
    made.devices("phone1002", 0)
    made.wait(10)
    assert left(made) == ["empty", "empty"]
    made.heard_out(made.all(events.CallStarted)[0].leg)
    made.heard_out(made.all(events.CallStarted)[1].leg)
    assert made.centre.calls_total == 0


def test_who_comes_to_a_queue_that_is_empty_already_is_led_out_as_well() -> None:
    made = Stage(queues=(queue(waiting=WaitingRules(leave_when_empty=EmptyRule.AWAY)),))
    made.calls("4001")
    made.wait(10)
    assert left(made) == ["empty"]


# --- closure ---


def test_a_closed_queue_takes_nobody_and_leads_out_who_waits() -> None:
    made = stage(closed_prompt="bye")
    caller, _ = made.talk(number="1001")
    away(made, "1002")
    waiting = made.calls("4001")
    made.take(made.centre.close_queue("sales", "typhoon", "chen", made.now))
    changed = made.one(events.ClosureChanged)
    assert (changed.queue, changed.closed, changed.reason, changed.by) == (
        "sales", True, "typhoon", "chen",
    )  # fmt: skip
    assert made.plays(waiting) == ("zh/bye",)
    late = made.calls("4001")
    assert made.plays(late) == ("zh/bye",)
    assert left(made) == ["answered", "closed", "closed"]
    assert caller in {call.leg for call in made.centre.calls}
    made.take(made.centre.open_queue("sales", "chen"))
    made.calls("4001")
    assert left(made) == ["answered", "closed", "closed"]


def test_one_switch_closes_all_and_leaves_those_of_single_queues() -> None:
    made = stage()
    made.take(made.centre.close_queue("service", "fire", "chen", made.now))
    made.take(made.centre.close_queue(EVERY_QUEUE, "fire", "chen", made.now))
    assert made.centre.closures.of("sales")
    assert made.centre.closures.of("service")
    made.take(made.centre.open_queue(EVERY_QUEUE, "chen"))
    assert made.centre.closures.of("sales") is None
    assert made.centre.closures.of("service") is not None
    assert made.centre.open_queue(EVERY_QUEUE, "chen") is None
    assert made.centre.close_queue("nowhere", "fire", "chen", made.now) is None


def test_a_closed_queue_does_not_overflow_into_another() -> None:
    made = stage(Overflow(queue="service"))
    made.take(made.centre.close_queue("sales", "fire", "chen", made.now))
    made.calls("4001")
    assert [event.queue for event in made.all(events.QueueEntered)] == ["sales"]
    assert made.ended().reason == EndReason.QUEUE_CLOSED.value


def test_who_overflows_into_a_closed_queue_gets_its_closing() -> None:
    made = stage(Overflow(queue="service"), fields={"max_wait_s": 60.0})
    made.take(made.centre.close_queue("service", "fire", "chen", made.now))
    away(made, "1001", "1002")
    made.calls("4001")
    made.wait(61)
    assert left(made) == ["overflowed", "closed"]


def test_the_flow_decides_where_the_closing_says_nothing() -> None:
    made = stage()
    made.take(made.centre.close_queue("sales", "fire", "chen", made.now))
    assert made.plays(enter_desk(made)) == ("zh/sorry",)


def test_the_configuration_closes_and_opens_and_is_recorded_once_each() -> None:
    made = stage()
    away(made, "1001", "1002")
    made.calls("4001")
    closed = (queue(waiting=WaitingRules(closed="flood")), made.queues[1])
    for queues in (closed, closed, made.queues):
        made.take(
            made.centre.configure(
                agents=made.agents, queues=queues, numbers=numbers_with_desk(), now=made.now
            )
        )
    changes = [(e.closed, e.reason, e.by) for e in made.all(events.ClosureChanged)]
    assert changes == [(True, "flood", "configuration"), (False, "", "configuration")]
    assert left(made) == ["closed"]


def test_closing_while_a_phone_rings_ends_the_offer() -> None:
    made = stage()
    made.calls("4001")
    made.ringing("1001")
    made.take(made.centre.close_queue(EVERY_QUEUE, "fire", "chen", made.now))
    assert made.one(events.OfferEnded).outcome == "caller_left"
    assert made.state("1001") is State.IDLE
    made.on_media(media_in.StreamOpened("nobody", OFFER))
    made.check_over()


def test_agents_of_one_queue_do_not_serve_another() -> None:
    made = Stage(
        agents=(agent("1001"), agent("1005", "service")),
        queues=(queue(waiting=WaitingRules(refuse_when_empty=EmptyRule.LOGGED_OUT)),),
    )
    made.registers("1005")
    made.calls("4001")
    assert left(made) == ["empty"]
