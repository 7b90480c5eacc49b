"""What both sides of digest authentication share: hashes and parameters (RFC 7616, RFC 8760)."""

from collections.abc import Callable
from hashlib import md5, sha256

from .headers import split_list
from .message import Message

HASHES: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: sha256(data).hexdigest(),
    "MD5": lambda data: md5(data, usedforsecurity=False).hexdigest(),
}
"By the algorithm's name in a challenge, the strongest first."


def ha1(account: str, realm: str, password: str, algorithm: str) -> str:
    """Return hex H(account:realm:password), what `Credentials` keep instead of a password."""
    return HASHES[algorithm](f"{account}:{realm}:{password}".encode())


def request_digest(algorithm: str, secret: str, method: bytes, fields: dict[str, str]) -> str:
    """Return the request-digest for qop=auth, or of RFC 2069 when there is no qop."""
    digest = HASHES[algorithm]
    ha2 = digest(method + b":" + fields["uri"].encode("utf-8", "replace"))
    if "qop" in fields:
        middle = f"{fields['nonce']}:{fields['nc']}:{fields['cnonce']}:{fields['qop']}"
    else:
        middle = fields["nonce"]
    return digest(f"{secret}:{middle}:{ha2}".encode("utf-8", "replace"))


def read_digests(message: Message, header: bytes) -> list[dict[str, str]]:
    """Return the parameters of each Digest challenge or answer under this header's name."""
    lines = [message.get(header), *message.more.get(header, ())]
    return [fields for line in lines if (fields := _fields(line)) is not None]


def _fields(value: bytes) -> dict[str, str] | None:
    """Read the parameters of a Digest challenge or answer; None for another scheme."""
    scheme, _, rest = value.partition(b" ")
    if scheme.lower() != b"digest":
        return None
    fields = {}
    for entry in split_list(rest.strip()):
        name, _, content = entry.partition(b"=")
        content = content.strip()
        if content[:1] == b'"' and content[-1:] == b'"' and len(content) > 1:
            content = content[1:-1]
        fields[name.strip().lower().decode("utf-8", "replace")] = content.decode(
            "utf-8", "replace"
        )
    return fields
