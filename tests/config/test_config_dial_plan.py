"""The dial plan as numbers.yaml and agents.yaml write it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from acd.calls.dial_plan import CallClass, DialPlan, Rights
from acd.config import ConfigError, load_config

PLAN = """\
  "4099": {echo: true}
dial_plan:
  area_code: "0755"
  trunks: [carrier, spare]
  caller_id: "+8675512345678"
  groups:
    sales: {may_call: national, caller_id: "+8675512345600"}
    service: {may_call: local}
"""

Change = Callable[[str, str, str], None]


TRUNKS = """\
trunks:
  carrier: {gateways: [{host: 192.0.2.1}], codecs: [PCMU]}
  spare: {gateways: [{host: 192.0.2.2}]}
"""


def add_plan(folder: Path, change: Change, plan: str = PLAN) -> None:
    (folder / "trunks.yaml").write_text(TRUNKS, encoding="utf-8")
    change("numbers.yaml", '  "4099": {echo: true}\n', plan)


def test_without_a_dial_plan_agents_call_each_other_and_for_help(folder: Path) -> None:
    plan = load_config(folder).number_plan().dial_plan
    assert plan == DialPlan()
    assert plan.rights_of("1001") == Rights(CallClass.INTERNAL)
    assert plan.emergency == ("110", "119", "120", "122")
    assert plan.trunks == ()


def test_rights_come_from_the_agent_then_the_widest_skill_then_the_default(
    folder: Path, change: Change
) -> None:
    add_plan(folder, change)
    change("agents.yaml", "skills: {service: B}", "skills: {service: B, sales: C}")
    change("agents.yaml", "    name: 王丽\n", "    name: 王丽\n    may_call: none\n")
    plan = load_config(folder).number_plan().dial_plan
    assert plan.rights_of("1001") == Rights(CallClass.NONE, "+8675512345600")
    assert plan.rights_of("1002") == Rights(CallClass.NATIONAL, "+8675512345600")
    assert plan.rights_of("else") == Rights(CallClass.INTERNAL, "+8675512345678")
    assert (plan.area_code, plan.trunks) == ("0755", ("carrier", "spare"))
    assert plan.codecs == {"carrier": ("PCMU",)}


def test_emergency_numbers_are_dialled_in_several_ways(folder: Path, change: Change) -> None:
    add_plan(folder, change, PLAN + '  outside_prefix: "9"\n  emergency: ["110"]\n')
    config = load_config(folder)
    ways = config.numbers.dial_plan.emergency_dialled()
    assert ways == ("110", "9110", "+86110")
    plan = config.number_plan().dial_plan
    assert all(plan.outside(way, None).emergency for way in ways)


def test_an_agents_own_number_is_shown(folder: Path, change: Change) -> None:
    change("agents.yaml", "    account: desk2\n", '    account: desk2\n    caller_id: "95000"\n')
    plan = load_config(folder).number_plan().dial_plan
    assert plan.rights_of("1002") == Rights(CallClass.INTERNAL, "95000")


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("numbers.yaml", '"4001"', '"110"', "110 is an emergency number"),
        ("numbers.yaml", "service: {may", "servise: {may", "no agent has the skill 'servise'"),
        ("numbers.yaml", "may_call: local", "may_call: far", "unknown value 'far'"),
        ("numbers.yaml", "  area_code:", "  country: XX\n  area_code:", "a country is wanted"),
        ("numbers.yaml", "carrier, spare", "carier", "no trunk 'carier' in trunks.yaml"),
        ("agents.yaml", "    account: desk2\n", "    may_call: all\n", "unknown value 'all'"),
    ],
)
def test_mistakes_are_found(
    folder: Path, change: Change, file: str, old: str, new: str, fault: str
) -> None:
    add_plan(folder, change)
    change(file, old, new)
    with pytest.raises(ConfigError) as found:
        load_config(folder)
    assert fault in str(found.value)


def test_agents_who_may_call_outside_over_no_trunk_are_told_of(
    folder: Path, change: Change
) -> None:
    assert load_config(folder).warnings == ()
    change("agents.yaml", "    name: 王丽\n", "    name: 王丽\n    may_call: local\n")
    change("numbers.yaml", '  "4099": {echo: true}\n', '  "4099": {echo: true}\ndial_plan: {}\n')
    [warning] = load_config(folder).warnings
    assert "numbers.yaml:5:1: agents may call outside, and there is no trunk" in str(warning)
