"""server.yaml, sip.certificate: who this server is over TLS, and whom it believes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from acd.ivr.document import complaint
from acd.net.tls import Certificates, TlsError, TlsFiles

from .values import Section


class Certificate(Section):
    """How this server proves itself over TLS and secure WebSocket, and what it asks of others.

    Paths are relative to the folder of server.yaml. When a file changes, and on SIGHUP, new
    handshakes take it at once; a broken one leaves the former in service.
    """

    file: str = ""
    "PEM file: this server's certificate, then those that lead to the root. Needed for tls, wss."

    key: str = ""
    "PEM file of its key, without a password; empty: it is in `file`."

    clients: Literal["off", "optional", "required"] = "off"
    "Whether who connects to `tls` is asked for a certificate, and refused without one."

    client_ca: str = ""
    "PEM file of the CAs that sign the certificates of trunks that connect."

    server_ca: str = ""
    "PEM file of the CAs that sign those of servers we connect to; empty: the system's list."

    @model_validator(mode="after")
    def _complete(self) -> "Certificate":
        if self.clients != "off" and not self.client_ca:
            raise complaint("client certificates without a CA that signs them", "client_ca: FILE")
        if self.key and not self.file:
            raise complaint("a key without its certificate", "file: FILE")
        return self

    def files(self, folder: Path) -> TlsFiles:
        """Return the files as the transports take them."""

        def place(name: str) -> str:
            return str(folder / name) if name else ""

        return TlsFiles(
            certificate=place(self.file),
            key=place(self.key),
            client_ca=place(self.client_ca),
            clients=self.clients,
            server_ca=place(self.server_ca),
        )

    def faults(self, folder: Path) -> Iterator[str]:
        """Yield why the files cannot be used as they are now."""
        try:
            Certificates(self.files(folder))
        except TlsError as error:
            yield str(error)
