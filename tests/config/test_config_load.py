"""Configuration folders, good and bad: each fault with its line and what would be right."""

from pathlib import Path

import pytest

from acd.calls.numbers import CodeAction, CodeTarget, EchoTarget, FlowTarget, QueueTarget
from acd.config import Address, ConfigError, load_config, parse_address
from acd.routing.model import Grade, Overflow, QueueKind

ROOT = Path(__file__).parents[2]


def faults_of(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(folder)
    return [str(fault).removeprefix(f"{folder}/") for fault in caught.value.faults]


# --- good ones ---


def test_a_good_folder_becomes_the_rooms_settings(folder):
    config = load_config(folder)
    assert config.warnings == ()
    assert config.flows_folder == (folder / "../flows").resolve()
    sales, service = config.queue_profiles()
    assert (sales.name, sales.kind, sales.skill) == ("sales", QueueKind.SALES, "sales")
    assert sales.category == "health"
    assert sales.overflow == Overflow(queue="service")
    assert service.overflow == Overflow(hang_up_prompt="goodbye")
    assert service.success_half_life_s == 30 * 86_400
    wang, zhang = config.agent_profiles()
    assert (wang.number, wang.account, wang.name) == ("1001", "1001", "王丽")
    assert wang.skills == {"sales": Grade.AAA}
    assert wang.categories == {"health": Grade.AA}
    assert zhang.account == "desk2"


def test_numbers_and_codes_make_one_plan(folder):
    plan = load_config(folder).number_plan()
    assert plan.target("4000") == FlowTarget("hotline")
    assert plan.target("4001") == QueueTarget("sales")
    assert plan.target("4099") == EchoTarget()
    assert plan.target("*10") == CodeTarget(CodeAction.READY)
    assert plan.target("*112") == CodeTarget(CodeAction.AWAY, "meal")
    assert plan.target("*142") == CodeTarget(CodeAction.DISPOSITION, "order")
    assert plan.target("*11") is None


@pytest.mark.parametrize(("calls", "bound"), [(5000, 1000), (500, 100), (20, 10)])
def test_a_fifth_of_all_lines_is_for_callers_who_may_be_nobody(folder, change, calls, bound):
    change("server.yaml", "flows:", f"calls: {{max_calls: {calls}}}\nflows:")
    config = load_config(folder)
    sip = config.endpoint_settings({"udp": ("192.0.2.1", 5060)}, {})
    assert (sip.max_unacknowledged, config.centre_settings().max_ringing) == (bound, bound)


def test_settings_of_sip_calls_and_journal(folder, change):
    change("server.yaml", "flows:", "sip: {registrar: {max_contacts: 1}}\nflows:")
    change("server.yaml", "flows:", "journal: {fsync_interval_ms: 250}\nflows:")
    change("server.yaml", "flows:", "calls: {code_done_prompts: {away: goodbye}}\nflows:")
    config = load_config(folder)
    assert config.endpoint_settings({"udp": ("192.0.2.1", 5060)}, {}).max_contacts == 1
    assert config.journal_settings().sync_interval_s == 0.25
    assert config.centre_settings().prompts.code_done[CodeAction.AWAY] == "goodbye"


def test_optional_files_may_be_missing(folder, change):
    (folder / "server.yaml").unlink()
    (folder / "reasons.yaml").unlink()
    change("queues.yaml", "    category: health\n", "")
    change("agents.yaml", "    categories: {health: AA}\n", "")
    (folder.parent / "flows").rename(folder.parent / "ivr_flows")
    config = load_config(folder)
    assert config.server.sip.udp == (Address("127.0.0.1", 5060),)
    assert [reason.code for reason in config.reasons.away_reasons] == [
        "break",
        "meal",
        "training",
    ]


def test_ranges_are_written_out(folder, change):
    change(
        "agents.yaml",
        "# trailing remark",
        'ranges:\n  - {first: b098, last: b101, name: "Seat {number}", password: "{number}x",'
        " skills: {service: C}}",
    )
    config = load_config(folder)
    seats = config.agent_profiles()[2:]
    assert [seat.number for seat in seats] == ["b098", "b099", "b100", "b101"]
    assert seats[0].name == "Seat b098"
    assert config.passwords()["b101"] == "b101x"


def test_what_is_hardly_meant_is_a_warning(folder, change):
    change("queues.yaml", "skill: service", "skill: servce")
    warnings = [str(w).removeprefix(f"{folder}/") for w in load_config(folder).warnings]
    assert warnings == [
        "queues.yaml:8:12: no agent has the skill 'servce': calls wait until max_wait_s"
        " (did you mean 'service'?)",
        "agents.yaml:10:14: no queue asks for the skill 'service' (did you mean 'servce'?)",
    ]


def test_passwords_in_clear_are_one_warning(folder, change):
    change("agents.yaml", "    account: desk2\n", "    account: desk2\n    password: labonly\n")
    change(
        "agents.yaml",
        "# trailing remark",
        """\
ranges:
  - {first: b1, last: b9, password: "{number}", skills: {sales: C}}""",
    )
    (warning,) = load_config(folder).warnings
    assert str(warning).removeprefix(f"{folder}/") == (
        "agents.yaml:10:15: a password in clear and 1 more: for labs only"
        " (take it out and use `acd agents passwd`)"
    )


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:5060", Address("127.0.0.1", 5060)),
        ("pbx.example.com:0", Address("pbx.example.com", 0)),
        ("[::1]:5060", Address("::1", 5060)),
    ],
)
def test_addresses(text, address):
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize("text", ["", "5060", "127.0.0.1", "host:65536", "::1:5060", "a b:1"])
def test_no_addresses(text):
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_address(text)


# --- bad ones ---

SINGLE_FAULTS = [
    (
        "server.yaml",
        "timezone: Asia/Shanghai",
        "timezone: Asia/Shanghia",
        "server.yaml:2:13: timezone: an IANA time zone is wanted, not 'Asia/Shanghia'"
        " (did you mean 'Asia/Shanghai'?)",
    ),
    (
        "server.yaml",
        "timezone:",
        "time_zone:",
        "server.yaml:2:3: unknown key 'time_zone' (did you mean 'timezone'?)",
    ),
    (
        "server.yaml",
        "flows: ../flows",
        "flows: ../flows\nsip: {udp: [5060]}",
        "server.yaml:4:13: 0: an address is wanted, not 5060 (HOST:PORT, such as 127.0.0.1:5060)",
    ),
    (
        "server.yaml",
        "flows: ../flows",
        "flows: ../flows\ndatabase: {dsn: 'mysql://root:hunter2@db/acd'}",
        "server.yaml:4:17: malformed DSN (postgresql://USER:PASSWORD@HOST:PORT/DATABASE,"
        " special characters as %XX)",
    ),
    (
        "server.yaml",
        "flows: ../flows",
        "flows: ../flows\nsip: {udp: [], tcp: []}",
        "server.yaml:4:6: no address to listen on (at least one under udp or tcp)",
    ),
    (
        "server.yaml",
        "flows: ../flows",
        "flows: ../flows\nmedia: {port_min: 20000, port_max: 20001}",
        "server.yaml:4:8: media: too few RTP ports, not dict"
        " (port_max at least 15 above port_min: two per leg)",
    ),
    (
        "server.yaml",
        "flows: ../flows",
        "flows: ../flows\ndrain_s: -1",
        "server.yaml:4:10: drain_s: input should be greater than or equal to 0, not -1",
    ),
    (
        "server.yaml",
        "flows: ../flows",
        "flows: ../flows\ncalls: {max_wait_prompt: goodby}",
        "server.yaml:4:26: no sound file {flows}/prompts/zh/goodby.wav (did you mean 'goodbye'?)",
    ),
    (
        "numbers.yaml",
        "queue: sales",
        "queue: sale",
        "numbers.yaml:3:19: no queue 'sale' in queues.yaml (did you mean 'sales'?)",
    ),
    (
        "numbers.yaml",
        "flow: hotline",
        "flow: hotlin",
        "numbers.yaml:2:18: no flow 'hotlin' in {flows} (did you mean 'hotline'?)",
    ),
    (
        "numbers.yaml",
        "echo: true",
        "echo: true, queue: sales",
        "numbers.yaml:4:11: 4099: exactly one target is wanted, not dict"
        " (`flow: NAME`, `queue: NAME` or `echo: true`)",
    ),
    (
        "numbers.yaml",
        '"4099": {echo: true}',
        '"4099": {echo: true}\nagent_codes: {log_out: "*141"}',
        "numbers.yaml:5:14: *141 means both agent_codes.disposition and log_out",
    ),
    (
        "queues.yaml",
        "kind: sales",
        "kind: sale",
        "queues.yaml:3:11: kind: unknown value 'sale' (did you mean 'sales'?)",
    ),
    (
        "queues.yaml",
        "category: health",
        "category: helth",
        "queues.yaml:5:15: no category 'helth' in reasons.yaml (did you mean 'health'?)",
    ),
    (
        "queues.yaml",
        "{hang_up_prompt: goodbye}",
        "{queue: sales}",
        "queues.yaml:6:23: overflow goes round in a circle: sales → service → sales"
        " (let one of them overflow to a flow or hang_up_prompt)",
    ),
    (
        "queues.yaml",
        "    skill: service",
        "    skill: service\n    music: music/defualt",
        "queues.yaml:9:12: no sound file {flows}/prompts/music/defualt.wav"
        " (did you mean 'music/default'?)",
    ),
    (
        "agents.yaml",
        "sales: AAA",
        "sales: AAAA",
        "agents.yaml:5:21: sales: a grade is wanted, not 'AAAA'"
        " (C, B, A, AA or AAA, from lowest to highest)",
    ),
    (
        "agents.yaml",
        "number: 1002",
        "number: 1001",
        "agents.yaml:7:13: agent number '1001' is taken (first in line 3)",
    ),
    (
        "agents.yaml",
        "account: desk2",
        "account: '1001'",
        "agents.yaml:9:14: account '1001' is taken (first in line 3)",
    ),
    (
        "agents.yaml",
        "{health: AA}",
        "{health: AA}\n    rank: {sails: 0.5}",
        "agents.yaml:7:12: no queue 'sails' in queues.yaml (did you mean 'sales'?)",
    ),
    (
        "agents.yaml",
        "    name: 张敏\n",
        "",
        "agents.yaml:7:5: missing 'name' (add `name:`)",
    ),
    (
        "agents.yaml",
        "# trailing remark",
        "ranges: [{first: a1, last: b2, skills: {}}]",
        "agents.yaml:12:10: 0: first and last do not fit together, not dict"
        " (such as a0001 and a0200)",
    ),
    (
        "reasons.yaml",
        "categories:",
        "away_reasons: [{digit: 1, code: a, name: a}, {digit: 1, code: b, name: b}]\ncategories:",
        "reasons.yaml:1:1: document: away_reasons: digit 1 is there twice, not dict (each once)",
    ),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"), SINGLE_FAULTS, ids=[case[3] for case in SINGLE_FAULTS]
)
def test_a_fault_says_where_and_what_would_be_right(folder, change, file, old, new, expected):
    change(file, old, new)
    flows = str((folder / "../flows").resolve())
    assert expected.replace("{flows}", flows) in "\n".join(faults_of(folder))


def test_the_dsn_is_not_repeated(folder, change):
    change("server.yaml", "flows:", "database: {dsn: 'mysql://root:hunter2@db/acd'}\nflows:")
    assert "hunter2" not in "\n".join(faults_of(folder))


def test_all_faults_of_all_files_come_at_once(folder, change):
    change("server.yaml", "timezone:", "time_zone:")
    change("numbers.yaml", "queue: sales", "queue: sale")
    change("queues.yaml", "kind: sales", "kind: sale")
    change("agents.yaml", "sales: AAA", "sales: D")
    change("reasons.yaml", "code: health", "code: Health")
    files = [fault.partition(":")[0] for fault in faults_of(folder)]
    assert files == ["agents.yaml", "numbers.yaml", "queues.yaml", "reasons.yaml", "server.yaml"]


def test_one_slip_in_queues_does_not_make_every_queue_unknown(folder, change):
    change("queues.yaml", "kind: sales", "kind: sale")
    assert len(faults_of(folder)) == 1


def test_missing_and_unreadable_files(folder):
    (folder / "numbers.yaml").unlink()
    (folder / "queues.yaml").write_bytes(b"queues:\n  \xff\xfe: {}\n")
    (folder / "agents.yaml").write_text("agents: [\n", encoding="utf-8")
    faults = faults_of(folder)
    assert "numbers.yaml:1:1: the file is missing (--config names its folder)" in faults
    assert "queues.yaml:2:1: the text is not UTF-8 (save it as UTF-8)" in faults
    assert any(fault.startswith("agents.yaml:2:1: not YAML") for fault in faults)


def test_a_missing_folder_is_one_fault(tmp_path):
    with pytest.raises(ConfigError, match="no such configuration folder"):
        load_config(tmp_path / "nowhere")


def test_overlapping_ranges_are_told(folder, change):
    change(
        "agents.yaml",
        "# trailing remark",
        "ranges:\n  - {first: 1000, last: 1002, skills: {sales: C}}",
    )
    faults = faults_of(folder)
    assert faults[0] == "agents.yaml:13:13: agent number '1001' is taken (first in line 3)"


# --- the project's own folders ---


def test_the_stock_configuration_is_good():
    config = load_config(ROOT / "config")
    assert config.warnings == ()
    plan = config.number_plan()
    assert plan.target("4000") == FlowTarget("hotline")
    assert plan.target("4001") == QueueTarget("sales")
    assert plan.target("4002") == QueueTarget("service")
    assert plan.target("4099") == EchoTarget()
    skills = {agent.number: set(agent.skills) for agent in config.agent_profiles()}
    assert skills == {
        **{str(number): {"sales"} for number in range(1001, 1005)},
        **{str(number): {"service"} for number in range(1005, 1009)},
        "1009": {"sales", "service"},
    }
    assert config.passwords() == {}


def test_every_stock_agent_is_reached_by_a_layer():
    config = load_config(ROOT / "config")
    for queue in config.queue_profiles():
        lowest = min(layer.minimum_grade for layer in queue.layers)
        assert all(
            agent.skills[queue.skill] >= lowest
            for agent in config.agent_profiles()
            if queue.skill in agent.skills
        )


def test_the_bench_profile_is_what_the_rig_relies_on():
    config = load_config(ROOT / "tests/bench/config")
    assert config.server.sip.registrar.qualify_s == 0
    agents = {agent.number: agent for agent in config.agent_profiles()}
    assert list(agents) == [f"a{n:04d}" for n in range(1, 1201)]
    assert config.passwords() == {number: number for number in agents}
    queues = {queue.name: queue for queue in config.queue_profiles()}
    sizes = {}
    for number, target in config.number_plan().targets.items():
        if isinstance(target, QueueTarget):
            skill = queues[target.queue].skill
            sizes[number] = [name for name, agent in agents.items() if skill in agent.skills]
    assert {number: len(names) for number, names in sizes.items()} == {
        "4001": 200,
        "4002": 20,
        "4003": 0,
        "4004": 400,
        "4005": 1200,
    }
    assert all(names == list(agents)[: len(names)] for names in sizes.values())
    for queue in queues.values():
        assert [layer.order for layer in queue.layers] == ["longest_idle"]
        assert (queue.wrap_up_s, queue.music, queue.position_every_s) == (0, "", 0)
        assert queue.max_wait_s >= 120
    assert config.server.sip.registrar.max_contacts == 1
    assert config.server.database.dsn == ""
    assert config.agents.log_in_at_registration
