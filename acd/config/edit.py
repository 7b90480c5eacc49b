"""Adding to a settings file as an admin would: by lines, so that comments and order stay."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from acd.ivr.document import Fault

from .checks import faults_between
from .config import ConfigError
from .sources import read_sources

AGENTS = "agents.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAgent:
    """An agent to be written into agents.yaml; values are checked by the models afterwards."""

    number: str
    name: str
    skills: dict[str, str]
    categories: dict[str, str]
    team: str = ""
    account: str = ""

    def lines(self, indent: str) -> list[str]:
        """Return it as lines of YAML. A quoted JSON text is a YAML text too."""
        lines = [f"number: {_quoted(self.number)}", f"name: {_quoted(self.name)}"]
        if self.account:
            lines.append(f"account: {_quoted(self.account)}")
        if self.team:
            lines.append(f"team: {_quoted(self.team)}")
        lines.append(f"skills: {_mapping(self.skills)}")
        if self.categories:
            lines.append(f"categories: {_mapping(self.categories)}")
        return [f"{indent}{'- ' if at == 0 else '  '}{line}" for at, line in enumerate(lines)]


def add_agent(folder: Path, agent: NewAgent) -> None:
    """Write the agent behind the last one of agents.yaml.

    Raises:
        ConfigError: if the folder would have faults with the agent in it; nothing is written.
        OSError: if the file cannot be read or written.

    """
    path = folder / AGENTS
    text = path.read_text(encoding="utf-8")
    # The file must be good before: nothing sensible can be added to what cannot be read.
    _check(folder, {})
    changed = _with_agent(text, agent)
    _check(folder, {AGENTS: changed})
    _replace(path, changed)


def _check(folder: Path, replaced: dict[str, str]) -> None:
    sources = read_sources(folder, replaced)
    if faults := (*sources.faults, *faults_between(sources)):
        raise ConfigError(faults)


def _with_agent(text: str, agent: NewAgent) -> str:
    lines = text.splitlines()
    key, listed = _agents_node(text)
    if key is None or listed is None:
        return "\n".join([*lines, "", "agents:", *agent.lines("  "), ""])
    if isinstance(listed, yaml.SequenceNode) and listed.value and not listed.flow_style:
        at = _last_line(listed) + 1
        return "\n".join(
            [
                *lines[:at],
                *agent.lines(" " * listed.start_mark.column),
                *lines[at:],
                "",
            ]
        )
    if isinstance(listed, yaml.SequenceNode) and listed.value:
        # Written out it would lose its shape and comments; that is for its author to do.
        raise ConfigError(
            (
                Fault(
                    AGENTS,
                    listed.start_mark.line + 1,
                    listed.start_mark.column + 1,
                    "agents",
                    "the agents are a list in brackets",
                    "write it as lines that begin with -",
                ),
            )
        )
    begin, end = key.start_mark.line, listed.end_mark.line
    head = "agents:" + lines[end][listed.end_mark.column :]  # a comment may stand there
    return "\n".join([*lines[:begin], head, *agent.lines("  "), *lines[end + 1 :], ""])


def _agents_node(text: str) -> tuple[yaml.Node | None, yaml.Node | None]:
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == "agents":
            return key, value
    return None, None


def _last_line(node: yaml.Node) -> int:
    """Return the last line that belongs to the node; a block's own end is past its comments."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.line)


def _mapping(values: dict[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in values.items()) + "}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _replace(path: Path, text: str) -> None:
    """Write the file as a whole or not at all, with the rights that it had."""
    path = path.resolve()
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
