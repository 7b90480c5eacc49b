"""The reference pages name what the code has, and nothing that it has not."""

import inspect
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any, cast, get_args

import pytest
import trustme
import yaml
from msgspec import Struct

from acd.app.views import DIALLED, REFUSALS
from acd.calls import events
from acd.calls.call import EndReason, Phase
from acd.config import load_config
from acd.config.describe import text as described_settings
from acd.routing.events import LeaveReason, OfferOutcome
from acd.routing.model import State
from acd.sip.guard import Offence
from acd.sip.request_checks import EXTENSIONS, REGISTER_EXTENSIONS, SERVED
from acd.sip.trunk_settings import Health
from acd.web.app import build_app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
INLINE_CODE = re.compile(r"`([^`\n]+)`")
WORD = re.compile(r"[a-z]+(?:_[a-z0-9]+)+\Z")
"Names that have an underscore: settings, columns, metrics, log lines."

SETTING = re.compile(r"([a-z_0-9]+)(?:\.[a-z_0-9]+)+\Z")
FOLDERS = ("acd/", "config/", "deploy/", "docs/", "ivr_flows/", "tests/")
SOURCES = (
    ("acd", "*.py"),
    ("acd", "*.sql"),
    ("config", "*.yaml"),
    ("tests/bench", "*.py"),
    ("deploy", "*.yml"),
)


def page_text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def codes(page: Path) -> set[str]:
    return set(INLINE_CODE.findall(page.read_text(encoding="utf-8")))


def first_column(page: str, heading: str) -> set[str]:
    """Return the names in code of the first column of a section's tables."""
    section = page_text(page).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    return {name for cell in rows for name in INLINE_CODE.findall(cell)}


def sources(*patterns: tuple[str, str]) -> Iterator[str]:
    for folder, pattern in patterns:
        for path in (ROOT / folder).rglob(pattern):
            yield path.read_text(encoding="utf-8")


def quoted_words(event: type[Struct]) -> set[str]:
    """Return the closed set that an event's docstrings name."""
    found = set(re.findall(r'"([a-z]+(?:_[a-z]+)*)"', inspect.getsource(event)))
    assert len(found) > 5, "the docstring lists no closed set any more"
    return found


def settings() -> set[str]:
    """Return every dotted path that may name a setting, from whichever section it is read."""
    paths = re.findall(r"^  (\S+) = ", described_settings(), re.MULTILINE)
    found = set()
    for path in paths:
        parts = path.replace("[]", "").replace(".NAME", "").split(".")
        for end in range(len(parts)):
            found |= {".".join(parts[begin : end + 1]) for begin in range(end + 1)}
    return found


def test_every_route_is_in_the_api_page_and_no_other() -> None:
    app = build_app(cast("Any", SimpleNamespace(token="")))  # no handler is called
    routes = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.method != "HEAD" and route.resource is not None
    }
    named = re.findall(r"\| `(GET|POST|DELETE) (/\S*?)(?:\?[^`]*)?` \|", page_text("api.md"))
    documented = {(method, re.sub(r"[A-Z]+", "{}", path)) for method, path in named}
    assert documented == {(method, re.sub(r"\{[^}]*\}", "{}", path)) for method, path in routes}


def test_every_error_code_of_the_api_is_in_its_page() -> None:
    patterns = (r'RequestError\(\s*\d+,\s*"(\w+)"', r'CommandRefusedError\(\s*"(\w+)"')
    text = "".join(sources(("acd/web", "*.py"), ("acd/app", "*.py")))
    used = {code for pattern in patterns for code in re.findall(pattern, text)}
    assert {"unauthorized", "not_in_wrap_up"} <= used
    used |= DIALLED | set(REFUSALS)
    assert not used - codes(DOCS / "api.md")


def test_the_words_of_the_api_are_in_its_page() -> None:
    words = {phase.name.lower() for phase in Phase if phase is not Phase.ENDED}
    words |= {state.value for state in (*State, *Health)}
    assert not words - set(" ".join(codes(DOCS / "api.md")).split())


def test_the_values_of_labels_are_in_the_metrics_page() -> None:
    named = codes(DOCS / "metrics.md")
    for closed in (EndReason, LeaveReason, OfferOutcome, Offence, State):
        assert not {member.value for member in closed} - named, closed.__name__
    rejected = quoted_words(events.CallRejected)
    assert not (rejected | quoted_words(events.TransferFailed)) - {"agent", "queue"} - named


def test_every_event_is_in_the_records_page_and_no_other() -> None:
    assert first_column("records.md", "Events") == {
        kind.__name__ for kind in get_args(events.Event)
    }


def test_every_table_is_in_the_records_page_and_no_other() -> None:
    made = re.findall(r"CREATE TABLE (\w+) \(", "".join(sources(("acd/storage", "*.sql"))))
    assert made
    assert first_column("records.md", "Tables") == set(made)


def test_what_sip_serves_is_in_its_page() -> None:
    text = page_text("sip.md")
    methods = re.findall(r"^Methods served: (.*)$", text, re.MULTILINE)[0]
    assert set(re.findall(r"\b[A-Z]{3,}\b", methods)) == {name.decode() for name in SERVED}
    tags = {tag.decode() for tag in EXTENSIONS | REGISTER_EXTENSIONS}
    assert not tags - codes(DOCS / "sip.md")


def test_every_refusal_of_sip_is_in_its_page() -> None:
    text = "".join(sources(("acd/sip", "*.py")))
    used = set(re.findall(r'BadMessageError\(\s*f?"[^"]*",\s*([3-6]\d\d)\b', text))
    assert {"420", "481"} <= used
    assert not used - set(re.findall(r"\b[3-6]\d\d\b", page_text("sip.md")))


@pytest.mark.parametrize("page", ["README.md", "docs/README.zh.md"])
def test_the_readme_names_every_configuration_file(page: str) -> None:
    missing = {path.name for path in (ROOT / "config").glob("*.yaml")} - codes(ROOT / page)
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_that_are_named_exist(page: Path) -> None:
    if page.name == "architecture.md":
        return  # its dotted names are modules
    known = settings()
    named = {
        code
        for code in codes(page)
        if SETTING.match(code) and not code.endswith((".yaml", ".html"))
    }
    wrong = {code for code in named if code.partition(".")[0] in known} - known
    assert not wrong


def test_a_setting_that_is_not_there_would_be_found() -> None:
    assert {"sip.registrar.qualify_s", "registrar.qualify_s", "dial_plan.trunks"} <= settings()
    assert "sip.qualify_s" not in settings()


def test_names_in_the_pages_are_words_of_the_code() -> None:
    known = set(re.findall(r"\w+", "\n".join(sources(*SOURCES))))
    known.add("acd_build_info")  # prometheus_client puts the suffix there
    for page in PAGES:
        named = {re.sub(r"^(acd_\w+)_total$", r"\1", code) for code in codes(page)}
        wrong = {code for code in named if WORD.match(code)} - known
        assert not wrong, page.name


def test_modules_in_the_pages_exist() -> None:
    known = {path.name for folder in ("acd", "tests") for path in (ROOT / folder).rglob("*.py")}
    for page in PAGES:
        named = {code for code in codes(page) if re.fullmatch(r"\w+\.py", code)}
        assert not named - known, page.name


def test_paths_in_the_pages_lead_somewhere() -> None:
    for page in PAGES:
        for code in codes(page):
            if code.startswith(FOLDERS) and re.fullmatch(r"[\w./-]+", code):
                assert (ROOT / code).exists(), f"{page.name}: {code}"


@pytest.mark.parametrize("page", ["README.md", "docs/README.zh.md"])
def test_the_way_onto_the_internet_can_be_followed(page: str, tmp_path: Path) -> None:
    folder = tmp_path / "config"
    shutil.copytree(ROOT / "config", folder)
    (tmp_path / "ivr_flows").symlink_to(ROOT / "ivr_flows")
    (folder / "secrets").mkdir()
    (folder / "secrets" / "carrier").write_text("password")
    trustme.CA().issue_cert("sip.example.com").private_key_and_cert_chain_pem.write_to_path(
        folder / "both.pem"
    )
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
    blocks = {block.split(":", 1)[0].strip(): dedent(block) for block in found}
    (folder / "trunks.yaml").write_text(blocks["trunks"])
    # The certificate of the text lies with its owner.
    server = re.sub(r"/etc/letsencrypt\S+", "both.pem", blocks["sip"])
    for file, block in (("numbers.yaml", blocks["dial_plan"]), ("server.yaml", server)):
        stock = yaml.safe_load((folder / file).read_text(encoding="utf-8"))
        (folder / file).write_text(yaml.safe_dump(stock | yaml.safe_load(block)))
    config = load_config(folder)
    assert config.warnings == ()
    (trunk,) = config.trunk_settings()
    assert config.number_plan().dial_plan.trunks == (trunk.name,)
