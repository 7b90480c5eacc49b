"""One binding of an account to a device: read from a REGISTER, written into its answer.

RFC 3261 section 10.3 with Path (RFC 3327) and client-initiated connections (RFC 5626).
"""

import math
import re

from msgspec import Struct

from .errors import BadMessageError
from .events import Contact
from .headers import NameAddr, parse_number
from .message import Request
from .peer import SECURE, Peer
from .settings import EndpointSettings
from .uri import Uri, text
from .writing import one_line

MAX_CONTACTS_PER_REQUEST = 20
"More than any phone sends; with a few bindings per account nobody needs more."

MAX_PATHS = 8
"Proxies between a phone and us: one at the edge, seldom a second; each costs bytes in an INVITE."

MAX_REG_ID = 255
"RFC 5626 4.2.1 wants small numbers, one per flow; nobody opens hundreds."

_USER_AGENT_CHARS = 200
"Names and firmware versions have some 60; what is kept per device stays small."

_URI_BYTES = 500
"As long as contacts get that carry a push token; a UDP datagram has to hold it with all the rest."

_MALFORMED_EXPIRES_S = 3600
'RFC 3261 20.19: "Malformed values SHOULD be treated as equivalent to 3600."'

_Q = re.compile(rb"0(\.\d{0,3})?|1(\.0{0,3})?")
_INSTANCE = re.compile(rb'"<([\x21-\x3b=\x3f-\x7e]{1,200})>"')


class Binding(Struct, frozen=True):
    """A device, under the key by which a later REGISTER finds it again."""

    contact: Contact
    key: bytes
    call_id: bytes
    cseq: int

    def line(self, now: float) -> bytes:
        """Return the Contact line of a 200 (10.3, step 8)."""
        contact = self.contact
        parameters = b";q=%b" % _written_q(contact.q) if contact.q < 1.0 else b""
        if contact.instance:
            parameters += b';+sip.instance="<%b>"' % contact.instance.encode()
        if contact.reg_id:
            parameters += b";reg-id=%d" % contact.reg_id
        return b"Contact: <%b>;expires=%d%b\r\n" % (
            contact.uri.encode(),
            max(1, math.ceil(contact.expires_at - now)),
            parameters,
        )


class Asked(Struct, frozen=True):
    """What one Contact of a REGISTER asks for: a binding, or the end of one."""

    binding: Binding

    lifetime_s: int
    "0 removes the binding."


class RegisterReader:
    """Reads the Contacts of one REGISTER; `BadMessageError` before anything is changed."""

    __slots__ = ("_agent", "_outbound", "_path", "_peer", "_request", "_settings")

    def __init__(self, request: Request, peer: Peer, settings: EndpointSettings) -> None:
        self._request = request
        self._peer = peer
        self._settings = settings
        self._agent = text(request.get(b"user-agent"))[:_USER_AGENT_CHARS]
        self._path = _path(request) if b"path" in request.headers else ()
        self._outbound = b"outbound" in _known(request)

    def read(self, entries: list[bytes], now: float) -> list[Asked]:
        """Return what the Contact entries ask for, in their order."""
        if len(entries) > MAX_CONTACTS_PER_REQUEST:
            raise BadMessageError("Too many Contact entries")
        asked = [self._read_one(entry, now) for entry in entries]
        if len(asked) > 1:
            flows = sum(one.binding.contact.reg_id > 0 and one.lifetime_s > 0 for one in asked)
            if flows > 1:
                # RFC 5626 6: a request comes over one flow and can register no other.
                raise BadMessageError("More than one Contact with reg-id")
        return asked

    def _read_one(self, entry: bytes, now: float) -> Asked:
        value = NameAddr.parse(entry)
        uri = Uri.parse(value.uri)
        secure = uri.scheme == b"sips" and self._peer.transport in SECURE
        if (uri.scheme != b"sip" and not secure) or not value.uri.isascii():
            raise BadMessageError("Contact is not a SIP URI")
        bare = value.uri.partition(b"?")[0] if uri.headers else value.uri
        if len(bare) > _URI_BYTES:
            raise BadMessageError("Contact is too long")
        lifetime_s = self._lifetime_s(value)
        instance, reg_id = self._flow(value)
        contact = Contact(
            bare.decode(),
            self._peer,
            now + lifetime_s,
            self._agent,
            q=_read_q(value.parameters.get(b"q")),
            instance=instance.decode(),
            reg_id=reg_id,
            path=self._path,
        )
        # RFC 5626 6: with both, "the corresponding binding is between an AOR and the
        # combination of the instance-id […] and the value of reg-id"; the URI and the address
        # that it comes from may be others each time.
        key = b"%b;%d" % (instance, reg_id) if reg_id else uri.identity()
        request = self._request
        binding = Binding(contact, key, request.need(b"call-id"), request.cseq.number)
        return Asked(binding, lifetime_s)

    def _flow(self, value: NameAddr) -> tuple[bytes, int]:
        """Return instance-id and reg-id; 0 for a binding by URI."""
        instance = value.parameters.get(b"+sip.instance")
        if instance is None:
            # "If the registrar processes a Contact header field value with a reg-id but no
            # instance-id, it simply ignores the reg-id parameter."
            return b"", 0
        match = _INSTANCE.fullmatch(instance)
        if match is None:
            raise BadMessageError("+sip.instance is not a URN in angle brackets and quotes")
        asked = value.parameters.get(b"reg-id")
        if asked is None or not self._outbound:
            return match[1], 0
        reg_id = parse_number(asked, MAX_REG_ID)
        if reg_id == 0:
            raise BadMessageError("reg-id is 0")
        self._check_first_hop()
        return match[1], reg_id

    def _check_first_hop(self) -> None:
        """Raise 439 where a proxy in between does not keep the phone's flow (RFC 5626 6)."""
        request = self._request
        through_proxy = bool(request.more.get(b"via")) or b"," in request.get(b"via")
        if through_proxy and not any(";ob" in uri.lower() for uri in self._path):
            raise BadMessageError("First Hop Lacks Outbound Support", 439)

    def _lifetime_s(self, value: NameAddr) -> int:
        settings = self._settings
        asked = value.parameters.get(b"expires")
        if asked is None:
            asked = self._request.headers.get(b"expires")
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


def extension_lines(request: Request, bindings: tuple[Binding, ...], flow_timer_s: int) -> bytes:
    """Return the lines of a 200 that Path and outbound call for; mostly none."""
    known = _known(request)
    lines = b""
    if b"path" in known and b"path" in request.headers:
        # RFC 3327 5.3: the registrar "copies the Path header field values into a Path header
        # field in the successful (200 class) response", for a phone that understands it.
        lines = b"".join([b"Path: %b\r\n" % entry for entry in request.all(b"path")])
    if b"outbound" in known:
        call_id, cseq = request.get(b"call-id"), request.cseq.number
        if any(b.contact.reg_id and b.call_id == call_id and b.cseq == cseq for b in bindings):
            # RFC 5626 6: "the registrar MUST include a Require header field with the same
            # option-tag in its response"; Flow-Timer says how often the phone has to ping.
            lines += b"Require: outbound\r\n"
            if flow_timer_s:
                lines += b"Flow-Timer: %d\r\n" % flow_timer_s
    return lines


def _known(request: Request) -> set[bytes]:
    """Return the extensions that the phone knows: whoever requires one knows it, too."""
    headers = request.headers
    return {
        tag.lower()
        for name in (b"supported", b"require")
        if name in headers
        for tag in request.all(name)
    }


def _path(request: Request) -> tuple[str, ...]:
    """Return the Path as Route entries, nearest proxy first."""
    entries = request.all(b"path")
    if len(entries) > MAX_PATHS:
        raise BadMessageError("Too many Path entries")
    route = []
    for entry in entries:
        value = NameAddr.parse(entry)
        if Uri.parse(value.uri).scheme not in {b"sip", b"sips"} or len(value.uri) > _URI_BYTES:
            raise BadMessageError("Path is not of SIP URIs")
        if not value.uri.isascii():
            raise BadMessageError("Path is not of SIP URIs")
        route.append(one_line(f"<{value.uri.decode()}>").decode())
    return tuple(route)


def _read_q(value: bytes | None) -> float:
    if value is None:
        return 1.0
    if _Q.fullmatch(value) is None:
        # 25.1: qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
        raise BadMessageError("q is not between 0 and 1")
    return float(value)


def _written_q(q: float) -> bytes:
    return f"{q:.3f}".rstrip("0").rstrip(".").encode() or b"0"
