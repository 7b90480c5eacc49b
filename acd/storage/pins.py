"""Agents' PINs for desk phones: slow salted hashes in a file that only the server may read.

A PIN has few digits, so that its hash can be searched by whoever has the file; scrypt makes that
slow, and the file is 0600. Against guessing at a phone stands the limit of tries.
"""

import hashlib
import hmac
import secrets
from pathlib import Path

import msgspec

from .errors import StorageError
from .private_file import replace_private

FILE = "pins.json"

SHORTEST, LONGEST = 4, 12
"Digits. Four are what people remember; the limit of tries makes them enough."

NEW_DIGITS = 6

_N, _R, _P = 2**14, 8, 1
"16 MB and some 50 ms of a core for each guess (RFC 7914 2, OWASP's lower end)."


class PinsError(StorageError):
    """The PINs cannot be read or written."""


class _Pin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    salt: str
    scrypt: str


def new_pin() -> str:
    """Return a random PIN."""
    return "".join(secrets.choice("0123456789") for _ in range(NEW_DIGITS))


class PinStore:
    """The PINs of one state folder. Read for each question: they are few, and change at once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def matches(self, agent: str, pin: str) -> bool:
        """Return whether this is the agent's PIN; slow on purpose. Raises PinsError."""
        kept = self._read().get(agent)
        # An agent without a PIN takes as long: nobody is to hear who has one.
        salt = kept.salt if kept is not None else "00"
        given = _hash(pin, bytes.fromhex(salt))
        return kept is not None and hmac.compare_digest(given, kept.scrypt)

    def set(self, agent: str, pin: str) -> None:
        """Set an agent's PIN. Raises PinsError."""
        salt = secrets.token_bytes(16)
        pins = self._read() | {agent: _Pin(salt.hex(), _hash(pin, salt))}
        try:
            replace_private(self._path, msgspec.json.encode(pins))
        except OSError as error:
            raise PinsError(f"{self._path}: {error}") from error

    def _read(self) -> dict[str, _Pin]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, _Pin])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            raise PinsError(f"{self._path}: {error}") from error


def _hash(pin: str, salt: bytes) -> str:
    return hashlib.scrypt(pin.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=64 << 20).hex()
