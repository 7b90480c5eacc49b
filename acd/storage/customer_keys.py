"""A customer's number as a keyed hash: who called again is known without the number.

The key is a file of the state folder. Numbers are few enough to try them all (some 10^10), so a
plain hash would hide nothing; without the key nothing can be tried. Whoever loses the file loses
the recognition of repeat calls, until `acd records keys --all` has made the hashes anew from
the numbers that the records still hold.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from acd.calls.cdr_rows import Interaction

from .errors import CustomerKeyError
from .private_file import PRIVATE_MODE, replace_private

FILE = "customer-key"

KEY_BYTES = 32
"As long as the hash (RFC 2104 3: less would weaken it, more adds little)."

HASH_BYTES = 12
"""96 bits of SHA-256, 16 characters: among 10^8 customers the chance that any two share one is
6e-14 (n^2 / 2^97)."""

REMEMBERED = 4096
"Numbers whose hash is kept: a busy hour's callers, as in `acd.sip.phone_numbers`."

_NUMBER = re.compile(r"\+?[0-9]+")


def load_or_create_key(state: Path) -> bytes:
    """Return the key of a state folder, making the file (mode 0600) if there is none.

    Raises CustomerKeyError when the folder cannot be written or the file holds no key.
    """
    path = state / FILE
    try:
        if not path.exists():
            state.mkdir(parents=True, exist_ok=True)
            replace_private(path, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        if path.stat().st_mode & 0o077:
            path.chmod(PRIVATE_MODE)
        text = path.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        text = ""
    except OSError as error:
        raise CustomerKeyError(f"{path}: {error.strerror}") from error
    if not re.fullmatch(rf"[0-9a-f]{{{2 * KEY_BYTES}}}", text):
        raise CustomerKeyError(
            f"{path} holds no key of {2 * KEY_BYTES} hexadecimal digits: put a copy of it back, or"
            " remove it and let `acd records keys --all` make all hashes anew"
        )
    return bytes.fromhex(text)


def customer_number(direction: str, caller: str, number: str) -> str:
    """Return the customer's number of an interaction; empty: there is none, or it is not known.

    That is the caller's of an inbound call, and the one called of an outbound call and of a
    call-back. In a call among agents there is no customer. A caller who withholds the number has
    one as far as `calls.record_withheld` lets the records hold it.
    """
    match direction:
        case "inbound":
            found = caller
        case "outbound":
            found = number
        case "callback":
            found = number or caller
        case _:
            found = ""
    return found if _NUMBER.fullmatch(found) else ""


class CustomerKeys:
    """Makes the hashes of one key."""

    def __init__(self, key: bytes) -> None:
        self._of = _hashes(key)

    def of(self, number: str) -> str:
        """Return a number's hash; empty for none."""
        return self._of(number) if number else ""

    def fill(self, row: Interaction) -> None:
        """Set the row's `customer_key`."""
        row.customer_key = self.of(customer_number(row.direction, row.caller, row.number))


def _hashes(key: bytes) -> Callable[[str], str]:
    # Begun once: to set the key up takes longer than a number's hash.
    begun = hmac.new(key, digestmod=hashlib.sha256)

    @lru_cache(REMEMBERED)
    def of(number: str) -> str:
        keyed = begun.copy()
        keyed.update(number.encode())
        return base64.urlsafe_b64encode(keyed.digest()[:HASH_BYTES]).decode()

    return of
