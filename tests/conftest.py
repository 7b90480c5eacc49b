"""What holds for all tests."""

import gc

from hypothesis import HealthCheck, settings

# How long an example takes is the machine's affair: budgets of time stand in tests/bench.
settings.register_profile("acd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("acd")


def pytest_collection_finish() -> None:
    """Leave what imports and collection made to itself: nothing of it goes before the end.

    Thousands of tests are a heap through which the collector would go again and again, the longer
    the more tests there are. The server does the same after its start.
    """
    gc.collect()
    gc.freeze()
