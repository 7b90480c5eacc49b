"""What each fsync policy of the journal costs: steps of a call written per second, and the worst.

    .venv/bin/python tests/bench/bench_journal.py [SECONDS] [FOLDER]

A step is what the loop appends at once: here one event. FOLDER says which disk is measured.
"""

import sys
import tempfile
import time
from pathlib import Path

from acd.calls import events as ev
from acd.storage.journal import Journal
from acd.storage.journal_settings import JournalSettings, Sync

EVENT = ev.OfferEnded(
    interaction="0198f7a2-6c1e-7000-8000-3a1b5c7d9e0f",
    visit="0198f7a2-6c1e-7000-8000-3a1b5c7d9e1f",
    queue="sales",
    offer="0198f7a2-6c1e-7000-8000-3a1b5c7d9e2f",
    agent="1001",
    leg="0198f7a2-6c1e-7000-8000-3a1b5c7d9e3f",
    outcome="answered",
    ring_s=2.0,
)


def measure(folder: Path, sync: Sync, seconds: float) -> tuple[float, float, float]:
    """Return steps per second, the 99.9th percentile and the longest of them in ms."""
    journal = Journal.open(
        folder / sync.value,
        node="node",
        boot="boot",
        wall_us=lambda: time.time_ns() // 1000,
        on_alarm=print,
        settings=JournalSettings(sync=sync),
    )
    taken: list[float] = []
    begin = now = time.perf_counter()
    while now < begin + seconds:
        journal.append([EVENT], now)
        now, before = time.perf_counter(), now
        taken.append(now - before)
    journal.close()
    taken.sort()
    return len(taken) / seconds, 1000 * taken[int(len(taken) * 0.999)], 1000 * taken[-1]


def main() -> None:
    """Print one line per policy."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    parent = sys.argv[2] if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        for sync in Sync:
            rate, late_ms, longest_ms = measure(Path(folder), sync, seconds)
            print(
                f"{sync.value:<10} {rate:>9.0f} steps/s   99.9 % within {late_ms:.2f} ms,"
                f" longest {longest_ms:.1f} ms"
            )


if __name__ == "__main__":
    main()
