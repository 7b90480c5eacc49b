"""What a call costs the signalling process, and a decision the router, in counts.

They are the same on every machine. Time is no measure where tests run; a change that makes every
call dearer would pass unseen. Who makes one on purpose moves the limits, and so says it.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parent

MOST_FUNCTIONS = 1_120
"Calls of Python functions per ACD call: 1,070 on 2026-11-29, and some room."
MOST_BYTECODES = 32_000
"By Python 3.11, which counted 30,922 on that day: each version has instructions of its own."

MOST_OF_DECISIONS = ((805, 20), (2_165, 57), (1_073, 25))
"""Bytecodes, and calls of Python functions, of a call that comes to an idle agent, an agent who
joins the idle, and one who frees up and takes a call: a twentieth above what they were."""


def counts(script: str, *arguments: str) -> tuple[list[tuple[int, int]], str]:
    """Return the sums of bytecodes and calls that the script prints, and all that it prints."""
    done = subprocess.run(
        [sys.executable, str(BENCH / script), *arguments, "--bytecodes"],
        capture_output=True,
        text=True,
        timeout=280,
        check=True,
        env={**os.environ, "PYTHONPATH": str(BENCH.parents[1])},
    )
    sums = re.findall(r"^(\d+) bytecodes in (\d+) calls of Python functions", done.stdout, re.M)
    return [(int(bytecodes), int(functions)) for bytecodes, functions in sums], done.stdout


def test_a_call_costs_no_more_than_it_did() -> None:
    [(bytecodes, functions)], printed = counts("bench_call_signalling.py", "20")
    assert 500 < functions < MOST_FUNCTIONS, printed
    if sys.version_info[:2] == (3, 11):
        assert 10_000 < bytecodes < MOST_BYTECODES, printed


def test_a_decision_costs_no_more_than_it_did() -> None:
    decisions, printed = counts("bench_router_decision.py", "--calls", "500")
    for (bytecodes, functions), (most_bytecodes, most_functions) in zip(
        decisions, MOST_OF_DECISIONS, strict=True
    ):
        assert most_functions / 2 < functions < most_functions, printed
        if sys.version_info[:2] == (3, 11):
            assert most_bytecodes / 2 < bytecodes < most_bytecodes, printed
