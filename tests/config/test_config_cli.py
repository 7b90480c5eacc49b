"""`acd config`, `acd agents`, and how the command line ends."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from acd.cli import main
from acd.config import load_config
from acd.storage.secrets import SecretStore, ha1

ROOT = Path(__file__).parents[2]


@pytest.fixture
def agents(folder, tmp_path, capsys):
    """Return a function that runs `acd agents …` on the good folder: (code, output, errors)."""

    def run(*words):
        options = ["--config", str(folder), "--state", str(tmp_path / "var")]
        code = main(["agents", *words, *options])
        output, errors = capsys.readouterr()
        return code, output, errors

    return run


def test_check_tells_what_a_good_folder_holds(folder, capsys):
    assert main(["config", "check", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}: good; 3 numbers, 2 queues, 2 agents\n"


def test_check_prints_every_fault(folder, change, capsys):
    change("queues.yaml", "kind: sales", "kind: sale")
    change("agents.yaml", "sales: AAA", "sales: D")
    assert main(["config", "check", "--config", str(folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.removeprefix(f"{folder}/").split(": ")[0] for line in lines] == [
        "agents.yaml:5:21",
        "queues.yaml:3:11",
        "2 faults; nothing was changed",
    ]


def test_check_as_json(folder, change, capsys):
    change("queues.yaml", "kind: sales", "kind: sale")
    assert main(["config", "check", str(folder), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert not answer["ok"]
    assert answer["faults"] == [
        {
            "file": f"{folder}/queues.yaml",
            "line": 3,
            "column": 11,
            "path": "queues.sales.kind",
            "message": "kind: unknown value 'sale'",
            "hint": "did you mean 'sales'?",
        }
    ]


def test_describe_is_the_page_in_docs(capsys):
    """If this fails: `acd config describe --markdown > docs/configuration.md`."""
    assert main(["config", "describe", "--markdown"]) == 0
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out == page


def test_describe_for_a_terminal(capsys):
    assert main(["config", "describe"]) == 0
    assert "  sip.registrar.max_contacts = 3\n" in capsys.readouterr().out


def test_every_setting_is_described():
    from acd.config.describe import _FILES, _plain, _sections

    for file, model, _ in _FILES:
        for path, section in _sections(model):
            assert section.__doc__, f"{file} {path}"
            for name, _, said in _plain(section):
                assert said, f"{file} {path}.{name}"


def test_list(agents):
    code, output, _ = agents("list", "--json")
    assert code == 0
    assert json.loads(output)[1] == {
        "number": "1002",
        "name": "张敏",
        "account": "desk2",
        "team": "",
        "skills": {"service": "B"},
        "categories": {},
        "password": "none",
        "devices": [],
    }
    code, output, _ = agents("list")
    assert [line.split()[0] for line in output.splitlines()] == ["1001", "1002"]


def test_passwd_makes_a_random_password_and_says_it_once(agents, tmp_path):
    code, output, _ = agents("passwd", "1002", "--json")
    answer = json.loads(output)
    assert (code, answer["account"]) == (0, "desk2")
    store = SecretStore(tmp_path / "var")
    store.provide({"desk2": None}, "acd")
    assert store.ha1("desk2", "acd", "MD5") == ha1("desk2", "acd", answer["password"], "MD5")
    assert json.loads(agents("list", "--json")[1])[1]["password"] == "set"


def test_passwd_from_standard_input_is_not_repeated(agents, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    code, output, _ = agents("passwd", "1001", "--stdin")
    assert code == 0
    assert "horse" not in output
    store = SecretStore(tmp_path / "var")
    store.provide({"1001": None}, "acd")
    assert store.ha1("1001", "acd", "MD5") == ha1("1001", "acd", "correct horse", "MD5")


def test_passwd_refuses_short_ones(agents, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    code, _, errors = agents("passwd", "1001", "--stdin")
    assert code == 1
    assert errors == "acd: a password has at least 8 printable characters\n"
    assert not (tmp_path / "var/secrets.json").exists()


def test_passwd_of_an_unknown_agent(agents):
    code, _, errors = agents("passwd", "1003")
    assert code == 1
    assert errors.startswith("acd: no agent 1003 in agents.yaml (did you mean")


def test_passwd_of_an_agent_whose_password_is_in_the_file(agents, change):
    change("agents.yaml", "    account: desk2\n", "    account: desk2\n    password: labonly\n")
    code, _, errors = agents("passwd", "1002")
    assert code == 1
    assert "take the line `password:` out" in errors


def test_add_writes_behind_the_last_agent_and_keeps_every_comment(agents, folder, tmp_path):
    before = (folder / "agents.yaml").read_text(encoding="utf-8")
    (folder / "agents.yaml").chmod(0o640)
    code, output, _ = agents(
        "add",
        "1003",
        "--name",
        '陈 "静"',
        "--skill",
        "sales=A",
        "--category",
        "health=B",
        "--json",
    )
    assert code == 0
    assert json.loads(output)["account"] == "1003"
    after = (folder / "agents.yaml").read_text(encoding="utf-8")
    assert [line for line in after.splitlines() if line in before.splitlines()] == (
        before.splitlines()
    )
    assert after.splitlines()[-2:] == ["", "# trailing remark"]
    assert (folder / "agents.yaml").stat().st_mode & 0o777 == 0o640
    added = load_config(folder).agent_profiles()[2]
    assert (added.number, added.name) == ("1003", '陈 "静"')
    assert sorted(path.name for path in folder.iterdir()) == [
        "agents.yaml",
        "numbers.yaml",
        "queues.yaml",
        "reasons.yaml",
        "server.yaml",
    ]
    assert SecretStore(tmp_path / "var").has_secret("1003", "acd")


@pytest.mark.parametrize("old", ["", "agents: []\n", "agents: []   # nobody yet\n"])
def test_add_the_first_agent(agents, folder, old):
    (folder / "agents.yaml").write_text(f"# head\n{old}# tail\nlog_in_at_registration: true\n")
    assert agents("add", "1001", "--name", "王丽", "--skill", "sales=A")[0] == 0
    assert [agent.number for agent in load_config(folder).agent_profiles()] == ["1001"]
    text = (folder / "agents.yaml").read_text(encoding="utf-8")
    assert "# head" in text
    assert "# tail" in text
    assert ("# nobody yet" in text) == ("# nobody yet" in old)


def test_add_an_agent_twice_changes_nothing(agents, folder):
    before = (folder / "agents.yaml").read_bytes()
    code, _, errors = agents("add", "1001", "--name", "again", "--skill", "sales=A")
    assert code == 1
    assert "agent number '1001' is taken (first in line 3)" in errors
    assert (folder / "agents.yaml").read_bytes() == before


@pytest.mark.parametrize("skill", ["sales", "sales=", "=A", "sales=A}", "sa les=A"])
def test_add_with_a_bad_skill(agents, skill):
    code, _, errors = agents("add", "1003", "--name", "x", "--skill", skill)
    assert code == 1
    assert "NAME=GRADE is wanted" in errors


def test_add_to_a_list_in_brackets_is_left_to_its_author(agents, folder):
    text = "agents: [{number: 1001, name: a, skills: {sales: A}, categories: {health: A}}]\n"
    (folder / "agents.yaml").write_text(text)
    code, _, errors = agents("add", "1003", "--name", "x", "--skill", "sales=A")
    assert code == 1
    assert "the agents are a list in brackets" in errors
    assert (folder / "agents.yaml").read_text() == text


# --- how it ends ---


def test_corrupt_secrets_are_one_line(agents, tmp_path):
    path = tmp_path / "var/secrets.json"
    path.parent.mkdir()
    path.touch(0o600)
    code, output, errors = agents("list")
    assert (code, output) == (1, "")
    assert errors.startswith(f"acd: {path} is corrupt")
    assert errors.count("\n") == 1


def test_an_unwritable_state_folder_is_one_line(folder, tmp_path, capsys):
    (tmp_path / "var").touch()
    options = ["--config", str(folder), "--state", str(tmp_path / "var")]
    assert main(["agents", "passwd", "1001", *options]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_run_with_a_bad_address_is_one_line(capsys):
    assert main(["run", "--sip", "5060"]) == 1
    assert capsys.readouterr().err == (
        "acd: --sip: '5060' is no address; HOST:PORT is one, such as 127.0.0.1:5060\n"
    )


def test_ctrl_c_is_130(monkeypatch):
    def interrupted(_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("acd.cli.config.check", interrupted)
    assert main(["config", "check"]) == 130


def test_help_imports_nothing_heavy():
    """`acd --help` answers at once: no settings, database, or web server is imported for it."""
    script = (
        "import sys\nfrom acd.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'pydantic', 'uvloop', 'aiohttp', 'asyncpg', 'yaml', 'rich', 'structlog'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_closed_pipe_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m acd config describe --markdown | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert (done.stdout, done.stderr) == ("# Configuration\n", "")


def test_every_noun_of_the_command_line_is_there(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    words = capsys.readouterr().out.split()
    nouns = {"agents", "config", "flow", "journal", "report", "run", "trace"}
    assert nouns <= set(words)


def test_every_root_of_known_errors_exists():
    import importlib

    from acd.cli import _ROOTS

    for room, name in _ROOTS:
        assert issubclass(getattr(importlib.import_module(room), name), Exception)
