"""The table of `make bench`: our figures beside the rivals'."""

from pathlib import Path

import yaml

from tests.bench import run

PEERS = yaml.safe_load((Path(run.BENCH) / "peers.yaml").read_text(encoding="utf-8"))


MORE = run.more_loads(sustained=600, leak_s=600)


def test_every_row_names_a_load_that_is_run():
    names = {plan.name for plan in run.loads(quick=False)}
    assert names == {plan.name for plan in run.loads(quick=True)}
    assert {peer["load"] for peer in PEERS} == names | {plan.name for plan in MORE}


def test_the_rig_knows_every_word_of_every_load(monkeypatch):
    monkeypatch.syspath_prepend(str(run.RIG))
    from rig import LOADS, parser

    for plan in (*run.loads(quick=False), *run.loads(quick=True), *MORE):
        options = parser().parse_args(plan.words)
        assert options.mode in LOADS
        assert options.agents <= plan.agents


def test_a_profile_changes_what_it_names():
    settings = {"sip": {"limits": {"exempt": [1], "a": 2}, "udp": 3}, "media": {}}
    assert run.merged(settings, {"sip": {"limits": {"exempt": []}}, "calls": {"b": 4}}) == {
        "sip": {"limits": {"exempt": [], "a": 2}, "udp": 3},
        "media": {},
        "calls": {"b": 4},
    }


def test_figures_stand_beside_the_rivals():
    records = {"rate_25": {"setup_ms": {"p50": 3.14159, "p95": 5.0}}, "idle": {}}
    text = run.table(records, [peer for peer in PEERS if peer["load"] in records])
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert lines[0] == ["figure", "acd", "Asterisk", "FreeSWITCH", "goal"]
    assert ["INVITE to agent's ACK at 25 calls/s, p50 / p95 ms", "3.142 / 5", "5.8 / 7.0",
            "69 / 117", "≤ 4 / 6"] in lines  # fmt: skip
    assert ["memory per waiting call, kB", "–", "140", "350", "≤ 20"] in lines
    assert len({len(line) for line in text.splitlines()}) == 1


def test_units_of_a_row_are_converted():
    (peer,) = [peer for peer in PEERS if peer["figure"] == ["cores_while_waiting"]]
    assert "| 1.25 " in run.table({"idle": {"cores_while_waiting": 0.0125}}, [peer])


def test_a_free_port_is_no_rtp_port():
    assert run.free_port() not in run.RTP_PORTS
