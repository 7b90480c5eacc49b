"""The registrar: which devices an account has (RFC 3261 section 10.3).

What a REGISTER asks for is read in bindings.py; here it is applied, all of it or nothing.
"""

import math

from msgspec.structs import replace

from .bindings import Asked, Binding, RegisterReader, extension_lines
from .core import Core
from .errors import BadMessageError
from .events import Contact, ContactsCause, ContactsChanged, ContactsRefreshed
from .message import Request
from .peer import WEBSOCKET, Peer
from .qualifying import Qualifier
from .transaction import Machine
from .transactions import Transactions
from .uri import Uri

Bindings = tuple[Binding, ...]


class _Account(Machine):
    """The bindings of one account; its deadline is the first expiry."""

    __slots__ = ("bindings", "name", "registrar")

    def __init__(self, name: str, registrar: "Registrar") -> None:
        super().__init__()
        self.name = name
        self.registrar = registrar
        self.bindings: Bindings = ()
        "Highest q first, among equals newest first; a refresh keeps its place."

    @property
    def contacts(self) -> tuple[Contact, ...]:
        return tuple(binding.contact for binding in self.bindings)

    def on_time(self, now: float) -> None:
        """Drop what has expired."""
        self.registrar.expire(self, now)


class Registrar:
    """All accounts' bindings."""

    __slots__ = ("_accounts", "_core", "_qualifier")

    def __init__(self, core: Core, transactions: Transactions) -> None:
        self._core = core
        self._accounts: dict[str, _Account] = {}
        qualify_s = core.settings.qualify_s
        self._qualifier = Qualifier(core, transactions, self) if qualify_s else None

    def contacts(self, account: str) -> tuple[Contact, ...]:
        """Return an account's devices, highest q and newest first."""
        record = self._accounts.get(account)
        return record.contacts if record is not None else ()

    def accounts(self) -> tuple[str, ...]:
        """Return the names of the accounts that have devices."""
        return tuple(self._accounts)

    def all_contacts(self) -> dict[str, tuple[Contact, ...]]:
        """Return every account's devices, with the expiry as of the last refresh."""
        return {name: record.contacts for name, record in self._accounts.items()}

    def register(self, request: Request, account: str, peer: Peer, now: float) -> bytes:
        """Apply an authenticated REGISTER; return the header lines of its 200."""
        record = self._accounts.get(account) or _Account(account, self)
        entries = request.all(b"contact")
        if entries:
            if len(self._accounts) >= self._core.settings.max_accounts and not record.bindings:
                raise BadMessageError("Too Many Accounts", 503)
            before = record.bindings
            if b"*" in entries:
                after = _all_removed(before, request, entries)
            else:
                reader = RegisterReader(request, peer, self._core.settings)
                after = self._changed(before, reader.read(entries, now))
            gone = {one.key for one in after} < {one.key for one in before}
            cause = ContactsCause.UNREGISTERED if gone else ContactsCause.REGISTERED
            self._store(record, after, cause, now)
        # 10.3, step 8: "The response MUST contain Contact header field values enumerating all
        # current bindings."
        lines = b"".join([binding.line(now) for binding in record.bindings])
        timer_s = self._core.settings.flow_timer_s if peer.transport != "udp" else 0
        return lines + extension_lines(request, record.bindings, timer_s)

    def restore(self, account: str, contacts: tuple[Contact, ...], now: float) -> None:
        """Take bindings of an earlier run; with qualification each has to answer first."""
        unproven = self._qualifier is not None
        bindings = tuple(
            Binding(replace(contact, reachable=not unproven), _key_of(contact), b"", -1)
            for contact in contacts[: self._core.settings.max_contacts]
            # A browser's connection did not outlast the former run, and only it can make another.
            if contact.expires_at > now and contact.peer.transport not in WEBSOCKET
        )
        if bindings:
            record = self._accounts.get(account) or _Account(account, self)
            self._store(record, bindings, ContactsCause.RESTORED, now)

    def peers(self) -> set[Peer]:
        """Return by whom devices are reached."""
        records = self._accounts.values()
        return {item.contact.peer for record in records for item in record.bindings}

    def transport_failed(self, peer: Peer, now: float) -> None:
        """Drop the bindings behind a stream connection that is gone (RFC 5626 section 1).

        Over UDP nothing is dropped: an ICMP error may pass, and the binding will expire.
        """
        if peer.transport == "udp":
            return
        for record in list(self._accounts.values()):
            kept = tuple(item for item in record.bindings if item.contact.peer != peer)
            if len(kept) != len(record.bindings):
                self._store(record, kept, ContactsCause.CONNECTION_LOST, now)

    def expire(self, record: _Account, now: float) -> None:
        """Drop an account's expired bindings."""
        kept = tuple(item for item in record.bindings if item.contact.expires_at > now)
        self._store(record, kept, ContactsCause.EXPIRED, now)

    def doubt(self, account: str, uri: str, now: float) -> None:
        """Take a device out that an INVITE did not reach, until it answers or registers again.

        Without qualification nothing would bring it back in time, so it stays.
        """
        record = self._accounts.get(account)
        if self._qualifier is None or record is None:
            return
        for binding in record.bindings:
            if binding.contact.uri == uri:
                self.set_reachable(account, binding.key, reachable=False, now=now)
                self._qualifier.ask_soon(account, binding.key, now)

    def set_reachable(self, account: str, key: bytes, *, reachable: bool, now: float) -> None:
        """Note whether a device answers; its binding stays either way."""
        record = self._accounts.get(account)
        if record is None:
            return
        bindings = tuple(
            Binding(replace(item.contact, reachable=reachable), item.key, item.call_id, item.cseq)
            if item.key == key
            else item
            for item in record.bindings
        )
        cause = ContactsCause.REACHABLE if reachable else ContactsCause.UNREACHABLE
        self._store(record, bindings, cause, now)

    def _store(
        self, record: _Account, bindings: Bindings, cause: ContactsCause, now: float
    ) -> None:
        """Put the bindings in place; tell of it when they are others than before.

        A refresh, which only moves the expiry, is no event: it comes from each device every few
        minutes and changes nothing for anybody who wants to ring it.
        """
        before = record.bindings
        record.bindings = bindings
        for binding in bindings:
            if binding.contact.peer.transport != "udp":
                self._core.reliance.note(binding.contact.peer)
        if bindings:
            self._accounts[record.name] = record
        else:
            self._accounts.pop(record.name, None)
        record.deadline = min((item.contact.expires_at for item in bindings), default=math.inf)
        self._core.deadlines.watch(record)
        if self._qualifier is not None:
            self._qualifier.follow(record.name, before, bindings, now)
        if [_device(item) for item in before] != [_device(item) for item in bindings]:
            self._core.out.append(ContactsChanged(record.name, record.contacts, cause))
        elif cause is ContactsCause.REGISTERED:
            self._core.out.append(ContactsRefreshed(record.name))

    def _changed(self, before: Bindings, asked: list[Asked]) -> Bindings:
        """Return the bindings after this request; raises before anything is changed.

        10.3: "The registrar […] either ensures that all binding updates succeed, or fails".
        """
        old = {binding.key: binding for binding in before}
        new: dict[bytes, Binding] = {}
        after = dict(old)
        for one in asked:
            binding = one.binding
            if (known := old.get(binding.key)) is not None:
                _check_order(known, binding.call_id, binding.cseq)
            new.pop(binding.key, None)
            if one.lifetime_s == 0:
                after.pop(binding.key, None)
            elif binding.key in after:
                after[binding.key] = binding
            else:
                new[binding.key] = binding
        bindings = [*reversed(new.values()), *after.values()]
        bindings.sort(key=lambda item: -item.contact.q)
        spare = len(bindings) - self._core.settings.max_contacts
        if spare > 0:
            # Who does not answer any more makes room first, then who came first.
            silent = [item for item in bindings if not item.contact.reachable]
            for item in [*reversed(silent), *reversed(bindings)][:spare]:
                if item in bindings:
                    bindings.remove(item)
            del bindings[self._core.settings.max_contacts :]
        return tuple(bindings)


def _all_removed(bindings: Bindings, request: Request, entries: list[bytes]) -> Bindings:
    """Return what `Contact: *` leaves: nothing, or it fails as a whole (10.3, step 6)."""
    # "If the request has additional Contact fields or an expiration time other than zero, the
    # request is invalid, and the server MUST return a 400".
    if len(entries) > 1 or request.get(b"expires") != b"0":
        raise BadMessageError("Contact * needs Expires 0 and no other Contact")
    for binding in bindings:
        _check_order(binding, request.need(b"call-id"), request.cseq.number)
    return ()


def _check_order(binding: Binding, call_id: bytes, cseq: int) -> None:
    """Refuse a REGISTER that is older than the binding it would change.

    10.3, step 7: "If they are the same, the registrar compares the CSeq value. If the value is
    higher than that of the existing binding, it MUST update or remove the binding as above. If
    not, the update MUST be aborted and the request fails."
    """
    if binding.call_id == call_id and cseq <= binding.cseq:
        raise BadMessageError("REGISTER Out Of Order", 500)


def _key_of(contact: Contact) -> bytes:
    if contact.reg_id:
        return b"%b;%d" % (contact.instance.encode(), contact.reg_id)
    return Uri.parse(contact.uri.encode()).identity()


def _device(binding: Binding) -> tuple[object, ...]:
    """Return what makes a binding another device, or the same one elsewhere."""
    contact = binding.contact
    return (
        contact.uri,
        contact.peer,
        contact.user_agent,
        contact.q,
        contact.instance,
        contact.reg_id,
        contact.path,
        contact.reachable,
    )
