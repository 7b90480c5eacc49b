"""The files of a configuration folder as they were read, valid or not."""

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from acd.ivr.document import Document, DocumentError, Fault, read_document

from .agents import Agents
from .numbers import Numbers
from .queues import Queues
from .reasons import Reasons
from .server import Server
from .values import Section

SectionT = TypeVar("SectionT", bound=Section)


@dataclass(frozen=True, slots=True)
class Source(Generic[SectionT]):
    """One file."""

    document: Document
    "Empty if the file could not be read as YAML."

    model: SectionT | None
    "None if it has faults."

    def keys(self, section: str) -> tuple[str, ...]:
        """Return the keys below this top-level key, also of a file with faults elsewhere.

        So that one slip in queues.yaml does not make every queue's name unknown.
        """
        data = self.document.data
        inner = data.get(section) if isinstance(data, dict) else None
        return tuple(inner) if isinstance(inner, dict) else ()


@dataclass(frozen=True, slots=True)
class Sources:
    """All files of a folder, and what is wrong with each by itself."""

    folder: Path
    server: Source[Server]
    numbers: Source[Numbers]
    queues: Source[Queues]
    agents: Source[Agents]
    reasons: Source[Reasons]
    faults: tuple[Fault, ...]


def read_sources(folder: Path) -> Sources:
    """Read the files of this folder; faults are collected, not raised."""
    faults: list[Fault] = []
    return Sources(
        folder,
        _read(folder / "server.yaml", Server, faults, required=False),
        _read(folder / "numbers.yaml", Numbers, faults, required=True),
        _read(folder / "queues.yaml", Queues, faults, required=True),
        _read(folder / "agents.yaml", Agents, faults, required=True),
        _read(folder / "reasons.yaml", Reasons, faults, required=False),
        tuple(faults),
    )


def parse(text: str, file: str, model: type[SectionT]) -> tuple[Source[SectionT], list[Fault]]:
    """Return the text as this model, and its faults."""
    document = Document(file, {}, None)
    try:
        document = read_document(text, file)
        return Source(document, document.validate(model)), []
    except DocumentError as error:
        return Source(document, None), list(error.faults)


def _read(
    path: Path, model: type[SectionT], faults: list[Fault], *, required: bool
) -> Source[SectionT]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if not required:
            return Source(Document(str(path), {}, None), model())
        fault = Fault(str(path), 1, 1, "", "the file is missing", "--config names its folder")
    except OSError as error:
        fault = Fault(str(path), 1, 1, "", error.strerror or str(error), "a readable file")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        fault = Fault(str(path), line, 1, "", "the text is not UTF-8", "save it as UTF-8")
    else:
        source, found = parse(text, str(path), model)
        faults.extend(found)
        return source
    faults.append(fault)
    return Source(Document(str(path), {}, None), None)
