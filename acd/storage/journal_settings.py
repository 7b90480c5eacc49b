"""What can be set of the journal, and the states that it is in."""

from enum import Enum

import msgspec


class JournalState(Enum):
    """Whether records reach the disk."""

    WRITING = "writing"
    FAILING = "failing"
    "The server should refuse new calls until it is WRITING again."


class Sync(Enum):
    """When a record is safe from a power cut. A killed process loses nothing in any case."""

    ALWAYS = "always"
    "Before it counts: each step of a call waits for the disk."

    INTERVAL = "interval"
    "With all others of `sync_interval_s`, in a thread."

    NEVER = "never"
    "When the kernel likes, after some 30 s (Linux' dirty_expire_centisecs)."


class JournalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of the journal."""

    segment_bytes: int = 64 << 20
    "A segment file's size; the unit in which shipped records are deleted."

    total_bytes: int = 4 << 30
    "All segments together. About 6 kB per call: some 700,000 calls while the database is down."

    sync: Sync = Sync.INTERVAL
    sync_interval_s: float = 0.1
    "Records of this long are made safe from a power cut together."

    keep_bytes: int = 0
    keep_s: float = 0.0
    """Segments that have been shipped stay for so long, and no more of them than so many bytes:
    for a database that is restored from a backup. 0: they go at once."""

    backlog_bytes: int = 16 << 20
    "Records kept in memory while the disk refuses: the running calls' rest, not new calls."

    retry_interval_s: float = 1.0
    "How often a failing journal tries again by itself."
