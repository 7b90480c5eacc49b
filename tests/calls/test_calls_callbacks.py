"""Call-backs: the place is kept, the turn comes, agent or customer first, until it has an end."""

from datetime import datetime

import pytest
from calls_stage import ANSWER, OFFER, Stage, queue
from msgspec.structs import replace

from acd.calls import cdr_rows, commands, events
from acd.calls.call import EndReason
from acd.calls.callback import SavedCallback
from acd.calls.cdr import Fold
from acd.calls.closures import EVERY_QUEUE
from acd.calls.dial_plan import DialPlan
from acd.calls.journal import Record
from acd.media import commands as media
from acd.media import events as media_in
from acd.reports.kpi import queue_kpis
from acd.routing.model import Overflow, State, Status
from acd.routing.waiting_rules import CallbackRules, Exit, First, WaitingRules
from acd.sip import events as sip
from acd.sip.peer import Peer

MOBILE, OTHER = "+8613800138000", "+8613900139000"


class Always:
    """Opening hours that a test can end."""

    def __init__(self) -> None:
        self.open = True

    def is_open(self, moment: datetime) -> bool:
        assert moment.tzinfo is not None
        return self.open


class Desk(Stage):
    """A stage whose sales queue calls back on key 1."""

    def __init__(
        self,
        *,
        trunks: tuple[str, ...] = ("carrier",),
        max_length: int = 10_000,
        overflow: Overflow | None = None,
        **rules: object,
    ) -> None:
        self.hours = Always()
        given: dict[str, object] = {"hours": self.hours, "retry_pause_s": 300.0}
        callback = CallbackRules(**(given | rules))  # type: ignore[arg-type]  # a wrong one fails
        waiting = WaitingRules(exits={"1": Exit(callback=True)}, callback=callback)
        sales = queue(
            waiting=waiting,
            wrap_up_s=0.0,
            max_wait_s=120.0,
            max_length=max_length,
            overflow=overflow,
        )
        super().__init__(
            queues=(sales,),
            dial_plan=DialPlan(trunks=trunks, forbidden=("+861391",)),
        )
        self.registers("1001")

    def away(self) -> None:
        self.take(self.centre.set_status("1001", Status.AWAY, "meal", "agent", self.now))

    def ready(self) -> None:
        self.take(self.centre.set_status("1001", Status.READY, "", "agent", self.now))

    def waits(self, caller: str = MOBILE, *, withheld: bool = False) -> str:
        """A caller from a trunk, in the line; the leg."""
        leg = f"caller{next(self._legs)}"
        peer = Peer("udp", "192.0.2.7", 5060)
        self.on_sip(
            sip.InviteReceived(leg, leg, peer, caller, "", "4001", None, OFFER, withheld=withheld)
        )
        self.on_media(media_in.StreamOpened(leg, ANSWER))
        return leg

    def asks(self, caller: str = MOBILE) -> str:
        """A caller who wants to be called back, and hangs up; the interaction."""
        leg = self.waits(caller)
        interaction = self.all(events.CallStarted)[-1].interaction
        self.presses(leg, "1")
        if any(call.leg == leg for call in self.centre.calls):
            self.hangs_up(leg)
        return interaction

    def customer(self) -> str:
        """Open the media of the customer's leg, so that the phone is dialled; the leg."""
        leg = next(one.leg for one in reversed(list(self.centre.calls)) if one.back is not None)
        self.on_media(media_in.StreamOpened(leg, OFFER))
        return leg

    def remembers(self, saved: tuple[SavedCallback, ...]) -> None:
        """Begin with what stood before a restart."""
        self.centre.call_backs.restore(saved, self.now)
        self.ledger.promises.restored(saved, placed=False)

    def outcomes(self) -> list[str]:
        return [event.outcome for event in self.all(events.CallbackEnded)]

    def invited(self) -> list[commands.InviteLeg]:
        return [one for one in self.all(commands.InviteLeg) if one.target.trunk]


def started(first: First = First.AGENT, **rules: object) -> Desk:
    desk = Desk(first=first, **rules)
    desk.away()
    desk.asks()
    desk.wait(50)
    return desk


# --- the wish ---


def test_the_visit_ends_with_callback_and_the_caller_is_told_and_hung_up_on() -> None:
    desk = Desk()
    desk.away()
    leg = desk.waits()
    desk.presses(leg, "1")
    assert desk.one(events.QueueLeft).reason == "callback"
    asked = desk.one(events.CallbackRequested)
    assert (asked.number, asked.queue, asked.merged) == (MOBILE, "sales", False)
    assert asked.callback == asked.interaction
    assert desk.ended().reason == EndReason.CALLBACK.value
    assert desk.router.queue_lengths()["sales"] == 1  # somebody's place, without the somebody


@pytest.mark.parametrize(
    ("caller", "withheld"),
    [(MOBILE, True), ("anonymous", False), ("", False), ("+8613910000000", False), ("110", False)],
    ids=["withheld", "anonymous", "empty", "forbidden", "emergency"],
)
def test_whoever_cannot_be_called_waits_on(caller: str, withheld: bool) -> None:
    desk = Desk()
    desk.away()
    desk.presses(desk.waits(caller, withheld=withheld), "1")
    assert not desk.all(events.CallbackRequested)
    assert not desk.all(events.QueueLeft)
    assert desk.centre.calls_total == 1


def test_no_further_than_the_queue_may_call() -> None:
    desk = Desk(may_call=2)
    desk.away()
    desk.presses(desk.waits(), "1")
    assert not desk.all(events.CallbackRequested)


def test_one_number_has_one_place() -> None:
    desk = Desk()
    desk.away()
    first = desk.asks()
    desk.wait(30)
    second = desk.asks()
    assert [e.merged for e in desk.all(events.CallbackRequested)] == [False, True]
    assert {e.callback for e in desk.all(events.CallbackRequested)} == {first}
    assert second != first
    assert desk.router.queue_lengths()["sales"] == 1


# --- agent first ---


def test_agent_first_the_agent_waits_for_the_customer_and_then_they_talk() -> None:
    desk = started()
    desk.ready()
    begun = desk.all(events.CallStarted)[-1]
    asked = desk.all(events.CallbackRequested)[0]
    assert (begun.direction, begun.interaction) == ("callback", asked.callback)
    entered = desk.all(events.QueueEntered)[-1]
    assert (entered.callback, entered.waited_before_s) == (True, 50.0)
    phone = desk.ringing("1001")
    desk.answers(phone)
    assert not desk.all(events.AgentConnected)
    leg = desk.customer()
    [invite] = desk.invited()
    assert (invite.target.uri, invite.target.trunk) == (f"sip:{MOBILE}@trunk.invalid", "carrier")
    assert invite.target.caller == "4001"
    desk.on_sip(sip.LegRinging(leg, 180, b""))
    desk.wait(12)
    desk.answers(leg)
    assert desk.one(media.Bridge).other == phone
    assert desk.one(events.AgentConnected).agent == "1001"
    desk.wait(40)
    desk.hangs_up(leg)
    assert desk.one(events.AgentDisconnected).talk_s == 40
    [ended] = desk.all(events.CallbackEnded)
    assert (ended.outcome, ended.agent, ended.attempts) == ("reached", "1001", 1)
    assert len(desk.centre.call_backs) == 0
    desk.check_over()


def test_the_place_is_the_one_of_the_first_moment() -> None:
    desk = Desk()
    desk.away()
    desk.asks()
    desk.wait(5)
    later = desk.waits(OTHER)
    desk.ready()
    assert (
        desk.all(events.OfferMade)[-1].interaction
        == desk.all(events.CallbackRequested)[0].callback
    )
    assert later in {call.leg for call in desk.centre.calls}


def test_an_agent_who_does_not_take_it_makes_room_for_the_next() -> None:
    desk = started()
    desk.registers("1002")
    phone = desk.ringing("1002")
    desk.on_sip(sip.LegFailed(phone, 603, ""))
    desk.ready()
    assert [o.agent for o in desk.all(events.OfferMade)] == ["1002", "1001"]
    assert not desk.all(events.CallbackAttempted), "nobody has called the customer"
    desk.answers(desk.ringing("1001"))
    assert len(desk.all(events.CallbackAttempted)) == 1
    desk.answers(desk.customer())
    assert desk.all(events.AgentConnected)[-1].agent == "1001"


@pytest.mark.parametrize("status", [486, 603, 480, 404])
def test_a_customer_who_is_not_reached_is_called_again_and_then_no_more(status: int) -> None:
    desk = started(attempts=2)
    desk.ready()
    desk.answers(desk.ringing("1001"))
    desk.on_sip(sip.LegFailed(desk.customer(), status, ""))
    assert desk.state("1001") is State.IDLE
    assert not desk.outcomes()
    desk.wait(299)
    assert len(desk.all(events.CallbackAttempted)) == 1
    desk.wait(1)
    desk.answers(desk.ringing("1001"))
    desk.on_sip(sip.LegFailed(desk.customer(), status, ""))
    assert desk.outcomes() == ["not_reached"]
    assert not desk.all(events.AgentConnected)
    desk.check_over()


def test_the_place_is_kept_over_an_attempt_in_vain() -> None:
    desk = started()
    desk.ready()
    desk.answers(desk.ringing("1001"))
    desk.on_sip(sip.LegFailed(desk.customer(), 486, ""))
    desk.away()
    desk.wait(250)
    desk.waits(OTHER)
    desk.wait(60)
    desk.ready()
    [asked] = desk.all(events.CallbackRequested)
    assert desk.all(events.OfferMade)[-1].interaction == asked.callback
    assert desk.all(events.QueueEntered)[-1].waited_before_s == 360


def test_a_phone_that_rings_out_is_no_answer() -> None:
    desk = started(ring_s=25.0)
    desk.ready()
    desk.answers(desk.ringing("1001"))
    leg = desk.customer()
    desk.on_sip(sip.LegRinging(leg, 180, b""))
    desk.wait(25)
    assert leg in {one.leg for one in desk.all(commands.HangUpLeg)}
    assert desk.ended().reason == EndReason.NO_ANSWER.value
    assert desk.state("1001") is State.IDLE


def test_an_agent_who_hangs_up_before_the_customer_answers_ends_the_attempt() -> None:
    desk = started()
    desk.ready()
    phone = desk.ringing("1001")
    desk.answers(phone)
    leg = desk.customer()
    desk.hangs_up(phone)
    assert leg in {one.leg for one in desk.now_all(commands.HangUpLeg)}
    assert desk.centre.calls_total == 0
    assert len(desk.centre.call_backs) == 1
    desk.check_over()


def test_the_next_trunk_is_tried_where_the_first_one_fails() -> None:
    desk = Desk(trunks=("carrier", "spare"))
    desk.away()
    desk.asks()
    desk.ready()
    desk.answers(desk.ringing("1001"))
    desk.on_sip(sip.LegFailed(desk.customer(), 503, ""))
    leg = desk.customer()
    assert [one.target.trunk for one in desk.invited()] == ["carrier", "spare"]
    desk.answers(leg)
    desk.hangs_up(leg)
    assert desk.outcomes() == ["reached"]
    desk.check_over()


# --- customer first ---


def test_customer_first_the_customer_gets_the_heads_place() -> None:
    desk = started(First.CUSTOMER)
    waiting = desk.waits(OTHER)
    desk.ready()
    # The agent is not kept waiting: the other caller is served meanwhile.
    assert (
        desk.all(events.OfferMade)[-1].interaction == desk.all(events.CallStarted)[1].interaction
    )
    leg = desk.customer()
    desk.answers(desk.ringing("1001"))
    desk.answers(leg)
    entered = desk.all(events.QueueEntered)[-1]
    assert (entered.callback, entered.waited_before_s) == (True, 50.0)
    assert desk.plays(leg) == ("music/default",)
    desk.waits("+8613700137000")
    desk.hangs_up(waiting)
    assert desk.all(events.OfferMade)[-1].visit == entered.visit
    desk.answers(desk.ringing("1001"))
    desk.hangs_up(leg)
    assert desk.outcomes() == ["reached"]


def test_a_customer_who_answers_and_hangs_up_waiting_is_called_again() -> None:
    desk = started(First.CUSTOMER, attempts=2)
    desk.ready()
    leg = desk.customer()
    desk.away()
    desk.answers(leg)
    desk.wait(20)
    desk.hangs_up(leg)
    assert not desk.outcomes()
    assert len(desk.centre.call_backs) == 1


# --- hours, expiry, closure, cancelling ---


def test_nobody_is_called_outside_of_the_hours() -> None:
    desk = started()
    desk.hours.open = False
    desk.ready()
    assert not desk.all(events.OfferMade)
    desk.wait(3600)
    assert not desk.all(events.OfferMade)
    desk.hours.open = True
    desk.wait(60)
    assert len(desk.all(events.OfferMade)) == 1


def test_what_has_not_come_to_its_turn_expires_and_not_by_the_longest_wait_of_callers() -> None:
    desk = Desk(expires_s=4_000.0)
    desk.away()
    desk.asks()
    desk.wait(3_999)
    assert not desk.outcomes()
    desk.wait(1)
    assert desk.outcomes() == ["expired"]
    assert desk.router.queue_lengths()["sales"] == 0


def test_a_closed_queue_calls_nobody_until_it_opens() -> None:
    desk = started()
    desk.take(desk.centre.close_queue(EVERY_QUEUE, "fire", "chen", desk.now))
    desk.ready()
    desk.wait(600)
    assert not desk.all(events.OfferMade)
    assert len(desk.centre.call_backs) == 1
    desk.take(desk.centre.open_queue(EVERY_QUEUE, "chen"))
    desk.wait(60)
    assert len(desk.all(events.OfferMade)) == 1


def test_closing_while_the_agents_phone_rings_keeps_the_wish() -> None:
    desk = started()
    desk.ready()
    desk.ringing("1001")
    desk.take(desk.centre.close_queue("sales", "fire", "chen", desk.now))
    assert desk.centre.calls_total == 0
    assert len(desk.centre.call_backs) == 1
    assert not desk.outcomes()


def test_who_calls_again_and_is_answered_is_not_called_back() -> None:
    desk = started()
    leg = desk.waits()
    desk.take(desk.centre.cancel_callback("nobody", "chen", desk.now)[0])
    desk.registers("1002")
    # 1002 is offered the call-back's place first; it is the same customer's, and lets it go by.
    desk.on_sip(sip.LegFailed(desk.ringing("1002"), 486, ""))
    desk.wait(11)
    assert leg in {call.leg for call in desk.centre.calls}


def test_a_waiting_call_back_ends_when_its_customer_is_answered() -> None:
    desk = Desk()
    desk.away()
    desk.asks()
    desk.hours.open = False
    desk.wait(61)
    leg = desk.waits()
    desk.ready()  # the call-back's turn is passed by: it is night
    desk.answers(desk.ringing("1001"))
    assert desk.outcomes() == ["called_in"]
    desk.hangs_up(leg)


def test_who_is_answered_while_the_own_phone_is_called_is_not_called_again() -> None:
    """The customer, tired of waiting, calls; just then the turn comes, and the line is busy."""
    desk = started()
    desk.registers("1002")
    desk.take(desk.centre.set_status("1002", Status.AWAY, "meal", "agent", desk.now))
    desk.waits()
    desk.ready()
    desk.answers(desk.ringing("1001"))
    customer = desk.customer()
    desk.take(desk.centre.set_status("1002", Status.READY, "", "agent", desk.now))
    desk.answers(desk.ringing("1002"))
    desk.on_sip(sip.LegFailed(customer, 486, ""))
    assert desk.outcomes() == ["called_in"]


def test_the_agent_who_waits_for_the_customer_is_no_answer_to_the_customer() -> None:
    desk = started(attempts=1)
    desk.ready()
    desk.answers(desk.ringing("1001"))
    desk.on_sip(sip.LegFailed(desk.customer(), 486, ""))
    assert desk.outcomes() == ["not_reached"]


def test_a_second_wish_counts_as_much_as_a_first_one() -> None:
    """Whoever was promised a call just now is not left because an earlier one had been tried."""
    desk = started(attempts=1, expires_s=1_000.0)
    desk.ready()
    desk.answers(desk.ringing("1001"))
    customer = desk.customer()
    desk.away()
    desk.presses(desk.waits(), "1")
    assert desk.one(events.CallbackRequested).merged
    desk.on_sip(sip.LegFailed(customer, 486, ""))
    assert not desk.outcomes()
    again = Desk(attempts=1, expires_s=1_000.0)
    again.away()
    again.remembers(desk.centre.call_backs.saved)
    again.wait(990)
    assert not again.outcomes(), "the first wish alone would have expired by now"
    again.ready()
    again.answers(again.ringing("1001"))
    again.on_sip(sip.LegFailed(again.customer(), 486, ""))
    assert again.outcomes() == ["not_reached"]


def test_a_place_in_the_line_is_renewed_by_a_second_wish() -> None:
    desk = started(expires_s=1_000.0)
    desk.wait(900)
    desk.presses(desk.waits(), "1")
    desk.wait(999)
    assert not desk.outcomes()
    assert desk.router.queue_lengths()["sales"] == 1
    desk.wait(1)
    assert desk.outcomes() == ["expired"]


def test_an_attempt_that_called_nobody_does_not_count() -> None:
    """The queue is closed while an agent's phone rings for it: the customer has heard nothing."""
    desk = started(attempts=1)
    desk.ready()
    desk.ringing("1001")
    desk.take(desk.centre.close_queue(EVERY_QUEUE, "fire", "chen", desk.now))
    assert not desk.outcomes()
    desk.take(desk.centre.open_queue(EVERY_QUEUE, "chen"))
    desk.wait(60)
    desk.answers(desk.ringing("1001"))
    desk.answers(desk.customer())
    desk.hangs_up(desk.all(events.AgentConnected)[-1].leg)
    assert desk.outcomes() == ["reached"]
    [attempt] = desk.all(events.CallbackAttempted)
    assert attempt.attempt == 1


# --- a line that is full ---


def full(first: First) -> Desk:
    """A line for one, in which a call-back stands."""
    desk = Desk(first=first, max_length=1)
    desk.away()
    desk.asks()
    return desk


def test_a_call_back_has_its_place_though_somebody_took_the_last_one_meanwhile() -> None:
    desk = full(First.AGENT)
    desk.ready()
    desk.answers(desk.ringing("1001"))
    desk.on_sip(sip.LegFailed(desk.customer(), 486, ""))
    desk.away()
    desk.wait(200)
    desk.waits(OTHER)
    desk.wait(100)
    assert desk.router.queue_lengths()["sales"] == 2
    desk.ready()
    [asked] = desk.all(events.CallbackRequested)
    assert desk.one(events.OfferMade).interaction == asked.callback


def test_a_customer_who_was_called_first_comes_in_though_the_line_is_full_again() -> None:
    desk = full(First.CUSTOMER)
    desk.ready()
    customer = desk.customer()
    desk.away()
    desk.waits(OTHER)
    desk.answers(customer)
    assert desk.one(events.QueueEntered).callback
    assert not desk.now_all(events.QueueLeft)


def test_a_customer_who_is_handed_on_is_still_one_who_is_called_back() -> None:
    """Offered once: no queue counts the customer anew, nor lists one who gives up there."""
    desk = Desk(first=First.CUSTOMER, overflow=Overflow(queue="service"))
    desk.away()
    desk.asks()
    desk.ready()
    customer = desk.customer()
    desk.away()
    desk.answers(customer)
    desk.wait(120)
    entered = desk.one(events.QueueEntered)
    assert (entered.queue, entered.callback) == ("service", True)


def test_an_agent_who_holds_while_the_customer_is_called_holds_when_the_customer_answers() -> None:
    desk = started()
    desk.ready()
    phone = desk.ringing("1001")
    desk.answers(phone)
    desk.holds(phone)
    customer = desk.customer()
    assert not desk.all(media.Unbridge)
    desk.answers(customer)
    assert desk.state("1001") is State.HELD
    desk.wait(7)
    desk.holds(phone, held=False)
    assert media.Bridge(customer, phone) in desk.last
    desk.hangs_up(customer)
    assert desk.one(events.AgentDisconnected).hold_s == 7


def test_a_call_back_is_not_moved_before_its_customer_is_there() -> None:
    desk = started()
    desk.ready()
    desk.ringing("1001")
    [call] = desk.centre.calls
    assert desk.steer(lambda s: s.immovable(call.interaction, "service")) == "not_waiting"
    assert desk.steer(lambda s: s.move_call(call.interaction, "service")) is None
    desk.wait(100_000)
    assert desk.centre.calls_total == 0
    assert desk.outcomes() == ["expired"]


def test_a_person_cancels() -> None:
    desk = started()
    [callback] = desk.centre.call_backs
    effects, done = desk.centre.cancel_callback(callback.id, "chen", desk.now)
    desk.take(effects)
    assert done is True
    [ended] = desk.all(events.CallbackEnded)
    assert (ended.outcome, ended.by) == ("cancelled", "chen")
    assert desk.centre.cancel_callback(callback.id, "chen", desk.now)[1] is None
    assert desk.router.queue_lengths()["sales"] == 0


def test_what_runs_is_not_cancelled() -> None:
    desk = started()
    desk.ready()
    [callback] = desk.centre.call_backs
    assert desk.centre.cancel_callback(callback.id, "chen", desk.now)[1] is False


def test_a_queue_that_calls_nobody_back_any_more_lets_the_wish_go() -> None:
    desk = started()
    plain = (queue(), desk.queues[1])
    desk.take(
        desk.centre.configure(
            agents=desk.agents,
            queues=plain,
            numbers=desk.centre._arrival.numbers,
            now=desk.now,
        )
    )
    desk.ready()
    assert desk.outcomes() == ["barred"]


# --- restart ---


def test_a_wish_outlives_the_process_with_its_place() -> None:
    desk = started()
    saved = desk.centre.call_backs.saved
    again = Desk()
    again.away()
    again.remembers(saved)
    again.wait(0)
    later = again.waits(OTHER)
    again.ready()
    offered = again.all(events.OfferMade)[-1]
    assert offered.interaction == saved[0].callback
    again.answers(again.ringing("1001"))
    leg = again.customer()
    again.answers(leg)
    again.hangs_up(leg)
    assert again.outcomes() == ["reached"]
    assert later in {call.leg for call in again.centre.calls}


def test_attempts_are_counted_over_a_restart() -> None:
    desk = started(attempts=2)
    desk.ready()
    desk.answers(desk.ringing("1001"))
    desk.on_sip(sip.LegFailed(desk.customer(), 486, ""))
    again = Desk(attempts=2)
    again.remembers(desk.centre.call_backs.saved)
    again.wait(299)
    assert not again.all(events.OfferMade), "the customer is left alone as long as before"
    again.wait(1)
    again.answers(again.ringing("1001"))
    again.on_sip(sip.LegFailed(again.customer(), 486, ""))
    assert again.outcomes() == ["not_reached"]


def test_a_last_attempt_that_the_restart_cut_was_the_last() -> None:
    desk = started(attempts=1)
    desk.ready()
    desk.answers(desk.ringing("1001"))
    desk.customer()
    again = Desk(attempts=1)
    again.remembers(desk.centre.call_backs.saved)
    again.wait(0)
    assert not again.all(events.OfferMade)
    assert again.outcomes() == ["not_reached"]


@pytest.mark.parametrize("jumped_s", [-86_400, 86_400])
def test_a_wall_clock_that_jumps_makes_no_pause_longer(jumped_s: int) -> None:
    desk = started()
    desk.ready()
    desk.answers(desk.ringing("1001"))
    desk.on_sip(sip.LegFailed(desk.customer(), 486, ""))
    [saved] = desk.centre.call_backs.saved
    at_us = saved.last_attempt_us + jumped_s * 1_000_000
    again = Desk()
    again.remembers((replace(saved, last_attempt_us=at_us),))
    again.wait(300)
    assert again.all(events.OfferMade)


def test_nobody_is_called_while_the_server_takes_no_calls() -> None:
    desk = started()
    desk.centre.refusing = "draining"
    desk.ready()
    assert not desk.all(events.CallbackAttempted)


# --- the record ---


def test_the_rows_tell_one_story_under_one_id() -> None:
    desk = started(attempts=2)
    desk.ready()
    desk.answers(desk.ringing("1001"))
    desk.on_sip(sip.LegFailed(desk.customer(), 486, ""))
    desk.wait(300)
    desk.answers(desk.ringing("1001"))
    leg = desk.customer()
    desk.answers(leg)
    desk.wait(30)
    desk.hangs_up(leg)
    fold, rows = Fold(), []
    told = [effect for effect in desk.log if isinstance(effect, events.Event)]
    for seq, event in enumerate(told):
        rows += fold.apply(Record("node", "boot", seq, 1_000_000 * (seq + 1), float(seq), event))
    assert fold.strays == 0
    assert fold.open_calls == 0
    [asked] = desk.all(events.CallbackRequested)
    contacts = [row for row in rows if isinstance(row, cdr_rows.Interaction)]
    assert {row.interaction for row in contacts} == {asked.callback}
    assert [row.direction for row in contacts] == ["inbound", "callback", "callback"]
    assert len({row.started_us for row in contacts}) == 3
    visits = [row for row in rows if isinstance(row, cdr_rows.QueueVisit)]
    assert [(v.outcome, v.callback) for v in visits] == [
        ("callback", False),
        ("answered", True),
        ("answered", True),
    ]
    *_, last = [row for row in rows if isinstance(row, cdr_rows.Callback)]
    assert (last.outcome, last.attempts, last.agent) == ("reached", 2, "1001")
    [kpi] = queue_kpis(visits, from_us=0, to_us=10**12)
    assert (kpi.offered, kpi.callbacks, kpi.answered) == (1, 1, 0)
