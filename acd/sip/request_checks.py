"""What every request has to pass, in the order that a UAS checks it (RFC 3261 section 8.2)."""

from .errors import BadMessageError
from .headers import parse_number
from .message import Request
from .peer import SECURE, Peer
from .uri import Uri
from .writing import ALLOW_LINE, EXTENSIONS

# Methods of the IANA registry that this server knows of and does not serve.
_RECOGNISED = frozenset({b"MESSAGE", b"SUBSCRIBE", b"PUBLISH"})
SERVED = frozenset(
    {
        b"INVITE",
        b"ACK",
        b"CANCEL",
        b"BYE",
        b"OPTIONS",
        b"INFO",
        b"UPDATE",
        b"REGISTER",
        b"REFER",
        b"NOTIFY",
        b"PRACK",
    }
)
REGISTER_EXTENSIONS = frozenset({b"path", b"outbound"})
"Those of a REGISTER (RFC 3327, 5626)."

_ACCEPT_SDP = b"Accept: application/sdp\r\n"
_SDP_TYPES = frozenset({b"application/sdp", b"application/*", b"*/*"})


def check_syntax(request: Request) -> None:
    """Raise `BadMessageError` (400, 505) for what breaks the grammar of RFC 3261 section 25."""
    if request.fault is not None:
        raise request.fault
    cseq = request.cseq
    if cseq.method != request.method:
        # 8.1.1.5: "The method MUST match that of the request."
        raise BadMessageError("CSeq method is not the request's")
    request.need(b"call-id")
    _ = request.from_, request.to
    forwards = request.headers.get(b"max-forwards")
    if forwards is not None and forwards != b"70":
        parse_number(forwards, 255)


def check_method(method: bytes) -> None:
    """Raise 405 for a method that we know and do not serve, 501 for an unknown one (21.5.2)."""
    if method in SERVED:
        return
    if method in _RECOGNISED:
        raise BadMessageError("Method Not Allowed", 405, ALLOW_LINE)
    raise BadMessageError("Not Implemented", 501, ALLOW_LINE)


def check_target(request: Request, peer: Peer) -> Uri:
    """Return the Request-URI. 400 when it is none, 416 when its scheme is not served.

    8.2.2.1: "If the Request-URI uses a scheme not supported by the UAS, it SHOULD reject the
    request with a 416 (Unsupported URI Scheme) response." sips is such a one
    unless the request came over TLS.
    """
    uri = Uri.parse(request.uri)
    secure = uri.scheme == b"sips" and peer.transport in SECURE
    if uri.scheme not in {b"sip", b"tel"} and not secure:
        raise BadMessageError("Unsupported URI Scheme", 416)
    if uri.headers:
        # 19.1.1, table 1: headers are not allowed in a Request-URI.
        raise BadMessageError("Request-URI has headers")
    return uri


def check_extensions(request: Request, served: frozenset[bytes] = EXTENSIONS) -> None:
    """Raise 420 for a Require that names what is not served (8.2.2.3).

    400 for Replaces where it has no meaning. RFC 3891 3: "if a Replaces header field is present in
    a request other than INVITE, the UAS MUST reject the request with a 400 Bad Request response."
    """
    if b"replaces" in request.headers and request.method != b"INVITE":
        raise BadMessageError("Replaces belongs in an INVITE only")
    if b"require" in request.headers:
        unknown = [tag for tag in request.all(b"require") if tag.lower() not in served]
        if unknown:
            line = b"Unsupported: %b\r\n" % b", ".join(unknown)
            raise BadMessageError("Bad Extension", 420, line)


def check_content(request: Request) -> None:
    """Raise 415 for a body that is not plain SDP, 406 when the caller takes no SDP (8.2.3)."""
    headers = request.headers
    if request.body or b"content-type" in headers:
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != b"application/sdp":
            raise BadMessageError("Unsupported Media Type", 415, _ACCEPT_SDP)
        encoding = headers.get(b"content-encoding", b"identity").lower()
        if encoding != b"identity":
            raise BadMessageError(
                "Unsupported Media Type", 415, _ACCEPT_SDP + b"Accept-Encoding: identity\r\n"
            )
    if b"accept" in headers:
        # 20.1: "If no Accept header field is present, the server SHOULD assume a default value
        # of application/sdp"; an empty one means that nothing is acceptable.
        kinds = {kind.partition(b";")[0].strip().lower() for kind in request.all(b"accept")}
        if not kinds & _SDP_TYPES:
            raise BadMessageError("Not Acceptable", 406)
