"""A short run of the fuzzer from its seeds; long ones are started by hand (docs/sip.md)."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent
SEEDS = {"sip": FUZZ.parent / "torture", "sdp": FUZZ / "corpus_sdp"}
RUNS = 3_000
"Some seconds; each run is one input."


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="atheris has wheels up to CPython 3.13")
@pytest.mark.parametrize("target", SEEDS)
def test_nothing_but_the_peers_mistakes_is_raised(tmp_path: Path, target: str) -> None:
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    for seed in SEEDS[target].iterdir():
        if seed.suffix in {".dat", ".sdp"}:
            (seeds / seed.name).write_bytes(seed.read_bytes())
    found = tmp_path / "found"
    found.mkdir()
    run = subprocess.run(
        [
            *(sys.executable, str(FUZZ / "fuzz_parsers.py"), target),
            *(f"-runs={RUNS}", "-seed=1", "-max_len=2000", "-print_final_stats=1"),
            *(str(found), str(seeds)),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3_000:]
    # The fuzzer may run an input again at the end.
    runs = re.search(r"^stat::number_of_executed_units:\s*(\d+)", run.stderr, re.MULTILINE)
    assert runs is not None
    assert int(runs[1]) >= RUNS
