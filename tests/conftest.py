"""What holds for all tests."""

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

SYSTEM = "tests/system/"
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


class SystemApart(LoadScopeScheduling):
    """With `-n 2`: tests/system on one worker, the files of the rest on the other.

    System tests wait for phones most of the time, and two servers under load at once would
    disturb each other on two cores.
    """

    def _split_scope(self, nodeid: str) -> str:
        return SYSTEM if nodeid.startswith(SYSTEM) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Have the work shared out as above."""
    return SystemApart(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with tests/system: they take the longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(SYSTEM))


def pytest_collection_finish() -> None:
    """Leave what imports and collection made to itself: nothing of it goes before the end.

    Thousands of tests are a heap through which the collector would go again and again, the longer
    the more tests there are. The server does the same after its start.
    """
    gc.collect()
    gc.freeze()
