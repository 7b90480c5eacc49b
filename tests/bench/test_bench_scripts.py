"""The benchmarks of parts still run: some rounds of each, whatever they cost here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent
SCRIPTS = {
    "bench_call_signalling": (("20",), "signalling of one ACD call: "),
    "bench_journal": (("0.1",), "never"),
    "bench_media_relay": (("--pairs", "2", "--seconds", "0.2"), "not judged at 2"),
    "bench_reports": (("--interactions", "1500", "--only", "agents"), "| agents |"),
    "bench_refit": (("--agents", "20"), "the rest"),
    "bench_router_decision": (("--calls", "20", "--agents", "20"), "agent → call"),
    "bench_router_turns": (("--agents", "50", "--rounds", "1"), "an agent frees up"),
    "bench_shipping": (("200",), "shipping: "),
    "bench_sip_endpoint": (("20",), "left: 0 legs"),
}
"By name: the least work, and words of the last thing that is printed."


def test_no_script_is_left_out() -> None:
    assert {path.stem for path in BENCH.glob("bench_*.py")} == set(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_runs(name: str) -> None:
    arguments, last = SCRIPTS[name]
    done = subprocess.run(
        [sys.executable, str(BENCH / f"{name}.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ, "PYTHONPATH": str(BENCH.parents[1])},
    )
    assert last in done.stdout, done.stderr
    # 1 is a budget exceeded, which so few rounds say nothing about; a fault's 1 has a traceback.
    assert done.returncode in {0, 1}
    assert "Traceback" not in done.stderr
