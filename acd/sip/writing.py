"""Writing messages: answers and requests as joined bytes (RFC 3261 sections 8.1.1, 8.2.6)."""

from msgspec import Struct

from .errors import BadMessageError
from .headers import Via, quote, split_list
from .message import Request
from .peer import Peer

ALLOW = b"INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REGISTER, REFER, NOTIFY"
ALLOW_LINE = b"Allow: " + ALLOW + b"\r\n"
SUPPORTED_LINE = b"Supported: replaces\r\n"
"Told to those who may want to use it: phones that call with an account."
EXTENSIONS = frozenset({b"replaces", b"norefersub", b"timer", b"100rel"})
"Option tags that a Require may name (RFC 3891, 4488, 4028, 3262)."

EXTENSIONS_LINE = b"Supported: %b\r\n" % b", ".join(sorted(EXTENSIONS))
"Told to those who ask by OPTIONS (RFC 3261 11.2)."

ACCEPT_LINE = b"Accept: application/sdp\r\n"
SDP_LINE = b"Content-Type: application/sdp\r\n"

_REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    410: "Gone",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    433: "Anonymity Disallowed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    600: "Busy Everywhere",
    603: "Decline",
    606: "Not Acceptable",
}
_STATUS_LINES = {
    status: b"SIP/2.0 %d %b\r\n" % (status, reason.encode()) for status, reason in _REASONS.items()
}


def reason_phrase(status: int) -> str:
    """Return the RFC's words for a status code, or those of its class."""
    return _REASONS.get(status) or _REASONS.get(status // 100 * 100, "Unknown")


def status_line(status: int, reason: str = "") -> bytes:
    """Return the first line of an answer; control characters in the reason become spaces."""
    line = None if reason else _STATUS_LINES.get(status)
    if line is None:
        line = b"SIP/2.0 %d %b\r\n" % (status, one_line(reason or reason_phrase(status)))
    return line


def one_line(value: str) -> bytes:
    """Encode a value of our own for a header line: no line break can get in."""
    if value.isprintable():  # nearly all: spared a look at each character
        return value.encode("utf-8", "replace")
    return "".join(" " if char < " " or char == "\x7f" else char for char in value).encode(
        "utf-8", "replace"
    )


def reason_line(reason: str) -> bytes:
    """Return a Reason line for BYE or CANCEL (RFC 3326), or nothing for no reason.

    One that names its protocol ("SIP;cause=…", "Q.850;cause=…") goes out as it stands. A phone
    that reads cause 200 in a CANCEL does not count the call as missed.
    """
    if not reason:
        return b""
    if reason.startswith(("SIP;", "Q.850;")):
        return b"Reason: %b\r\n" % one_line(reason)
    clean = one_line(reason).replace(b"\\", b"").replace(b'"', b"")
    return b'Reason: SIP;cause=200;text="%b"\r\n' % clean


def warning_line(warning: str, agent: bytes) -> bytes:
    """Return a Warning line (20.43) for a code, a space and a text; `agent` is our host."""
    code, _, reason = warning.partition(" ")
    return b"Warning: %b %b %b\r\n" % (one_line(code), agent, quote(reason))


def timestamp_line(request: Request) -> bytes:
    """Return the line by which a 100 lets the other side measure the round trip.

    8.2.6.1: "any Timestamp header field present in the request MUST be copied into this 100
    (Trying) response". Without a delay added: we answer at once.
    """
    value = request.headers.get(b"timestamp")
    return b"" if value is None else b"Timestamp: %b\r\n" % value


def reply_head(request: Request, peer: Peer, tag: bytes) -> bytes:
    """Return the header lines that every answer to the request has, from Via to CSeq.

    `tag` is added to To when the request has none there (8.2.6.2).
    """
    headers = request.headers
    to = headers.get(b"to", b"")
    try:
        if to and not request.to.tag:
            to = b"%b;tag=%b" % (to, tag)
    except BadMessageError:
        pass  # a To that cannot be read is returned as it stands
    head = _vias(request, peer)
    from_, call_id, cseq = headers.get(b"from"), headers.get(b"call-id"), headers.get(b"cseq")
    if from_ and to and call_id and cseq:
        return b"%bFrom: %b\r\nTo: %b\r\nCall-ID: %b\r\nCSeq: %b\r\n" % (
            head,
            from_,
            to,
            call_id,
            cseq,
        )
    # The refusal of a request that lacks one of them.
    for line, value in (
        (b"%bFrom: %b\r\n", from_),
        (b"%bTo: %b\r\n", to),
        (b"%bCall-ID: %b\r\n", call_id),
        (b"%bCSeq: %b\r\n", cseq),
    ):
        if value:
            head = line % (head, value)
    return head


def reply(
    status: int, head: bytes, extra: bytes = b"", body: bytes = b"", *, reason: str = ""
) -> bytes:
    """Return a whole answer; `extra` are more header lines, `body` is SDP."""
    line = status_line(status, reason)
    if not body:
        return b"%b%b%bContent-Length: 0\r\n\r\n" % (line, head, extra)
    return b"%b%b%b%bContent-Length: %d\r\n\r\n%b" % (line, head, extra, SDP_LINE, len(body), body)


def _vias(request: Request, peer: Peer) -> bytes:
    """Return the Via lines, the top one with received and rport filled (18.2.1, RFC 3581)."""
    top = request.headers.get(b"via", b"")
    try:
        via = request.via
    except BadMessageError:
        via = None
    if via is not None:
        host = peer.host.encode()
        if b"rport" in via.parameters or via.host.strip(b"[]") != host:
            rest = split_list(top)[1:]
            top = b", ".join([bytes(_seen_from(via, host, peer.port)), *rest])
    lines = b"Via: %b\r\n" % top
    if request.more:
        for further in request.more.get(b"via", ()):
            lines += b"Via: %b\r\n" % further
    return lines


def _seen_from(via: Via, host: bytes, port: int) -> Via:
    parameters = dict(via.parameters)
    if b"rport" in parameters:
        parameters[b"rport"] = b"%d" % port
    parameters[b"received"] = host
    return Via(via.transport, via.host, via.port, via.branch, parameters)


_REQUEST = (
    b"%b %b SIP/2.0\r\n%b%bMax-Forwards: 70\r\nFrom: %b\r\nTo: %b\r\nCall-ID: %b\r\n"
    b"CSeq: %d %b\r\n%b%bContent-Length: %d\r\n\r\n%b"
)


class HopParts(Struct, frozen=True, gc=False):
    """What an INVITE, its CANCEL and the ACK of its refusal have in common (9.1, 17.1.1.3)."""

    uri: bytes
    via: bytes
    'The whole line: "the top Via header field value of the original request".'
    from_: bytes
    call_id: bytes
    cseq: int
    route: bytes = b""
    "Route lines, or empty."

    def request(
        self,
        method: bytes,
        to: bytes,
        extra: bytes = b"",
        body: bytes = b"",
        kind: bytes = SDP_LINE,
    ) -> bytes:
        """Return a request with these parts; `kind` is the line that says what `body` is."""
        return _REQUEST % (
            method,
            self.uri,
            self.via,
            self.route,
            self.from_,
            to,
            self.call_id,
            self.cseq,
            method,
            extra,
            kind if body else b"",
            len(body),
            body,
        )
