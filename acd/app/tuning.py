"""What a long-running server asks of the process it runs in."""

import gc
import resource

GENERATION_0 = 5_000
"""Containers between two young collections: a call leaves some eight behind for a while, so this
is 500 calls' worth. With Python's default of 700 a collection of everything paused the loop for
57-204 ms every few seconds under load. With 50,000 a young one took 27 ms in a hot loop, with
20,000 it took 14 there, and 28 to 39 beside calls, as what it looks at is in no cache then."""

GENERATION_1 = 200
"""Young collections between two middle ones: a million containers, some 100,000 calls. Calls make
no cycles, and a middle collection looks at all that outlived a young one."""

GENERATION_2 = 100
"Middle collections between two of everything, which pause the loop for longest."


def raise_file_limit() -> None:
    """Raise the soft limit of open files to the hard one: every call takes two sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def tune_collector() -> None:
    """Let the collector pass over what the start built, and come by less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GENERATION_0, GENERATION_1, GENERATION_2)
