"""Keeping one registration up at a registrar: the UAC side of REGISTER (RFC 3261 section 10.2)."""

import math

from .client_events import RegistrationFailed, RegistrationSucceeded
from .core import Core
from .digest import answer_challenge
from .effects import Send
from .errors import BadMessageError
from .headers import NameAddr, parse_number
from .message import Response
from .outgoing_leg import request_uri
from .settings import RegistrationSettings
from .transaction import Machine
from .transactions import Transactions
from .uri import Uri, escape_user, text
from .writing import HopParts, one_line, reason_phrase

_RETRY_S = 30.0
"Pause after no answer, a full server or a broken connection; other refusals need a person."

_MAX_ATTEMPTS = 3
"One without credentials, one with, one more for a stale nonce or a longer interval."


class Registration(Machine):
    """Registers, refreshes in time, and removes the binding at the end."""

    __slots__ = (
        "_account",
        "_attempts",
        "_call_id",
        "_core",
        "_cseq",
        "_expires_s",
        "_leaving",
        "_settings",
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
        self._account = escape_user(settings.account)
        # 10.2: "All registrations from a UAC SHOULD use the same Call-ID header field value for
        # registrations sent to a particular registrar."
        self._call_id = one_line(core.new_id())
        self._tag = core.token()
        self._cseq = 0
        self._attempts = 0
        self._expires_s = settings.expires_s
        self._leaving = False

    def begin(self, now: float) -> None:
        """Send a REGISTER: the first, or a refresh."""
        self._attempts = 0
        self._send(now)

    def leave(self, now: float) -> None:
        """Remove our binding."""
        self._leaving = True
        self.deadline = math.inf
        self.begin(now)

    def on_time(self, now: float) -> None:
        """Refresh, or try again."""
        self.deadline = math.inf
        self.begin(now)

    def _send(self, now: float, authorization: bytes = b"") -> None:
        core, settings = self._core, self._settings
        self._cseq += 1
        self._attempts += 1
        identity = core.identity(settings.peer.transport)
        branch = b"z9hG4bK" + core.token()
        aor = b"<sip:%b@%b>" % (self._account, _place(self._uri))
        expires_s = 0 if self._leaving else self._expires_s
        extra = b"Contact: <sip:%b@%b%b>\r\nExpires: %d\r\n%b%b" % (
            self._account,
            identity.host,
            identity.transport_parameter,
            expires_s,
            core.product_lines[1],
            authorization,
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
        if status < 200:
            return None
        if status < 300:
            self._succeeded(response, now)
        elif not self._try_again(response, now):
            self._failed(status, text(response.reason), now)
        return None

    def on_failure(self, status: int, now: float) -> None:
        """No answer came, or the transport failed."""
        self._failed(status, reason_phrase(status), now)

    def _try_again(self, response: Response, now: float) -> bool:
        if self._attempts >= _MAX_ATTEMPTS:
            return False
        if response.status == 423:
            # 10.2.8: "it MAY retry the registration after making the expiration interval of all
            # contact addresses in the REGISTER request equal to or greater than the expiration
            # interval within the Min-Expires header field".
            try:
                least_s = parse_number(response.need(b"min-expires"))
            except BadMessageError:
                return False
            self._expires_s = max(self._expires_s, least_s)
            self._send(now)
            return True
        if response.status not in {401, 407}:
            return False
        header = answer_challenge(
            response,
            b"REGISTER",
            self._uri,
            self._settings.account,
            self._settings.password,
            self._core.token().decode(),
        )
        stale = b"stale=true" in response.get(b"www-authenticate").lower()
        if header is None or (self._attempts > 1 and not stale):
            return False
        self._send(now, header)
        return True

    def _succeeded(self, response: Response, now: float) -> None:
        granted_s = 0 if self._leaving else self._granted_s(response)
        self._core.out.append(RegistrationSucceeded(self._settings.id, granted_s))
        if not self._leaving:
            self.deadline = now + max(1.0, granted_s * 5 / 6)
            self._core.deadlines.watch(self)

    def _granted_s(self, response: Response) -> int:
        """Return the lifetime that the registrar gave our Contact."""
        try:
            for entry in response.all(b"contact"):
                contact = NameAddr.parse(entry)
                if (
                    Uri.parse(contact.uri).user == self._account
                    and b"expires" in contact.parameters
                ):
                    return parse_number(contact.parameters[b"expires"])
            if b"expires" in response.headers:
                return parse_number(response.headers[b"expires"])
        except BadMessageError:
            pass  # what cannot be read is taken as granted
        return self._expires_s

    def _failed(self, status: int, reason: str, now: float) -> None:
        self._core.out.append(RegistrationFailed(self._settings.id, status, reason))
        if not self._leaving and (status == 408 or status >= 500):
            self.deadline = now + _RETRY_S
            self._core.deadlines.watch(self)


def _place(uri: bytes) -> bytes:
    """Return host and port of the registrar's URI, for the address of record."""
    parsed = Uri.parse(uri)
    return parsed.host if parsed.port is None else b"%b:%d" % (parsed.host, parsed.port)
