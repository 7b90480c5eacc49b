"""Digest authentication (RFC 3261 section 22, RFC 7616, RFC 8760): both sides."""

import hmac
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b, md5, sha256
from itertools import count

from .errors import BadMessageError, ProofFailedError
from .headers import split_list
from .message import Message, Request, Response
from .settings import ALGORITHMS, Credentials

_HASHES: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: sha256(data).hexdigest(),
    "MD5": lambda data: md5(data, usedforsecurity=False).hexdigest(),
}

MAX_NONCES = 65_536
"Nonces whose count is remembered: as many log-ins within a nonce's lifetime; about 15 MB."


def ha1(account: str, realm: str, password: str, algorithm: str) -> str:
    """Return hex H(account:realm:password), what `Credentials` keep instead of a password."""
    return _HASHES[algorithm](f"{account}:{realm}:{password}".encode())


def _response(algorithm: str, secret: str, method: bytes, fields: dict[str, str]) -> str:
    """Return the request-digest for qop=auth, or of RFC 2069 when there is no qop."""
    digest = _HASHES[algorithm]
    ha2 = digest(method + b":" + fields["uri"].encode("utf-8", "replace"))
    if "qop" in fields:
        middle = f"{fields['nonce']}:{fields['nc']}:{fields['cnonce']}:{fields['qop']}"
    else:
        middle = fields["nonce"]
    return digest(f"{secret}:{middle}:{ha2}".encode("utf-8", "replace"))


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


def _every_digest(message: Message, header: bytes) -> list[dict[str, str]]:
    lines = [message.get(header), *message.more.get(header, ())]
    return [fields for line in lines if (fields := _fields(line)) is not None]


class DigestServer:
    """Challenges requests and judges the answers.

    A nonce is a time and a number, sealed with a key of this process: none has to be kept until
    a client proves by it that it knows the secret. From then on its nonce count is, so that no
    answer is taken twice.
    """

    __slots__ = (
        "_algorithms",
        "_counts",
        "_credentials",
        "_forgotten_at",
        "_key",
        "_lifetime_s",
        "_max_nonces",
        "_realm",
        "_serial",
    )

    def __init__(
        self,
        realm: str,
        credentials: Credentials,
        random_bytes: Callable[[int], bytes],
        lifetime_s: float,
        max_nonces: int = MAX_NONCES,
        algorithms: tuple[str, ...] = ALGORITHMS,
    ) -> None:
        self._algorithms = algorithms
        self._max_nonces = max_nonces
        self._realm = realm
        self._credentials = credentials
        self._lifetime_s = lifetime_s
        self._key = random_bytes(32)
        self._serial = count()
        # Nonce to (time it was made, highest nonce count), oldest use first.
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()
        # Nonces up to this age may have been dropped from the table: they count as stale.
        self._forgotten_at = float("-inf")

    def knows(self, account: str) -> bool:
        """Tell whether there is such an account."""
        return any(self._credentials.ha1(account, self._realm, name) for name in _HASHES)

    def check(self, request: Request, account: str, now: float) -> None:
        """Raise 401 with a challenge unless the request proves to come from the account.

        `ProofFailedError` when it tried to: credentials for our realm that prove nothing.
        """
        tried = False
        for fields in _every_digest(request, b"authorization"):
            if fields.get("realm") != self._realm:
                continue
            if fields.get("username") != account:
                raise ProofFailedError("Forbidden", 403)
            if not self._answer_is_right(request, account, fields):
                tried = True
                continue
            if self._nonce_is_fresh(fields, now):
                return
            # RFC 7616 3.3: stale tells the client that only the nonce was at fault, and that it
            # need not ask its user for the password again.
            raise self._challenge(now, stale=True)
        challenge = self._challenge(now, stale=False)
        if tried:
            raise ProofFailedError(challenge.reason, challenge.status, challenge.headers)
        raise challenge

    def _answer_is_right(self, request: Request, account: str, fields: dict[str, str]) -> bool:
        """Check the digest itself.

        The uri field is taken as it stands: proxies in between may have rewritten the
        Request-URI, and a replay against another URI fails by its nonce count.
        """
        algorithm = fields.get("algorithm", "MD5").upper()
        count_text = fields.get("nc", "")
        well_formed = (
            algorithm in self._algorithms
            and fields.get("qop") == "auth"
            and len(count_text) == 8
            and all(char in "0123456789abcdefABCDEF" for char in count_text)
            and fields.get("cnonce")
            and fields.get("uri")
            and fields.get("nonce")
        )
        if not well_formed:
            return False
        secret = self._credentials.ha1(account, self._realm, algorithm)
        if not secret:
            return False
        expected = _response(algorithm, secret, request.method, fields)
        given = fields.get("response", "").lower()
        return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))

    def _nonce_is_fresh(self, fields: dict[str, str], now: float) -> bool:
        nonce = fields["nonce"]
        made, _, seal = nonce.rpartition(".")
        if not hmac.compare_digest(self._seal(made).encode(), seal.encode("utf-8", "replace")):
            return False
        made_at = int(made.partition(".")[0], 16) / 1000
        if not now - self._lifetime_s <= made_at <= now or made_at <= self._forgotten_at:
            return False
        number = int(fields["nc"], 16)
        last = self._counts.get(nonce, (made_at, 0))[1]
        if number <= last:
            return False
        self._counts[nonce] = (made_at, number)
        self._counts.move_to_end(nonce)
        if len(self._counts) > self._max_nonces:
            _, (old, _) = self._counts.popitem(last=False)
            self._forgotten_at = max(self._forgotten_at, old)
        return True

    def _challenge(self, now: float, *, stale: bool) -> BadMessageError:
        made = f"{max(0, int(now * 1000)):x}.{next(self._serial):x}"
        nonce = f"{made}.{self._seal(made)}"
        tail = ", stale=true" if stale else ""
        lines = "".join(
            f'WWW-Authenticate: Digest realm="{self._realm}", nonce="{nonce}", '
            f'algorithm={algorithm}, qop="auth"{tail}\r\n'
            for algorithm in self._algorithms
        )
        return BadMessageError("Unauthorized", 401, lines.encode())

    def _seal(self, made: str) -> str:
        seed = made.encode("utf-8", "replace")
        return blake2b(seed, key=self._key, digest_size=16).hexdigest()


def answer_challenge(
    response: Response, method: bytes, uri: bytes, username: str, password: str, cnonce: str
) -> bytes | None:
    """Return the header line that answers a 401 or 407; None when no challenge can be answered.

    RFC 8760 2.4: "the UAC SHOULD use the topmost header field that it supports".
    """
    proxy = response.status == 407
    challenges = _every_digest(response, b"proxy-authenticate" if proxy else b"www-authenticate")
    for challenge in challenges:
        algorithm = challenge.get("algorithm", "MD5").upper()
        offered = [item.strip() for item in challenge.get("qop", "").split(",")]
        if algorithm not in _HASHES or "nonce" not in challenge:
            continue
        if "qop" in challenge and "auth" not in offered:
            continue
        realm = challenge.get("realm", "")
        fields = {"nonce": challenge["nonce"], "uri": uri.decode("utf-8", "replace")}
        if "qop" in challenge:
            fields |= {"qop": "auth", "nc": "00000001", "cnonce": cnonce}
        secret = ha1(username, realm, password, algorithm)
        digest = _response(algorithm, secret, method, fields)
        line = (
            f'Digest username="{username}", realm="{realm}", nonce="{fields["nonce"]}", '
            f'uri="{fields["uri"]}", response="{digest}", algorithm={algorithm}'
        )
        if "qop" in fields:
            line += f', qop=auth, nc={fields["nc"]}, cnonce="{cnonce}"'
        if "opaque" in challenge:
            line += f', opaque="{challenge["opaque"]}"'
        name = b"Proxy-Authorization" if proxy else b"Authorization"
        return b"%b: %b\r\n" % (name, line.encode("utf-8", "replace"))
    return None
