"""Dialogs (RFC 3261 section 12): what both sides remember to find each other again."""

from .digest_client import DigestClient
from .errors import BadMessageError
from .headers import NameAddr
from .message import Message, Request, Response
from .peer import Peer
from .uri import Uri, is_sips
from .writing import HopParts

MAX_ROUTES = 32
"Proxies between two phones are few; a longer route set is a mistake or an attack."


class Dialog:
    """One confirmed dialog, seen from our side."""

    __slots__ = (
        "call_id",
        "credentials",
        "local",
        "local_cseq",
        "local_tag",
        "peer",
        "remote",
        "remote_cseq",
        "remote_tag",
        "routes",
        "secure",
        "target",
    )

    def __init__(
        self,
        *,
        call_id: bytes,
        local: bytes,
        local_tag: bytes,
        remote: bytes,
        remote_tag: bytes,
        local_cseq: int,
        remote_cseq: int,
        routes: list[bytes],
        target: bytes,
        secure: bool,
        peer: Peer,
    ) -> None:
        self.call_id = call_id
        self.local = local
        "From of our requests, with our tag."
        self.local_tag = local_tag
        self.remote = remote
        "To of our requests, with the other side's tag."
        self.remote_tag = remote_tag
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq
        "-1 while the other side has sent no request."
        self.routes = routes
        self.secure = secure
        "It began by a SIPS URI, so that our Contact has to be one."
        self.target = target
        "Request-URI of our requests: the other side's Contact."
        self.peer = peer
        "Where our requests go: the other side's source address, past NAT."
        self.credentials: DigestClient | None = None
        "Answers challenges of the requests that we send within the dialog."

    @classmethod
    def of_request(cls, invite: Request, local_tag: bytes, peer: Peer) -> "Dialog":
        """Begin the dialog that our 2xx to this INVITE makes (12.1.1)."""
        return cls(
            call_id=invite.headers[b"call-id"],
            local=b"%b;tag=%b" % (invite.headers[b"to"], local_tag),
            local_tag=local_tag,
            remote=invite.headers[b"from"],
            remote_tag=invite.from_.tag,
            local_cseq=0,
            remote_cseq=invite.cseq.number,
            # "The route set MUST be set to the list of URIs in the Record-Route header field
            # from the request, taken in order".
            routes=_record_route(invite),
            target=contact_uri(invite, invite.from_),
            secure=is_sips(invite.uri),
            peer=peer,
        )

    @classmethod
    def of_response(cls, response: Response, peer: Peer) -> "Dialog":
        """Begin the dialog that this 2xx to our INVITE makes (12.1.2)."""
        return cls(
            call_id=response.need(b"call-id"),
            local=response.need(b"from"),
            local_tag=response.from_.tag,
            remote=response.need(b"to"),
            remote_tag=response.to.tag,
            local_cseq=response.cseq.number,
            remote_cseq=-1,
            # "[…] the list of URIs in the Record-Route header field from the response, taken in
            # reverse order".
            routes=_record_route(response)[::-1],
            target=contact_uri(response, response.to),
            secure=is_sips(response.to.uri),
            peer=peer,
        )

    def matches(self, request: Request) -> bool:
        """Tell whether an in-dialog request that names our tag is of this dialog (12.2.2)."""
        return (
            request.headers.get(b"call-id") == self.call_id
            and request.from_.tag == self.remote_tag
        )

    def parts(self, via: bytes, cseq: int) -> HopParts:
        """Return what a request within the dialog begins with (12.2.1.1)."""
        uri, routes = self.target, self.routes
        if routes and b";lr" not in routes[0].lower():
            # "If the route set is not empty, and its first URI does not contain the lr
            # parameter, the UAC MUST place the first URI from the route set into the
            # Request-URI […]. The UAC MUST then add a Route header field containing the
            # remainder of the route set values in order […]. The UAC MUST then place the remote
            # target URI into the Route header field as the last value."
            uri = NameAddr.parse(routes[0]).uri
            routes = [*routes[1:], b"<%b>" % self.target]
        route = b"".join([b"Route: %b\r\n" % entry for entry in routes])
        return HopParts(uri, via, self.local, self.call_id, cseq, route)

    def refresh(self, request: Request, peer: Peer) -> None:
        """Take a newer target and source address from a re-INVITE or UPDATE (12.2.2)."""
        self.peer = peer
        if b"contact" in request.headers:
            self.target = contact_uri(request, request.from_)

    def retarget(self, response: Response) -> None:
        """Take a newer target from the 2xx to a re-INVITE or UPDATE of ours (12.2.1.2)."""
        if b"contact" in response.headers:
            self.target = contact_uri(response, response.to)


def contact_uri(message: Message, otherwise: NameAddr) -> bytes:
    """Return the Contact's URI without headers; without Contact (RFC 2543) another's."""
    value = message.headers.get(b"contact")
    if value is None:
        uri = otherwise.uri
    else:
        if b"," in value or not value:
            contacts = message.all(b"contact")
            value = contacts[0] if contacts else b""
        uri = NameAddr.parse(value).uri
    parsed = Uri.parse(uri)
    return uri.partition(b"?")[0] if parsed.headers else uri


def _record_route(message: Message) -> list[bytes]:
    if b"record-route" not in message.headers:
        return []
    routes = message.all(b"record-route")
    if len(routes) > MAX_ROUTES:
        raise BadMessageError("Too many Record-Route entries")
    for entry in routes:
        NameAddr.parse(entry)
    return routes
