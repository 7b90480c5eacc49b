"""The stage of the call centre's tests: two lines, four agents, and everything that can happen.

Phones, media and people are told to the real centre (router and flows real too); what it asks for
and what it records is kept and looked at.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import TypeVar

from acd.calls import commands, events
from acd.calls.centre import CallCentre
from acd.calls.dial_plan import DialPlan
from acd.calls.effects import Effects
from acd.calls.numbers import (
    CodeAction,
    CodeTarget,
    EchoTarget,
    FlowTarget,
    NumberPlan,
    QueueTarget,
)
from acd.calls.ports import Certificates
from acd.calls.settings import CentrePrompts, CentreSettings
from acd.calls.steering import Steering
from acd.ivr.book import FlowBook, load_flows
from acd.ivr.validation import FlowContext
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.model import (
    AgentProfile,
    AgentRules,
    Grade,
    LayerProfile,
    MissRule,
    QueueKind,
    QueueProfile,
    State,
    Status,
)
from acd.routing.policy import phones_at_most
from acd.routing.router import Router
from acd.simulation.ledger import Ledger
from acd.sip import events as sip
from acd.sip.peer import Peer

HOTLINE = """
flow: hotline
start: menu
languages: [zh]
nodes:
  menu:
    type: menu
    prompts: [menu]
    timeout_s: 5
    retries: 1
    digits: {"1": sales, "2": service}
    on_timeout: bye
    on_invalid: bye
  sales:
    {type: queue, queue: sales, priority: 2, category: jewelry, on_timeout: menu, on_full: bye}
  service: {type: queue, queue: service, on_timeout: bye, on_full: service}
  bye: {type: hangup, sounds: [bye], reason: no_choice}
"""
LATER = """
flow: later
start: sorry
languages: [zh]
nodes:
  sorry: {type: play, sounds: [sorry], next: again}
  again: {type: queue, queue: sales, on_timeout: bye, on_full: bye}
  bye: {type: hangup, sounds: [bye]}
"""
AT_ONCE = """
flow: at_once
start: again
languages: [zh]
nodes:
  again: {type: queue, queue: sales, on_timeout: bye, on_full: bye}
  bye: {type: hangup, sounds: [bye]}
"""
CODES = {
    "*11": CodeTarget(CodeAction.READY),
    "*12": CodeTarget(CodeAction.AWAY, "lunch"),
    "*13": CodeTarget(CodeAction.LOG_OUT),
    "*14": CodeTarget(CodeAction.END_WRAP_UP),
    "*16": CodeTarget(CodeAction.COOL_DOWN),
    "*17": CodeTarget(CodeAction.EXTEND_WRAP_UP),
    "*20": CodeTarget(CodeAction.DESK_LOGIN),
    "*152": CodeTarget(CodeAction.DISPOSITION, "order"),
}
NUMBERS = {
    "4000": FlowTarget("hotline"),
    "4001": QueueTarget("sales"),
    "4002": QueueTarget("service"),
    "4003": QueueTarget("sales", ringing=True),
    "4099": EchoTarget(),
} | CODES
PROMPTS = CentrePrompts(
    queue_full="full",
    max_wait="sorry",
    code_done={
        CodeAction.READY: "ready",
        CodeAction.AWAY: "away",
        CodeAction.DESK_LOGIN: "seated",
    },
    code_refused="refused",
    desk_number="number?",
    desk_pin="pin?",
)
OFFER, ANSWER = b"the phone's offer", b"our answer"
MISS = MissRule(away_after_misses=0)
WALL = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)

Kind = TypeVar("Kind")


def flows(**texts: str) -> FlowBook:
    names = ("menu", "bye", "sorry", "full")
    context = FlowContext(
        queues=frozenset({"sales", "service"}),
        sounds=frozenset({"music/default", *(f"zh/{name}" for name in names)}),
    )
    texts = {"hotline": HOTLINE, "later": LATER, "at_once": AT_ONCE} | texts
    return load_flows({f"{name}.yaml": text for name, text in texts.items()}, context)


def agent(number: str, skill: str = "sales", *, account: str = "") -> AgentProfile:
    return AgentProfile(
        number=number,
        name=f"Agent {number}",
        account=account or f"phone{number}",
        skills={skill: Grade.A},
    )


AGENTS = (agent("1001"), agent("1002"), agent("1005", "service"), agent("1006", "service"))


def queue(name: str = "sales", **fields: object) -> QueueProfile:
    settings: dict[str, object] = {
        "skill": name,
        "kind": QueueKind.SALES if name == "sales" else QueueKind.SERVICE,
        "layers": (LayerProfile(name="all", order="longest_idle"),),
        "wrap_up_s": 10.0,
        "miss": MISS,
    }
    return QueueProfile(name=name, **(settings | fields))  # type: ignore[arg-type]  # a wrong one fails


class Stage:
    """Tells the centre what happens, and keeps what follows."""

    def __init__(
        self,
        *,
        queues: Sequence[QueueProfile] = (),
        agents: Sequence[AgentProfile] = AGENTS,
        book: FlowBook | None = None,
        dial_plan: DialPlan | None = None,
        rules: AgentRules | None = None,
        certificates: Certificates | None = None,
        numbers: NumberPlan | None = None,
        **settings: object,
    ) -> None:
        given = {one.name: one for one in queues}
        self.queues = tuple(given.get(name) or queue(name) for name in ("sales", "service"))
        self.agents = tuple(agents)
        ids = count(1)
        self._legs = count(1)
        new_id = lambda: f"id{next(ids)}"  # noqa: E731 - an injected source, no function of ours
        self.router = Router(agents=agents, queues=self.queues, new_id=new_id, rules=rules)
        self.centre = CallCentre(
            router=self.router,
            agents=agents,
            queues=self.queues,
            numbers=numbers
            or NumberPlan(
                targets=NUMBERS,
                dial_plan=dial_plan or DialPlan(),
                desk_phones=frozenset({"d01"}),
                away_code="*12",
                away_choices="1 lunch",
            ),
            flows=book or flows(),
            settings=CentreSettings(**({"prompts": PROMPTS} | settings)),  # type: ignore[arg-type]  # a wrong one fails
            new_id=new_id,
            wall=lambda: WALL,
            certificates=certificates,
        )
        self.now = 1000.0
        self.log: Effects = []
        self.last: Effects = []
        self.ledger = Ledger(ring_at_most=phones_at_most(self.queues))

    # --- time, and what follows ---

    def take(self, effects: Effects | None) -> Effects:
        assert effects is not None, "refused"
        self.log += effects
        self.last = effects
        for effect in effects:
            if type(effect) in EVENTS:
                self.ledger.take(effect, self.now)  # type: ignore[arg-type]  # told by its type
        return effects

    def steer(self, move: Callable[[Steering], Kind]) -> Kind:
        """A supervisor's move; what it returned."""
        effects, result = self.centre.steer(move, self.now)
        self.take(effects)
        return result

    def wait(self, seconds: float) -> Effects:
        """Let time go by; every deadline strikes when it is due."""
        until, out = self.now + seconds, []
        while (due := self.centre.next_deadline()) <= until:
            self.now = max(self.now, due)
            out += self.take(self.centre.on_time(self.now))
            assert self.centre.next_deadline() > self.now, "what is due has been done"
        self.now = until
        self.last = out
        return out

    def all(self, kind: type[Kind]) -> list[Kind]:
        return [effect for effect in self.log if isinstance(effect, kind)]

    def now_all(self, kind: type[Kind]) -> list[Kind]:
        """What of this kind the last input led to."""
        return [effect for effect in self.last if isinstance(effect, kind)]

    def one(self, kind: type[Kind]) -> Kind:
        [found] = self.now_all(kind)
        return found

    def state(self, number: str) -> State:
        return self.router.agent_view(number).state

    def status(self, number: str) -> Status:
        return self.router.agent_view(number).status

    # --- phones ---

    def on_sip(self, event: sip.Event) -> Effects:
        return self.take(self.centre.on_sip(event, self.now))

    def on_media(self, event: media_in.Event) -> Effects:
        return self.take(self.centre.on_media(event, self.now))

    def registers(self, *numbers: str) -> None:
        for number in numbers:
            self.devices(f"phone{number}", 1)

    def devices(self, account: str, number: int) -> Effects:
        """Tell how many devices the account has now."""
        contacts = tuple(
            sip.Contact(f"sip:{account}@10.0.0.{i}", Peer("udp", f"10.0.0.{i}", 5060), 1e9)
            for i in range(number)
        )
        return self.on_sip(sip.ContactsChanged(account, contacts))

    def dials(
        self,
        number: str,
        *,
        account: str | None = None,
        offer: bytes = OFFER,
        caller: str = "13800",
        unproved: bool = False,
    ) -> str:
        """A caller's INVITE; returns the leg."""
        leg = f"caller{next(self._legs)}"
        peer = Peer("udp", "192.0.2.7", 5060)
        self.on_sip(
            sip.InviteReceived(
                leg, leg, peer, caller, "Li", number, account, offer, unproved=unproved
            )
        )
        return leg

    def calls(self, number: str, *, account: str | None = None) -> str:
        """A caller who is answered; returns the leg."""
        leg = self.dials(number, account=account)
        self.on_media(media_in.StreamOpened(leg, ANSWER))
        return leg

    def ringing(self, number: str) -> str:
        """Open the media of the offer made to this agent, so that the phone rings; its leg."""
        leg = next(o.leg for o in reversed(self.all(events.OfferMade)) if o.agent == number)
        self.on_media(media_in.StreamOpened(leg, OFFER))
        return leg

    def party(self) -> str:
        """Open the media of the party called last, so that it is invited; its leg."""
        leg = self.all(events.PartyCalled)[-1].leg
        self.on_media(media_in.StreamOpened(leg, OFFER))
        return leg

    def answers(self, leg: str) -> None:
        self.on_sip(sip.LegAnswered(leg, ANSWER))
        self.on_media(media_in.StreamAccepted(leg))

    def talk(self, called: str = "4001", number: str = "1001") -> tuple[str, str]:
        """Bring a caller and this agent together; their legs."""
        caller = self.calls(called)
        phone = self.ringing(number)
        self.answers(phone)
        return caller, phone

    def hangs_up(self, leg: str, cause: sip.LegEndCause = sip.LegEndCause.BYE) -> Effects:
        return self.on_sip(sip.LegEnded(leg, cause, ""))

    def holds(self, leg: str, *, held: bool = True) -> Effects:
        """A re-INVITE of this phone, as the media engine understands it."""
        self.on_sip(sip.LegReoffered(leg, b"a new offer"))
        return self.on_media(media_in.StreamReoffered(leg, ANSWER, held))

    def takes_place(self, of: str, account: str, *, referred_by: str = "") -> str:
        """An INVITE with Replaces that names this leg; its own leg."""
        leg = f"caller{next(self._legs)}"
        peer = Peer("udp", "192.0.2.8", 5060)
        self.on_sip(
            sip.InviteReceived(
                *(leg, leg, peer, account, "", "4001", account, OFFER),
                replaces=of,
                referred_by=referred_by,
            )
        )
        return leg

    def refers(self, leg: str, target: str = "", *, replaces: str = "", refer: int = 2) -> Effects:
        """A REFER of this phone: to a number, or to the other end of its other call."""
        uri = f"sip:{target}@server"
        return self.on_sip(sip.TransferRequested(leg, refer, target, uri, replaces))

    def told(self, leg: str) -> list[tuple[int, bool]]:
        """What the phone was told of its transfer by the last input: status, and if it is all."""
        notified = self.now_all(commands.NotifyTransfer)
        return [(one.status, one.final) for one in notified if one.leg == leg]

    def presses(self, leg: str, digits: str) -> Effects:
        for digit in digits:
            self.on_media(media_in.DigitPressed(leg, digit, 100))
        return self.last

    def heard_out(self, leg: str) -> Effects:
        """Let the play under way on this leg come to its end."""
        play = next(p for p in reversed(self.all(media.Play)) if p.leg == leg)
        return self.on_media(media_in.PlayFinished(leg, play.play))

    def plays(self, leg: str) -> tuple[str, ...]:
        """What the leg was last told to hear; empty when it was stopped or bridged since."""
        for effect in reversed(self.log):
            match effect:
                case media.Play(leg=one, sounds=sounds) if one == leg:
                    return sounds
                case media.StopPlay(leg=one) | media.Echo(leg=one) if one == leg:
                    return ()
                case media.Bridge(leg=one, other=other) if leg in {one, other}:
                    return ()
                case _:
                    pass
        return ()

    # --- records ---

    def ended(self) -> events.CallEnded:
        """The last call's end."""
        return self.all(events.CallEnded)[-1]

    def check_over(self) -> None:
        """Nothing is open; every leg that began has ended, once; every stream was closed."""
        self.ledger.check_closed()
        began = [e.leg for e in self.all(events.CallStarted)]
        began += [leg for e in self.all(events.OfferMade) for leg in (e.leg, *e.further_legs)]
        began += [e.leg for e in self.all(events.PartyCalled)]
        joined = [e.leg for e in self.all(events.TransferCompleted) if e.leg]
        assert sorted(e.leg for e in self.all(events.LegEnded)) == sorted(began + joined)
        assert {c.leg for c in self.all(media.CloseStream)} >= set(began)
        hung_up = [c.leg for c in self.all(commands.HangUpLeg)]
        assert len(hung_up) == len(set(hung_up))


EVENTS = frozenset(events.Event.__args__)  # type: ignore[attr-defined]  # a union has them
