"""Where a peer is reached again whose connection is gone (RFC 3261 sections 12.2.1.1, 18.2.2).

Who connects to us does so from a port that nobody listens on. When that connection has ended, the
other side is to be found by the port at which it says that it takes connections. The address stays
the one that it came from: nobody has us connect to somebody else's machine.
"""

from ipaddress import ip_address

from .dialog import Dialog
from .effects import Send
from .errors import BadMessageError
from .headers import NameAddr
from .message import read
from .peer import Peer
from .uri import Uri, text

DEFAULT_PORTS = {"tcp": 5060, "tls": 5061}
"Of the transports whose connections we may open (RFC 3261 18.1.1); WebSocket's we may not."


def next_hop(dialog: Dialog) -> Peer | None:
    """Return where requests within the dialog go once its connection is gone.

    None where nothing else is known than the connection.
    """
    try:
        uri = Uri.parse(NameAddr.parse(dialog.routes[0]).uri if dialog.routes else dialog.target)
    except BadMessageError:
        return None
    peer = dialog.peer
    transport = _transport(uri) or peer.transport
    served = uri.scheme == b"sip" or (uri.scheme == b"sips" and peer.transport == "tls")
    if not served or transport != peer.transport or not _is_at(uri.host, peer):
        return None
    return _listening(peer, uri.port)


def answer_again(answer: Send) -> Send | None:
    """Return an answer as it is to be sent once the connection is gone; None: nowhere.

    18.2.2: "If that connection is no longer open, the server SHOULD open a connection to the IP
    address in the "received" parameter, if present, using the port in the "sent-by" value, or the
    default port for that transport, if no port is specified."
    """
    peer = _listening(answer.peer, read(answer.data).via.port)
    return None if peer is None else Send(peer, answer.data)


def _listening(peer: Peer, port: int | None) -> Peer | None:
    port = port or DEFAULT_PORTS.get(peer.transport)
    if peer.transport not in DEFAULT_PORTS or port is None or port == peer.port:
        return None
    return Peer(peer.transport, peer.host, port)


def _is_at(host: bytes, peer: Peer) -> bool:
    """Tell whether a host may be the peer's: by a name it may, nothing here asks DNS."""
    try:
        return ip_address(text(host).strip("[]")) == ip_address(peer.host)
    except ValueError:
        return True


def _transport(uri: Uri) -> str:
    for piece in text(uri.parameters).lower().split(";"):
        name, _, value = piece.partition("=")
        if name.strip() == "transport":
            return value.strip()
    return ""
