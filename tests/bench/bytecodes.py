"""Counts what Python executes in place of time: the same on every machine, however busy it is.

Blind to what C functions cost, and to memory that is not in the caches.
"""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType

TraceFunction = Callable[[FrameType, str, object], object]


class Bytecodes:
    """Bytecodes and calls of Python functions, by function, while it is enabled."""

    def __init__(self) -> None:
        self.executed: Counter[CodeType] = Counter()
        self.called: Counter[CodeType] = Counter()

    def enable(self) -> None:
        sys.settrace(self._enter)

    def disable(self) -> None:
        sys.settrace(None)

    def _enter(self, frame: FrameType, _event: str, _arg: object) -> TraceFunction:
        self.called[frame.f_code] += 1
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._step

    def _step(self, frame: FrameType, event: str, _arg: object) -> TraceFunction:
        self.executed[frame.f_code] += event == "opcode"
        return self._step

    def show(self, times: int, what: str, most: int = 40) -> None:
        """Print the functions that execute most, and the sums, for each of so many `what`."""
        for code, executed in self.executed.most_common(most):
            where = "/".join(Path(code.co_filename).parts[-2:])
            calls = self.called[code] / times
            print(f"{executed / times:8.0f} in {calls:5.1f} calls of {where}:{code.co_qualname}")
        executed, called = self.executed.total() / times, self.called.total() / times
        print(f"{executed:.0f} bytecodes in {called:.0f} calls of Python functions per {what}")
