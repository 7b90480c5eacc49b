"""Everything in the calls that has a time of its own is known to the one heap of deadlines."""

import importlib
import pkgutil

from calls_stage import Stage

import acd.calls
from acd.routing.deadlines import Timed


def test_whatever_can_be_due_has_somebody_who_serves_it() -> None:
    for module in pkgutil.iter_modules(acd.calls.__path__):
        importlib.import_module(f"acd.calls.{module.name}")
    timed = {kind for kind in Timed.__subclasses__() if kind.__module__.startswith("acd.calls.")}
    assert timed
    assert timed == Stage().centre._on_due.keys()
