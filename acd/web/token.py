"""The API token in the state folder."""

import os
import re
import secrets
from pathlib import Path

from .errors import WebError

FILE_NAME = "api-token"

TOKEN_BYTES = 32
"256 bits: beyond guessing, so that failed tries need no counting."

_FORM = re.compile(r"[\w.~+/=-]{16,256}\Z", re.ASCII)
"What may stand behind `Bearer` (RFC 6750 2.1), and not so short that it can be guessed."


class TokenError(WebError):
    """The token file cannot be used. The text is one line for the operator."""


def load_or_create_token(state_dir: Path) -> str:
    """Return the token of <state>/api-token, making the file (mode 0600) if there is none.

    Raises TokenError when the folder cannot be written or the file holds no token.
    """
    path = state_dir / FILE_NAME
    try:
        if not path.exists():
            _create(path)
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        return read_token(state_dir)
    except OSError as error:
        raise TokenError(f"cannot keep the API token in {path}: {error.strerror}") from error


def read_token(state_dir: Path) -> str:
    """Return the token of a server that has started on this folder. Raises TokenError."""
    path = state_dir / FILE_NAME
    try:
        token = path.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        token = ""
    except OSError as error:
        raise TokenError(f"cannot read the API token in {path}: {error.strerror}") from error
    if not _FORM.match(token):
        raise TokenError(
            f"{path} holds no token: delete the file, and the next start makes a new one"
        )
    return token


def _create(path: Path) -> None:
    """Write the file whole before it gets its name; of two starts at once the first one wins."""
    draft = path.with_name(f".{FILE_NAME}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, secrets.token_urlsafe(TOKEN_BYTES).encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
