"""What a call costs the signalling process, in counts: the same on every machine.

Time is no measure where tests run; a change that makes every call dearer would pass unseen. Who
makes one on purpose moves the limits, and so says it.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parent

MOST_FUNCTIONS = 1_120
"Calls of Python functions per ACD call: 1,065 on 2026-11-29, and a twentieth of room."
MOST_BYTECODES = 32_000
"By Python 3.11, which counted 30,425 on that day: each version has instructions of its own."


def test_a_call_costs_no_more_than_it_did() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCH / "bench_call_signalling.py"), "20", "--bytecodes"],
        capture_output=True,
        text=True,
        timeout=110,
        check=True,
        env={**os.environ, "PYTHONPATH": str(BENCH.parents[1])},
    )
    counted = re.search(r"^(\d+) bytecodes in (\d+) calls of Python functions", done.stdout, re.M)
    assert counted, done.stdout
    bytecodes, functions = map(int, counted.groups())
    assert 500 < functions < MOST_FUNCTIONS, done.stdout
    if sys.version_info[:2] == (3, 11):
        assert 10_000 < bytecodes < MOST_BYTECODES, done.stdout
