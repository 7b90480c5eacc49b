"""Digest authentication (RFC 3261 section 22, RFC 7616, RFC 8760): who asks for proof."""

import hmac
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from itertools import count

from .digest_values import HASHES, read_digests, request_digest
from .errors import BadMessageError, OtherResourceError, ProofFailedError
from .events import AuthenticationFailed
from .message import Request
from .peer import Peer
from .settings import ALGORITHMS, Credentials
from .sources import source_of
from .uri import Uri

_BETWEEN_DIGITS = str.maketrans("", "", "-.()")
"RFC 3966 5.1.1: visual separators."

MAX_NONCES = 65_536
"Nonces whose count is remembered: as many log-ins within a nonce's lifetime; about 15 MB."


class DigestServer:
    """Challenges requests and judges the answers.

    A nonce is a time and a number, sealed for one source with a key of this process: none has to
    be kept until a client proves by it that it knows the secret. From then on its nonce count is,
    so that no answer is taken twice. Whoever answers one receives what is sent to that source, so
    that neither a proof nor a wrong password comes from a made-up address.
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
        return any(self._credentials.ha1(account, self._realm, name) for name in HASHES)

    def check(
        self, request: Request, account: str, host: str, now: float, *, rewritten: bool = False
    ) -> None:
        """Raise 401 with a challenge unless the request proves to come from the account.

        `host` is where it came from; `rewritten`: by a proxy that may call another Request-URI
        than the client did. `ProofFailedError` when it tried to: credentials for our realm, with
        a nonce that this source was given, that prove nothing. `OtherResourceError` when they
        prove the account, but not that it calls whom this request calls.
        """
        tried = foreign = False
        source = source_of(host)
        for fields in read_digests(request, b"authorization"):
            if fields.get("realm") != self._realm:
                continue
            if not self._was_given(fields.get("nonce", ""), source):
                # Not even looked at: who makes up nonces would learn which passwords are right.
                foreign = True
                continue
            if fields.get("username") != account:
                raise ProofFailedError("Forbidden", 403)
            if not self._answer_is_right(request, account, fields):
                tried = True
                continue
            if not rewritten and not _is_for(request, fields["uri"]):
                raise OtherResourceError("Digest uri Is for Another Request-URI")
            if self._nonce_is_fresh(fields, now):
                return
            # RFC 7616 3.3: stale tells the client that only the nonce was at fault, and that it
            # need not ask its user for the password again.
            raise self._challenge(source, now, stale=True)
        challenge = self._challenge(source, now, stale=foreign and not tried)
        if tried:
            raise ProofFailedError(challenge.reason, challenge.status, challenge.headers)
        raise challenge

    def _answer_is_right(self, request: Request, account: str, fields: dict[str, str]) -> bool:
        """Check the digest itself, with its uri as it stands."""
        algorithm = fields.get("algorithm", "MD5").upper()
        count_text = fields.get("nc", "")
        well_formed = (
            algorithm in self._algorithms
            and fields.get("qop") == "auth"
            and len(count_text) == 8
            and all(char in "0123456789abcdefABCDEF" for char in count_text)
            and fields.get("cnonce")
            and fields.get("uri")
        )
        if not well_formed:
            return False
        secret = self._credentials.ha1(account, self._realm, algorithm)
        # An account that there is not takes as long and gets the same answer as a wrong password:
        # nobody is to find out by asking which accounts there are.
        expected = request_digest(algorithm, secret or "", request.method, fields)
        given = fields.get("response", "").lower()
        right = hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))
        return right and bool(secret)

    def _was_given(self, nonce: str, source: str) -> bool:
        made, _, seal = nonce.rpartition(".")
        expected = self._seal(made, source)
        return hmac.compare_digest(expected.encode(), seal.encode("utf-8", "replace"))

    def _nonce_is_fresh(self, fields: dict[str, str], now: float) -> bool:
        nonce = fields["nonce"]
        made_at = int(nonce.partition(".")[0], 16) / 1000
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

    def _challenge(self, source: str, now: float, *, stale: bool) -> BadMessageError:
        made = f"{max(0, int(now * 1000)):x}.{next(self._serial):x}"
        nonce = f"{made}.{self._seal(made, source)}"
        tail = ", stale=true" if stale else ""
        lines = "".join(
            f'WWW-Authenticate: Digest realm="{self._realm}", nonce="{nonce}", '
            f'algorithm={algorithm}, qop="auth"{tail}\r\n'
            for algorithm in self._algorithms
        )
        return BadMessageError("Unauthorized", 401, lines.encode())

    def _seal(self, made: str, source: str) -> str:
        seed = f"{made} {source}".encode("utf-8", "replace")
        return blake2b(seed, key=self._key, digest_size=16).hexdigest()


def failed_proof(
    request: Request, account: str, peer: Peer, error: BadMessageError
) -> AuthenticationFailed:
    """Return what whoever guards the server is to know of a proof that failed."""
    other_uri = isinstance(error, OtherResourceError)
    return AuthenticationFailed(account, peer, request.method.decode(), other_uri)


def _is_for(request: Request, uri: str) -> bool:
    """Tell whether a digest was made for what the request asks for.

    RFC 7616 3.4.6: "the authenticating server MUST assure that the resource designated by the
    "uri" parameter is the same as the resource specified in the Request-Line", which a proxy may
    write in another way. Here that is the number that is called: host and port are not looked at
    anywhere, since proxies and NATs write others there, nor parameters, which phones leave out.
    A REGISTER asks for us, whatever it writes (RFC 3261 10.2: "The "userinfo" and "@" components
    of the SIP URI MUST NOT be present").
    """
    given, asked = uri.encode("utf-8", "replace"), request.uri
    if given == asked or request.method != b"INVITE":
        return True
    try:
        return _called(given) == _called(asked)
    except BadMessageError:
        return False


def _called(value: bytes) -> str:
    """Return the user of a URI; a telephone number without what may stand between its digits.

    A proxy may make a sip URI of a tel one, where RFC 3966 leaves visual separators open.
    """
    user = Uri.parse(value).user_text
    digits = user.translate(_BETWEEN_DIGITS)
    return digits if digits.removeprefix("+").isdigit() else user
