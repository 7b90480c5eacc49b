"""The files of a configuration folder as they were read, valid or not."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar

from acd.ivr.document import Document, DocumentError, Fault, read_document

from .agents import Agents
from .blacklist import Blacklist
from .contracts import Contracts
from .numbers import Numbers
from .queues import Queues
from .reasons import Reasons
from .reports import Reports
from .right_part import right_part
from .server import Server
from .trunks import Trunks
from .values import Section

SectionT = TypeVar("SectionT", bound=Section)


def is_file(path: Path) -> bool:
    """Tell whether there is a file; a name that no disk can hold is a fault like any other."""
    try:
        return path.is_file()
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Source(Generic[SectionT]):
    """One file."""

    document: Document
    "Empty if the file could not be read as YAML."

    model: SectionT | None
    "What of it is right; None if that cannot be told apart from its faults."

    whole: bool = True
    "Whether it has no faults of its own."

    def keys(self, section: str) -> tuple[str, ...]:
        """Return the keys below this top-level key, also of a file with faults elsewhere.

        So that one slip in queues.yaml does not make every queue's name unknown.
        """
        data = self.document.data
        inner = data.get(section) if isinstance(data, dict) else None
        return tuple(inner) if isinstance(inner, dict) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """All files of a folder, and what is wrong with each by itself."""

    folder: Path
    server: Source[Server]
    numbers: Source[Numbers]
    queues: Source[Queues]
    agents: Source[Agents]
    reasons: Source[Reasons]
    blacklist: Source[Blacklist]
    trunks: Source[Trunks]
    contracts: Source[Contracts]
    reports: Source[Reports]
    faults: tuple[Fault, ...]


def read_sources(folder: Path, replaced: Mapping[str, str] = MappingProxyType({})) -> Sources:
    """Read the files of this folder; faults are collected, not raised.

    `replaced` gives texts in place of files, for trying a change before it is written.
    """
    faults: list[Fault] = []

    def read(
        name: str, model: type[SectionT], *, required: bool = True, partly: bool = False
    ) -> Source[SectionT]:
        file = folder / name
        source, found = (
            parse(replaced[name], str(file), model)
            if name in replaced
            else _read(file, model, required=required)
        )
        faults.extend(found)
        if found and partly:
            return replace(source, model=right_part(source.document.data, model))
        return source

    return Sources(
        folder=folder,
        # Other files hardly name what stands in these, or only by names that `keys` has.
        server=read("server.yaml", Server, required=False, partly=True),
        numbers=read("numbers.yaml", Numbers, partly=True),
        queues=read("queues.yaml", Queues, partly=True),
        agents=read("agents.yaml", Agents, partly=True),
        reasons=read("reasons.yaml", Reasons, required=False),
        blacklist=read("blacklist.yaml", Blacklist, required=False),
        trunks=read("trunks.yaml", Trunks, required=False),
        contracts=read("contracts.yaml", Contracts, required=False),
        reports=read("reports.yaml", Reports, required=False),
        faults=tuple(faults),
    )


def parse(text: str, file: str, model: type[SectionT]) -> tuple[Source[SectionT], list[Fault]]:
    """Return the text as this model, and its faults."""
    document = Document(file, {}, None)
    try:
        document = read_document(text, file)
        return Source(document, document.validate(model)), []
    except DocumentError as error:
        return Source(document, None, whole=False), list(error.faults)


def _read(
    path: Path, model: type[SectionT], *, required: bool
) -> tuple[Source[SectionT], list[Fault]]:
    nothing = Document(str(path), {}, None)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if not required:
            return Source(nothing, model()), []
        fault = Fault(str(path), 1, 1, "", "the file is missing", "--config names its folder")
    except OSError as error:
        fault = Fault(str(path), 1, 1, "", error.strerror or str(error), "a readable file")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        fault = Fault(str(path), line, 1, "", "the text is not UTF-8", "save it as UTF-8")
    else:
        return parse(text, str(path), model)
    return Source(nothing, None, whole=False), [fault]
