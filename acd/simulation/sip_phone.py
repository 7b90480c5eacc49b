"""A SIP phone in memory: a real endpoint of its own, speaking bytes, used by a seeded person."""

from collections.abc import Callable

from acd.sip import client_events, events
from acd.sip.dns_records import Resolve
from acd.sip.effects import Disconnect, Effect, Send
from acd.sip.endpoint import Endpoint, Output
from acd.sip.peer import Peer
from acd.sip.settings import EndpointSettings, InviteTarget, RegistrationSettings

from .clock import VirtualClock
from .network import Network

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)
NEVER = float("inf")
_NO_EVENT = Send | Disconnect | Resolve | events.AuthenticationFailed | events.ContactsRefreshed


class NoAccounts:
    """A phone keeps no accounts of others."""

    def ha1(self, account: str, realm: str, algorithm: str) -> str | None:
        """Know nobody."""
        return None


class SipPhone:
    """One address, one endpoint. `on_event` hears what happens on its legs."""

    def __init__(
        self,
        address: Peer,
        server: Peer,
        clock: VirtualClock,
        network: Network,
        new_id: Callable[[], str],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.on_event: Callable[[events.Event], None] = lambda event: None
        self.endpoint = Endpoint(
            EndpointSettings(
                advertised={"udp": (address.host, address.port)},
                authenticate_accounts=False,
                prefer_100rel=True,
            ),
            credentials=NoAccounts(),
            new_id=new_id,
            random_bytes=random_bytes,
        )
        self.registered = False
        self._address = address
        self._server = server
        self._clock = clock
        self._network = network
        self._new_id = new_id
        self._armed_at = NEVER
        network.join(address, self._receive)

    def register(self, account: str, password: str) -> None:
        """Register, and stay registered."""
        settings = RegistrationSettings(
            id=account,
            registrar=f"sip:{self._server.host}",
            peer=self._server,
            account=account,
            password=password,
            expires_s=3600,
        )
        self._carry_out(self.endpoint.register(settings, self._clock.now))

    def call(self, number: str, caller: str, *, password: str = "") -> str:
        """Dial; return the leg. With a password the caller proves to be its account."""
        leg = self._new_id()
        uri = f"sip:{number}@{self._server.host}:{self._server.port}"
        target = InviteTarget(
            uri=uri,
            peer=self._server,
            caller=caller,
            username=caller if password else "",
            password=password,
        )
        self._carry_out(self.endpoint.invite(leg, target, SDP, self._clock.now))
        return leg

    def ring(self, leg: str, status: int = 180, sdp: bytes = b"") -> None:
        """Answer provisionally."""
        self._carry_out(self.endpoint.ring(leg, self._clock.now, sdp, status))

    def answer(self, leg: str) -> None:
        """Answer 200."""
        self._carry_out(self.endpoint.answer(leg, SDP, self._clock.now))

    def reject(self, leg: str, status: int) -> None:
        """Refuse the call."""
        self._carry_out(self.endpoint.reject(leg, status, self._clock.now))

    def hang_up(self, leg: str) -> None:
        """End the call, in whatever state."""
        self._carry_out(self.endpoint.hang_up(leg, self._clock.now))

    def _receive(self, data: bytes, source: Peer) -> None:
        self._carry_out(self.endpoint.receive(data, source, self._clock.now))

    def _carry_out(self, outputs: list[Output]) -> None:
        sends: list[Effect] = [out for out in outputs if isinstance(out, Send | Disconnect)]
        self._network.send(sends, self._address)
        for output in outputs:
            if isinstance(output, client_events.RegistrationSucceeded):
                self.registered = True
            elif isinstance(output, client_events.RegistrationFailed):
                self.registered = False
            elif isinstance(output, events.LegReoffered):
                # The server refreshes the session; no person has anything to do with it.
                self._carry_out(self.endpoint.accept_offer(output.leg, SDP, self._clock.now))
            elif not isinstance(output, _NO_EVENT):
                self.on_event(output)
        self._arm()

    def _arm(self) -> None:
        at = self.endpoint.next_deadline()
        if at < self._armed_at:
            self._armed_at = at
            self._clock.after(max(0.0, at - self._clock.now), lambda: self._on_time(at))

    def _on_time(self, at: float) -> None:
        if at != self._armed_at:
            return  # an earlier deadline took its place
        self._armed_at = NEVER
        self._carry_out(self.endpoint.on_time(self._clock.now))
