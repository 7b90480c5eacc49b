"""Trunks' passwords: in files of their own or in the environment, never in trunks.yaml."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from acd.ivr.document import Document, Fault
from acd.ivr.document import Path as Place

from .trunks import Incoming, Trunk, Trunks

LONGEST = 256
"Characters of a password; more is another file."

Wrong = tuple[str, str, str]
"Setting, message, hint."

Passwords = dict[tuple[str, ...], str]
'By place: ("carrier",) for our calls, ("carrier", "incoming") for its own.'


def read_passwords(
    folder: Path, document: Document, trunks: Trunks, environment: Mapping[str, str] = os.environ
) -> tuple[Passwords, list[Fault]]:
    """Return what the sources hold, and what is wrong with them; no password is ever named."""
    passwords: Passwords = {}
    faults: list[Fault] = []
    for place, path, holder, needed_by in _holders(trunks):
        password, wrong = read_secret(folder, holder, needed_by, environment)
        passwords[place] = password
        if wrong is not None:
            setting, message, hint = wrong
            faults.append(document.fault((*path, setting), message, hint))
    return passwords, faults


def _holders(
    trunks: Trunks,
) -> Iterator[tuple[tuple[str, ...], Place, Trunk | Incoming, str]]:
    """Yield each holder of a password; the last is the setting that needs one, if it is there."""
    for name, trunk in trunks.trunks.items():
        path: Place = ("trunks", name)
        yield (name,), path, trunk, "username" if trunk.username else ""
        incoming = trunk.incoming
        needed_by = "account" if incoming.account else ""
        yield (name, "incoming"), (*path, "incoming"), incoming, needed_by


class Holder(Protocol):
    """Settings that say where a password is."""

    @property
    def password_file(self) -> str:
        """Return the file's name, relative to the configuration folder; empty: none."""

    @property
    def password_env(self) -> str:
        """Return the environment variable's name; empty: none."""


def read_secret(
    folder: Path, holder: Holder, needed_by: str, environment: Mapping[str, str]
) -> tuple[str, Wrong | None]:
    """Return a holder's password and what is wrong; `needed_by` is the setting that needs one."""
    file, variable = holder.password_file, holder.password_env
    if file and variable:
        hint = "password_file or password_env"
        return "", ("password_env", "two sources of one password", hint)
    if file:
        password, message = _of_file(folder / file)
        hint = "one line with the password, readable for the server"
        return password, ("password_file", message, hint) if message else None
    if variable:
        password = environment.get(variable, "")
        message = f"the environment variable {variable} is not set"
        hint = "set it where the server is started"
        return password, None if password else ("password_env", message, hint)
    if needed_by:
        hint = "`password_file:` or `password_env:` beside it"
        return "", (needed_by, "no password for it", hint)
    return "", None


def _of_file(path: Path) -> tuple[str, str]:
    """Return the password and what is wrong."""
    try:
        text = path.read_text(encoding="utf-8").strip("\r\n")
    except OSError as error:
        return "", f"{path}: {error.strerror}"
    except UnicodeDecodeError:
        return "", f"{path}: no UTF-8"
    if not text or not text.isprintable() or len(text) > LONGEST:
        return "", f"{path}: not one line of 1 to {LONGEST} characters"
    return text, ""
