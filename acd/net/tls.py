"""TLS: our certificate, those of others, and what is believed of them (RFC 3261 26.3, RFC 5922).

Contexts are made anew when the files change: a handshake takes the context that is current when
it begins, and connections that stand keep theirs.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from acd.sip.peer import Peer

MAX_DESTINATIONS = 4_096
"Addresses of trunks with rules of their own; each trunk has a handful."

REASONS = {
    "KEY_VALUES_MISMATCH": "the key is another certificate's",
    "EE_KEY_TOO_SMALL": "its key is too short for today: 2,048 bits of RSA at least",
}
NO_PEM = "no PEM of that kind in it, or damaged, or encrypted with a password"


class TlsError(Exception):
    """A certificate, key or CA file cannot be used. The text is one line for the operator."""


class TlsFiles(Struct, frozen=True, kw_only=True):
    """Where the PEM files lie; an empty path means that there is none."""

    certificate: str = ""
    "Our certificate, followed by those that lead to the root."

    key: str = ""
    "Its key; empty: in the certificate's file."

    client_ca: str = ""
    "Who signs the certificates of trunks that connect to us."

    clients: Literal["off", "optional", "required"] = "off"
    "Whether who connects over TLS is asked for a certificate, and refused without one."

    server_ca: str = ""
    "Who signs the certificates of servers that we connect to; empty: the system's list."

    def paths(self) -> tuple[Path, ...]:
        """Return all files that are named."""
        named = (self.certificate, self.key, self.client_ca, self.server_ca)
        return tuple(Path(name) for name in named if name)


class TlsDestination(Struct, frozen=True, kw_only=True):
    """How a server is to prove itself whom we open TLS connections to."""

    server_name: str = ""
    "The name that its certificate has to bear, as configured (RFC 5922 4); empty: its address."

    verify: bool = True
    "False takes any certificate: whoever is on the way can read and change everything."

    ca: str = ""
    "Who signs its certificate; empty: `TlsFiles.server_ca`."


_PLAIN = TlsDestination()


class Certificates:
    """What is in service now, for both directions."""

    def __init__(self, files: TlsFiles) -> None:
        """Read the files; raise TlsError if one cannot be used."""
        self.files = files
        self._destinations: dict[Peer, TlsDestination] = {}
        self._servers: Mapping[str, ssl.SSLContext] = {}
        self._clients: dict[tuple[bool, str], ssl.SSLContext] = {}
        self.reload()

    def reload(self) -> None:
        """Take the files as they are now; raise TlsError and keep the former ones if they err."""
        servers: dict[str, ssl.SSLContext] = {}
        if self.files.certificate:
            # A browser has no certificate to show: only what is SIP over plain TLS is asked.
            servers = {
                "tls": _server_context(self.files, ask=self.files.clients),
                "wss": _server_context(self.files, ask="off"),
            }
        clients = {(True, ""): self._client_context(_PLAIN)} if self.files.server_ca else {}
        self._servers, self._clients = servers, clients

    def for_server(self, transport: str) -> ssl.SSLContext:
        """Return what the next connection that is accepted shakes hands by."""
        context = self._servers.get(transport)
        if context is None:
            raise TlsError("no certificate is configured")
        return context

    def for_client(self, peer: Peer) -> tuple[ssl.SSLContext, str]:
        """Return what the next connection to this peer begins by, and the name it expects."""
        destination = self._destinations.get(peer, _PLAIN)
        key = (destination.verify, destination.ca)
        context = self._clients.get(key)
        if context is None:
            context = self._clients[key] = self._client_context(destination)
        return context, destination.server_name or peer.host

    def set_destination(self, peer: Peer, destination: TlsDestination) -> None:
        """Lay down how this peer has to prove itself when we connect to it."""
        self._destinations.pop(peer, None)
        if len(self._destinations) >= MAX_DESTINATIONS:
            del self._destinations[next(iter(self._destinations))]
        self._destinations[peer] = destination

    def _client_context(self, destination: TlsDestination) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not destination.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif ca := destination.ca or self.files.server_ca:
            _load_ca(context, ca)
        else:
            context.load_default_certs()
        if self.files.certificate:  # for servers that ask who we are
            _load_chain(context, self.files)
        return context


def _server_context(files: TlsFiles, *, ask: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_chain(context, files)
    if ask != "off":
        if not files.client_ca:
            raise TlsError("client certificates are wanted, but no CA that signs them is named")
        _load_ca(context, files.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if ask == "required" else ssl.CERT_OPTIONAL
    return context


def _load_chain(context: ssl.SSLContext, files: TlsFiles) -> None:
    try:
        # The password keeps OpenSSL from asking for one at the terminal.
        context.load_cert_chain(files.certificate, files.key or None, password="-")
    except (OSError, ValueError) as error:
        with_key = f" with key {files.key}" if files.key else ""
        what = f"certificate {files.certificate}{with_key}"
        raise TlsError(f"{what} cannot be used: {_reason(error)}") from error


def _load_ca(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError) as error:
        raise TlsError(f"CA file {path} cannot be used: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return REASONS.get(error.reason or "", NO_PEM)
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def is_handshake_fault(error: Exception) -> bool:
    """Tell a certificate or TLS that did not do from a network that did not carry."""
    return isinstance(error, ssl.SSLError | TlsError | ConnectionAbortedError)


def certificate_names(certificate: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the names that a verified certificate gives its holder, in lower case (RFC 5922 7.1).

    SIP domains of URIs; if there are none, DNS names; if there are none either, the common name.
    Empty for no certificate. `*` is never a wildcard here (RFC 5922 7.2).
    """
    if not certificate:
        return ()
    alternatives = certificate.get("subjectAltName", ())
    uris = [value for kind, value in alternatives if kind == "URI"]
    # 7.1: "If the URI scheme is not "sip", then the implementation MUST NOT accept the value as
    # an identity"; with a user part it names a person, and no server.
    domains = [uri[4:] for uri in uris if uri[:4].lower() == "sip:" and "@" not in uri]
    names = domains or [value for kind, value in alternatives if kind == "DNS"]
    if not names and not alternatives:
        subject = (pair for group in certificate.get("subject", ()) for pair in group)
        names = [value for kind, value in subject if kind == "commonName"]
    return tuple(dict.fromkeys(name.lower() for name in names))
