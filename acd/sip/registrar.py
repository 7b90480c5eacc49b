"""The registrar: which devices an account has (RFC 3261 section 10.3)."""

import math

from msgspec import Struct

from .core import Core
from .errors import BadMessageError
from .events import Contact, ContactsChanged
from .headers import NameAddr, parse_number
from .message import Request
from .peer import Peer
from .transaction import Machine
from .uri import Uri, text

_MAX_CONTACTS_PER_REQUEST = 20
"More than any phone sends; with a few bindings per account nobody needs more."

_USER_AGENT_CHARS = 200
"Names and firmware versions have some 60; what is kept per device stays small."

_MALFORMED_EXPIRES_S = 3600
'RFC 3261 20.19: "Malformed values SHOULD be treated as equivalent to 3600."'


class _Binding(Struct, frozen=True):
    contact: Contact
    identity: bytes
    call_id: bytes
    cseq: int


class _Account(Machine):
    """The bindings of one account, newest first; its deadline is the first expiry."""

    __slots__ = ("bindings", "name", "registrar")

    def __init__(self, name: str, registrar: "Registrar") -> None:
        super().__init__()
        self.name = name
        self.registrar = registrar
        self.bindings: tuple[_Binding, ...] = ()

    @property
    def contacts(self) -> tuple[Contact, ...]:
        return tuple(binding.contact for binding in self.bindings)

    def on_time(self, now: float) -> None:
        """Drop what has expired."""
        self.registrar.expire(self, now)


class Registrar:
    """All accounts' bindings."""

    __slots__ = ("_accounts", "_core")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._accounts: dict[str, _Account] = {}

    def contacts(self, account: str) -> tuple[Contact, ...]:
        """Return an account's devices, newest first."""
        record = self._accounts.get(account)
        return record.contacts if record is not None else ()

    def register(self, request: Request, account: str, peer: Peer, now: float) -> bytes:
        """Apply an authenticated REGISTER; return the Contact lines of its 200."""
        record = self._accounts.get(account)
        if record is None:
            record = _Account(account, self)
        entries = request.all(b"contact")
        if entries:
            if len(self._accounts) >= self._core.settings.max_accounts and not record.bindings:
                raise BadMessageError("Too Many Accounts", 503)
            bindings = self._changed(record.bindings, request, entries, peer, now)
            self._store(record, bindings, report=True)
        return b"".join(
            [
                b"Contact: <%b>;expires=%d\r\n"
                % (contact.uri.encode(), max(1, math.ceil(contact.expires_at - now)))
                for contact in record.contacts
            ]
        )

    def restore(self, account: str, contacts: tuple[Contact, ...], now: float) -> None:
        """Take bindings of an earlier run."""
        bindings = tuple(
            _Binding(contact, Uri.parse(contact.uri.encode()).identity(), b"", -1)
            for contact in contacts[: self._core.settings.max_contacts]
            if contact.expires_at > now
        )
        if bindings:
            record = self._accounts.get(account) or _Account(account, self)
            self._store(record, bindings, report=True)

    def transport_failed(self, peer: Peer) -> None:
        """Drop the bindings behind a stream connection that is gone (RFC 5626 section 1).

        Over UDP nothing is dropped: an ICMP error may pass, and the binding will expire.
        """
        if peer.transport == "udp":
            return
        for record in list(self._accounts.values()):
            kept = tuple(item for item in record.bindings if item.contact.peer != peer)
            if len(kept) != len(record.bindings):
                self._store(record, kept, report=True)

    def expire(self, record: _Account, now: float) -> None:
        """Drop an account's expired bindings."""
        kept = tuple(item for item in record.bindings if item.contact.expires_at > now)
        self._store(record, kept, report=len(kept) != len(record.bindings))

    def _store(self, record: _Account, bindings: tuple[_Binding, ...], *, report: bool) -> None:
        record.bindings = bindings
        if bindings:
            self._accounts[record.name] = record
        else:
            self._accounts.pop(record.name, None)
        record.deadline = min((item.contact.expires_at for item in bindings), default=math.inf)
        self._core.deadlines.watch(record)
        if report:
            self._core.out.append(ContactsChanged(record.name, record.contacts))

    def _changed(
        self,
        bindings: tuple[_Binding, ...],
        request: Request,
        entries: list[bytes],
        peer: Peer,
        now: float,
    ) -> tuple[_Binding, ...]:
        """Return the bindings after this request; raises before anything is changed (10.3.7)."""
        if len(entries) > _MAX_CONTACTS_PER_REQUEST:
            raise BadMessageError("Too many Contact entries")
        call_id, cseq = request.need(b"call-id"), request.cseq.number
        if b"*" in entries:
            # "If the request has additional Contact fields or an expiration time other than
            # zero, the request is invalid, and the server MUST return a 400".
            if len(entries) > 1 or request.get(b"expires") != b"0":
                raise BadMessageError("Contact * needs Expires 0 and no other Contact")
            _check_order(bindings, call_id, cseq)
            return ()
        for entry in entries:
            contact = NameAddr.parse(entry)
            uri = Uri.parse(contact.uri)
            if uri.scheme != b"sip" or not contact.uri.isascii():
                raise BadMessageError("Contact is not a SIP URI")
            identity = uri.identity()
            same = tuple(item for item in bindings if item.identity == identity)
            _check_order(same, call_id, cseq)
            bindings = tuple(item for item in bindings if item.identity != identity)
            lifetime_s = self._lifetime_s(request, contact)
            if lifetime_s > 0:
                bare = contact.uri.partition(b"?")[0] if uri.headers else contact.uri
                agent = text(request.get(b"user-agent"))[:_USER_AGENT_CHARS]
                device = Contact(bare.decode(), peer, now + lifetime_s, agent)
                bindings = (_Binding(device, identity, call_id, cseq), *bindings)
        return bindings[: self._core.settings.max_contacts]

    def _lifetime_s(self, request: Request, contact: NameAddr) -> int:
        settings = self._core.settings
        asked = contact.parameters.get(b"expires")
        if asked is None:
            asked = request.headers.get(b"expires")
        if asked is None:
            return settings.default_expires_s
        try:
            seconds = parse_number(asked)
        except BadMessageError:
            seconds = _MALFORMED_EXPIRES_S
        if 0 < seconds < settings.min_expires_s:
            line = b"Min-Expires: %d\r\n" % settings.min_expires_s
            raise BadMessageError("Interval Too Brief", 423, line)
        return min(seconds, settings.max_expires_s)


def _check_order(bindings: tuple[_Binding, ...], call_id: bytes, cseq: int) -> None:
    """Refuse a REGISTER that is older than the binding it would change.

    10.3.7: "If they are the same, the registrar compares the CSeq value. If the value is higher
    than that of the existing binding, it MUST update or remove the binding as above. If not, the
    update MUST be aborted and the request fails."
    """
    for item in bindings:
        if item.call_id == call_id and cseq <= item.cseq:
            raise BadMessageError("REGISTER Out Of Order", 500)
