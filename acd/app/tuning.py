"""What a long-running server asks of the process it runs in."""

import gc
import resource

GENERATION_0 = 50_000
"""Allocations between two young collections: some 100 calls' worth. With Python's default of 700 a
collection of everything paused the loop for 57-204 ms every few seconds under load."""

GENERATION_1 = 50
GENERATION_2 = 100


def raise_file_limit() -> None:
    """Raise the soft limit of open files to the hard one: every call takes two sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def tune_collector() -> None:
    """Let the collector pass over what the start built, and come by less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GENERATION_0, GENERATION_1, GENERATION_2)
