"""What must fit together within a flow and between flows. Every check notes all that it finds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from . import model
from .document import Document, Fault, Path, did_you_mean
from .parts import Parts, PartsCompiler
from .progress import resolve
from .speech import NUMBER_SOUNDS


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowContext:
    """What exists around the flows."""

    queues: frozenset[str] | None
    "None: not known, and not checked."

    sounds: frozenset[str]
    'Full names without suffix: "zh/welcome", "music/default".'

    languages: tuple[str, ...] = ("zh", "en")
    "Languages that prompts are recorded in."


def check_flow(
    document: Document, flow: model.FlowFile, context: FlowContext
) -> tuple[Parts, list[Fault]]:
    """Check one flow by itself; return its compiled parts and all faults."""
    compiler = PartsCompiler(document, flow)
    compiler.compile()
    faults = compiler.faults
    faults += shape_faults(document, flow)
    faults += _unreachable(document, flow)
    faults += _no_way_for_silence(document, flow)
    faults += _unknown_queues(document, flow, context)
    faults += _languages(document, flow, context)
    faults += _sounds(document, flow, context)
    faults += _spoken_variables(document, flow)
    return compiler.parts, faults


def shape_faults(document: Document, flow: model.FlowFile) -> list[Fault]:
    """Return the faults without which a flow can be drawn."""
    return list(_unknown_nodes(document, flow))


def _unknown_nodes(document: Document, flow: model.FlowFile) -> Iterator[Fault]:
    def check(path: Path, name: str) -> Iterator[Fault]:
        if name not in flow.nodes:
            yield document.fault(path, f"unknown node {name!r}", did_you_mean(name, flow.nodes))

    yield from check(("start",), flow.start)
    for name, node in flow.nodes.items():
        for key, _, to in model.ways_out(node):
            yield from check(("nodes", name, *key), to)


def _unreachable(document: Document, flow: model.FlowFile) -> Iterator[Fault]:
    if flow.start not in flow.nodes:
        return
    reached = {flow.start}
    ahead = [flow.start]
    while ahead:
        for _, _, to in model.ways_out(flow.nodes[ahead.pop()]):
            # A mistyped way is one fault, not also one for every node behind it.
            meant = [to] if to in flow.nodes else get_close_matches(to, flow.nodes, n=1)
            ahead += (name for name in meant if name not in reached)
            reached.update(meant)
    for name in flow.nodes:
        if name not in reached:
            yield document.fault(
                ("nodes", name),
                f"no way leads to node {name!r}",
                "lead a node there or take it out",
                at_key=True,
            )


def _no_way_for_silence(document: Document, flow: model.FlowFile) -> Iterator[Fault]:
    for name, node in flow.nodes.items():
        if isinstance(node, model.Menu | model.Collect) and node.on_timeout is None:
            yield document.fault(
                ("nodes", name),
                f"{node.type} {name!r} has no way for a silent caller",
                "add `on_timeout:`",
                at_key=True,
            )


def _unknown_queues(
    document: Document, flow: model.FlowFile, context: FlowContext
) -> Iterator[Fault]:
    if context.queues is None:
        return
    for name, node in flow.nodes.items():
        if not isinstance(node, model.Queue | model.Callback):
            continue
        if node.queue not in context.queues:
            yield document.fault(
                ("nodes", name, "queue"),
                f"unknown queue {node.queue!r}",
                did_you_mean(node.queue, context.queues),
            )


def _languages(document: Document, flow: model.FlowFile, context: FlowContext) -> Iterator[Fault]:
    for index, language in enumerate(flow.languages):
        if language not in context.languages:
            yield document.fault(
                ("languages", index),
                f"no prompts in language {language!r}",
                did_you_mean(language, context.languages),
            )
    for name, node in flow.nodes.items():
        if (
            isinstance(node, model.SetVariables)
            and node.language is not None
            and node.language not in flow.languages
        ):
            yield document.fault(
                ("nodes", name, "language"),
                f"language {node.language!r} is not one of this flow",
                "add it to `languages:`",
            )


def _sounds(document: Document, flow: model.FlowFile, context: FlowContext) -> Iterator[Fault]:
    languages = [language for language in flow.languages if language in context.languages]
    for path, sound in _all_sounds(flow):
        if isinstance(sound, str):
            needed = list(dict.fromkeys(resolve(sound, language) for language in languages))
        elif isinstance(sound, model.SayNumber):
            needed = [name for language in languages for name in NUMBER_SOUNDS.get(language, ())]
        else:
            needed = [f"{language}/number_{n}" for language in languages for n in range(10)]
        missing = [name for name in needed if name not in context.sounds]
        if missing:
            hint = did_you_mean(missing[0], context.sounds)
            if not hint.startswith("did"):
                hint = "record it, see ivr_flows/prompts/manifest.yaml"
            yield document.fault(path, f"missing prompt {', '.join(missing[:4])}", hint)


def _all_sounds(flow: model.FlowFile) -> Iterator[tuple[Path, model.Sound]]:
    for name, node in flow.nodes.items():
        for key in ("sounds", "prompts", "invalid_prompts", "timeout_prompts"):
            for index, sound in enumerate(getattr(node, key, ())):
                yield ("nodes", name, key, index), sound


def _spoken_variables(document: Document, flow: model.FlowFile) -> Iterator[Fault]:
    for path, sound in _all_sounds(flow):
        if isinstance(sound, str):
            continue
        key, variable = next(iter(sound))
        if variable not in flow.variables:
            hint = did_you_mean(variable, flow.variables) or "declare it under variables:"
            yield document.fault((*path, key), f"undefined variable {variable!r}", hint)


# --- between flows ---


def unknown_flows(
    document: Document, flow: model.FlowFile, known: set[str], faulty: set[str]
) -> Iterator[Fault]:
    """Find the gotos to flows that are not known, or only known by a file with faults."""
    for name, node in flow.nodes.items():
        if not isinstance(node, model.Goto) or node.flow in known:
            continue
        path: Path = ("nodes", name, "flow")
        if node.flow in faulty:
            yield document.fault(path, f"flow {node.flow!r} has faults", "they are listed with it")
        else:
            hint = did_you_mean(node.flow, known)
            yield document.fault(path, f"unknown flow {node.flow!r}", hint)


def rings_without_wait(flows: Mapping[str, model.FlowFile]) -> Iterator[tuple[str, str, str]]:
    """Find rings of nodes that are left as soon as they are entered: a call would spin there.

    Yields flow and node where a ring closes, and the ring in words.
    """
    done: set[tuple[str, str]] = set()
    for flow in flows.values():
        for name in flow.nodes:
            yield from _ring_from((flow.flow, name), flows, done)


def _ring_from(
    start: tuple[str, str],
    flows: Mapping[str, model.FlowFile],
    done: set[tuple[str, str]],
) -> Iterator[tuple[str, str, str]]:
    """Walk in depth from here; a place met again on the way itself closes a ring."""
    way: list[tuple[str, str]] = []
    ahead: list[tuple[tuple[str, str], int]] = [(start, 0)]
    while ahead:
        place, depth = ahead.pop()
        del way[depth:]
        if place in way:
            ring = [*way[way.index(place) :], place]
            yield *way[-1], " → ".join(_place_names(ring))
            continue
        if place in done:
            continue
        done.add(place)
        way.append(place)
        ahead += [(following, depth + 1) for following in _at_once(place, flows)]


def _place_names(ring: list[tuple[str, str]]) -> Iterator[str]:
    """Name the nodes, and their flows where there is more than one."""
    several = len({flow for flow, _ in ring}) > 1
    return (f"{flow}.{name}" if several else name for flow, name in ring)


def _at_once(
    place: tuple[str, str], flows: Mapping[str, model.FlowFile]
) -> Iterator[tuple[str, str]]:
    flow, name = place
    node = flows[flow].nodes.get(name) if flow in flows else None
    if isinstance(node, model.Goto):
        if node.flow in flows:
            yield node.flow, flows[node.flow].start
    elif isinstance(node, model.Branch | model.SetVariables | model.Callback):
        # A call-back is promised or refused at once, too.
        for _, _, to in model.ways_out(node):
            yield flow, to
