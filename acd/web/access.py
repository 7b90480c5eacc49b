"""Who asks: named API tokens with roles, and what each role may do.

`tokens.json` in the state folder holds a hash of each token (SHA-256: the token is 256 random
bits, which nobody searches), never the token. The file is read again when it changes, so that a
token that was revoked ends at once. Beside it, the token of `api-token` is an admin's.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from .errors import RequestError, WebError
from .token import TOKEN_BYTES

FILE_NAME = "tokens.json"

TOKENS_MAX = 1000
"A token for each of a large centre's supervisors and programs, several times over."


class Role(Enum):
    """What somebody is in the call centre."""

    AGENT = "agent"
    "Sees and steers one agent: the own one."

    SUPERVISOR = "supervisor"
    "Sees everything, moves agents and calls."

    ANALYST = "analyst"
    "Sees everything, changes nothing."

    INTEGRATION = "integration"
    "Another system (shop, survey, tickets): tells what became of calls, and sees nothing of them."

    ADMIN = "admin"


EVERYBODY = frozenset(Role) - {Role.INTEGRATION}
"Who is of the house."

WATCHERS = frozenset({Role.SUPERVISOR, Role.ANALYST, Role.ADMIN})
CONTROLLERS = frozenset({Role.SUPERVISOR, Role.ADMIN})
STEERING = CONTROLLERS | {Role.AGENT}
TELLING = STEERING | {Role.INTEGRATION}
"Who may tell orders and dispositions; an agent only of the own calls."

INTEGRATIONS = CONTROLLERS | {Role.INTEGRATION}
ADMINS = frozenset({Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Actor:
    """Whose request it is."""

    name: str
    "The token's name; stands in records as who did it."

    role: Role

    agent: str = ""
    "The agent number that the role agent is bound to."

    @property
    def by(self) -> str:
        """Who changed an agent's status, as events say it."""
        return "agent" if self.role is Role.AGENT else self.name


@dataclass(frozen=True, slots=True)
class Order:
    """Who orders something, and why."""

    actor: Actor
    why: str = ""


API = Actor("api", Role.ADMIN)
"Whoever has the token of the state folder's `api-token`."

ACTOR = web.RequestKey("actor", Actor)
"Where a request keeps its actor."


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """Whether a request's token is good still: a connection may outlive it."""

    identify: Callable[[str], Actor | None]
    given: str
    actor: Actor

    def holds(self) -> bool:
        """Return whether it is whose it was."""
        return self.identify(self.given) == self.actor


TOKEN_CHECK = web.RequestKey("token_check", TokenCheck)
"Where a request keeps it."

TOKEN_PROTOCOL = "bearer."
"""A browser's WebSocket cannot set headers: there the token may stand, with this before it, among
the subprotocols. In the address it would stand in logs and histories."""


class TokensError(WebError):
    """The file of tokens cannot be used. The text is one line for the operator."""


class NamedToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One token as it is kept."""

    name: str
    role: str
    sha256: str
    created: str
    "UTC, ISO 8601."

    agent: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int = 1
    tokens: tuple[NamedToken, ...] = ()


class TokenBook:
    """The named tokens of one state folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._version: tuple[int, int, int] | None = None
        self._by_hash: dict[str, Actor] = {}

    def identify(self, token: str) -> Actor | None:
        """Return whose token this is, None: nobody's.

        A file that is damaged opens nothing; `tokens` raises what is wrong with it.
        """
        try:
            self._refresh()
        except (TokensError, OSError):
            return None
        return self._by_hash.get(_hash(token))

    def tokens(self) -> tuple[NamedToken, ...]:
        """Return all tokens. Raises TokensError."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise TokensError(f"cannot read {self._path}: {error.strerror}") from error
        try:
            return msgspec.json.decode(content, type=_File).tokens
        except msgspec.MsgspecError as error:
            raise TokensError(
                f"{self._path} is damaged ({error}); delete it or repair it"
            ) from error

    def add(self, name: str, role: Role, *, agent: str = "", created: str) -> str:
        """Make a token and return it, the only time that it is seen. Raises TokensError."""
        known = self.tokens()
        if any(entry.name == name for entry in known) or name in {API.name, "agent", "system"}:
            raise TokensError(f"the name {name!r} is taken; `acd tokens list` shows all")
        if len(known) >= TOKENS_MAX:
            raise TokensError(f"there are {TOKENS_MAX} tokens already; revoke some")
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._write((*known, NamedToken(name, role.value, _hash(token), created, agent)))
        return token

    def revoke(self, name: str) -> bool:
        """End a token; False: there is none of this name. Raises TokensError."""
        known = self.tokens()
        kept = tuple(entry for entry in known if entry.name != name)
        if len(kept) < len(known):
            self._write(kept)
        return len(kept) < len(known)

    def _write(self, tokens: tuple[NamedToken, ...]) -> None:
        data = msgspec.json.format(msgspec.json.encode(_File(1, tokens)))
        draft = self._path.with_name(f".{FILE_NAME}.{os.getpid()}")
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(handle, "wb") as file:
                file.write(data + b"\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            raise TokensError(f"cannot write {self._path}: {error.strerror}") from error

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._version, self._by_hash = None, {}
            return
        version = (status.st_mtime_ns, status.st_size, status.st_ino)
        if version != self._version:
            self._by_hash = {
                entry.sha256: Actor(entry.name, Role(entry.role), entry.agent)
                for entry in self.tokens()
                if entry.role in _ROLES
            }
            self._version = version


_ROLES = frozenset(role.value for role in Role)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


def identify_by(
    token: Callable[[], str], named: Callable[[str], Actor | None]
) -> Callable[[str], Actor | None]:
    """Return who a token belongs to: the admin's own, else one of the named."""

    def identify(given: str) -> Actor | None:
        # Constant time: how long the comparison takes must not tell how much was right.
        proof = given.encode(errors="surrogateescape")
        return API if hmac.compare_digest(proof, token().encode()) else named(given)

    return identify


def guard(
    identify: Callable[[str], Actor | None], roles: dict[tuple[str, str], frozenset[Role]]
) -> Middleware:
    """Return the middleware that lets into /api who has a token, as far as the role goes.

    `roles` by method and route; a route that is not in it is for controllers.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/api" or request.path.startswith("/api/"):
            given = _given(request)
            actor = identify(given) if given else None
            if actor is None:
                raise RequestError(
                    401,
                    "unauthorized",
                    "send Authorization: Bearer with the token from the state folder's api-token"
                    " or one that `acd tokens add` made",
                )
            request[ACTOR] = actor
            request[TOKEN_CHECK] = TokenCheck(identify, given, actor)
            _check_role(request, actor, roles)
        return await handler(request)

    return check


def _given(request: web.Request) -> str:
    """Return the token that came along; empty: none."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme or request.headers.get("Upgrade", "").lower() != "websocket":
        return ""
    wishes = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    tokens = (wish.strip() for wish in wishes if wish.strip().startswith(TOKEN_PROTOCOL))
    return next(tokens, "").removeprefix(TOKEN_PROTOCOL)


def _check_role(
    request: web.Request, actor: Actor, roles: dict[tuple[str, str], frozenset[Role]]
) -> None:
    resource = request.match_info.route.resource
    if resource is None:
        return  # no such route: the handler says so
    allowed = roles.get((request.method, resource.canonical), CONTROLLERS)
    if actor.role not in allowed:
        names = ", ".join(role.value for role in Role if role in allowed)
        raise RequestError(
            403, "forbidden", f"the role {actor.role.value} may not do this; it is for {names}"
        )
    number = request.match_info.get("number")
    if actor.role is Role.AGENT and number is not None and number != actor.agent:
        raise RequestError(
            403, "forbidden", f"this token is agent {actor.agent}'s alone", field="number"
        )
