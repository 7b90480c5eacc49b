"""Certificates of the tests: one authority, a server's pair on disk, clients with and without."""

import ssl

import trustme

from acd.net.tls import TlsFiles

AUTHORITY = trustme.CA()


def write_pair(folder, *names, authority=AUTHORITY):
    """Write a certificate of these names and its key; return the paths by `TlsFiles`' fields."""
    issued = authority.issue_cert(*names)
    chain, key = folder / "certificate.pem", folder / "key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return {"certificate": str(chain), "key": str(key)}


def files(folder, **more):
    """Return the files of a server on loopback that trusts the authority of the tests."""
    ca = folder / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(ca))
    pair = write_pair(folder, "localhost", "127.0.0.1", "::1")
    return TlsFiles(**pair, server_ca=str(ca), client_ca=str(ca), **more)


def trusting(*, names=(), authority=AUTHORITY):
    """Return what a client shakes hands by; with names it can show a certificate of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    if names:
        authority.issue_cert(*names).configure_cert(context)
    return context
