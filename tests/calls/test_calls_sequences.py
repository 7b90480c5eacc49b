"""Anything in any order: the centre never raises, and its records close when all have gone."""

from collections.abc import Callable
from datetime import datetime

import hypothesis.strategies as st
from calls_stage import ANSWER, NUMBERS, OFFER, Stage, agent, queue
from hypothesis import given, settings

from acd.calls import events
from acd.calls.desk import Disposition
from acd.calls.dial_plan import CallClass, DialPlan, Rights
from acd.calls.numbers import NumberPlan
from acd.calls.parting import agent_at
from acd.calls.settings import DevicePolicy
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.model import LayerProfile, Overflow, Status
from acd.routing.policy import WAYS
from acd.routing.waiting_rules import CallbackRules, EmptyRule, Exit, First, WaitingRules
from acd.sip import events as sip

ACCOUNTS = ("phone1001", "phone1002", "phone1005", "door")
MOBILE = "13800138000"
NUMBERS_DIALLED = (*NUMBERS, "4711", "1001", "1002", "110", MOBILE, MOBILE)
PLAN = DialPlan(
    trunks=("carrier", "spare"), rights={"1001": Rights(CallClass.NATIONAL)}, no_answer_s=30.0
)
REFERRED_TO = ("4000", "4001", "4002", "1002", MOBILE, "4711", "*11")
STATUSES = (486, 480, 408, 503, 603)


class Daylight:
    """It is always day."""

    def is_open(self, moment: datetime) -> bool:
        return moment.tzinfo is not None


WAITING = (
    WaitingRules(),
    WaitingRules(
        exits={"9": Exit(flow="later"), "*": Exit(back=True)},
        prompts=("sorry", "music/jingle"),
        prompts_every_s=7.0,
        announce_wait=True,
    ),
    WaitingRules(
        exits={"1": Exit(flow="at_once")},
        refuse_when_empty=EmptyRule.LOGGED_OUT,
        leave_when_empty=EmptyRule.AWAY,
        closed_flow="at_once",
    ),
    WaitingRules(leave_when_empty=EmptyRule.LOGGED_OUT, closed_prompt="bye"),
    *(
        WaitingRules(
            exits={"1": Exit(callback=True)},
            return_within_s=30.0,
            callback=CallbackRules(
                hours=Daylight(), first=first, attempts=2, retry_pause_s=20.0, expires_s=200.0
            ),
        )
        for first in First
    ),
)
OVERFLOWS = (None, Overflow(queue="service"), Overflow(flow="later"), Overflow(flow="at_once"))

legs = st.integers(0, 7)
"Which leg, of all that there ever were: counted back from the newest."

usual = st.one_of(
    st.tuples(st.just("dials"), st.just("4001"), st.just("door")),
    st.tuples(st.just("dials"), st.sampled_from((MOBILE, "1002")), st.just("phone1001")),
    st.tuples(st.just("goes_on"), st.integers(0, 1)),
)
unusual = st.one_of(
    st.tuples(st.just("dials"), st.sampled_from(NUMBERS_DIALLED), st.sampled_from(ACCOUNTS)),
    st.tuples(st.just("goes_on"), legs),
    st.tuples(st.just("opened"), legs),
    st.tuples(st.just("refused"), legs),
    st.tuples(st.just("answered"), legs),
    st.tuples(st.just("accepted"), legs),
    st.tuples(st.just("confirmed"), legs, st.sampled_from((b"", ANSWER))),
    st.tuples(st.just("rings"), legs, st.sampled_from((180, 183)), st.sampled_from((b"", ANSWER))),
    st.tuples(
        st.just("orders"), st.sampled_from(("1001", "1002")), st.sampled_from(NUMBERS_DIALLED)
    ),
    st.tuples(st.just("hangs_up"), st.sampled_from(("1001", "1002"))),
    st.tuples(st.just("failed"), legs, st.sampled_from(STATUSES)),
    st.tuples(st.just("cancelled"), legs),
    st.tuples(st.just("ended"), legs, st.sampled_from(sip.LegEndCause)),
    st.tuples(st.just("refers"), legs, st.sampled_from(REFERRED_TO)),
    st.tuples(st.just("joins"), legs, legs),
    st.tuples(st.just("reoffered"), legs),
    st.tuples(st.just("held"), legs, st.booleans()),
    st.tuples(st.just("digit"), legs, st.sampled_from("129*")),
    st.tuples(st.just("played"), legs),
    st.tuples(st.just("closed"), legs),
    st.tuples(st.just("lost"), legs, legs),
    st.tuples(st.just("devices"), st.sampled_from(ACCOUNTS), st.integers(0, 2)),
    st.tuples(
        st.just("status"), st.sampled_from(("1001", "1002", "1005")), st.sampled_from(Status)
    ),
    st.tuples(st.just("wrap_up"), st.sampled_from(("1001", "1002", "1005"))),
    st.tuples(st.just("disposed"), st.sampled_from(("1001", "1002", "1005"))),
    st.tuples(st.just("reloaded"), st.booleans(), st.booleans()),
    st.tuples(st.just("asks_back"), st.sampled_from((MOBILE, "13900139000"))),
    st.tuples(st.just("closes"), st.sampled_from(("", "sales", "service"))),
    st.tuples(st.just("opens"), st.sampled_from(("", "sales", "service"))),
    st.tuples(st.just("wait"), st.sampled_from((0.0, 0.5, 5.0, 21.0, 61.0))),
)
steps = st.integers(0, 2).flatmap(lambda draw: usual if draw else unusual)
"Two in three: talks must come about for something to go wrong in them."


agents = st.sampled_from(("1001", "1002", "1005"))
handing_on = st.one_of(
    st.tuples(st.just("talks"), st.sampled_from(("4001", "4002"))),
    st.tuples(st.just("asks"), agents, st.sampled_from(("4001", "4002", "1002", "1005", MOBILE))),
    st.tuples(st.just("hands_on"), agents, st.sampled_from(REFERRED_TO)),
    st.tuples(st.just("joins_both"), agents, st.booleans()),
    st.tuples(st.just("takes_place"), agents, agents),
    st.tuples(st.just("goes_on"), st.integers(0, 1)),
    st.tuples(st.just("failed"), st.integers(0, 1), st.sampled_from(STATUSES)),
    st.tuples(st.just("ended"), st.integers(0, 5), st.sampled_from(sip.LegEndCause)),
    st.tuples(st.just("held"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from((0.5, 5.0, 31.0))),
)


calling_back = st.one_of(
    st.tuples(st.just("asks_back"), st.sampled_from((MOBILE, "13900139000", "13700137000"))),
    st.tuples(st.just("talks"), st.just("4001")),
    st.tuples(st.just("goes_on"), st.integers(0, 1)),
    st.tuples(st.just("opened"), st.integers(0, 2)),
    st.tuples(st.just("answered"), st.integers(0, 2)),
    st.tuples(st.just("rings"), st.integers(0, 1), st.just(180), st.just(b"")),
    st.tuples(st.just("failed"), st.integers(0, 2), st.sampled_from(STATUSES)),
    st.tuples(st.just("refused"), st.integers(0, 2)),
    st.tuples(st.just("ended"), st.integers(0, 5), st.sampled_from(sip.LegEndCause)),
    st.tuples(st.just("hands_on"), agents, st.sampled_from(REFERRED_TO)),
    st.tuples(st.just("held"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("lost"), st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.just("devices"), st.just("phone1001"), st.integers(0, 1)),
    st.tuples(st.just("status"), agents, st.sampled_from(Status)),
    st.tuples(st.just("closes"), st.just("sales")),
    st.tuples(st.just("opens"), st.just("sales")),
    st.tuples(st.just("reloaded"), st.booleans(), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from((0.5, 5.0, 31.0, 61.0))),
)


ringing_together = st.one_of(
    st.tuples(st.just("dials"), st.just("4001"), st.just("door")),
    st.tuples(st.just("opened"), st.integers(0, 4)),
    st.tuples(st.just("rings"), st.integers(0, 4), st.just(180), st.just(b"")),
    st.tuples(st.just("answered"), st.integers(0, 4)),
    st.tuples(st.just("accepted"), st.integers(0, 4)),
    st.tuples(st.just("refused"), st.integers(0, 4)),
    st.tuples(st.just("failed"), st.integers(0, 4), st.sampled_from(STATUSES)),
    st.tuples(st.just("ended"), st.integers(0, 5), st.sampled_from(sip.LegEndCause)),
    st.tuples(st.just("devices"), st.sampled_from(("phone1001", "phone1002")), st.integers(0, 2)),
    st.tuples(st.just("wait"), st.sampled_from((0.5, 5.0, 11.0, 31.0))),
)


class Storm:
    """Carries out steps. What no endpoint or engine would report of a leg is left out."""

    def __init__(
        self,
        overflow: Overflow | None,
        devices: DevicePolicy = DevicePolicy.NEWEST,
        waiting: WaitingRules = WAITING[0],
        ring: str = "one",
        **centre_settings: object,
    ) -> None:
        self.agents = (agent("1001"), agent("1002"), agent("1005", "service"))
        self.stage = stage = Stage(
            agents=self.agents,
            dial_plan=PLAN,
            devices=devices,
            **centre_settings,
            queues=(
                queue(
                    max_length=2,
                    max_wait_s=60.0,
                    overflow=overflow,
                    position_every_s=20.0,
                    waiting=waiting,
                    layers=(LayerProfile(name="all", order="longest_idle", ring=ring),),
                ),
                queue("service", max_length=2, wrap_up_s=0.0),
            ),
        )
        self.callers: set[str] = set()
        self.over: set[str] = set()
        centre, heard, told = stage.centre, stage.on_media, stage.on_sip
        self.of_legs: dict[str, Callable[..., object]] = {
            "goes_on": self.go_on,
            "opened": lambda leg: heard(media_in.StreamOpened(leg, OFFER)),
            "refused": lambda leg: heard(media_in.StreamRefused(leg, 488, "")),
            "accepted": lambda leg: heard(media_in.StreamAccepted(leg)),
            "confirmed": lambda leg, answer: told(sip.LegConfirmed(leg, answer)),
            "ended": stage.hangs_up,
            "refers": stage.refers,
            "joins": lambda leg, back: stage.refers(leg, replaces=self.leg(back)),
            "reoffered": lambda leg: told(sip.LegReoffered(leg, OFFER)),
            "held": lambda leg, held: heard(media_in.StreamReoffered(leg, ANSWER, held)),
            "digit": stage.presses,
            "played": lambda leg: stage.plays(leg) and stage.heard_out(leg),
            "closed": lambda leg: heard(media_in.StreamClosed(leg, 0, 0, 0, 0, 0, 0.0)),
            "lost": lambda leg, back: heard(media_in.StreamsLost((leg, self.leg(back)), "")),
        }
        self.of_agents_legs: dict[str, Callable[..., object]] = {
            "answered": lambda leg: told(sip.LegAnswered(leg, ANSWER)),
            "rings": lambda leg, status, sdp: told(sip.LegRinging(leg, status, sdp)),
            "failed": lambda leg, status: told(sip.LegFailed(leg, status, "")),
        }
        self.of_agents: dict[str, Callable[..., object]] = {
            "talks": self.talk,
            "asks": self.ask,
            "hands_on": self.hand_on,
            "joins_both": self.join_both,
            "takes_place": self.take_place,
        }
        self.of_people: dict[str, Callable[..., object]] = {
            "dials": lambda number, account: self.callers.add(
                stage.dials(number, account=account)
            ),
            "orders": lambda number, to: stage.take(centre.place_call(number, to, stage.now)[0]),
            "hangs_up": lambda number: stage.take(centre.hang_up_calls(number, stage.now)),
            "devices": stage.devices,
            "status": lambda number, status: stage.take(
                centre.set_status(number, status, "", "api", stage.now) or []
            ),
            "wrap_up": lambda number: stage.take(centre.end_wrap_up(number, stage.now) or []),
            "disposed": lambda number: stage.take(
                centre.dispose(number, Disposition(call_class="other")) or []
            ),
            "reloaded": self.reload,
            "asks_back": self.ask_back,
            "closes": lambda name: stage.take(
                centre.close_queue(name, "fire", "api", stage.now) or []
            ),
            "opens": lambda name: stage.take(centre.open_queue(name, "api") or []),
            "wait": stage.wait,
        }

    def leg(self, back: int) -> str:
        """A leg that SIP still knows, or none."""
        known = [command.leg for command in self.stage.all(media.OpenStream)]
        living = [leg for leg in known if leg not in self.over]
        return living[-1 - back] if back < len(living) else ""

    def take(self, name: str, *arguments: object) -> None:
        if name in self.of_agents:
            self.of_agents[name](*arguments)
        elif name in self.of_people:
            self.of_people[name](*arguments)
        else:
            back, *more = arguments
            leg = self.leg(back)  # type: ignore[arg-type]  # the strategy's order
            if name in self.of_legs:
                self.of_legs[name](leg, *more)
            elif name == "cancelled":
                if leg in self.callers:
                    self.stage.on_sip(sip.LegCancelled(leg))
            elif leg not in self.callers:
                self.of_agents_legs[name](leg, *more)
        self.note_ends()

    def note_ends(self) -> None:
        ended = {e.leg for e in self.stage.now_all(events.LegEnded)}
        # A leg that goes on in another interaction has ended in its first one only.
        self.over |= ended - {e.leg for e in self.stage.now_all(events.TransferCompleted)}

    def go_on(self, leg: str) -> None:
        """What happens when nothing goes wrong: answered by us, or by the agent."""
        stage = self.stage
        stage.on_media(media_in.StreamOpened(leg, OFFER))
        if leg not in self.callers:
            self.note_ends()
            stage.on_sip(sip.LegAnswered(leg, ANSWER))
            stage.on_media(media_in.StreamAccepted(leg))

    def ask_back(self, number: str) -> None:
        """A caller with a number that can be called, who presses the key of the call-back."""
        leg = self.stage.dials("4001", caller=number)
        self.callers.add(leg)
        self.go_on(leg)
        if leg not in self.over:
            self.stage.presses(leg, "1")

    # --- agents who hand callers on ---

    def talk(self, number: str) -> None:
        """A caller is answered by an agent, if one is free."""
        self.dial(number, "door")

    def ask(self, agent: str, number: str) -> None:
        """An agent places a call beside the one at hand, and it is answered."""
        self.dial(number, f"phone{agent}")

    def dial(self, number: str, account: str) -> None:
        leg = self.stage.dials(number, account=account)
        self.callers.add(leg)
        self.go_on(leg)
        self.note_ends()
        if self.leg(0) not in self.callers:
            self.go_on(self.leg(0))

    def at_hand(self, agent: str) -> str:
        """The leg by which the agent talks to somebody who can be handed on; or none."""
        for call in self.stage.centre.calls:
            for leg in (call.agent_leg, call.called_leg, call):
                if leg is not None and agent_at(call, leg.leg) == agent:
                    return leg.leg
        return ""

    def hand_on(self, agent: str, number: str) -> None:
        self.stage.refers(self.at_hand(agent), number)

    def join_both(self, agent: str, swapped: bool) -> None:
        own = [call.leg for call in self.stage.centre.calls if call.account == f"phone{agent}"]
        legs = (self.at_hand(agent), own[-1] if own else "")
        self.stage.refers(legs[swapped], replaces=legs[not swapped])

    def take_place(self, agent: str, other: str) -> None:
        by = f"sip:{agent}@server"
        leg = self.stage.takes_place(self.at_hand(agent), f"phone{other}", referred_by=by)
        self.callers.add(leg)
        self.stage.on_media(media_in.StreamOpened(leg, ANSWER))

    def reload(self, fewer_agents: bool, fewer_queues: bool) -> None:
        stage = self.stage
        stage.take(
            stage.centre.configure(
                agents=self.agents[1:] if fewer_agents else self.agents,
                queues=stage.queues[1:] if fewer_queues else stage.queues,
                numbers=NumberPlan(targets=NUMBERS, dial_plan=PLAN),
                now=stage.now,
            )
        )

    def everybody_leaves(self) -> None:
        stage = self.stage
        if len(stage.centre.call_backs):
            # Or customers would be called for ever who have gone.
            stage.take(stage.centre.close_queue("", "over", "api", stage.now))
        for leg in sorted(self.callers):
            stage.hangs_up(leg)
        for number in ("1001", "1002"):
            stage.take(stage.centre.hang_up_calls(number, stage.now))
        self.note_ends()
        # Customers whom an agent had called, and handed on.
        while leg := self.leg(0):
            stage.hangs_up(leg)
            self.over.add(leg)
        stage.wait(100)


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from(OVERFLOWS),
    st.sampled_from(DevicePolicy),
    st.sampled_from(WAITING),
    st.sampled_from(WAYS),
    st.lists(steps, min_size=10, max_size=60),
)
def test_whatever_happens_the_records_close(
    overflow: Overflow | None,
    devices: DevicePolicy,
    waiting: WaitingRules,
    ring: str,
    happening: list[tuple[str, ...]],
) -> None:
    storm = Storm(overflow, devices, waiting, ring)
    for account in ACCOUNTS[:2]:
        storm.take("devices", account, 2)
    for step in happening:
        storm.take(*step)
    storm.everybody_leaves()
    assert storm.stage.centre.calls_total == 0
    storm.stage.check_over()
    promised = {callback.id for callback in storm.stage.centre.call_backs}
    assert storm.stage.ledger.promises.open == promised


def test_an_agent_without_media_does_not_keep_the_customer_ringing() -> None:
    storm = Storm(None, waiting=WAITING[-2], ring="one")
    storm.take("devices", "phone1001", 1)
    for step in (*[("asks_back", "13800138000")] * 3, ("goes_on", 0), ("refused", 1)):
        storm.take(*step)
    storm.everybody_leaves()
    storm.stage.check_over()


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(WAITING[-2:]),
    st.sampled_from(WAYS),
    st.lists(calling_back, min_size=5, max_size=40),
)
def test_whatever_becomes_of_call_backs_each_ends_once(
    waiting: WaitingRules, ring: str, happening: list[tuple[str, ...]]
) -> None:
    storm = Storm(None, waiting=waiting, ring=ring)
    storm.take("devices", "phone1001", 1)
    storm.take("devices", "phone1002", ring != "one")
    for step in happening:
        storm.take(*step)
    storm.everybody_leaves()
    assert storm.stage.centre.calls_total == 0
    storm.stage.check_over()
    # Whatever is left has no future: it expires.
    storm.stage.wait(300)
    assert len(storm.stage.centre.call_backs) == 0
    assert not storm.stage.ledger.promises.open


@settings(max_examples=250, deadline=None)
@given(st.lists(handing_on, min_size=5, max_size=40))
def test_whoever_hands_on_callers_the_records_close(happening: list[tuple[str, ...]]) -> None:
    storm = Storm(None)
    for account in ("phone1001", "phone1002", "phone1005"):
        storm.take("devices", account, 1)
    for step in happening:
        storm.take(*step)
    storm.everybody_leaves()
    assert storm.stage.centre.calls_total == 0
    storm.stage.check_over()


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(DevicePolicy),
    st.sampled_from(WAYS[1:]),
    st.lists(ringing_together, min_size=5, max_size=40),
)
def test_whoever_rings_together_the_records_close(
    devices: DevicePolicy, ring: str, happening: list[tuple[str, ...]]
) -> None:
    storm = Storm(None, devices, ring=ring)
    for account in ("phone1001", "phone1002"):
        storm.take("devices", account, 2)
    storm.take("dials", "4001", "door")
    for step in (("opened", 0), *happening):
        storm.take(*step)
    storm.everybody_leaves()
    assert storm.stage.centre.calls_total == 0
    storm.stage.check_over()
    storm.stage.ledger.check_rested()
