"""contracts.yaml and contract_values.csv: weights, targets, and what is entered by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.config import ConfigError, load_config
from acd.config.contract_values import read_contract_values

CONTRACT = """\
contracts:
  sales:
    title: 业绩合同
    teams: [north]
    measures:
      - {measure: csat, weight: 60, floor: 0.7, target: 0.9}
      - {measure: cost_per_call, weight: 40, floor: 12, target: 8, cap: 120, entered: true}
    bands:
      - {from: 0, name: low}
      - {from: 90, name: high}
pay:
  unit_target: 1000
  tiers: [{from: 0, factor: 1}, {from: 1.2, factor: 1.5}]
"""


def faults(folder):
    with pytest.raises(ConfigError) as caught:
        load_config(folder)
    return [str(fault) for fault in caught.value.faults]


def test_without_the_file_nobody_has_a_contract(folder):
    config = load_config(folder)
    assert config.contracts.contracts == {}
    assert config.contract_values.find("2026-11", "8001", "north", "x") is None


def test_a_contract_arrives_as_the_reports_take_it(folder):
    (folder / "contracts.yaml").write_text(CONTRACT)
    config = load_config(folder)
    contract = config.contracts.contracts["sales"].contract("sales")
    assert contract.title.zh == contract.title.en == "业绩合同"
    assert contract.is_for("north")
    assert not contract.is_for("south")
    assert [measure.weight for measure in contract.measures] == [60, 40]
    assert [band.start for band in contract.bands] == [0, 90]
    assert [tier.factor for tier in config.contracts.pay.pay_tiers()] == [1, 1.5]


def test_the_closest_entered_value_counts(folder):
    (folder / "contracts.yaml").write_text(CONTRACT)
    (folder / "contract_values.csv").write_text(
        "month,who,measure,value\n"
        "2026-11,*,cost_per_call,9.5\n"
        "2026-11,team:north,cost_per_call,9\n"
        "2026-11,8001,cost_per_call,8\n",
        encoding="utf-8-sig",
    )
    values = load_config(folder).contract_values
    assert values.find("2026-11", "8001", "north", "cost_per_call") == 8
    assert values.find("2026-11", "8002", "north", "cost_per_call") == 9
    assert values.find("2026-11", "8002", "", "cost_per_call") == 9.5
    assert values.find("2026-12", "8002", "", "cost_per_call") is None


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("weight: 60", "weight: 50", "the weights sum up to 90"),
        ("target: 0.9}", "target: 0.7}", "floor and target are equal"),
        ("measure: csat", "measure: cstat", "cstat is measured nowhere"),
        ("measure: cost_per_call", "measure: csat", "csat stands there twice"),
        ("{from: 90,", "{from: 0,", "bands do not rise"),
        ("{from: 1.2,", "{from: 0,", "tiers do not rise"),
        ("cap: 120", "cap: 50", "contracts.yaml:7"),
    ],
)
def test_slips_are_told_with_their_place(folder, before, after, says):
    (folder / "contracts.yaml").write_text(CONTRACT.replace(before, after))
    assert any("contracts.yaml" in fault and says in fault for fault in faults(folder))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("month;who", "contract_values.csv:1"),
        ("month,who,measure,value\n2026-13,*,cost_per_call,1", "'2026-13' is no month"),
        ("month,who,measure,value\n\n2026-11,*,cost_per_call,n/a", "contract_values.csv:3"),
        ("month,who,measure,value\n2026-11,*,cost_per_call,inf", "no number"),
        ("month,who,measure,value\n2026-11,*,cost_per_cal,1", "cost_per_call"),
        ("month,who,measure,value\n2026-11,*,cost_per_call", "3 values"),
        ('month,who,measure,value\n2026-11,"*,cost_per_call,1', "contract_values.csv"),
        ("month,who,measure,value\n" + "2026-11,*,cost_per_call,1\n" * 2, "twice"),
    ],
)
def test_slips_in_entered_values_are_told_with_their_line(folder, lines, says):
    (folder / "contracts.yaml").write_text(CONTRACT)
    (folder / "contract_values.csv").write_text(lines)
    assert any(says in fault for fault in faults(folder))


@given(st.binary(max_size=300))
def test_no_file_whatsoever_is_our_exception(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("values")
    (folder / "contract_values.csv").write_bytes(content)
    read_contract_values(folder, ("cost_per_call",))
