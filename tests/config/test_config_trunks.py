"""trunks.yaml: every fault with its line, secrets from outside, values for the endpoint."""

from itertools import takewhile
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from acd.config import ConfigError, load_config
from acd.config.trunk_secrets import read_passwords
from acd.config.trunks import Trunks
from acd.ivr.document import Document
from acd.sip.trunk_settings import Gateway

TRUNKS = """\
trunks:
  carrier:
    domain: ims.example.cn
    gateways:
      - {host: 10.20.30.1, priority: 1}
      - {host: sip.example.cn, transport: tcp}
    registration: {user: "+8675512340000", contact: line1}
    password_file: secrets/carrier
    codecs: [PCMA]
    channels: 60
    trusted: true
    caller_id: {number: "+8675512340000", allowed: ["+867551234*"]}
    numbering: {style: national, user_phone: true}
    incoming:
      networks: [10.20.31.0/24]
      numbers: {"4008001234": "4000"}
  pbx:
    incoming: {account: pbx, password_env: PBX_PASSWORD, called_number: to}
dns: {servers: ["192.0.2.53:53"]}
"""


@pytest.fixture
def trunks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write good trunks beside the good configuration."""
    (folder / "trunks.yaml").write_text(TRUNKS)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "carrier").write_text("s3cret\n")
    monkeypatch.setenv("PBX_PASSWORD", "pbx-s3cret")
    return folder


def faults(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(folder)
    return [f"{Path(f.file).name}:{f.line} {f.path}: {f.message}" for f in caught.value.faults]


def test_the_endpoint_gets_what_the_file_says(trunks):
    config = load_config(trunks)
    carrier, pbx = config.trunk_settings()
    assert carrier.gateways == (
        Gateway(host="10.20.30.1", priority=1),
        Gateway(host="sip.example.cn", transport="tcp"),
    )
    assert (carrier.username, carrier.password) == ("+8675512340000", "s3cret")
    assert carrier.numbers == {"+864008001234": "4000"}
    assert carrier.registration.contact == "line1"
    assert (pbx.account, pbx.account_password, pbx.called_from) == ("pbx", "pbx-s3cret", "to")
    assert [str(server) for server in config.trunks.dns.servers] == ["192.0.2.53:53"]
    assert "s3cret" not in repr(config)


def test_no_file_is_no_trunk(folder):
    assert load_config(folder).trunk_settings() == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("host: 10.20.30.1", "host: '10.20.30.1:5060'", "trunks.yaml:5"),
        ("transport: tcp", "transport: sctp", "trunks.yaml:6"),
        ("[PCMA]", "[G729]", "trunks.yaml:9"),
        ("channels: 60", "channels: -1", "trunks.yaml:10"),
        ('+8675512340000", allowed', '0755", allowed', "trunks.yaml:12"),
        ("style: national", "country: XX", "trunks.yaml:13"),
        ("10.20.31.0/24", "10.20.31.7/24", "trunks.yaml:15"),
        ('"4000"', '"4711"', "trunks.yaml:16 trunks.carrier.incoming.numbers.4008001234"),
        ("account: pbx", "account: desk2", "trunks.yaml:18 trunks.pbx.incoming.account"),
        ("PBX_PASSWORD", "NO_SUCH_PASSWORD", "trunks.yaml:18 trunks.pbx.incoming.password_env"),
        ("secrets/carrier", "secrets/none", "trunks.yaml:8 trunks.carrier.password_file"),
        ("192.0.2.53:53", "ns.example.cn:53", "trunks.yaml:19 dns.servers.0"),
        ("account: pbx, password_env: PBX_PASSWORD, ", "", "trunks.yaml:17 trunks.pbx"),
    ],
)
def test_every_fault_has_its_line(trunks, old, new, told):
    text = (trunks / "trunks.yaml").read_text()
    assert text.count(old) == 1
    (trunks / "trunks.yaml").write_text(text.replace(old, new))
    (found,) = faults(trunks)
    assert found.startswith(told)


def test_a_password_stands_in_no_trunks_yaml(trunks):
    text = TRUNKS.replace("password_file: secrets/carrier", "password: s3cret")
    (trunks / "trunks.yaml").write_text(text)
    (found,) = faults(trunks)
    assert "trunks.carrier.password" in found


def test_two_trunks_must_be_told_apart(trunks):
    more = """\
  other:
    incoming: {networks: [10.20.0.0/16], account: pbx, password_env: PBX_PASSWORD}
  third:
    incoming: {tls_names: [a.example]}
  fourth:
    incoming: {tls_names: [A.example], networks: [10.20.0.0/16]}
dns:
"""
    (trunks / "trunks.yaml").write_text(TRUNKS.replace("dns:", more.rstrip(), 1))
    assert faults(trunks) == [
        "trunks.yaml:20 trunks.other.incoming.account: pbx is what trunk 'pbx' is known by",
        "trunks.yaml:20 trunks.other.incoming.networks.0: 10.20.0.0/16 is also trunk 'carrier'",
        "trunks.yaml:24 trunks.fourth.incoming.tls_names.0:"
        " a.example is what trunk 'third' is known by",
    ]


@pytest.mark.parametrize("content", ["", "two\nlines", "x" * 300, "a\x00b"])
def test_a_password_file_holds_one_line(trunks, content):
    (trunks / "secrets" / "carrier").write_text(content)
    (found,) = faults(trunks)
    assert "not one line" in found
    assert not content or content not in found


def test_a_user_without_password_and_two_sources_are_faults(tmp_path):
    data = {
        "a": {"gateways": [{"host": "192.0.2.1"}], "username": "me"},
        "b": {
            "gateways": [{"host": "192.0.2.1"}],
            "password_env": "SET",
            "password_file": "there",
        },
    }
    trunks = TypeAdapter(Trunks).validate_python({"trunks": data})
    document = Document("trunks.yaml", {}, None)
    passwords, found = read_passwords(tmp_path, document, trunks, {"SET": "x"})
    assert not any(passwords.values())
    assert [fault.path for fault in found] == ["trunks.a.username", "trunks.b.password_env"]


def test_the_dial_plan_names_trunks_that_lead_out(trunks):
    numbers = trunks / "numbers.yaml"
    text = numbers.read_text()
    numbers.write_text(text + "dial_plan:\n  trunks: [carier, pbx, carrier]\n")
    assert faults(trunks) == [
        "numbers.yaml:6 dial_plan.trunks.0: no trunk 'carier' in trunks.yaml",
        "numbers.yaml:6 dial_plan.trunks.1: trunk 'pbx' has no gateways to call by",
    ]
    numbers.write_text(text + "dial_plan:\n  trunks: [carrier]\n")
    assert load_config(trunks).number_plan().dial_plan.codecs == {"carrier": ("PCMA",)}


def test_what_is_hardly_meant_is_warned_of(trunks):
    text = TRUNKS.replace('number: "+8675512340000", allowed', "allowed")
    (trunks / "trunks.yaml").write_text(text.replace("channels: 60", "tls: {verify: false}"))
    told = [f"{fault.line} {fault.message}" for fault in load_config(trunks).warnings]
    assert "12 without `number`, every caller's own number is shown" in told
    assert "10 any certificate is taken" in told


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0"])
def test_a_trunk_that_is_everybody_is_warned_of(trunks, network):
    (trunks / "trunks.yaml").write_text(TRUNKS.replace("10.20.31.0/24", f'"{network}"'))
    told = [f"{fault.line} {fault.message}" for fault in load_config(trunks).warnings]
    message = f"whoever calls from {network} is this trunk: no limit and no ban holds there"
    assert f"15 {message}" in told


def test_a_file_name_that_no_disk_can_hold(trunks):
    tls = f"channels: 60\n    tls: {{ca: {'a' * 300}}}"
    (trunks / "trunks.yaml").write_text(TRUNKS.replace("channels: 60", tls))
    (told,) = faults(trunks)
    assert told.startswith("trunks.yaml:11 trunks.carrier.tls.ca: no file ")


def test_the_stock_examples_hold(folder, tmp_path):
    """Those of trunks.yaml and of docs/sip.md are good once their password files are there."""
    root = Path(__file__).parents[2]
    commented = (root / "config" / "trunks.yaml").read_text().partition("trunks: {}\n")[2]
    lines = [
        line[2:] for line in commented.splitlines() if line.startswith("#  ") or "s:" in line[:9]
    ]
    stock = "\n".join(line for line in lines if not line.startswith("dns"))
    page = (root / "docs" / "sip.md").read_text()
    examples = [stock]
    for part in page.split("\n    trunks:\n")[1:]:
        body = [line[4:] for line in takewhile(lambda line: line.strip(), part.splitlines())]
        examples.append("trunks:\n" + "\n".join(body))
    assert len(examples) == 3
    (folder / "secrets").mkdir()
    (folder / "secrets" / "carrier").write_text("x")
    numbers = yaml.safe_load((folder / "numbers.yaml").read_text())
    assert {"4000", "4001"} <= numbers["numbers"].keys()
    for example in examples:
        (folder / "trunks.yaml").write_text(example)
        assert load_config(folder).trunk_settings()
