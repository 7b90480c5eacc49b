"""blacklist.yaml, and which numbers are for whom."""

import pytest

from acd.config import ConfigError, load_config


def faults(folder):
    with pytest.raises(ConfigError) as caught:
        load_config(folder)
    return [str(fault) for fault in caught.value.faults]


def test_without_the_file_nobody_is_blocked(folder):
    plan = load_config(folder).number_plan()
    assert plan.blacklist.find("13800") is None
    assert not plan.blacklist.refuses_anonymous
    assert plan.internal == plan.by_diversion == frozenset()


def test_entries_and_flags_arrive_in_the_number_plan(folder, change):
    (folder / "blacklist.yaml").write_text(
        "anonymous: refuse\n"
        "blocked:\n"
        '  - {number: "+86138*", reason: fraud, status: 403}\n'
        "  - {number: spammer, flow: hotline}\n"
    )
    change("numbers.yaml", "{echo: true}", "{echo: true, public: false}")
    change("numbers.yaml", "{queue: sales}", "{queue: sales, by_diversion: true}")

    plan = load_config(folder).number_plan()

    assert plan.blacklist.refuses_anonymous
    assert plan.blacklist.find("+8613800").status == 403
    assert plan.blacklist.find("spammer").flow == "hotline"
    assert (plan.internal, plan.by_diversion) == ({"4099"}, {"4001"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("blocked: [{number: '13*8'}]", "blacklist.yaml:1"),
        ("blocked:\n  - {number: x, flow: nowhere}", "no flow 'nowhere'"),
        ("blocked: [{number: x}, {number: x}]", "x is blocked twice"),
        ("anonymous: perhaps", "blacklist.yaml:1"),
        ("blocked: [{number: x, status: 200}]", "blacklist.yaml:1"),
    ],
)
def test_mistakes_are_told_with_their_place(folder, text, told):
    (folder / "blacklist.yaml").write_text(text)
    assert any(told in fault for fault in faults(folder))


@pytest.mark.parametrize("network", ["10.0.0.0/33", "phones", ""])
def test_a_network_has_to_be_one(folder, change, network):
    change(
        "server.yaml",
        "flows: ../flows",
        f"sip: {{limits: {{exempt: ['{network}']}}}}\nflows: ../flows",
    )
    assert any("a network is wanted" in fault for fault in faults(folder))
