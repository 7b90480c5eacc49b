"""The small files beside the journal's segments: who has it open, its name, a noted position."""

import fcntl
import os
import uuid
from pathlib import Path

from .errors import JournalError, JournalLockedError
from .frames import START, Position
from .private_file import PRIVATE_MODE, replace_private


def lock_folder(folder: Path) -> int:
    """Lock the folder for this process; the kernel gives the lock back when it dies."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_MODE)
    except OSError as error:
        raise JournalError(f"{folder}: the journal's folder: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(fd, 32, 0).decode().strip()
        os.close(fd)
        raise JournalLockedError(
            f"{folder}: process {owner} uses this state folder; stop it or name another one"
        ) from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def is_locked(folder: Path) -> bool:
    """Return whether a running process has this journal open for writing."""
    try:
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def identity_of(folder: Path) -> str:
    """Return the journal's own id, made at its first opening: positions are kept under it."""
    path = folder / "id"
    # Empty after a power cut: what is shipped again under another name changes nothing.
    name = path.read_text().strip() if path.exists() else ""
    if not name:
        name = str(uuid.uuid4())
        replace_private(path, f"{name}\n".encode())
    return name


def read_position(path: Path) -> Position:
    """Return the position kept in a file; a missing or unreadable file is the journal's begin."""
    try:
        segment, offset = path.read_text().split()
        return Position(int(segment), int(offset))
    except (FileNotFoundError, ValueError):
        return START


def unlinked_bytes(path: Path) -> int:
    """Delete a file; return how large it was, 0: somebody has deleted it before."""
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    return size
