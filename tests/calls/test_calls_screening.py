"""Who reaches which number, what records keep of callers, and how long calls may last."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from acd.calls import commands, events
from acd.calls.blacklist import Blacklist, Blocked
from acd.calls.dial_plan import DialPlan
from acd.calls.numbers import NumberPlan
from acd.media import events as media_in
from acd.routing.model import State
from acd.sip import events as sip
from acd.sip.peer import Peer
from tests.calls.calls_stage import ANSWER, NUMBERS, OFFER, Stage

PLAN = NumberPlan(
    targets=NUMBERS,
    internal=frozenset({"4099"}),
    by_diversion=frozenset({"4000"}),
    blacklist=Blacklist(
        [
            Blocked(number="13800", reason="threats"),
            Blocked(number="138*", status=403, reason="fraud"),
            Blocked(number="13899*", flow="later"),
        ]
    ),
)


def stage_with(plan=PLAN, **settings):
    stage = Stage(**settings)
    stage.take(
        stage.centre.configure(
            agents=stage.agents, queues=stage.queues, numbers=plan, now=stage.now
        )
    )
    return stage


def invited(stage, called="4001", **fields):
    """Let a call come whose INVITE has these fields."""
    event = sip.InviteReceived(
        "leg", "call", Peer("udp", "192.0.2.7", 5060), "020", "Li", called, None, OFFER
    )
    stage.on_sip(replace(event, **fields))


def refused(stage):
    """Return status, reason and detail of the refusal just given."""
    rejected = stage.one(events.CallRejected)
    assert stage.one(commands.RejectLeg).status == rejected.sip_status
    assert stage.centre.calls_total == 0
    return rejected.sip_status, rejected.reason, rejected.detail


# --- numbers that are not for the public ---


def test_strangers_find_no_number_that_is_not_public():
    stage = stage_with()
    invited(stage, "4099")
    assert refused(stage) == (404, "not_public", "")
    invited(stage, "4099", account="phone1001")
    assert stage.centre.calls_total == 1
    assert stage.one(events.CallStarted).trunk == ""


def test_the_record_knows_the_trunk_that_a_call_came_by():
    stage = stage_with()
    invited(stage, trunk="carrier")
    assert stage.one(events.CallStarted).trunk == "carrier"


def test_trunks_bring_strangers():
    stage = stage_with()
    invited(stage, "4099", trunk="carrier")
    assert refused(stage) == (404, "not_public", "")


# --- the blacklist ---


@pytest.mark.parametrize(
    ("caller", "answer"),
    [("13800", (603, "blacklisted", "threats")), ("13811", (403, "blacklisted", "fraud"))],
)
def test_who_is_blacklisted_is_refused_and_the_record_says_why(caller, answer):
    stage = stage_with()
    invited(stage, caller=caller)
    assert refused(stage) == answer


def test_a_blacklisted_caller_may_get_a_flow_instead():
    stage = stage_with()
    invited(stage, caller="1389955")
    stage.on_media(media_in.StreamOpened("leg", ANSWER))
    assert stage.one(events.FlowEntered).flow == "later"


def test_our_own_accounts_are_not_looked_up_and_unknown_numbers_stay_unknown():
    stage = stage_with()
    invited(stage, caller="13800", account="phone1001")
    assert stage.one(events.CallStarted).caller == "13800"
    other = stage_with()
    invited(other, "4711", caller="13800")
    assert refused(other)[:2] == (404, "unknown_number")


@given(
    st.lists(
        st.text("0123", min_size=1, max_size=4).flatmap(lambda n: st.sampled_from([n, n + "*"])),
        unique=True,
    ),
    st.text("0123", max_size=6),
)
def test_the_longest_entry_that_fits_is_found(numbers, caller):
    found = Blacklist([Blocked(number=number) for number in numbers]).find(caller)

    fits = [n for n in numbers if n == caller or (n[-1] == "*" and caller.startswith(n[:-1]))]
    best = caller if caller in fits else max(fits, key=len, default=None)
    assert (found.number if found else None) == best


# --- anonymous callers ---


@pytest.mark.parametrize("fields", [{"caller": ""}, {"caller": "Anonymous"}, {"withheld": True}])
def test_anonymous_callers_are_taken_or_refused(fields):
    stage = stage_with()
    invited(stage, **fields)
    assert stage.centre.calls_total == 1

    strict = stage_with(replace(PLAN, blacklist=Blacklist(refuses_anonymous=True)))
    invited(strict, **fields)
    assert refused(strict) == (433, "anonymous", "")
    invited(strict)
    assert strict.centre.calls_total == 1


def test_agents_see_no_number_that_the_caller_withholds():
    for withheld in (False, True):
        stage = stage_with()
        stage.registers("1001")
        invited(stage, withheld=withheld)
        stage.on_media(media_in.StreamOpened("leg", ANSWER))
        stage.ringing("1001")
        target = stage.one(commands.InviteLeg).target
        assert target.caller == ("" if withheld else "020")
        assert ("Li" in target.caller_name) is not withheld
        assert "020" not in target.caller_name
        started = stage.all(events.CallStarted)[0]
        assert (started.caller, started.withheld) == ("020", withheld)


def test_nor_does_the_colleague_whom_they_hand_the_caller_on_to():
    stage = stage_with()
    stage.registers("1001", "1005")
    invited(stage, withheld=True)
    stage.on_media(media_in.StreamOpened("leg", ANSWER))
    phone = stage.ringing("1001")
    stage.answers(phone)
    stage.refers(phone, "1005")
    stage.party()
    target = stage.one(commands.InviteLeg).target
    assert (target.caller, target.caller_name) == ("", "")


def test_records_keep_a_withheld_number_only_if_they_may():
    stage = stage_with(record_withheld=False)
    invited(stage, withheld=True, claimed="021")
    started = stage.one(events.CallStarted)
    assert (started.caller, started.caller_name, started.claimed) == ("", "", "")
    refusing = stage_with(record_withheld=False)
    invited(refusing, "4711", withheld=True)
    assert refusing.one(events.CallRejected).caller == ""


# --- diverted calls ---


def test_a_diverted_call_goes_where_the_first_number_leads_if_the_called_one_says_so():
    stage = stage_with()
    invited(stage, "4000", diverted_from=("9999", "4002", "4001"))
    started = stage.one(events.CallStarted)
    assert (started.called, started.diverted_from) == ("4000", ("9999", "4002", "4001"))
    stage.on_media(media_in.StreamOpened("leg", ANSWER))
    assert stage.one(events.QueueEntered).queue == "service"

    other = stage_with()
    invited(other, "4001", diverted_from=("4002",))
    other.on_media(media_in.StreamOpened("leg", ANSWER))
    assert other.one(events.QueueEntered).queue == "sales"


def test_a_diversion_opens_no_number_that_is_not_public():
    stage = stage_with()
    invited(stage, "4000", diverted_from=("4099",))
    assert refused(stage)[:2] == (404, "not_public")
    codes = stage_with()
    invited(codes, "4000", diverted_from=("*11",))
    assert codes.all(events.CallStarted) == []


# --- the longest call ---


def test_a_call_that_lasts_too_long_is_hung_up_and_its_agent_freed():
    stage = Stage(max_call_s=600.0)
    stage.registers("1001")
    stage.talk()
    stage.wait(599.0)
    assert stage.centre.calls_total == 1

    stage.wait(1.0)

    ended = stage.ended()
    assert (ended.ended_by, ended.reason) == ("system", "max_duration")
    assert [command.reason for command in stage.all(commands.HangUpLeg)] == ["max_duration"] * 2
    assert stage.state("1001") is State.WRAP_UP
    stage.check_over()


def test_each_call_has_its_own_time():
    stage = Stage(max_call_s=600.0)
    ends = {}
    for began in range(0, 900, 100):
        ends[stage.calls("4099")] = stage.now + 600.0
        stage.wait(100.0)
        assert began >= 0
    stage.hangs_up(next(leg for leg, at in ends.items() if at == stage.now + 200.0))
    while stage.centre.calls_total:
        before = stage.now
        stage.wait(stage.centre.next_deadline() - stage.now)
        assert stage.now - before <= 600.0
        for ended in stage.now_all(events.LegEnded):
            if ended.ended_by == "server":
                assert ends[ended.leg] == stage.now
    stage.check_over()


def test_without_a_limit_and_for_emergencies_calls_last():
    stage = Stage()
    stage.calls("4099")
    stage.wait(1e6)
    assert stage.centre.calls_total == 1
    assert stage.centre.next_deadline() == float("inf")

    emergency = Stage(max_call_s=600.0, dial_plan=DialPlan())
    emergency.dials("110", account="phone1001")
    emergency.dials("4099")
    emergency.wait(10_000.0)
    assert [call.called for call in emergency.centre.calls] == ["110"]


def test_a_caller_handed_on_to_an_emergency_number_is_not_cut_off():
    stage = Stage(max_call_s=600.0, dial_plan=DialPlan(trunks=("carrier",)))
    stage.registers("1001")
    _, phone = stage.talk()
    stage.refers(phone, "110")
    stage.answers(stage.party())
    stage.hangs_up(phone)
    stage.wait(10_000.0)
    assert stage.centre.calls_total == 1
