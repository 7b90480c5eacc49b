"""Faults between files: numbers that name queues, queues that name flows, and so on."""

from collections.abc import Iterable, Iterator

from acd.calls.dial_plan import CallClass
from acd.ivr.document import Document, Fault, did_you_mean
from acd.ivr.document import Path as Place

from .agents import Agents, AgentSettings
from .config import flows_folder, written_codes
from .dsn import dsn_fault
from .numbers import Numbers
from .pay_checks import pay_faults, pay_warnings
from .queues import Queues, QueueSettings
from .routing_checks import routing_warnings
from .server import Server
from .sources import SectionT, Source, Sources, is_file
from .trunk_checks import trunk_faults, trunk_warnings

INSIDE = CallClass.INTERNAL
AGENT_NUMBER_SOUNDS = ("agent_number_before", "agent_number_after")
"Beside the digits, which the place in the line needs, too."


def faults_between(sources: Sources) -> Iterator[Fault]:
    """Yield what contradicts; files with faults of their own are left out, their names are not."""
    if sources.server.model:
        yield from _server(sources, sources.server.model)
    if sources.numbers.model:
        yield from _numbers(sources, sources.numbers.model)
    if sources.queues.model:
        yield from _queues(sources, sources.queues.model)
        yield from _overflow_loops(sources, sources.queues.model)
    if sources.blacklist.model:
        for index, entry in enumerate(sources.blacklist.model.blocked):
            path: Place = ("blocked", index, "flow")
            yield from _known_flow(sources, sources.blacklist, path, entry.flow)
    if sources.agents.model:
        yield from _agents_once(sources, sources.agents.model)
        yield from _desk_phones(sources, sources.agents.model)
        yield from _agents_names(sources, sources.agents.model)
    yield from trunk_faults(sources)
    yield from pay_faults(sources)


def warnings_about(sources: Sources) -> Iterator[Fault]:
    """Yield what is allowed but hardly meant."""
    yield from pay_warnings(sources)
    queues, agents = sources.queues.model, sources.agents.model
    if not queues or not agents:
        return
    yield from trunk_warnings(sources)
    yield from routing_warnings(sources)
    yield from _way_out(sources)
    yield from _clear_passwords(sources.agents.document, agents)
    held = {skill for agent in agents.everyone() for skill in agent.skills}
    wanted = {queue.skill for queue in queues.queues.values()}
    wanted |= {skill for queue in queues.queues.values() for skill in queue.requires.skills}
    for name, queue in queues.queues.items():
        if queue.skill not in held:
            yield sources.queues.document.fault(
                ("queues", name, "skill"),
                f"no agent has the skill {queue.skill!r}: calls wait until max_wait_s",
                did_you_mean(queue.skill, held),
            )
        for index, layer in enumerate(queue.policy()):
            wanted.update(layer.skills)
            for skill in layer.skills:
                if skill not in held:
                    yield sources.queues.document.fault(
                        ("queues", name, "layers", index, "skills"),
                        f"no agent has the skill {skill!r}",
                        did_you_mean(skill, held),
                    )
    for section, index, skills in _skills(agents):
        for skill in skills:
            if skill not in wanted:
                yield sources.agents.document.fault(
                    (section, index, "skills", skill),
                    f"no queue asks for the skill {skill!r}",
                    did_you_mean(skill, wanted),
                    at_key=True,
                )


def _clear_passwords(document: Document, agents: Agents) -> Iterator[Fault]:
    """One warning for all: a bench has a thousand of them."""
    places: list[Place] = [
        (section, index, "password")
        for section in ("agents", "ranges")
        for index, entry in enumerate(getattr(agents, section))
        if entry.password is not None
    ]
    if places:
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        message = f"a password in clear{more}: for labs only"
        yield document.fault(places[0], message, "take it out and use `acd agents passwd`")


def _skills(agents: Agents) -> Iterator[tuple[str, int, Iterable[str]]]:
    for index, agent in enumerate(agents.agents):
        yield "agents", index, agent.skills
    for index, block in enumerate(agents.ranges):
        yield "ranges", index, block.skills


# --- server.yaml ---


def _server(sources: Sources, server: Server) -> Iterator[Fault]:
    source, flows = sources.server, flows_folder(sources.folder, server)
    if not flows.is_dir():
        yield source.document.fault(("flows",), f"no folder {flows}", "relative to server.yaml")
    for setting, sound in server.calls.sounds():
        yield from _sound(sources, source, ("calls", *setting), sound, spoken=True)
    for reason in server.sip.certificate.faults(sources.folder):
        yield source.document.fault(("sip", "certificate"), reason, "PEM files that fit together")
    for name in ("hold_music", "ringback"):
        sound = getattr(server.calls, name)
        yield from _sound(sources, source, ("calls", name), sound, spoken=False)
    if wrong := dsn_fault(server.database.dsn):
        yield source.document.fault(("database", "dsn"), *wrong)


# --- names of flows, queues and sounds ---


def _known_flow(
    sources: Sources, source: Source[SectionT], path: Place, flow: str
) -> Iterator[Fault]:
    if not flow or not sources.server.model:
        return
    folder = flows_folder(sources.folder, sources.server.model)
    names = {file.stem for file in folder.glob("*.yaml")}
    if folder.is_dir() and flow not in names:
        hint = did_you_mean(flow, names) or f"put {flow}.yaml into {folder}"
        yield source.document.fault(path, f"no flow {flow!r} in {folder}", hint)


def _known_queue(
    sources: Sources,
    source: Source[SectionT],
    path: Place,
    queue: str | None,
    *,
    key: bool = False,
) -> Iterator[Fault]:
    names = sources.queues.keys("queues")
    # No names at all is queues.yaml's own fault, told once and not at every number.
    if queue is not None and names and queue not in names:
        message, hint = f"no queue {queue!r} in queues.yaml", did_you_mean(queue, names)
        yield source.document.fault(path, message, hint, at_key=key)


def _known_category(
    sources: Sources, source: Source[SectionT], path: Place, category: str, *, key: bool = False
) -> Iterator[Fault]:
    if sources.reasons.model is None:
        return
    names = {entry.code for entry in sources.reasons.model.categories}
    if category not in names:
        hint = did_you_mean(category, names) or "add it under categories there"
        message = f"no category {category!r} in reasons.yaml"
        yield source.document.fault(path, message, hint, at_key=key)


def _sound(
    sources: Sources, source: Source[SectionT], path: Place, sound: str, *, spoken: bool
) -> Iterator[Fault]:
    """Check that the file is there; what is spoken lies in the folder of the centre's language."""
    server = sources.server.model
    if not sound or not server:
        return
    folder = flows_folder(sources.folder, server) / server.media.prompts
    if spoken:
        folder /= server.centre.locale
    if not is_file(folder / f"{sound}.wav"):
        names = (str(file.relative_to(folder).with_suffix("")) for file in folder.rglob("*.wav"))
        hint = did_you_mean(sound, names) or "empty for silence"
        yield source.document.fault(path, f"no sound file {folder / sound}.wav", hint)


# --- numbers.yaml ---


def _numbers(sources: Sources, numbers: Numbers) -> Iterator[Fault]:
    source = sources.numbers
    for number, to in numbers.numbers.items():
        path = ("numbers", number)
        yield from _known_queue(sources, source, (*path, "queue"), to.queue)
        yield from _known_flow(sources, source, (*path, "flow"), to.flow)
    yield from _dial_plan(sources, numbers)
    if sources.reasons.model is None:
        return
    seen: dict[str, str] = dict.fromkeys(numbers.numbers, "numbers")
    for code, setting, _ in written_codes(numbers, sources.reasons.model):
        if seen.setdefault(code, setting) != setting:
            message = f"{code} means both agent_codes.{setting} and {seen[code]}"
            yield source.document.fault(("agent_codes", setting), message, "a code of its own")


def _dial_plan(sources: Sources, numbers: Numbers) -> Iterator[Fault]:
    source, plan = sources.numbers, numbers.dial_plan
    for number in plan.emergency:
        if number in numbers.numbers:
            message = f"{number} is an emergency number (dial_plan.emergency)"
            yield source.document.fault(
                ("numbers", number), message, "another number, or take it out there", at_key=True
            )
    trunks = sources.trunks.keys("trunks")
    for setting in ("trunks", "emergency_trunks"):
        for index, trunk in enumerate(getattr(plan, setting)):
            if trunk not in trunks:
                message, hint = f"no trunk {trunk!r} in trunks.yaml", did_you_mean(trunk, trunks)
                path: Place = ("dial_plan", setting, index)
                yield source.document.fault(path, message, hint)
    if sources.agents.model is None or not sources.agents.whole:
        return
    held = {skill for agent in sources.agents.model.everyone() for skill in agent.skills}
    for skill in plan.groups:
        if skill not in held:
            message = f"no agent has the skill {skill!r}"
            yield source.document.fault(
                ("dial_plan", "groups", skill), message, did_you_mean(skill, held), at_key=True
            )


def _way_out(sources: Sources) -> Iterator[Fault]:
    """Tell who may call outside over no trunk."""
    numbers, agents = sources.numbers.model, sources.agents.model
    if numbers is None or agents is None or numbers.dial_plan.trunks:
        return
    plan = numbers.dial_plan.plan(agents.everyone(), {})
    if max(rights.allowed for rights in (plan.default, *plan.rights.values())) > INSIDE:
        message = "agents may call outside, and there is no trunk"
        yield sources.numbers.document.fault(
            ("dial_plan",), message, "trunks: [NAME], from trunks.yaml", at_key=True
        )


# --- queues.yaml ---


def _queues(sources: Sources, queues: Queues) -> Iterator[Fault]:
    source = sources.queues
    for name, queue in queues.queues.items():
        path: Place = ("queues", name)
        if queue.category is not None:
            yield from _known_category(sources, source, (*path, "category"), queue.category)
        yield from _sound(sources, source, (*path, "music"), queue.music, spoken=False)
        if queue.announce_agent:
            for sound in AGENT_NUMBER_SOUNDS:
                spot = (*path, "announce_agent")
                yield from _sound(sources, source, spot, sound, spoken=True)
        yield from _layers_once(source, path, queue)
        yield from _waiting(sources, path, queue)
        if over := queue.overflow:
            path = (*path, "overflow")
            yield from _known_queue(sources, source, (*path, "queue"), over.queue)
            yield from _known_flow(sources, source, (*path, "flow"), over.flow)
            prompt = (*path, "hang_up_prompt")
            yield from _sound(sources, source, prompt, over.hang_up_prompt, spoken=True)


def _layers_once(source: Source[Queues], path: Place, queue: QueueSettings) -> Iterator[Fault]:
    for index, layer in enumerate(queue.layers):
        if layer.name in {earlier.name for earlier in queue.layers[:index]}:
            place = (*path, "layers", index, "name")
            message = f"layer {layer.name!r} stands here twice"
            yield source.document.fault(place, message, "a name of its own: records tell by it")


def _waiting(sources: Sources, path: Place, queue: QueueSettings) -> Iterator[Fault]:
    source = sources.queues
    for index, sound in enumerate(queue.waiting.prompts):
        place = (*path, "waiting", "prompts", index)
        yield from _sound(sources, source, place, sound, spoken="/" not in sound)
    for key, way in queue.waiting.exits.items():
        place = (*path, "waiting", "exits", key, "flow")
        yield from _known_flow(sources, source, place, way.flow)
    closure: Place = (*path, "closure")
    yield from _sound(sources, source, (*closure, "prompt"), queue.closure.prompt, spoken=True)
    yield from _known_flow(sources, source, (*closure, "flow"), queue.closure.flow)


def _overflow_loops(sources: Sources, queues: Queues) -> Iterator[Fault]:
    """Each loop is told once, at its queue that comes first in the file."""
    onward = {
        name: queue.overflow.queue
        for name, queue in queues.queues.items()
        if queue.overflow and queue.overflow.queue
    }
    told: set[str] = set()
    for name in onward:
        way = [name]
        while (following := onward.get(way[-1])) and following not in way:
            way.append(following)
        if following == name and name not in told:
            told.update(way)
            yield sources.queues.document.fault(
                ("queues", name, "overflow", "queue"),
                f"overflow goes round in a circle: {' → '.join([*way, name])}",
                "let one of them overflow to a flow or hang_up_prompt",
            )


# --- agents.yaml ---


def _agents_once(sources: Sources, agents: Agents) -> Iterator[Fault]:
    numbers: dict[str, str] = {}
    accounts: dict[str, str] = {}
    for path, agent in _placed(agents):
        document = sources.agents.document
        line = f"line {document.locate(path)[0]}"
        if (first := numbers.setdefault(agent.number, line)) is not line:
            message = f"agent number {agent.number!r} is taken"
            yield document.fault(_at(path, "number"), message, f"first in {first}")
        elif (first := accounts.setdefault(agent.sip_account, line)) is not line:
            message = f"account {agent.sip_account!r} is taken"
            yield document.fault(_at(path, "account"), message, f"first in {first}")


def _desk_phones(sources: Sources, agents: Agents) -> Iterator[Fault]:
    accounts = {agent.sip_account for agent in agents.everyone()}
    for index, account in enumerate(agents.desk_phones):
        if account in accounts or account in agents.desk_phones[:index]:
            message = f"account {account!r} is taken"
            yield sources.agents.document.fault(
                ("desk_phones", index), message, "a desk phone is nobody's own"
            )


def _placed(agents: Agents) -> Iterator[tuple[Place, AgentSettings]]:
    for index, agent in enumerate(agents.agents):
        yield ("agents", index), agent
    for index, block in enumerate(agents.ranges):
        for agent in block.agents():
            yield ("ranges", index), agent


def _at(path: Place, field: str) -> Place:
    return (*path, field) if path[0] == "agents" else (*path, "first")


def _agents_names(sources: Sources, agents: Agents) -> Iterator[Fault]:
    source = sources.agents
    for index, agent in enumerate(agents.agents):
        for category in agent.categories:
            path: Place = ("agents", index, "categories", category)
            yield from _known_category(sources, source, path, category, key=True)
        for queue in agent.rank:
            yield from _known_queue(
                sources, source, ("agents", index, "rank", queue), queue, key=True
            )
    for index, block in enumerate(agents.ranges):
        for category in block.categories:
            path = ("ranges", index, "categories", category)
            yield from _known_category(sources, source, path, category, key=True)
