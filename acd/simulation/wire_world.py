"""The exchange and SIP phones joined by bytes over a bad network, on a virtual clock."""

from collections.abc import Callable
from hashlib import md5, sha256

from acd.calls import events
from acd.calls.exchange import Exchange
from acd.calls.ids import Uuid7Source
from acd.calls.numbers import NumberPlan
from acd.ivr.book import FlowBook
from acd.media import events as media
from acd.routing.model import AgentProfile, QueueProfile
from acd.routing.policy import phones_at_most
from acd.sip import events as sip
from acd.sip.endpoint import Endpoint
from acd.sip.peer import Peer
from acd.sip.settings import EndpointSettings

from .clock import VirtualClock
from .core import build_centre
from .engine import SimulatedEngine
from .invariant import InvariantError
from .ledger import Ledger
from .network import Network, NetworkFaults
from .own_calls import CARRIER, TRUNK, Carrier, OwnCallers
from .randomness import Randomness
from .scenario import Scenario
from .sip_phone import SipPhone

SERVER = Peer("udp", "192.0.2.1", 5060)
SETTLE_S = 200.0
"After the last call: every transaction's linger (32 s) and a lost BYE's retries are over by then."

HASHES = {"MD5": md5, "SHA-256": sha256}


class Accounts:
    """Every account's password is its own name: this is a stage, no server."""

    def __init__(self, accounts: frozenset[str]) -> None:
        self._accounts = accounts

    def ha1(self, account: str, realm: str, algorithm: str) -> str | None:
        """Return the hash of RFC 7616 3.4.2."""
        if account not in self._accounts:
            return None
        return HASHES[algorithm](f"{account}:{realm}:{account}".encode()).hexdigest()


SESSION_EXPIRES_S = 90
"Short, so that sessions are refreshed within the calls of a simulation."


class WireWorld:
    """One seeded run over the wire; a broken promise or a leak raises."""

    def __init__(
        self,
        scenario: Scenario,
        faults: NetworkFaults,
        *,
        agents: tuple[AgentProfile, ...],
        queues: tuple[QueueProfile, ...],
        numbers: NumberPlan,
        flows: FlowBook,
        randomness: Randomness,
    ) -> None:
        self.clock = VirtualClock()
        self.ledger = Ledger(
            {queue.name: queue.wrap_up_s for queue in queues},
            ring_at_most=phones_at_most(queues),
        )
        self.on_ended: Callable[[int], None] = lambda ended: None
        "Told of each call's end how many there have been, for whoever watches."

        self.cut_by_network = 0
        "Callers whose INVITE no answer came to."

        self._scenario = scenario
        self._randomness = randomness
        self._new_id = Uuid7Source(lambda: int(self.clock.now * 1000), randomness.getrandbits)
        self._network = Network(faults, self.clock, randomness)
        self._build_server(agents, queues, numbers, flows)
        self._phones = [self._agent_phone(i, agent) for i, agent in enumerate(agents)]
        self.carrier = Carrier(self._phone(CARRIER), scenario, self.clock, randomness)
        self._own_callers = OwnCallers(
            self._phones, scenario, self.clock, randomness, self._more_come
        )
        self._armed_at = float("inf")
        self._dialled = 0
        self._open_calls = 0

    def _build_server(
        self,
        agents: tuple[AgentProfile, ...],
        queues: tuple[QueueProfile, ...],
        numbers: NumberPlan,
        flows: FlowBook,
    ) -> None:
        self.centre = build_centre(
            self.clock,
            self._randomness,
            self._new_id,
            agents=agents,
            queues=queues,
            numbers=numbers,
            flows=flows,
        )
        self.endpoint = Endpoint(
            EndpointSettings(
                advertised={"udp": (SERVER.host, SERVER.port)},
                session_expires_s=SESSION_EXPIRES_S,
                offer_100rel=True,
            ),
            credentials=Accounts(frozenset(agent.account for agent in agents)),
            new_id=self._new_id,
            random_bytes=self._random_bytes,
        )
        if self._scenario.own_calls_every_s:
            self.endpoint.configure_trunks((TRUNK,), self.clock.now)
        self.exchange = Exchange(self.endpoint, self.centre)
        self.engine = SimulatedEngine(self._scenario, self.clock, self._randomness, self._on_media)
        self._network.join(SERVER, self._receive)

    def run(self) -> Ledger:
        """Register, let all callers come and go, and wait until the last timer has run out."""
        for phone, account in self._phones:
            phone.register(account, account)
        self._run_until(lambda: all(phone.registered for phone, _ in self._phones))
        self._plan_arrival()
        self._own_callers.plan()
        self._run_until(self._nobody_left)
        over_at = self.clock.now + SETTLE_S
        self._run_until(lambda: self.clock.next_due() > over_at)
        self.ledger.check_closed()
        self._check_leaks()
        return self.ledger

    def _run_until(self, over: Callable[[], bool]) -> None:
        while not over():
            self.clock.run_next()

    @property
    def callers_come(self) -> int:
        """Callers of the scenario's `calls` who have dialled; of their calls others may follow."""
        return self._dialled

    def _more_come(self) -> bool:
        return self._dialled < self._scenario.calls

    def _nobody_left(self) -> bool:
        open_calls = self._open_calls or self._own_callers.open or self.centre.calls_total
        return not self._more_come() and not open_calls

    def _check_leaks(self) -> None:
        endpoint = self.endpoint
        for name, left in (
            ("legs", endpoint.legs),
            ("transactions", endpoint.transactions),
            ("lingering transactions", endpoint.lingering),
            ("streams", len(self.engine.open)),
        ):
            if left:
                raise InvariantError(f"{left} {name} left after the last call")

    # --- the server ---

    def _receive(self, data: bytes, source: Peer) -> None:
        self.exchange.receive(data, source, self.clock.now)
        self._flush()

    def _on_media(self, event: media.Event) -> None:
        self.exchange.on_media(event, self.clock.now)
        self._flush()

    def _on_time(self, at: float) -> None:
        if at != self._armed_at:
            return  # an earlier deadline took its place
        self._armed_at = float("inf")
        now = self.clock.now
        self.exchange.on_time(now)
        if self.exchange.next_deadline() <= now:
            raise InvariantError(f"{now}: what is due is still due")
        self._flush()

    def _flush(self) -> None:
        step = self.exchange.take_step()
        for event in step.events:
            self.ledger.take(event, self.clock.now)
            if isinstance(event, events.CallEnded):
                self.on_ended(self.ledger.ended)
        self._network.send(step.sends, SERVER)
        for command in step.media:
            self.engine.execute(command)
        at = self.exchange.next_deadline()
        if at < self._armed_at:
            self._armed_at = at
            self.clock.after(max(0.0, at - self.clock.now), lambda: self._on_time(at))

    # --- people ---

    def _phone(self, address: Peer) -> SipPhone:
        return SipPhone(
            address, SERVER, self.clock, self._network, self._new_id, self._random_bytes
        )

    def _random_bytes(self, count: int) -> bytes:
        return self._randomness.getrandbits(8 * count).to_bytes(count, "big")

    def _agent_phone(self, index: int, agent: AgentProfile) -> tuple[SipPhone, str]:
        address = Peer("udp", f"198.51.100.{index % 250}", 10_000 + index)
        phone = self._phone(address)
        phone.on_event = lambda event: self._agent_hears(phone, event)
        return phone, agent.account

    def _agent_hears(self, phone: SipPhone, event: sip.Event) -> None:
        if isinstance(event, sip.InviteReceived):
            phone.ring(event.leg)
            if self._randomness.random() < self._scenario.rejected:
                phone.reject(event.leg, 603)
                return
            ring_s = self._randomness.expovariate(1 / self._scenario.ring_mean_s)
            self.clock.after(ring_s, lambda: phone.answer(event.leg))

    def _plan_arrival(self) -> None:
        gap_s = self._randomness.expovariate(self._scenario.arrivals_per_s)
        self.clock.after(gap_s, self._arrive)

    def _arrive(self) -> None:
        self._dialled += 1
        self._open_calls += 1
        number = self._randomness.choice(self._scenario.numbers)
        phone = self._phone(Peer("udp", "203.0.113.1", 10_000 + self._dialled))
        phone.on_event = self._caller_hears
        leg = phone.call(number, f"c{self._dialled}")
        stay_s = self._randomness.expovariate(1 / self._scenario.patience_mean_s)
        self.clock.after(stay_s, lambda: self._leave(phone, leg))
        if self._dialled < self._scenario.calls:
            self._plan_arrival()

    def _caller_hears(self, event: sip.Event) -> None:
        if isinstance(event, sip.LegFailed) and event.status in {408, 503}:
            self.cut_by_network += 1

    def _leave(self, phone: SipPhone, leg: str) -> None:
        self._open_calls -= 1
        phone.hang_up(leg)
