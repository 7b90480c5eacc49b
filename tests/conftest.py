"""What holds for all tests."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

LOADS = {
    f"tests/system/test_system_{name}.py"
    for name in ("handbook", "idle", "leak", "load", "loss", "protection", "records")
}
"What puts a server under load, or measures how little it does."

FIRST = ("tests/system/", "tests/bench/", "tests/app/", "tests/cli/", "tests/storage/")
"What starts processes; the rest is arithmetic, a second for most of its files."

BYTECODE = Path(__file__).parents[1] / ".pytest_cache" / "bytecode"

# How long an example takes is the machine's affair: budgets of time stand in tests/bench.
settings.register_profile("acd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("acd")

if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    # Containers' images like to set it. Then each of the hundreds of servers and commands that
    # these tests start would compile a thousand files anew, half the time of a server's start.
    # What is compiled lies apart: whoever set it wants no folders among the sources.
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(BYTECODE)
    sys.dont_write_bytecode = False

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell has its background jobs ignore Ctrl-C, and what they start inherits that: a command
    # that a test interrupts would go on for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)


class LoadsApart(LoadScopeScheduling):
    """Shares out the tests by file; servers under load run one after the other on one worker.

    Two of them at once would disturb each other on two cores. The other system tests wait for
    phones most of the time.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "loads" if file in LOADS else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Have the work shared out as above, in the order below."""
    config.option.loadscopereorder = False
    return LoadsApart(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the loads, which take longest, and end with many short files.

    So no worker has a long file still to begin when the others are done.
    """

    def turn(item: pytest.Item) -> int:
        file = item.nodeid.partition("::")[0]
        return 0 if file in LOADS else 1 if file.startswith(FIRST) else 2

    items.sort(key=turn)


@pytest.fixture(scope="module", autouse=True)
def tidied() -> Iterator[None]:
    """Collect what the tests of a file have left behind while it is still clear whose it is.

    What was not closed fails a test; it would be any that the collector happens to run in. What
    lives on is left to itself, as below.
    """
    yield
    gc.collect()
    gc.freeze()


def pytest_collection_finish() -> None:
    """Leave what imports and collection made to itself: nothing of it goes before the end.

    Thousands of tests are a heap through which the collector would go again and again, the longer
    the more tests there are. The server does the same after its start.
    """
    gc.collect()
    gc.freeze()
