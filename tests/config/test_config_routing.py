"""Routing policies in the settings: what becomes of them, and faults with their lines."""

import math

import pytest

from acd.calls.numbers import FlowTarget, QueueTarget
from acd.config.agents import AgentSettings
from acd.config.load import load_config
from acd.config.queues import LayerSettings, MissSettings, QueueSettings
from acd.routing.configuration import faults
from acd.routing.model import Grade, Requirements
from acd.routing.policy import ORDERS
from tests.config.test_config_load import faults_of


def sales(folder):
    return next(queue for queue in load_config(folder).queue_profiles() if queue.name == "sales")


@pytest.mark.parametrize("order", ORDERS)
def test_every_strategy_has_its_name_for_a_layer_and_for_a_queue(folder, change, order):
    change("queues.yaml", "    kind: sales\n", f"    kind: sales\n    strategy: {order}\n")
    (layer,) = sales(folder).layers
    assert (layer.name, layer.order, layer.minimum_grade) == (order, order, Grade.C)
    change("queues.yaml", f"strategy: {order}", f"layers: [{{name: all, order: {order}}}]")
    assert [layer.order for layer in sales(folder).layers] == [order]


@pytest.mark.parametrize(
    ("strategy", "ring"), [("ring_all", "all"), ("ring_progressively", "progressively")]
)
def test_strategies_that_ring_several_phones(folder, change, strategy, ring):
    several = "    ring_at_most: 3\n    ring_step_s: 2\n"
    change("queues.yaml", "    kind: sales\n", f"    strategy: {strategy}\n{several}")
    queue = sales(folder)
    (layer,) = queue.layers
    assert (layer.name, layer.order, layer.ring) == (strategy, "longest_idle", ring)
    assert (queue.ring_at_most, queue.ring_step_s) == (3, 2.0)
    change("queues.yaml", f"strategy: {strategy}", f"layers: [{{name: all, ring: {ring}}}]")
    (layer,) = sales(folder).layers
    assert (layer.order, layer.ring) == ("conversion", ring)


def test_requirements_of_queues_and_numbers(folder, change):
    change(
        "queues.yaml",
        "    kind: sales\n",
        "    kind: sales\n    requires: {skills: {service: B}, language: zh, tags: [vip]}\n"
        "    ageing_s: 30\n    starvation_s: 0\n"
        "    layers: [{name: all, lower_by: 1, waives: [region]}]\n",
    )
    change(
        "numbers.yaml",
        '"4001": {queue: sales}',
        '"4001": {queue: sales, requires: {region: 广东}}\n'
        '  "4002": {flow: hotline, requires: {language: yue}}',
    )
    change(
        "agents.yaml", "    account: desk2\n", "    languages: [zh, yue]\n    regions: [广东]\n"
    )
    config = load_config(folder)
    queue = sales(folder)
    assert queue.requires == Requirements(
        skills={"service": Grade.B}, language="zh", tags=("vip",)
    )
    assert (queue.ageing_s, queue.starvation_s) == (30.0, math.inf)
    assert (queue.layers[0].lower_by, queue.layers[0].waives) == (1, ("region",))
    targets = config.number_plan().targets
    assert targets["4001"] == QueueTarget("sales", requires=Requirements(region="广东"))
    assert targets["4002"] == FlowTarget("hotline", Requirements(language="yue"))
    second = config.agent_profiles()[1]
    assert (second.languages, second.regions, second.weight) == (("zh", "yue"), ("广东",), 1.0)
    assert not config.warnings


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "queues.yaml",
            "kind: sales",
            "strategy: ringall",
            "queues.yaml:3:15: strategy: unknown value 'ringall'",
        ),
        (
            "queues.yaml",
            "kind: sales",
            "layers:\n      - name: all\n        order: round_robbin",
            "queues.yaml:5:16: order: unknown value 'round_robbin' (did you mean 'round_robin'?)",
        ),
        (
            "queues.yaml",
            "kind: sales",
            "strategy: top_down\n    layers: [{name: all}]",
            "queues.yaml:2:3: sales: strategy and layers are two ways to say the same",
        ),
        (
            "queues.yaml",
            "kind: sales",
            "layers: [{name: all, waives: [grade]}]",
            "queues.yaml:3:35: 0: unknown value 'grade' (known: language, region, skills)",
        ),
        (
            "queues.yaml",
            "kind: sales",
            "requires: {skills: {english: D}}",
            "queues.yaml:3:34: english: a grade is wanted, not 'D' (C, B, A",
        ),
        (
            "queues.yaml",
            "kind: sales",
            "layers:\n      - {name: all}\n      - {name: all, after_s: 5}",
            "queues.yaml:5:16: layer 'all' stands here twice",
        ),
        (
            "queues.yaml",
            "kind: sales",
            "max_length: 0",
            "queues.yaml:3:17: max_length: input should be greater than or equal to 1",
        ),
        (
            "queues.yaml",
            "kind: sales",
            "position_every_s: 0.5",
            "queues.yaml:3:23: position_every_s: too short an interval, not 0.5 (1 s at least",
        ),
        (
            "agents.yaml",
            "account: desk2",
            "miss: {busy_s: 0}",
            "agents.yaml:9:20: busy_s: input should be greater than or equal to 1",
        ),
        (
            "agents.yaml",
            "account: desk2",
            "weight: 0",
            "agents.yaml:9:13: weight: input should be greater than 0",
        ),
    ],
)
def test_a_fault_says_where_and_what_would_be_right(folder, change, file, old, new, expected):
    change(file, old, new)
    assert any(expected in fault for fault in faults_of(folder)), faults_of(folder)


def test_an_unknown_strategy_is_answered_with_the_known_ones(folder, change):
    change("queues.yaml", "kind: sales", "strategy: xyz")
    (fault,) = faults_of(folder)
    assert all(order in fault for order in (*ORDERS, "ring_all", "ring_progressively"))


def test_requirements_that_nobody_fulfils_are_warnings(folder, change):
    change(
        "queues.yaml",
        "    kind: sales\n",
        "    requires: {skills: {servce: B}, language: yue, region: 广东}\n",
    )
    told = [str(fault).rpartition("/")[2] for fault in load_config(folder).warnings]
    assert told == [
        "queues.yaml:3:33: no agent has the skill 'servce' (did you mean 'service'?)",
        "queues.yaml:3:47: no agent has the language 'yue'",
        "queues.yaml:3:60: no agent has the region '广东'",
    ]


def test_a_group_to_which_nobody_belongs_is_a_warning(folder, change):
    change(
        "queues.yaml",
        "    kind: sales\n",
        "    layers:\n"
        "      - {name: a, groups: [mobil, spare]}\n"
        "      - {name: b, groups: [early]}\n",
    )
    change("agents.yaml", "    account: desk2\n", "    team: early\n    groups: [mobile]\n")
    told = [str(fault).rpartition("/")[2] for fault in load_config(folder).warnings]
    assert told == [
        "queues.yaml:4:28: no agent is of the team or group 'mobil' (did you mean 'mobile'?)",
        "queues.yaml:4:35: no agent is of the team or group 'spare' (known: early, mobile)",
    ]


def test_groups_and_their_rules(folder, change):
    change(
        "queues.yaml",
        "    kind: sales\n",
        "    layers: [{name: team}, {name: mobile, groups: [机动组]}]\n"
        "    activations: [{group: 机动组, longest_wait_s: 60}]\n",
    )
    queue = sales(folder)
    (rule,) = queue.activations
    assert (rule.group, rule.longest_wait_s, rule.length, rule.service_level) == (
        "机动组",
        60.0,
        0,
        0.0,
    )
    change("queues.yaml", "groups: [机动组]", "groups: [leaders]")
    (told,) = faults_of(folder)
    assert "no layer names the group '机动组'" in told
    change("queues.yaml", ", longest_wait_s: 60", "")
    assert any("no condition" in fault for fault in faults_of(folder))


def bounds(section):
    """Each number's field of a section, with the least and greatest value that it takes."""
    for name, settings in section.model_fields.items():
        limits = {
            kind: getattr(limit, kind)
            for limit in settings.metadata
            for kind in ("ge", "gt", "le")
            if hasattr(limit, kind)
        }
        if limits:
            least = limits.get("ge", limits.get("gt", 0.0) + 1e-9)
            yield name, least
            yield name, limits["le"]


QUEUE = {"skill": "sales"}


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        (section, name, value)
        for section in (QueueSettings, LayerSettings, MissSettings, AgentSettings)
        for name, value in bounds(section)
    ],
)
def test_what_the_files_may_say_the_router_takes(section, name, value):
    """Else `acd config check` would call good what the server refuses."""
    agents, queues = [], []
    if section is QueueSettings:
        queues.append(QueueSettings(**QUEUE, **{name: value}).profile("sales"))
    elif section is LayerSettings:
        layer = LayerSettings(**{"name": "all", name: value})
        queues.append(QueueSettings(**QUEUE, layers=(layer,)).profile("sales"))
    elif section is MissSettings:
        miss = MissSettings(**{name: value})
        queues.append(QueueSettings(**QUEUE, miss=miss).profile("sales"))
    else:
        agent = AgentSettings(number="1", name="1", skills={}, **{name: value})
        agents.append(agent.profile())
    assert faults(agents, queues, has_random=True) == []
