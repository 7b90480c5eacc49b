"""Qualification: does a registered device still answer? Asked by OPTIONS (RFC 3261 section 11).

    DUE ── its time comes ──▶ ASKED ── any answer ──▶ DUE, reachable
                                │ `ANSWER_S` without one, or the transport failed
                                └──▶ SILENT, unreachable; the transaction runs on
                                        │ a late answer            ▶ DUE, reachable
                                        │ timer F, or a failure    ▶ DUE, unreachable still

A REGISTER proves a device alive as well and puts the next question off. The OPTIONS also keep the
way through a NAT open: RFC 5626 4.4 wants that every 24 to 29 seconds over UDP.
"""

import math
from typing import Protocol

from .bindings import Binding
from .core import Core
from .effects import Send
from .errors import BadTargetError
from .events import Contact
from .message import Response
from .outgoing_leg import request_uri
from .transaction import Machine
from .transactions import Transactions
from .writing import ACCEPT_LINE, HopParts, one_line

ANSWER_S = 8.0
"""How long a device may take: over UDP five of the transaction's OPTIONS have gone by then (after
0, 0.5, 1.5, 3.5 and 7.5 s), so that of 1,000 devices behind a line that loses 10 % of packets
each way less than one is taken out by mistake."""

RESTORE_SPREAD_S = 4.0
"After a restart all devices are asked at once: 2,000 of them come at 500 a second then."

DEAD = frozenset({408, 410, 430})
"""Answers that are no sign of life but a proxy's word that the device is gone: no answer from it,
Gone, Flow Failed (RFC 5626 11.5). Any other, even a refusal, comes from a device that lives."""


class Bindings(Protocol):
    """Who keeps the bindings: the registrar."""

    def set_reachable(self, account: str, key: bytes, *, reachable: bool, now: float) -> None:
        """Note whether a device answers."""


class Qualifier:
    """One `Probe` per binding; all in the endpoint's one heap of deadlines."""

    __slots__ = ("_bindings", "_core", "_probes", "_transactions")

    def __init__(self, core: Core, transactions: Transactions, bindings: Bindings) -> None:
        self._core = core
        self._transactions = transactions
        self._bindings = bindings
        self._probes: dict[tuple[str, bytes], Probe] = {}

    def follow(
        self,
        account: str,
        before: tuple[Binding, ...],
        after: tuple[Binding, ...],
        now: float,
    ) -> None:
        """Watch over what an account's bindings are now."""
        old = {binding.key: binding for binding in before}
        for binding in after:
            known = old.pop(binding.key, None)
            probe = self._probes.get((account, binding.key))
            if probe is None:
                probe = Probe(self, account, binding)
                self._probes[account, binding.key] = probe
                fresh = binding.contact.reachable
                probe.ask_at(now + (self.pause_s() if fresh else self.draw() * RESTORE_SPREAD_S))
            elif known is None or (known.call_id, known.cseq) != (binding.call_id, binding.cseq):
                probe.registered(binding.contact, now)
            else:
                probe.contact = binding.contact
        for key in old:
            if (probe := self._probes.pop((account, key), None)) is not None:
                probe.stop()

    def ask_soon(self, account: str, key: bytes, now: float) -> None:
        """Ask a device at once: there is reason to doubt that it lives."""
        probe = self._probes.get((account, key))
        if probe is not None:
            probe.ask_at(now)

    def draw(self) -> float:
        """Return a random share from 0 to 1."""
        return int.from_bytes(self._core.random_bytes(2), "big") / 0x10000

    def pause_s(self) -> float:
        """Return the time to a device's next question, spread so that not all come at once."""
        return self._core.settings.qualify_s * (0.8 + 0.2 * self.draw())

    def tell(self, probe: "Probe", reachable: bool, now: float) -> None:
        """Pass a device's change on."""
        self._bindings.set_reachable(probe.account, probe.key, reachable=reachable, now=now)

    def watch(self, probe: "Probe") -> None:
        """Take note of a changed deadline."""
        self._core.deadlines.watch(probe)

    def send(self, probe: "Probe", number: int, now: float) -> bool:
        """Send an OPTIONS to the probe's device; False when there is no room for it now."""
        core, contact = self._core, probe.contact
        if self._transactions.full:
            return False
        identity = core.identity(contact.peer)
        try:
            uri = request_uri(contact.uri)
        except BadTargetError:
            return False  # nothing can be sent to it; it will expire
        branch = b"z9hG4bK" + core.token()
        parts = HopParts(
            uri,
            b"%b%b\r\n" % (identity.via_head, branch),
            b"<sip:acd@%b>;tag=%b" % (identity.host, probe.name),
            probe.name,
            number,
            b"".join([b"Route: %b\r\n" % one_line(entry) for entry in contact.path]),
        )
        data = parts.request(b"OPTIONS", b"<%b>" % uri, ACCEPT_LINE + core.product_lines[1])
        question = _Question(probe, number)
        request = Send(contact.peer, data)
        self._transactions.begin_client_request(branch, b"OPTIONS", request, question, now)
        return True

    def new_name(self) -> bytes:
        """Make a Call-ID and tag."""
        return self._core.token()


class Probe(Machine):
    """Asks one device, again and again."""

    __slots__ = ("_asked", "_number", "_qualifier", "account", "contact", "key", "name")

    def __init__(self, qualifier: Qualifier, account: str, binding: Binding) -> None:
        super().__init__()
        self._qualifier = qualifier
        self._number = 0
        self._asked = False
        self.account = account
        self.key = binding.key
        self.contact = binding.contact
        self.name = qualifier.new_name()
        "Call-ID and From tag of its questions, which count CSeq up."

    def ask_at(self, at: float) -> None:
        """Put the next question to this time, unless one is under way."""
        if not self._asked:
            self.deadline = at
            self._qualifier.watch(self)

    def stop(self) -> None:
        """Ask no more: the binding is gone."""
        self._asked = False
        self._number += 1  # what still comes in answers an earlier question
        self.deadline = math.inf

    def registered(self, contact: Contact, now: float) -> None:
        """Take a REGISTER as the answer; the binding says reachable by itself."""
        self.contact = contact
        self.stop()
        self.ask_at(now + self._qualifier.pause_s())

    def on_time(self, now: float) -> None:
        """Ask, or take the silence for an answer."""
        self.deadline = math.inf
        if self._asked:
            self._tell(reachable=False, now=now)
            return
        self._number += 1
        if not self._qualifier.send(self, self._number, now):
            self.ask_at(now + self._qualifier.pause_s())
            return
        self._asked = True
        self.deadline = now + ANSWER_S

    def answered(self, number: int, status: int, now: float) -> None:
        """Take the answer to a question."""
        if number == self._number and status >= 200:
            self._over(status not in DEAD, now)

    def failed(self, number: int, now: float) -> None:
        """No answer came, or none can come."""
        if number == self._number:
            self._over(False, now)

    def _over(self, reachable: bool, now: float) -> None:
        self._asked = False
        self.ask_at(now + self._qualifier.pause_s())
        self._tell(reachable=reachable, now=now)

    def _tell(self, *, reachable: bool, now: float) -> None:
        if self.contact.reachable is not reachable:
            self._qualifier.tell(self, reachable, now)


class _Question:
    """One OPTIONS, as its transaction's user."""

    __slots__ = ("_number", "_probe")

    def __init__(self, probe: Probe, number: int) -> None:
        self._probe = probe
        self._number = number

    def on_response(self, response: Response, now: float) -> Send | None:
        """Take an answer."""
        self._probe.answered(self._number, response.status, now)
        return None

    def on_failure(self, status: int, now: float) -> None:
        """Take that none came; a lost connection takes the binding with it, without our word."""
        if status == 408 or self._probe.contact.peer.transport == "udp":
            self._probe.failed(self._number, now)
