"""Bodies of several parts (RFC 2046 section 5.1, RFC 5621): the session description among them.

Carriers send one beside ISUP (RFC 3204), others beside a location (RFC 6442) or a picture.
"""

from .message import Message

MAX_PARTS = 16
"The longest real ones have three."

_SEARCHED = frozenset({b"multipart/mixed", b"multipart/alternative"})
"Others say that their parts belong together (signed, related): taken apart they mean less."


_UNDERSTOOD = frozenset(
    {b"application/sdp", b"application/dtmf-relay", b"application/dtmf", b"message/sipfrag"}
)


def open_body(message: Message) -> None:
    """Make of a message's body what this server can read of it."""
    if message.get(b"content-type")[:10].lower() == b"multipart/":
        open_multipart(message)
    disposition = message.headers.get(b"content-disposition")
    if disposition and _parameter(disposition, b"handling").lower() == b"optional":
        _leave_out_unknown(message)


def _leave_out_unknown(message: Message) -> None:
    """Leave out a body that nobody here understands, and nobody has to.

    RFC 3261 20.11: "If this parameter has the value of "optional", the UAS MUST ignore the
    message body."
    """
    headers = message.headers
    kind = message.get(b"content-type").partition(b";")[0].strip().lower()
    plain = headers.get(b"content-encoding", b"identity").lower() == b"identity"
    if kind not in _UNDERSTOOD or not plain:
        message.body = b""
        for name in (b"content-type", b"content-encoding"):
            headers.pop(name, None)


def open_multipart(message: Message) -> None:
    """Put a session description in the place of the multipart body that it is a part of.

    The body stays as it is, and gets 415, when no part is a session description or another part
    demands by handling=required to be understood too. Parts that say nothing are passed over,
    though RFC 5621 8.3 makes "required" the default: carriers forget the parameter beside ISUP,
    and the call counts for more.
    """
    kind, _, parameters = message.headers[b"content-type"].partition(b";")
    boundary = _parameter(parameters, b"boundary")
    if kind.strip().lower() not in _SEARCHED or not boundary:
        return
    description = None
    for part in _parts(message.body, boundary):
        headers, body = _read_part(part)
        type_ = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if type_ == b"application/sdp" and description is None:
            description = body
        elif _parameter(headers.get(b"content-disposition", b""), b"handling") == b"required":
            return
    if description is not None:
        message.body = description
        message.headers[b"content-type"] = b"application/sdp"


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """Cut at the delimiter lines; preamble and epilogue are left out."""
    # "The CRLF preceding the boundary delimiter line is conceptually attached to the boundary"
    # (RFC 2046 5.1.1); the first one may stand at the very beginning.
    body = b"\n" + body.replace(b"\r\n", b"\n")
    parts = body.split(b"\n--" + boundary, MAX_PARTS + 1)[1:]
    found = []
    for part in parts:
        if part.startswith(b"--"):
            break
        padding, line_end, rest = part.partition(b"\n")
        if line_end and not padding.strip():
            found.append(rest)
    return found


def _read_part(part: bytes) -> tuple[dict[bytes, bytes], bytes]:
    # Without an empty line first there are headers; their end is the first empty line.
    if part.startswith(b"\n"):
        return {}, part[1:]
    head, _, body = part.partition(b"\n\n")
    headers = {}
    for line in head.replace(b"\n ", b" ").replace(b"\n\t", b" ").split(b"\n"):
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    return headers, body


def _parameter(value: bytes, name: bytes) -> bytes:
    """Return a parameter's value without its quotation marks; empty when there is none."""
    for parameter in value.split(b";"):
        key, _, content = parameter.partition(b"=")
        if key.strip().lower() == name:
            return content.strip().strip(b'"')
    return b""
