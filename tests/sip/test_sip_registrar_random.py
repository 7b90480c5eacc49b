"""Any sequence of REGISTERs from several devices, against a model that a page can hold."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sip_registering import Phone, registrar
from sip_support import on_time, parsed

from acd.sip.events import ContactsCause, ContactsChanged
from acd.sip.peer import Peer

LIMIT = 3
INSTANCES = tuple(f"urn:uuid:{n}" for n in range(2))
HOSTS = st.integers(1, 4)
LIFETIMES = st.sampled_from([60, 90, 300])


class Devices(RuleBasedStateMachine):
    """The bindings as a list of [key, uri, peer, expires_at, call id], newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.endpoint = registrar(max_contacts=LIMIT)
        self.now = 0.0
        self.model: list[list[object]] = []
        self.told: tuple[str, ...] = ()
        self.calls = 0

    def take(self, outputs) -> None:
        for output in outputs:
            if isinstance(output, ContactsChanged):
                self.told = tuple(one.uri for one in output.contacts)
                assert output.contacts == self.endpoint.contacts("1001")

    def phone(self, host: int, transport: str) -> Phone:
        self.calls += 1
        peer = Peer(transport, f"198.51.100.{host}", 5060)
        return Phone(self.endpoint, peer=peer, call_id=f"call{self.calls}")

    def binds(self, key: str, uri: str, peer: Peer, lifetime_s: int) -> None:
        binding = [key, uri, peer, self.now + lifetime_s]
        for place, known in enumerate(self.model):
            if known[0] == key:
                self.model[place] = binding
                return
        self.model.insert(0, binding)
        del self.model[LIMIT:]

    def send(self, phone: Phone, *lines: str) -> int:
        out = phone.register(*lines, now=self.now)
        self.take(out)
        return parsed(out)[-1].status

    @rule(host=HOSTS, lifetime_s=LIFETIMES, transport=st.sampled_from(["udp", "tcp"]))
    def registers(self, host: int, lifetime_s: int, transport: str) -> None:
        phone, uri = self.phone(host, transport), f"sip:1001@10.0.0.{host}"
        assert self.send(phone, f"Contact: <{uri}>;expires={lifetime_s}") == 200
        self.binds(uri, uri, phone.peer, lifetime_s)

    @rule(host=HOSTS, instance=st.sampled_from(INSTANCES), lifetime_s=LIFETIMES)
    def registers_a_flow(self, host: int, instance: str, lifetime_s: int) -> None:
        phone, uri = self.phone(host, "tcp"), f"sip:1001@10.0.0.{host}"
        line = f'Contact: <{uri}>;+sip.instance="<{instance}>";reg-id=1;expires={lifetime_s}'
        assert self.send(phone, line, "Supported: outbound") == 200
        self.binds(instance, uri, phone.peer, lifetime_s)

    @rule(first=HOSTS, second=HOSTS, lifetime_s=LIFETIMES)
    def moves(self, first: int, second: int, lifetime_s: int) -> None:
        """One request removes a device and brings another."""
        if first == second:
            return
        phone = self.phone(second, "udp")
        old, new = f"sip:1001@10.0.0.{first}", f"sip:1001@10.0.0.{second}"
        line = f"Contact: <{old}>;expires=0, <{new}>;expires={lifetime_s}"
        assert self.send(phone, line) == 200
        self.model = [one for one in self.model if one[0] != old]
        self.binds(new, new, phone.peer, lifetime_s)

    @rule(host=HOSTS)
    def unregisters(self, host: int) -> None:
        uri = f"sip:1001@10.0.0.{host}"
        assert self.send(self.phone(host, "udp"), f"Contact: <{uri}>", "Expires: 0") == 200
        self.model = [one for one in self.model if one[0] != uri]

    @rule()
    def unregisters_all(self) -> None:
        assert self.send(self.phone(1, "udp"), "Contact: *", "Expires: 0") == 200
        self.model.clear()

    @rule(host=HOSTS, fault=st.sampled_from([";expires=5", ";q=7", ";+sip.instance=x"]))
    def fails(self, host: int, fault: str) -> None:
        """A good Contact before the bad one is not taken either."""
        line = f"Contact: <sip:1001@10.0.0.{host}>, <sip:1001@10.0.0.9>{fault}"
        assert self.send(self.phone(host, "udp"), line) in {400, 423}

    @rule(host=HOSTS)
    def loses_a_connection(self, host: int) -> None:
        peer = Peer("tcp", f"198.51.100.{host}", 5060)
        out = self.endpoint.transport_failed(peer, self.now)
        self.take(out)
        causes = {one.cause for one in out if isinstance(one, ContactsChanged)}
        assert causes <= {ContactsCause.CONNECTION_LOST}
        self.model = [one for one in self.model if one[2] != peer]

    @rule(seconds=st.sampled_from([1.0, 40.0, 100.0]))
    def waits(self, seconds: float) -> None:
        self.now += seconds
        while self.endpoint.next_deadline() <= self.now:
            self.take(on_time(self.endpoint, self.endpoint.next_deadline()))
        self.model = [one for one in self.model if one[3] > self.now]

    @invariant()
    def the_bindings_are_the_models(self) -> None:
        contacts = self.endpoint.contacts("1001")
        assert [[one.uri, one.peer, one.expires_at] for one in contacts] == [
            one[1:] for one in self.model
        ]

    @invariant()
    def whoever_listens_knows_the_devices(self) -> None:
        assert self.told == tuple(one[1] for one in self.model)


Devices.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestDevices = Devices.TestCase
