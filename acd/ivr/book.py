"""The flows in service: loaded together, replaced as a whole, never changed.

A call keeps the book that it began with; a new book only serves new calls. In a reload every flow
stands or falls by itself: a broken file leaves its old version in service.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from . import model
from .compiler import Flow, compile_flow, version_of
from .document import Document, DocumentError, Fault, IvrError, did_you_mean, read_document
from .parts import Parts
from .validation import FlowContext, check_flow, rings_without_wait, unknown_flows

MAX_FLOWS = 200
"A folder with more is not one of flows; the largest centres have some dozens."


class FlowError(DocumentError):
    """The flow files cannot be used; `faults` says all that is wrong with them."""


class UnknownFlowError(IvrError):
    """No flow of this name is in the book."""


@dataclass(frozen=True, slots=True)
class FlowBook:
    """Flows by name. Immutable."""

    flows: Mapping[str, Flow] = field(default_factory=dict)

    def flow(self, name: str) -> Flow:
        """Return the flow of this name.

        Raises:
            UnknownFlowError: if there is none.

        """
        try:
            return self.flows[name]
        except KeyError:
            hint = did_you_mean(name, self.flows)
            raise UnknownFlowError(f"unknown flow {name!r} ({hint})") from None

    def versions(self) -> dict[str, str]:
        """Return name → version, for /readyz and the log."""
        return {name: flow.version for name, flow in self.flows.items()}


def load_flows(files: Mapping[str, str], context: FlowContext) -> FlowBook:
    """Return the book of these files (file name → text).

    Raises:
        FlowError: with all faults of all files.

    """
    book, faults = reload(FlowBook(), files, context)
    if faults:
        raise FlowError(faults)
    return book


def reload(
    book: FlowBook, files: Mapping[str, str], context: FlowContext
) -> tuple[FlowBook, list[Fault]]:
    """Return the book of these files and all their faults.

    A flow whose file has faults keeps its old version, as does one that was removed while another
    still leads to it; a flow that is new and has faults is left out.
    """
    drafts, faulty, faults = _read_all(files, context)
    sound_files = {draft.document.file for draft in drafts.values()}
    kept = {
        name: flow
        for name, flow in book.flows.items()
        if flow.file in files and flow.file not in sound_files and name not in drafts
    }
    faults += _settle(drafts, kept, faulty, book)
    for draft in drafts.values():
        previous = book.flows.get(draft.flow.flow)
        same = previous is not None and previous.version == draft.version
        if previous is not None and same and previous.file == draft.document.file:
            kept[draft.flow.flow] = previous
        else:
            kept[draft.flow.flow] = compile_flow(
                draft.flow, draft.parts, file=draft.document.file, version=draft.version
            )
    order = sorted(faults, key=lambda fault: (fault.file, fault.line, fault.column))
    return FlowBook(dict(sorted(kept.items()))), order


@dataclass(frozen=True, slots=True)
class _Draft:
    """A file that is sound by itself."""

    document: Document
    flow: model.FlowFile
    parts: Parts
    version: str


def _read_all(
    files: Mapping[str, str], context: FlowContext
) -> tuple[dict[str, _Draft], set[str], list[Fault]]:
    """Return the sound flows, the names of those with faults, and the faults."""
    drafts: dict[str, _Draft] = {}
    faulty: set[str] = set()
    faults: list[Fault] = []
    owners: dict[str, str] = {}
    if len(files) > MAX_FLOWS:
        extra = sorted(files)[MAX_FLOWS:]
        faults.append(Fault(extra[0], 1, 1, "", f"{len(files)} flows", f"at most {MAX_FLOWS}"))
    for file in sorted(files)[:MAX_FLOWS]:
        try:
            document = read_document(files[file], file)
            flow = document.validate(model.FlowFile)
        except DocumentError as error:
            faults += error.faults
            faulty |= _name_in(files[file])
            continue
        parts, found = check_flow(document, flow, context)
        stem = PurePath(file).stem
        if flow.flow != stem:
            # Settings name flows by their files, before any is read.
            message = f"flow {flow.flow!r} stands in a file of another name"
            found.append(document.fault(("flow",), message, f"flow: {stem}, or rename the file"))
        owner = owners.setdefault(flow.flow, file)
        if owner != file:
            message = f"flow {flow.flow!r} stands in {owner} too"
            found.append(document.fault(("flow",), message, "another name"))
        faults += found
        if found:
            faulty.add(flow.flow)
        else:
            drafts[flow.flow] = _Draft(document, flow, parts, version_of(files[file]))
    return drafts, faulty, faults


_NAME = re.compile(r"^flow: *([A-Za-z0-9_-]+)", re.MULTILINE)


def _name_in(text: str) -> set[str]:
    """Return the name of the flow in a text that may not even be YAML."""
    return set(_NAME.findall(text)[:1])


def _settle(
    drafts: dict[str, _Draft], kept: dict[str, Flow], faulty: set[str], book: FlowBook
) -> list[Fault]:
    """Check what spans flows, until all that is left fits together.

    A draft with a fault is taken out, and its old version put back: that can take a goto's target
    away from a further draft, so it is asked again. Each round but the last takes a draft out.
    """
    faults: list[Fault] = []
    old = {flow.file: flow for flow in book.flows.values()}
    while True:
        kept |= _still_needed(drafts, kept, book)
        broken = _faults_between(drafts, kept, faulty)
        for name, found in broken.items():
            faults += found
            faulty.add(name)
            previous = old.get(drafts.pop(name).document.file)
            if previous is not None and previous.name not in drafts:
                kept[previous.name] = previous
        if not broken:
            return faults


def _still_needed(
    drafts: Mapping[str, _Draft], kept: Mapping[str, Flow], book: FlowBook
) -> dict[str, Flow]:
    """Return removed flows that old versions which stay in service lead to, directly or not."""
    needed: dict[str, Flow] = {}
    ahead = [flow.model for flow in kept.values()]
    while ahead:
        for target in _targets(ahead.pop()):
            known = target in drafts or target in kept or target in needed
            if not known and target in book.flows:
                needed[target] = book.flows[target]
                ahead.append(book.flows[target].model)
    return needed


def _targets(flow: model.FlowFile) -> Iterable[str]:
    return (node.flow for node in flow.nodes.values() if isinstance(node, model.Goto))


def _faults_between(
    drafts: Mapping[str, _Draft], kept: Mapping[str, Flow], faulty: set[str]
) -> dict[str, list[Fault]]:
    found: dict[str, list[Fault]] = {}
    names = {*drafts, *kept}
    for name, draft in drafts.items():
        if wrong := list(unknown_flows(draft.document, draft.flow, names, faulty)):
            found[name] = wrong
    models = {name: flow.model for name, flow in kept.items()}
    models |= {name: draft.flow for name, draft in drafts.items()}
    for name, node, ring in rings_without_wait(models):
        if name in drafts:
            fault = drafts[name].document.fault(
                ("nodes", node),
                f"a call would spin without a wait: {ring}",
                "put a play, menu, collect or queue into the ring",
                at_key=True,
            )
            found.setdefault(name, []).append(fault)
    return found
