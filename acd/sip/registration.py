"""Keeping one registration up at a registrar: the UAC side of REGISTER (RFC 3261 section 10.2)."""

import math

from .client_events import RegistrationFailed, RegistrationSucceeded
from .core import Core
from .digest_client import Attempt, DigestClient
from .effects import Send
from .errors import BadMessageError
from .headers import NameAddr, parse_number, read_retry_after
from .message import Response
from .outgoing_leg import request_uri
from .peer import Peer
from .settings import RegistrationSettings
from .transaction import Machine
from .transactions import Transactions
from .uri import Uri, escape_user, text
from .writing import HopParts, one_line, reason_phrase

_MAX_EXPIRES_S = 86_400
"A day: a registrar that wants a longer interval by 423 is not asked again."

_MAX_SENDS = 6
"For one refresh: a bare one, credentials for a proxy and the registrar, a stale nonce, a 423."

_SHORTEST_S = 1.0
"Between two refreshes, whatever the registrar grants."

_TEMPORARY = frozenset({404, 408, 413, 480, 486, 491, 600, 603})
"""Failures below 500 that may pass by themselves: 20.33 lets most of them carry Retry-After.

404 is what a registrar says whose data has not come back yet after a restart."""


class Registration(Machine):
    """Registers, refreshes in time, tries again after failures, removes the binding at the end."""

    __slots__ = (
        "_aor",
        "_attempt",
        "_call_id",
        "_contact",
        "_core",
        "_credentials",
        "_cseq",
        "_expires_s",
        "_failures",
        "_in_flight",
        "_leaving",
        "_removing",
        "_sends",
        "_settings",
        "_stopped",
        "_tag",
        "_transactions",
        "_uri",
    )

    def __init__(
        self, core: Core, transactions: Transactions, settings: RegistrationSettings
    ) -> None:
        super().__init__()
        self._core = core
        self._transactions = transactions
        self._settings = settings
        self._uri = request_uri(settings.registrar)
        domain = one_line(settings.domain) or _place(self._uri)
        self._aor = request_uri(text(b"sip:%b@%b" % (escape_user(settings.account), domain)))
        self._contact = self._contact_at(settings.peer)
        username = settings.username or settings.account
        self._credentials = DigestClient(username, settings.password, core.token)
        self._attempt = Attempt()
        # 10.2: "All registrations from a UAC SHOULD use the same Call-ID header field value for
        # registrations sent to a particular registrar."
        self._call_id = one_line(core.new_id())
        self._tag = core.token()
        self._cseq = 0
        self._failures = 0
        self._expires_s = settings.expires_s
        self._in_flight = False
        self._sends = 0
        self._stopped = False
        self._leaving = False
        self._removing = False  # what is in flight, or was last, removes the binding

    def _contact_at(self, peer: Peer) -> bytes:
        settings, identity = self._settings, self._core.identity(peer)
        return b"sip:%b@%b%b" % (
            escape_user(settings.contact_user or settings.account),
            identity.host,
            identity.transport_parameter,
        )

    def begin(self, now: float) -> None:
        """Send a REGISTER: the first, a refresh, or a further try."""
        self.deadline = math.inf
        self._attempt = Attempt()
        self._sends = 0
        self._send(now)

    def leave(self, now: float) -> None:
        """Remove our binding."""
        self._leaving = True
        # 10.2: "UAs MUST NOT send a new registration […] until they have received a final
        # response from the registrar for the previous one or the previous REGISTER request has
        # timed out."
        if not self._in_flight:
            self.begin(now)

    def stop(self) -> None:
        """Do nothing more, whatever the registrar still answers."""
        self._stopped = True
        self.deadline = math.inf

    def on_time(self, now: float) -> None:
        """Refresh, or try again; no deadline is set while an answer is awaited."""
        self.begin(now)

    def transport_failed(self, peer: Peer, now: float) -> None:
        """Register anew soon: the registrar loses the binding with the connection it came by.

        Not at once: with a server that restarts, everybody's connection breaks.
        """
        if peer == self._settings.peer and peer.transport != "udp" and not self._in_flight:
            at = now + self._spread(2.0)
            if at < self.deadline < math.inf:
                self.deadline = at
                self._core.deadlines.watch(self)

    def _send(self, now: float) -> None:
        core, settings = self._core, self._settings
        self._cseq += 1
        self._sends += 1
        self._in_flight = True
        self._removing = self._leaving
        identity = core.identity(settings.peer)
        branch = b"z9hG4bK" + core.token()
        aor = b"<%b>" % self._aor
        extra = b"Contact: <%b>\r\nExpires: %d\r\n%b%b" % (
            self._contact,
            0 if self._leaving else self._expires_s,
            core.product_lines[1],
            self._credentials.lines(b"REGISTER", self._uri),
        )
        parts = HopParts(
            self._uri,
            b"%b%b\r\n" % (identity.via_head, branch),
            b"%b;tag=%b" % (aor, self._tag),
            self._call_id,
            self._cseq,
        )
        request = Send(settings.peer, parts.request(b"REGISTER", aor, extra))
        self._transactions.begin_client_request(branch, b"REGISTER", request, self, now)

    def on_response(self, response: Response, now: float) -> Send | None:
        """Take the registrar's answer."""
        status = response.status
        if status < 200 or self._stopped:
            return None
        self._in_flight = False
        if self._leaving and not self._removing:
            self.begin(now)
        elif status < 300:
            self._succeeded(response, now)
        elif not self._try_again(response, now):
            retry_after_s = read_retry_after(response.get(b"retry-after"))
            self._failed(status, text(response.reason), retry_after_s, now)
        return None

    def on_failure(self, status: int, now: float) -> None:
        """No answer came, or the transport failed."""
        self._in_flight = False
        if self._stopped:
            return
        if self._leaving and not self._removing:
            self.begin(now)
        else:
            self._failed(status, reason_phrase(status), 0, now)

    def _try_again(self, response: Response, now: float) -> bool:
        if self._sends >= _MAX_SENDS:
            return False
        if response.status == 423:
            # 10.2.8: "it MAY retry the registration after making the expiration interval of all
            # contact addresses in the REGISTER request equal to or greater than the expiration
            # interval within the Min-Expires header field".
            try:
                least_s = parse_number(response.need(b"min-expires"))
            except BadMessageError:
                return False
            if not self._expires_s < least_s <= _MAX_EXPIRES_S:
                return False
            self._expires_s = least_s
        elif response.status not in {401, 407} or not self._credentials.learn(
            response, self._attempt
        ):
            return False
        self._send(now)
        return True

    def _succeeded(self, response: Response, now: float) -> None:
        self._failures = 0
        granted_s = 0 if self._leaving else self._granted_s(response)
        self._core.out.append(RegistrationSucceeded(self._settings.id, granted_s))
        if not self._leaving:
            self._wake(now, max(_SHORTEST_S, granted_s * 5 / 6))

    def _granted_s(self, response: Response) -> int:
        """Return the lifetime that the registrar gave our Contact.

        10.2.4: "the UA compares each contact address […] using the comparison rules in Section
        19.1.4" to find its own. Some registrars write another host there; then the user counts.
        """
        own = Uri.parse(self._contact)
        best, granted_s = 0, self._expires_s
        try:
            if b"expires" in response.headers:
                granted_s = parse_number(response.headers[b"expires"])
            for entry in response.all(b"contact"):
                contact = NameAddr.parse(entry)
                uri = Uri.parse(contact.uri)
                likeness = (uri.user == own.user) + (uri.identity() == own.identity())
                if likeness > best and b"expires" in contact.parameters:
                    best, granted_s = likeness, parse_number(contact.parameters[b"expires"])
        except BadMessageError:
            pass  # what cannot be read is taken as granted
        return granted_s

    def _failed(self, status: int, reason: str, retry_after_s: int, now: float) -> None:
        settings = self._settings
        pause_s = 0.0
        if not self._leaving:
            if status >= 500 or status in _TEMPORARY:
                pause_s = max(self._growing_pause_s(), min(retry_after_s, settings.max_retry_s))
            elif settings.retry_refused:
                # A 3xx is among these: another server than the one configured, which knows our
                # password, is for the operator to name.
                pause_s = max(settings.max_retry_s, _SHORTEST_S)
        if pause_s > 0:
            self._wake(now, pause_s)
        self._core.out.append(RegistrationFailed(settings.id, status, reason, pause_s))

    def _growing_pause_s(self) -> float:
        """Return the pause after one more failure.

        RFC 5626 4.5: "the wait time W = min( max-time, (base-time * (2 ^
        consecutive-failures)))", of which a random share from 50 to 100 % is waited.
        """
        settings = self._settings
        longest_s = settings.retry_s * 2.0 ** min(self._failures, 16)
        self._failures += 1
        return self._spread(max(min(settings.max_retry_s, longest_s), 2 * _SHORTEST_S))

    def _spread(self, longest_s: float) -> float:
        share = int.from_bytes(self._core.random_bytes(2), "big") / 65_535
        return longest_s * (0.5 + share / 2)

    def _wake(self, now: float, after_s: float) -> None:
        self.deadline = now + after_s
        self._core.deadlines.watch(self)


def _place(uri: bytes) -> bytes:
    """Return host and port of the registrar's URI, for the address of record."""
    parsed = Uri.parse(uri)
    return parsed.host if parsed.port is None else b"%b:%d" % (parsed.host, parsed.port)
