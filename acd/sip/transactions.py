"""The transaction layer (RFC 3261 section 17): finds the machine of a message and runs it."""

import math
from typing import cast

from msgspec import Struct

from .client_invite import ClientInviteTransaction
from .client_request import ClientRequestTransaction
from .core import Core, ResponseUser
from .early import MAX_BRANCHES
from .effects import Send
from .errors import BadMessageError
from .large_requests import MAX_UDP_BYTES, Fallback, LargeRequests
from .message import Request, Response
from .peer import Peer
from .server_invite import ServerInviteTransaction
from .server_request import ServerRequestTransaction
from .tombstones import Tombstone, Tombstones
from .transaction import Deliver, Effects, Ended, Transaction
from .writing import HopParts

ServerTransaction = ServerInviteTransaction | ServerRequestTransaction
ClientTransaction = ClientInviteTransaction | ClientRequestTransaction

_COOKIE = b"z9hG4bK"


class _Client(Struct):
    machine: ClientTransaction
    user: ResponseUser
    peer: Peer
    fallback: Fallback | None = None


def server_key(request: Request, method: bytes) -> bytes:
    """Return the key of the transaction that a request belongs to (17.2.3).

    `method` is the request's own, but INVITE for the ACK and the CANCEL of an INVITE.
    """
    via = request.via
    branch = via.branch
    if branch[:7] == _COOKIE and len(branch) > 7:
        return b"%b %b %b" % (branch, via.sent_by, method)
    # RFC 2543: "matches if the Request-URI, To tag, From tag, Call-ID, CSeq, and top Via header
    # field are equal". To's tag is left out: an ACK has it, its INVITE has not.
    return b"%b %b %b %d %b %b" % (
        request.uri,
        request.from_.tag,
        request.need(b"call-id"),
        request.cseq.number,
        request.headers[b"via"],
        method,
    )


class Transactions:
    """All transactions of an endpoint, running and lingering."""

    __slots__ = ("_clients", "_core", "_large", "_servers", "_tombstones")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._clients: dict[bytes, _Client] = {}
        self._servers: dict[bytes, ServerTransaction] = {}
        self._tombstones = Tombstones(core.settings.max_tombstones)
        self._large = LargeRequests(core)

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers)

    @property
    def full(self) -> bool:
        """No more transactions may be begun for new calls."""
        return len(self) >= self._core.settings.max_transactions

    @property
    def lingering(self) -> int:
        """Finished transactions that are remembered for retransmissions."""
        return len(self._tombstones)

    def next_deadline(self) -> float:
        """Return when `on_time` must be called for what lingers; running ones are in the heap."""
        return self._tombstones.sweep_at

    def on_time(self, now: float) -> None:
        """Forget what has lingered long enough."""
        if now >= self._tombstones.sweep_at:
            self._tombstones.on_time(now)

    # Server side.

    def absorb(self, key: bytes) -> bool:
        """Handle a retransmission; False when the request is new."""
        machine = self._servers.get(key)
        if machine is not None:
            self._core.out.extend(cast("tuple[Send, ...]", machine.on_retransmission()))
            return True
        tombstone = self._tombstones.get(key)
        if tombstone is None:
            return False
        if tombstone.repeat is not None:
            self._core.out.append(tombstone.repeat)
        return True

    def server(self, key: bytes) -> ServerTransaction | None:
        """Return the transaction under way, if any."""
        return self._servers.get(key)

    def finished(self, key: bytes) -> bool:
        """Tell whether a transaction has ended but is still remembered."""
        return self._tombstones.get(key) is not None

    def begin_server_invite(self, key: bytes, peer: Peer) -> ServerInviteTransaction:
        """Begin the transaction of a new INVITE."""
        machine = ServerInviteTransaction(
            key, reliable=peer.transport != "udp", timers=self._core.timers
        )
        self._servers[key] = machine
        return machine

    def begin_server_request(self, key: bytes, peer: Peer) -> ServerRequestTransaction:
        """Begin the transaction of any other new request."""
        machine = ServerRequestTransaction(
            key, reliable=peer.transport != "udp", timers=self._core.timers
        )
        self._servers[key] = machine
        return machine

    def respond(self, machine: ServerTransaction, status: int, response: Send, now: float) -> None:
        """Send an answer through its transaction."""
        if isinstance(machine, ServerInviteTransaction):
            effects = machine.respond(status, response, now)
            if machine.reliable and status >= 300:
                self._core.reliance.note(response.peer)
        else:
            effects = machine.respond(status, response)
        self._run_server(machine, effects, now)

    def answer_request(self, key: bytes, response: Send, now: float) -> None:
        """Answer a non-INVITE request finally and at once.

        Its transaction has then ended as soon as it begins, with no machine in between: what is
        left of it is the answer, for timer J (17.2.2).
        """
        self._core.out.append(response)
        if response.peer.transport == "udp":
            self._tombstones.add(key, Tombstone(response), self._core.timers.timeout_s, now)

    def acknowledged(self, machine: ServerInviteTransaction, now: float) -> None:
        """Take the ACK of a refusal."""
        self._run_server(machine, machine.on_ack(), now)

    # Client side.

    def begin_client_invite(
        self,
        branch: bytes,
        invite: Send,
        parts: HopParts,
        user: ResponseUser,
        now: float,
        *,
        elsewhere: Peer | None = None,
    ) -> ClientInviteTransaction:
        """Send an INVITE; `elsewhere` by a new connection if the peer's is gone."""
        fallback = None if elsewhere is None else Fallback(Send(elsewhere, invite.data), parts)
        if len(invite.data) > MAX_UDP_BYTES and (tcp := self._large.over_tcp(invite, now)):
            fallback = Fallback(invite, parts)
            invite, parts = tcp, self._large.parts_over_tcp(parts, tcp.peer)
        machine = ClientInviteTransaction(
            branch + b" INVITE",
            invite,
            parts,
            reliable=invite.peer.transport != "udp",
            timers=self._core.timers,
        )
        client = _Client(machine, user, invite.peer, fallback)
        self._start_client(client, now)
        return machine

    def begin_client_request(
        self,
        branch: bytes,
        method: bytes,
        request: Send,
        user: ResponseUser,
        now: float,
        *,
        elsewhere: Peer | None = None,
    ) -> None:
        """Send any other request; `elsewhere` by a new connection if the peer's is gone."""
        fallback = None if elsewhere is None else Fallback(Send(elsewhere, request.data), None)
        if len(request.data) > MAX_UDP_BYTES and (tcp := self._large.over_tcp(request, now)):
            fallback = Fallback(request, None)
            request = tcp
        machine = ClientRequestTransaction(
            b"%b %b" % (branch, method),
            request,
            reliable=request.peer.transport != "udp",
            timers=self._core.timers,
        )
        client = _Client(machine, user, request.peer, fallback)
        self._start_client(client, now)

    def _start_client(self, client: _Client, now: float) -> None:
        machine = client.machine
        self._clients[machine.key] = client
        if client.peer.transport != "udp":
            self._core.reliance.note(client.peer)
        self._core.out += machine.start(now)
        self._core.deadlines.watch(machine)

    def abandon(self, machine: ClientInviteTransaction, now: float) -> None:
        """Give the final answer 64*T1 from now: a CANCEL has been sent."""
        machine.abandon(now)
        self._core.deadlines.watch(machine)

    def receive_response(self, response: Response, now: float) -> Response | None:
        """Run the transaction of a response.

        Returns the response when it is a 2xx of another branch of a fork, which the caller has
        to acknowledge and hang up. A response that belongs to nothing is dropped.
        """
        cseq = response.cseq
        key = b"%b %b" % (response.branch, cseq.method)
        client = self._clients.get(key)
        if client is None:
            return self._late_response(key, response)
        machine = client.machine
        if isinstance(machine, ClientInviteTransaction):
            effects = machine.on_response(response.status, response.need(b"to"), now)
        else:
            effects = machine.on_response(response.status)
        self._run_client(client, effects, response, now)
        return None

    def remember_branch(self, response: Response, ack: Send, now: float) -> None:
        """Repeat this ACK when the 2xx of a fork's further branch comes again."""
        cseq = response.cseq
        key = b"%b %b %b" % (response.branch, cseq.method, response.to.tag)
        self._tombstones.add(key, Tombstone(ack), self._core.timers.timeout_s, now)

    def peers(self) -> set[Peer]:
        """Return to whom requests of ours are under way, or refusals without their ACK."""
        servers = (machine.last for machine in self._servers.values())
        return {client.peer for client in self._clients.values()} | {
            last.peer for last in servers if last is not None
        }

    def transport_failed(self, peer: Peer, now: float) -> None:
        """Send by another way what the peer has not heard of; end what has none (17.1.4)."""
        for server in list(self._servers.values()):
            if isinstance(server, ServerInviteTransaction) and server.last is not None:
                self._run_server(server, server.on_connection_lost(peer), now)
        failed = [client for client in self._clients.values() if client.peer == peer]
        for client in failed:
            if client.fallback is not None and self._fall_back(client, client.fallback, now):
                continue
            self._forget(client.machine)
            client.user.on_failure(503, now)

    def fall_back(self, machine: ClientInviteTransaction, now: float) -> bool:
        """Send an INVITE by its other way, if it has one and nothing was heard by the first."""
        client = self._clients.get(machine.key)
        if client is None or client.fallback is None:
            return False
        return self._fall_back(client, client.fallback, now)

    def forgo_fallback(self, machine: ClientInviteTransaction) -> None:
        """Do not send it over UDP when TCP fails: the call has been given up."""
        client = self._clients.get(machine.key)
        if client is not None:
            client.fallback = None

    def _fall_back(self, client: _Client, fallback: Fallback, now: float) -> bool:
        """Send a request by a new connection, or a large one over UDP after all.

        18.1.1: "if the attempt to establish the connection generates either an ICMP Protocol Not
        Supported, or results in a TCP reset, the element SHOULD retry the request, using UDP."
        The branch stays: should the first one have arrived, this is its retransmission.
        """
        machine, request = client.machine, fallback.request
        if isinstance(machine, ClientRequestTransaction):
            effects = machine.restart(request, now)
        else:
            effects = machine.restart(request, fallback.parts or machine.parts, now)
        if not effects:
            return False
        if request.peer.transport == "udp":
            self._large.refused(client.peer, now)
        else:
            self._core.reliance.note(request.peer)
        client.peer, client.fallback = request.peer, None
        self._core.out += cast("tuple[Send, ...]", effects)
        self._core.deadlines.watch(machine)
        return True

    def on_deadline(self, machine: Transaction, now: float) -> None:
        """Fire the timers of a running transaction."""
        effects = machine.on_time(now)
        client = self._clients.get(machine.key)
        if client is not None and client.machine is machine:
            self._run_client(client, effects, None, now)
        elif self._servers.get(machine.key) is machine:
            self._run_server(machine, effects, now)

    def _late_response(self, key: bytes, response: Response) -> Response | None:
        tombstone = self._tombstones.get(key)
        if tombstone is None or response.status < 200:
            return None
        if response.status < 300 and tombstone.tag != response.to.tag:
            # 13.2.2.4: several 2xx arrive when the INVITE was forked. An INVITE that was
            # refused has no tag here, and a 2xx after a refusal is no answer of any branch.
            known = self._tombstones.get(b"%b %b" % (key, response.to.tag))
            if known is None:
                tombstone.branches += 1
                wanted = tombstone.tag and tombstone.branches < MAX_BRANCHES and not self.full
                return response if wanted else None
            tombstone = known
        if tombstone.repeat is not None:
            self._core.out.append(tombstone.repeat)
        return None

    def _run_client(
        self, client: _Client, effects: Effects, response: Response | None, now: float
    ) -> None:
        core, machine = self._core, client.machine
        acknowledged: Send | None = None
        for effect in effects:
            kind = type(effect)
            if kind is Send:
                core.out.append(cast("Send", effect))
            elif kind is Ended:
                self._forget(machine)
                self._linger(machine.key, cast("Ended", effect), acknowledged, response, now)
            elif kind is Deliver and response is not None:
                acknowledged = self._deliver(client, response, now)
            else:
                self._forget(machine)
                client.user.on_failure(408, now)
        if machine.deadline < machine.queued_at:
            core.deadlines.watch(machine)

    def _deliver(self, client: _Client, response: Response, now: float) -> Send | None:
        """Hand a response on; a final one that its user cannot read is a failure.

        Raised from here, the fault would end the message, and leave the transaction for ever.
        """
        try:
            return client.user.on_response(response, now)
        except BadMessageError:
            self._core.sightings.unreadable(client.peer)
            if response.status >= 200:
                client.user.on_failure(502, now)
            return None

    def _linger(
        self,
        key: bytes,
        ended: Ended,
        acknowledged: Send | None,
        response: Response | None,
        now: float,
    ) -> None:
        if ended.linger_s <= 0:
            return
        tag = b"" if acknowledged is None or response is None else response.to.tag
        tombstone = Tombstone(ended.repeat or acknowledged, tag)
        self._tombstones.add(key, tombstone, ended.linger_s, now)

    def _run_server(self, machine: ServerTransaction, effects: Effects, now: float) -> None:
        core = self._core
        for effect in effects:
            kind = type(effect)
            if kind is Send:
                core.out.append(cast("Send", effect))
            elif kind is Ended:
                ended = cast("Ended", effect)
                self._forget(machine)
                if ended.linger_s > 0:
                    tombstone = Tombstone(ended.repeat)
                    self._tombstones.add(machine.key, tombstone, ended.linger_s, now)
        if machine.deadline < machine.queued_at:
            core.deadlines.watch(machine)

    def _forget(self, machine: Transaction) -> None:
        machine.deadline = math.inf
        self._clients.pop(machine.key, None)
        self._servers.pop(machine.key, None)
