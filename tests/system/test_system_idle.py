"""A server that nobody calls: not one of its processes wakes up. Nothing polls."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from server import Server, Site

REST_S = 12.0
"""Longer than any interval at which something has ever looked again: 10 s, the shipper's process
for figures to be summed up."""

SETTLE_S = 120.0
"""What the start began comes to its end within: the first batch of records is shipped. A minute
after that its quarter-hour is looked at, once."""


@pytest.fixture
def server(site: Site) -> Iterator[Server]:
    running = Server(site).start()
    yield running
    running.tell_log()
    running.close()


def wake_ups(pid: int) -> dict[str, int]:
    """Return how often each thread of a process and of its children has waited, by its name."""
    counts = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = dict(
            line.split(":", 1)
            for line in (task / "status").read_text().splitlines()
            if ":" in line
        )
        counts[f"{pid} {task.name}"] = int(status["voluntary_ctxt_switches"])
        for child in (task / "children").read_text().split():
            # Postgres' own helpers keep their own house.
            if b"acd." in Path(f"/proc/{child}/cmdline").read_bytes():
                counts |= wake_ups(int(child))
    return counts


def test_an_idle_server_sleeps(server: Server) -> None:
    give_up_at = time.monotonic() + SETTLE_S
    while True:
        before = wake_ups(server.pid)
        time.sleep(REST_S)  # what does not happen meanwhile is what is measured
        after = wake_ups(server.pid)
        if after == before:
            break
        woken = {thread for thread in after if after[thread] != before.get(thread)}
        assert time.monotonic() < give_up_at, f"these do not sleep: {woken}"
    assert len({thread.split()[0] for thread in after}) >= 3  # server, media worker, shipper
