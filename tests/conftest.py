"""What holds for all tests."""

import gc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SYSTEM = Path(__file__).parent / "system"

# How long an example takes is the machine's affair: budgets of time stand in tests/bench.
settings.register_profile("acd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("acd")


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests/system run first and on one worker, beside the others on the second.

    They wait for phones most of the time, and two servers under load at once would disturb each
    other on two cores. They are the longest, so whatever begins with them ends first.
    """
    items.sort(key=lambda item: SYSTEM not in item.path.parents)
    for item in items:
        if SYSTEM in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("system"))


def pytest_collection_finish() -> None:
    """Leave what imports and collection made to itself: nothing of it goes before the end.

    Thousands of tests are a heap through which the collector would go again and again, the longer
    the more tests there are. The server does the same after its start.
    """
    gc.collect()
    gc.freeze()
