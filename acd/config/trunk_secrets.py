"""Trunks' passwords: in files of their own or in the environment, never in trunks.yaml."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from acd.ivr.document import Document, Fault
from acd.ivr.document import Path as Place

from .trunks import Incoming, Trunk, Trunks

LONGEST = 256
"Characters of a password; more is another file."

Passwords = dict[tuple[str, ...], str]
'By place: ("carrier",) for our calls, ("carrier", "incoming") for its own.'


def read_passwords(
    folder: Path, document: Document, trunks: Trunks, environment: Mapping[str, str] = os.environ
) -> tuple[Passwords, list[Fault]]:
    """Return what the sources hold, and what is wrong with them; no password is ever named."""
    passwords: Passwords = {}
    faults: list[Fault] = []
    for place, path, holder, wanted in _sources(trunks):
        name, mistake = "password_file", ""
        if holder.password_file and holder.password_env:
            mistake, hint = "two sources of one password", "password_file or password_env"
        elif holder.password_file:
            passwords[place], mistake = _of_file(folder / holder.password_file)
            hint = "one line with the password, readable for the server"
        elif holder.password_env:
            name = "password_env"
            passwords[place] = environment.get(holder.password_env, "")
            mistake = "" if passwords[place] else f"{holder.password_env} is not set"
            hint = "set it in the server's environment"
        elif wanted:
            mistake, hint = "no source of the password", "`password_file:` or `password_env:`"
            name = wanted
        if mistake:
            faults.append(document.fault((*path, name), mistake, hint))
    return passwords, faults


def _sources(
    trunks: Trunks,
) -> Iterator[tuple[tuple[str, ...], Place, Trunk | Incoming, str]]:
    """Yield each holder of a password; the last is the setting that makes it necessary."""
    for name, trunk in trunks.trunks.items():
        path: Place = ("trunks", name)
        yield (name,), path, trunk, "username" if trunk.username else ""
        incoming = trunk.incoming
        account = "account" if incoming.account else ""
        yield (name, "incoming"), (*path, "incoming"), incoming, account


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
