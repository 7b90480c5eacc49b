"""`acd demo`: a server of its own, people with phones at it, and what the floor looks like."""

from .show import DemoOptions, run_demo
from .site import DemoError

__all__ = ["DemoError", "DemoOptions", "run_demo"]
