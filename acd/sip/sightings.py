"""What the endpoint notices about who sends: for the guard at the door, not for the call centre.

Sightings are no part of what a message leads to. They gather here until whoever guards the server
takes them; if nobody does, the oldest go.
"""

from collections import deque

from msgspec import Struct

from .errors import BadMessageError, OtherResourceError, ProofFailedError
from .guard import Offence
from .message import Request
from .peer import Peer

KEPT_MAX = 4_096
"More than all messages of one turn of the loop."

_AGENT_BYTES = 200
"Of a User-Agent that are looked at: names and versions have some 60, a datagram holds 65,000."

_AGENTS_CACHED = 1_024
"User-Agents whose judgement is remembered: every firmware in use, and then some."


class Sighting(Struct, frozen=True):
    """One thing noticed."""

    peer: Peer
    offence: Offence | None
    "None: it has proved an account."


class Sightings:
    """Notices, and keeps what was noticed."""

    __slots__ = ("_agents", "_scanners", "kept")

    def __init__(self, scanners: tuple[str, ...]) -> None:
        """`scanners` are parts of User-Agents, in lower case, that no phone has."""
        self._scanners = tuple(name.encode() for name in scanners)
        self._agents: dict[bytes, bool] = {}
        self.kept: deque[Sighting] = deque(maxlen=KEPT_MAX)

    def request(self, request: Request, peer: Peer) -> None:
        """Look at the User-Agent."""
        agent = request.headers.get(b"user-agent")
        if agent is None:
            return
        agent = agent[:_AGENT_BYTES]
        known = self._agents.get(agent)
        if known is None:
            if len(self._agents) >= _AGENTS_CACHED:
                self._agents.clear()
            lower = agent.lower()
            known = self._agents[agent] = any(name in lower for name in self._scanners)
        if known:
            self.kept.append(Sighting(peer, Offence.SCANNER))

    def refused(self, refusal: BadMessageError, peer: Peer) -> None:
        """Take the refusal of a request."""
        if isinstance(refusal, OtherResourceError):
            return  # the phones of a whole office, behind a proxy that writes numbers anew
        if refusal.status == 400:
            self.kept.append(Sighting(peer, Offence.BROKEN))
        elif refusal.status == 401 and not isinstance(refusal, ProofFailedError):
            self.kept.append(Sighting(peer, Offence.UNPROVED))

    def unacknowledged(self, peer: Peer) -> None:
        """Take a call whose 2xx was never acknowledged."""
        self.kept.append(Sighting(peer, Offence.UNACKNOWLEDGED))

    def unreadable(self, peer: Peer) -> None:
        """Take a message that is none."""
        self.kept.append(Sighting(peer, Offence.BROKEN))

    def proved(self, peer: Peer) -> None:
        """Take a request that proved an account."""
        self.kept.append(Sighting(peer, None))
