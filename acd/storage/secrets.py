"""Agents' SIP secrets: hashes for digest authentication in a file that only the server may read.

`secrets.json` holds HA1 = H(account:realm:password) per account, realm and algorithm (RFC 7616,
3.4.2), never a password. Passwords that were made here at the first start stand in clear in
`initial-passwords.txt` until an admin sets others, because somebody has to type them into phones.
Both files are 0600. A file that cannot be read is an error, never a reason to make new secrets:
every phone of the centre would be locked out.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from .errors import StorageError

SECRETS = "secrets.json"
INITIAL_PASSWORDS = "initial-passwords.txt"

ALGORITHMS = ("MD5", "SHA-256")
"What phones speak: MD5 all of them, SHA-256 the newer ones."

_HASHES: dict[str, Callable[[bytes], "hashlib._Hash"]] = {
    # MD5 is what the digest scheme of most phones knows; it protects nothing at rest.
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False),
    "SHA-256": hashlib.sha256,
}

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"Typed into desk phones by hand: no letters that look like others."

_LENGTH = 14
"31^14 passwords are 69 bits: beyond searching, even against MD5."

_HEADER = (
    "# SIP passwords made at the first start, one agent per line: account password.\n"
    "# A line goes away when `acd agents passwd` sets another password.\n"
)


class SecretsError(StorageError):
    """The secrets cannot be read or are open to others."""


class _Secret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    realm: str
    algorithm: str
    ha1: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    accounts: dict[str, list[_Secret]]


def ha1(account: str, realm: str, password: str, algorithm: str) -> str:
    """Return hex H(account:realm:password), "A1" of RFC 7616 3.4.2."""
    return _HASHES[algorithm](f"{account}:{realm}:{password}".encode()).hexdigest()


def new_password() -> str:
    """Return a random password that can be typed on a phone."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


class SecretStore:
    """The accounts' secrets of one state folder; what `acd.sip` asks as its `Credentials`.

    Only accounts named to `provide` are served, so that an agent who is taken out of agents.yaml
    can no longer register, whatever the file still holds.
    """

    def __init__(self, folder: Path, *, make_password: Callable[[], str] = new_password) -> None:
        self._folder = folder
        self._path = folder / SECRETS
        self._initial_path = folder / INITIAL_PASSWORDS
        self._make_password = make_password
        self._version: tuple[int, int, int] | None = None
        self._stored: dict[tuple[str, str, str], str] = {}
        self._inline: dict[tuple[str, str, str], str] = {}
        self._served: frozenset[str] = frozenset()
        self.fault = ""
        "Why the file cannot be read again, empty if it can; for the log and /readyz."
        self.refresh()

    def ha1(self, account: str, realm: str, algorithm: str) -> str | None:
        """Return the hash, or None for an unknown account, realm or algorithm.

        A password that `acd agents passwd` has just set counts at once: looking at the file's
        time costs 2 µs per authentication. If the file is damaged meanwhile, what was known
        stays in force, and `fault` says so.
        """
        if account not in self._served:
            return None
        try:
            self.refresh()
            self.fault = ""
        except (SecretsError, OSError) as error:
            self.fault = str(error)
        key = (account, realm, algorithm)
        return self._inline.get(key) or self._stored.get(key)

    def provide(
        self, accounts: Mapping[str, str | None], realm: str
    ) -> tuple[dict[str, str], tuple[str, ...]]:
        """Serve these accounts from now on; make and keep a password for each new one.

        Args:
            accounts: account: its password in clear where agents.yaml holds one (which is
                hashed in memory only), else None.
            realm: the digest realm.

        Returns:
            The passwords that stand in clear in `initial-passwords.txt`, and the accounts that
            cannot register since their secret belongs to another realm.

        Raises:
            SecretsError: if a file is corrupt or open to others.
            OSError: if the folder cannot be written.

        """
        with self._locked():
            self.refresh()
            initial = self.initial_passwords()
            known = {account for account, _, _ in self._stored}
            ready = {account for account, kept, _ in self._stored if kept == realm}
            lacking = [
                name for name, inline in accounts.items() if not inline and name not in ready
            ]
            new = {
                name: self._make_password() for name in lacking if name not in known | set(initial)
            }
            again = {name: initial[name] for name in lacking if name in initial}
            if new:
                # First the passwords, then their hashes: if the power fails in between, the
                # next start makes the hashes of what stands there.
                initial |= new
                self._write_initial(initial)
            if new or again:
                self._write({**self._stored, **_hashes({**new, **again}, realm)})
        self._inline = _hashes({name: text for name, text in accounts.items() if text}, realm)
        self._served = frozenset(accounts)
        elsewhere = tuple(name for name in lacking if name not in new and name not in again)
        return {name: initial[name] for name in accounts if name in initial}, elsewhere

    def set_password(self, account: str, realm: str, password: str) -> None:
        """Give the account this password in place of any other, in every realm."""
        with self._locked():
            self.refresh()
            kept = {key: value for key, value in self._stored.items() if key[0] != account}
            self._write({**kept, **_hashes({account: password}, realm)})
            initial = self.initial_passwords()
            if initial.pop(account, None) is not None:
                self._write_initial(initial)

    def has_secret(self, account: str, realm: str) -> bool:
        """Say whether a password is stored for this account and realm."""
        return any((account, realm, algorithm) in self._stored for algorithm in ALGORITHMS)

    def initial_passwords(self) -> dict[str, str]:
        """Return {account: password} of what was made here and not yet replaced."""
        text = _read(self._initial_path)
        if text is None:
            return {}
        passwords: dict[str, str] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip() and not line.startswith("#"):
                account, _, password = line.partition(" ")
                if not password.strip():
                    raise SecretsError(
                        f"{self._initial_path}:{number}: not `account password`; "
                        "mend the line or remove it"
                    )
                passwords[account] = password.strip()
        return passwords

    def refresh(self) -> bool:
        """Read the file again if another process changed it; return whether it had.

        Raises:
            SecretsError: if it is corrupt or open to others; what was known stays in force.

        """
        version = _version(self._path)
        if version == self._version:
            return False
        text = _read(self._path)
        self._stored = {} if text is None else _parse(text, self._path)
        self._version = version
        return True

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep `acd run` and `acd agents` from losing each other's changes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder / "secrets.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, stored: dict[tuple[str, str, str], str]) -> None:
        accounts: dict[str, list[_Secret]] = {}
        for (account, realm, algorithm), value in sorted(stored.items()):
            accounts.setdefault(account, []).append(_Secret(realm, algorithm, value))
        data = msgspec.json.encode(_File(1, accounts))
        _replace(self._path, msgspec.json.format(data, indent=1))
        self._stored, self._version = stored, _version(self._path)

    def _write_initial(self, passwords: dict[str, str]) -> None:
        lines = "".join(f"{account} {text}\n" for account, text in passwords.items())
        _replace(self._initial_path, (_HEADER + lines).encode())


def _hashes(passwords: Mapping[str, str], realm: str) -> dict[tuple[str, str, str], str]:
    return {
        (account, realm, algorithm): ha1(account, realm, password, algorithm)
        for account, password in passwords.items()
        for algorithm in ALGORITHMS
    }


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _read(path: Path) -> str | None:
    """Return the file's text, None if there is none."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read()
    except FileNotFoundError:
        return None
    if mode & 0o077:
        raise SecretsError(f"{path} may be read by others; `chmod 600 {path}` closes it")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise SecretsError(_corrupt(path, "not UTF-8")) from error


def _parse(text: str, path: Path) -> dict[tuple[str, str, str], str]:
    try:
        file = msgspec.json.decode(text, type=_File)
    except msgspec.MsgspecError as error:
        raise SecretsError(_corrupt(path, str(error))) from error
    if file.version != 1:
        raise SecretsError(f"{path}: version {file.version}, this server knows version 1")
    return {
        (account, secret.realm, secret.algorithm): secret.ha1
        for account, kept in file.accounts.items()
        for secret in kept
    }


def _corrupt(path: Path, why: str) -> str:
    return (
        f"{path} is corrupt ({why}); put back a copy of it, or remove it to give "
        "every agent a new password"
    )


def _replace(path: Path, data: bytes) -> None:
    """Write the file as a whole or not at all, readable by its owner only."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
