"""One caller, the phones of several agents: who answers first talks, the others fall silent."""

import pytest
from calls_stage import ANSWER, Stage, agent, queue

from acd.calls import commands, events
from acd.calls.settings import DevicePolicy
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.model import LayerProfile, State
from acd.sip import events as sip

TEAM = (agent("1001"), agent("1002"), agent("1003"))
NUMBERS = tuple(each.number for each in TEAM)
ELSEWHERE = "Call completed elsewhere"


def together(
    *,
    ring: str = "all",
    devices: DevicePolicy = DevicePolicy.NEWEST,
    each: int = 1,
    **fields: object,
) -> tuple[Stage, str]:
    """A caller for whom the phones of the team ring, and the caller's leg."""
    layer = LayerProfile(name="team", order="longest_idle", ring=ring)
    stage = Stage(queues=[queue(layers=(layer,), **fields)], agents=TEAM, devices=devices)
    for number in NUMBERS:
        stage.devices(f"phone{number}", each)
        stage.wait(1)
    caller = stage.calls("4001")
    return stage, caller


def phones(stage: Stage) -> list[str]:
    """Let all of them ring; their legs, by agent."""
    return [stage.ringing(number) for number in NUMBERS]


def ended(stage: Stage) -> dict[str, str]:
    """How the last input ended offers, by agent."""
    return {one.agent: one.outcome for one in stage.now_all(events.OfferEnded)}


def silenced(stage: Stage) -> dict[str, str]:
    return {one.leg: one.reason for one in stage.now_all(commands.HangUpLeg)}


def over(stage: Stage, caller: str) -> None:
    stage.hangs_up(caller)
    stage.wait(60)
    stage.check_over()
    stage.ledger.check_rested()


def test_all_phones_ring() -> None:
    stage, caller = together()
    made = stage.now_all(events.OfferMade)
    assert [one.agent for one in made] == list(NUMBERS)
    assert len({one.offer for one in made}) == len({one.leg for one in made}) == len(NUMBERS)
    phones(stage)
    invited = [one.target.uri for one in stage.all(commands.InviteLeg)]
    assert invited == [f"sip:phone{number}@10.0.0.0" for number in NUMBERS]
    over(stage, caller)


@pytest.mark.parametrize("first", range(len(NUMBERS)))
def test_the_first_answer_takes_the_call(first: int) -> None:
    stage, caller = together()
    legs = phones(stage)
    for leg in reversed(legs):
        stage.on_sip(sip.LegRinging(leg, 180, b""))
    stage.wait(4)
    stage.answers(legs[first])
    assert media.Bridge(caller, legs[first]) in stage.last
    rest = [leg for leg in legs if leg != legs[first]]
    assert silenced(stage) == dict.fromkeys(rest, ELSEWHERE)
    outcomes = dict.fromkeys(NUMBERS, "answered_elsewhere") | {NUMBERS[first]: "answered"}
    assert ended(stage) == outcomes
    assert {one.ring_s for one in stage.now_all(events.OfferEnded)} == {4.0}
    assert stage.one(events.QueueLeft).agent == NUMBERS[first]
    for number in NUMBERS:
        assert stage.state(number) is (State.TALKING if number == NUMBERS[first] else State.IDLE)
        assert stage.router.agent_view(number).misses == 0
    over(stage, caller)


def test_of_two_answers_the_first_to_arrive_counts() -> None:
    stage, caller = together()
    first, second, third = phones(stage)
    stage.on_sip(sip.LegAnswered(second, ANSWER))
    stage.on_sip(sip.LegAnswered(first, ANSWER))
    stage.on_sip(sip.LegRinging(third, 180, b""))
    stage.on_media(media_in.StreamAccepted(second))
    # The endpoint sends a BYE where the phone has answered, a CANCEL where it rings.
    assert silenced(stage) == {first: ELSEWHERE, third: ELSEWHERE}
    stage.on_media(media_in.StreamAccepted(first))
    assert stage.last == []
    assert (stage.state("1001"), stage.state("1002")) == (State.IDLE, State.TALKING)
    over(stage, caller)


def test_an_answer_whose_media_does_not_fit_lets_the_others_ring_on() -> None:
    stage, caller = together()
    first, second, third = phones(stage)
    stage.on_sip(sip.LegAnswered(first, ANSWER))
    stage.on_media(media_in.StreamRefused(first, 488, ""))
    assert ended(stage) == {"1001": "failed"}
    stage.on_sip(sip.LegAnswered(second, ANSWER))
    stage.hangs_up(second)
    assert ended(stage) == {"1002": "rejected"}
    stage.answers(third)
    assert ended(stage) == {"1003": "answered"}
    over(stage, caller)


def test_one_who_rejects_leaves_the_others_ringing() -> None:
    stage, caller = together()
    legs = phones(stage)
    stage.on_sip(sip.LegFailed(legs[0], 603, ""))
    assert ended(stage) == {"1001": "rejected"}
    assert silenced(stage) == {}
    assert stage.state("1001") is State.PAUSED
    stage.on_sip(sip.LegFailed(legs[2], 486, ""))
    assert ended(stage) == {"1003": "busy"}
    assert stage.state("1002") is State.OFFERED
    stage.answers(legs[1])
    over(stage, caller)


def test_the_caller_hangs_up_and_all_fall_silent() -> None:
    stage, caller = together()
    legs = phones(stage)
    stage.hangs_up(caller)
    assert set(silenced(stage)) == set(legs)
    assert ended(stage) == dict.fromkeys(NUMBERS, "caller_left")
    assert [stage.state(number) for number in NUMBERS] == [State.IDLE] * 3
    stage.check_over()


def test_the_caller_hangs_up_before_any_phone_could_ring() -> None:
    stage, caller = together()
    stage.hangs_up(caller)
    assert ended(stage) == dict.fromkeys(NUMBERS, "caller_left")
    stage.check_over()


def test_nobody_answers() -> None:
    stage, caller = together()
    legs = phones(stage)
    stage.on_sip(sip.LegRinging(legs[0], 180, b""))
    stage.wait(20)
    assert ended(stage) == dict.fromkeys(NUMBERS, "no_answer")
    doubted = {one.account for one in stage.now_all(commands.DoubtContact)}
    assert doubted == {"phone1002", "phone1003"}, "whose phone said nothing"
    stage.wait(10)
    assert len(stage.now_all(events.OfferMade)) == 3, "they ring again after their pause"
    over(stage, caller)


def test_whoever_loses_the_registration_falls_silent_alone() -> None:
    stage, caller = together()
    legs = phones(stage)
    stage.devices("phone1002", 0)
    assert ended(stage) == {"1002": "agent_left"}
    assert set(silenced(stage)) == {legs[1]}
    stage.devices("phone1002", 1)
    assert stage.one(events.OfferMade).agent == "1002", "and joins when it is back"
    stage.answers(stage.ringing("1002"))
    assert ended(stage) == {
        "1001": "answered_elsewhere",
        "1002": "answered",
        "1003": "answered_elsewhere",
    }
    over(stage, caller)


def test_an_own_call_takes_its_offer_back_alone() -> None:
    stage, caller = together()
    phones(stage)
    own = stage.dials("4099", account="phone1001")
    assert ended(stage) == {"1001": "agent_left"}
    stage.on_sip(sip.LegCancelled(own))
    over(stage, caller)


def test_progressively_a_phone_more_rings_while_the_first_rings_on() -> None:
    stage, caller = together(ring="progressively", ring_step_s=5.0)
    first = stage.ringing("1001")
    stage.wait(5)
    assert (stage.one(events.OfferMade).agent, silenced(stage)) == ("1002", {})
    second = stage.ringing("1002")
    stage.answers(first)
    assert silenced(stage) == {second: ELSEWHERE}
    over(stage, caller)


def test_the_devices_of_all_agents_ring() -> None:
    stage, caller = together(devices=DevicePolicy.ALL, each=2)
    made = stage.now_all(events.OfferMade)
    legs = [leg for one in made for leg in (one.leg, *one.further_legs)]
    assert len(legs) == 6
    for leg in legs:
        stage.on_media(media_in.StreamOpened(leg, ANSWER))
    # One device of the first agent fails: the other rings on, and so do the others' phones.
    stage.on_sip(sip.LegFailed(legs[1], 486, ""))
    assert ended(stage) == {}
    stage.on_sip(sip.LegAnswered(legs[3], ANSWER))
    assert silenced(stage) == {legs[2]: ELSEWHERE}, "the other device of the one who answered"
    stage.on_media(media_in.StreamAccepted(legs[3]))
    assert set(silenced(stage)) == {legs[0], legs[4], legs[5]}
    assert ended(stage)["1002"] == "answered"
    reasons = {one.leg: one.reason for one in stage.all(events.LegEnded)}
    assert reasons[legs[4]] == reasons[legs[5]] == "answered_elsewhere"
    over(stage, caller)


def test_agents_who_rang_in_vain_are_offered_the_next_caller_at_once() -> None:
    stage, caller = together()
    next_caller = stage.calls("4001")
    assert stage.now_all(events.OfferMade) == []
    stage.answers(stage.ringing("1002"))
    assert [one.agent for one in stage.now_all(events.OfferMade)] == ["1001", "1003"]
    stage.answers(stage.ringing("1003"))
    stage.hangs_up(next_caller)
    over(stage, caller)
