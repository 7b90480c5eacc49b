"""Who is preferred for a caller who was here before, and what is remembered for it."""

import pytest
from calls_stage import Stage, agent, queue

from acd.calls import events
from acd.calls.contacts import REASONS, Contacts
from acd.calls.desk import Disposition
from acd.routing.model import Preferred


def memory(**fields):
    return Contacts(**({"kept_s": 100.0, "maximum": 10} | fields))


def test_the_last_agent_until_it_is_too_long_ago():
    contacts = memory()
    contacts.talked("138", "1001", "i1", 0.0)
    contacts.talked("138", "1002", "i2", 50.0)
    assert contacts.preferred("138", REASONS, 150.0) == (Preferred("1002", "last_agent"),)
    assert contacts.visits("138", 150.0) == 2
    assert contacts.preferred("138", REASONS, 151.0) == ()
    assert contacts.visits("138", 151.0) == 0
    assert len(contacts) == 0


def test_who_took_an_open_matter_first_stays_responsible_until_it_is_solved():
    contacts = memory()
    contacts.talked("138", "1001", "i1", 0.0)
    contacts.settled("i1", "1001", False)
    contacts.talked("138", "1002", "i2", 10.0)
    contacts.settled("i2", "1002", False)
    assert contacts.preferred("138", REASONS, 20.0) == (
        Preferred("1001", "open_matter"),
        Preferred("1002", "last_agent"),
    )
    contacts.settled("i2", "1002", True)
    assert contacts.preferred("138", REASONS, 20.0) == (Preferred("1002", "last_agent"),)


@pytest.mark.parametrize("nobody", ["", "anonymous", "Anonymous", "unknown", "restricted"])
def test_callers_without_a_number_are_not_one_customer(nobody):
    contacts = memory()
    contacts.talked(nobody, "1001", "i1", 0.0)
    contacts.settled("i1", "1001", False)
    assert contacts.preferred(nobody, REASONS, 10.0) == ()
    assert contacts.visits(nobody, 10.0) == 0


def test_reasons_are_those_that_the_queue_names_and_each_agent_stands_once():
    contacts = memory()
    contacts.manage({"138": "1001", "139": "1003"})
    contacts.talked("138", "1001", "i1", 0.0)
    assert contacts.preferred("138", REASONS, 0.0) == (Preferred("1001", "manager"),)
    assert contacts.preferred("138", ["last_agent"], 0.0) == (Preferred("1001", "last_agent"),)
    assert contacts.preferred("138", ["open_matter"], 0.0) == ()
    assert contacts.preferred("139", REASONS, 0.0) == (Preferred("1003", "manager"),)


def test_a_talk_told_twice_or_late_changes_nothing():
    contacts = memory()
    contacts.talked("138", "1001", "i1", 10.0)
    contacts.talked("138", "1001", "i1", 10.0)
    contacts.talked("138", "1002", "i0", 5.0)
    assert contacts.visits("138", 10.0) == 1
    assert contacts.preferred("138", REASONS, 10.0) == (Preferred("1001", "last_agent"),)


def test_the_memory_is_bounded_and_the_longest_silent_goes_first():
    contacts = memory(maximum=2)
    for number, at in (("1", 0.0), ("2", 1.0), ("1", 2.0), ("3", 3.0)):
        contacts.talked(number, "1001", f"i{number}{at}", at)
    assert [contacts.visits(number, 4.0) for number in "123"] == [2, 0, 1]
    assert len(contacts) == 2
    nothing = memory(maximum=0)
    nothing.talked("1", "1001", "i", 0.0)
    assert len(nothing) == 0


def test_what_was_before_the_start_can_be_learned():
    contacts = memory()
    contacts.learn("138", "1001", "i1", -50.0, False)
    contacts.learn("138", "1002", "i2", -10.0, None)
    assert [each.agent for each in contacts.preferred("138", REASONS, 0.0)] == ["1001", "1002"]


LINE = queue("sales", prefers=("open_matter",), preferred_wait_s=20.0, wrap_up_s=0.0)


def called_before(line=LINE):
    """1001 has talked to the caller and says that the matter is open; 1002 is idle longer."""
    stage = Stage(queues=[line], agents=[agent("1001"), agent("1002")])
    stage.registers("1001")
    caller, _ = stage.talk()
    stage.centre.desk.dispose("1001", Disposition(call_class="complaint", solved=False))
    stage.registers("1002")
    stage.wait(5)
    stage.hangs_up(caller)
    return stage


def test_a_caller_with_an_open_matter_reaches_who_took_it():
    stage = called_before()
    stage.wait(5)
    stage.calls("4001")
    made = stage.one(events.OfferMade)
    assert (made.agent, made.choice.layer, made.choice.order) == (
        "1001",
        "preferred",
        "open_matter",
    )


def test_without_the_queue_s_wish_the_longest_idle_one_gets_the_call():
    stage = called_before(queue("sales", wrap_up_s=0.0))
    stage.wait(5)
    stage.calls("4001")
    assert stage.one(events.OfferMade).agent == "1002"
