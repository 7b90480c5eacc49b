"""Digest authentication as the client: answers challenges, and keeps what it learnt from them."""

from collections.abc import Callable

from msgspec import Struct

from .digest_values import HASHES, ha1, read_digests, request_digest
from .errors import BadMessageError
from .message import Response

MAX_SPACES = 4
"Protection spaces of one call: the far end and some proxies before it; more is a mistake."

MAX_STALE = 2
"New nonces taken for one request and space: a server whose nonces are always stale is broken."

_SpaceKey = tuple[bool, str]
"Whether a proxy asks, and its realm."


class _Space(Struct):
    """What one server challenged with last."""

    algorithm: str
    nonce: str
    opaque: str | None
    qop: bool
    secret: str
    count: int = 0
    "Requests that this nonce has been used for."


class Attempt:
    """What has been tried for one request, over all its repetitions with credentials."""

    __slots__ = ("tries",)

    def __init__(self) -> None:
        self.tries: dict[_SpaceKey, int] = {}


class DigestClient:
    """One user's credentials towards the servers of one call or registration.

    A nonce is used on with a higher count (RFC 7616 3.4) until a server asks for another one, so
    that a refresh or a BYE costs no second round.
    """

    __slots__ = ("_closed", "_new_cnonce", "_password", "_spaces", "_username")

    def __init__(self, username: str, password: str, new_cnonce: Callable[[], bytes]) -> None:
        self._username = username
        self._password = password
        self._new_cnonce = new_cnonce
        self._spaces: dict[_SpaceKey, _Space] = {}
        self._closed = False

    def close(self) -> None:
        """Answer no realm from now on that has not challenged before.

        After a redirection the password is still only for whom it was configured.
        """
        self._closed = True

    def learn(self, response: Response, attempt: Attempt) -> bool:
        """Take the challenges of a 401 or 407.

        Returns whether the request is worth to be sent again with `lines`. RFC 3261 22.2: "a UA
        MUST NOT re-attempt requests with the credentials that have just been rejected (though
        the request may be retried if the nonce was stale)".
        """
        proxy = response.status == 407
        try:
            header = b"proxy-authenticate" if proxy else b"www-authenticate"
            challenges = read_digests(response, header)
        except BadMessageError:
            return False
        answerable = False
        for realm, challenge in _strongest(challenges).items():
            key = (proxy, realm)
            tries = attempt.tries.get(key, 0)
            stale = challenge.get("stale", "").lower() == "true"
            if tries and not (stale and tries <= MAX_STALE):
                continue
            if key not in self._spaces and (self._closed or len(self._spaces) >= MAX_SPACES):
                continue
            attempt.tries[key] = tries + 1
            algorithm = challenge.get("algorithm", "MD5").upper()
            self._spaces[key] = _Space(
                algorithm,
                challenge["nonce"],
                challenge.get("opaque"),
                "qop" in challenge,
                ha1(self._username, realm, self._password, algorithm),
            )
            answerable = True
        return answerable

    def lines(self, method: bytes, uri: bytes) -> bytes:
        """Return the Authorization and Proxy-Authorization lines of a request.

        RFC 3261 22.3: a request that passes several servers carries an answer for each of them.
        """
        lines = b""
        for (proxy, realm), space in self._spaces.items():
            name = b"Proxy-Authorization" if proxy else b"Authorization"
            value = self._answer(realm, space, method, uri)
            lines += b"%b: %b\r\n" % (name, value.encode("utf-8", "replace"))
        return lines

    def _answer(self, realm: str, space: _Space, method: bytes, uri: bytes) -> str:
        space.count += 1
        fields = {"nonce": space.nonce, "uri": uri.decode("utf-8", "replace")}
        if space.qop:
            cnonce = self._new_cnonce().decode()
            fields |= {"qop": "auth", "nc": f"{space.count:08x}", "cnonce": cnonce}
        digest = request_digest(space.algorithm, space.secret, method, fields)
        username = _quotable(self._username)
        line = (
            f'Digest username="{username}", realm="{realm}", nonce="{space.nonce}", '
            f'uri="{fields["uri"]}", response="{digest}", algorithm={space.algorithm}'
        )
        if space.qop:
            line += f', qop=auth, nc={fields["nc"]}, cnonce="{fields["cnonce"]}"'
        if space.opaque is not None:
            line += f', opaque="{space.opaque}"'
        return line


def _strongest(challenges: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    """Return for each realm the challenge to answer.

    RFC 8760 2.4: "the UAC SHOULD use the topmost header field that it supports, unless a local
    policy dictates otherwise". The policy: SHA-256 wherever it stands, so that nobody can
    bring us down to MD5 by changing the order. A qop without "auth" is not served: auth-int
    would break as soon as a proxy touches the SDP.
    """
    chosen: dict[str, dict[str, str]] = {}
    for algorithm in HASHES:
        for challenge in challenges:
            offered = [item.strip().lower() for item in challenge.get("qop", "auth").split(",")]
            if (
                challenge.get("algorithm", "MD5").upper() == algorithm
                and challenge.get("nonce")
                and "auth" in offered
            ):
                chosen.setdefault(challenge.get("realm", ""), challenge)
    return chosen


def _quotable(name: str) -> str:
    clean = "".join(" " if char < " " or char == "\x7f" else char for char in name)
    return clean.replace("\\", "\\\\").replace('"', '\\"')
