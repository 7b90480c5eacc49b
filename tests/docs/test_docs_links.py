"""README and docs: links lead somewhere, commands can be typed, examples are right."""

import pkgutil
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

import acd.cli
from acd.config.describe import markdown
from acd.ivr.book import load_flows
from acd.ivr.validation import FlowContext

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"!?\[[^]]*\]\(([^)\s]+)\)")
INLINE_CODE = re.compile(r"`([^`\n]+)`")
PLACEHOLDERS = {
    "NUMBER": "1001", "工号": "1001", "DIR": "var", "ID": "0", "PATH": "x.yaml", "目录": "var"
}  # fmt: skip


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """Return the page without its code blocks."""
    return "\n".join(line for line, code in lines(page) if not code)


def lines(page: Path) -> Iterator[tuple[str, bool]]:
    """Yield each line, and whether it is code: indented by four or between fences."""
    fenced = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            fenced = not fenced
            continue
        yield line, fenced or line.startswith("    ")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = (line for line, code in lines(page) if not code and line.startswith("#"))
    texts = (heading.lstrip("#").strip().lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", text).replace(" ", "-") for text in texts}


def commands(page: Path) -> Iterator[str]:
    """Yield every `acd …` of the page, from code blocks and from inline code."""
    for line, code in lines(page):
        found = [line.strip().removeprefix("$ ")] if code else INLINE_CODE.findall(line)
        for text in found:
            text = re.sub(r"\s+#.*", "", text)
            if re.match(r"acd [a-z]", text) and "…" not in text:
                yield text


def understood(command: str) -> bool:
    """Whether the command line parses; a noun alone, as texts name it, has to exist."""
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(command)[1:]]
    nouns = {module.name for module in pkgutil.iter_modules(acd.cli.__path__)}
    if len(words) == 1 and words[0] in nouns:
        return True
    if words[-1] in {"--sip", "--http"}:
        words.append("127.0.0.1:0")  # texts name the option alone
    try:
        acd.cli._parser().parse_args(words)
    except SystemExit:
        return False
    return True


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page_id(page)}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page_id(page)}: no heading for {link}"


def test_commands_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    found = {command: page_id(page) for page in PAGES for command in commands(page)}
    assert {"acd demo --minutes 2", "acd flow check", "acd report kpi --day today"} <= set(found)
    wrong = [f"{page}: {command}" for command, page in found.items() if not understood(command)]
    assert not wrong, capsys.readouterr().err


@pytest.mark.parametrize("command", ["acd call 4000", "acd demo --minuets 2", "acd phone call"])
def test_a_mistyped_command_would_be_found(command: str) -> None:
    assert not understood(command)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for line, code in lines(page):
            found = [line] if code else INLINE_CODE.findall(line)
            for text in found:
                named = re.match(r"\s*make ([a-z]+)", text)
                assert named is None or named[1] in targets, f"{page_id(page)}: {text}"


def test_readme_names_every_package_that_make_test_installs() -> None:
    script = (ROOT / "deploy/test-tools.sh").read_text(encoding="utf-8")
    packages = re.findall(
        r"\b[\w-]+:([\w-]+)", script.partition("for pair in")[2].partition(";")[0]
    )
    assert packages
    for page in (ROOT / "README.md", ROOT / "docs/README.zh.md"):
        missing = [
            name for name in packages if f"`{name}`" not in page.read_text(encoding="utf-8")
        ]
        assert not missing, page_id(page)


def test_flow_examples_are_right() -> None:
    text = (ROOT / "docs/flows.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(flow:.*?)```", text, re.DOTALL)
    assert examples
    prompts = ROOT / "ivr_flows/prompts"
    sounds = {
        wav.relative_to(prompts).with_suffix("").as_posix() for wav in prompts.glob("*/*.wav")
    }
    queues = yaml.safe_load((ROOT / "config/queues.yaml").read_text(encoding="utf-8"))["queues"]
    files = {f"{example.split()[1]}.yaml": example for example in examples}
    book = load_flows(files, FlowContext(queues=frozenset(queues), sounds=frozenset(sounds)))
    assert len(book.flows) == len(examples)


def test_rivals_figures_are_those_of_the_bench() -> None:
    text = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    table = {row[1]: row[3:6] for row in rows if len(row) == 7}
    for peer in yaml.safe_load((ROOT / "tests/bench/peers.yaml").read_text(encoding="utf-8")):
        wanted = [str(peer[name]) for name in ("asterisk", "freeswitch", "goal")]
        assert [cell.strip("–") for cell in table[peer["row"]]] == wanted, peer["row"]


def test_the_configuration_page_is_what_the_program_describes() -> None:
    assert (ROOT / "docs/configuration.md").read_text(encoding="utf-8") == markdown()
