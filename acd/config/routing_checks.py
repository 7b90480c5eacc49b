"""What routing policies ask for and no agent has: allowed, but hardly meant."""

from collections.abc import Iterator

from acd.ivr.document import Fault, did_you_mean
from acd.ivr.document import Path as Place

from .agents import Agents
from .queues import Queues, QueueSettings, RequirementsSettings
from .sources import SectionT, Source, Sources


def routing_warnings(sources: Sources) -> Iterator[Fault]:
    """Yield what nobody fulfils or belongs to: such calls and layers wait for nobody."""
    agents, queues, numbers = sources.agents.model, sources.queues.model, sources.numbers.model
    if agents is None or queues is None:
        return
    for name, queue in queues.queues.items():
        path: Place = ("queues", name, "requires")
        yield from _unmet(sources.queues, path, queue.requires, agents)
        yield from _empty_groups(sources.queues, ("queues", name), queue, agents)
    if numbers is not None:
        for number, target in numbers.numbers.items():
            path = ("numbers", number, "requires")
            yield from _unmet(sources.numbers, path, target.requires, agents)


def _empty_groups(
    source: Source[Queues], path: Place, queue: QueueSettings, agents: Agents
) -> Iterator[Fault]:
    held = {group for agent in agents.everyone() for group in (agent.team, *agent.groups)} - {""}
    for index, layer in enumerate(queue.policy()):
        for at, group in enumerate(layer.groups):
            if group not in held:
                place = (*path, "layers", index, "groups", at)
                message = f"no agent is of the team or group {group!r}"
                yield source.document.fault(place, message, did_you_mean(group, held))


def _unmet(
    source: Source[SectionT], path: Place, requires: RequirementsSettings, agents: Agents
) -> Iterator[Fault]:
    everyone = agents.everyone()
    wanted: list[tuple[Place, str, str, set[str]]] = [
        ((*path, "skills", skill), "skill", skill, {each for a in everyone for each in a.skills})
        for skill in requires.skills
    ]
    for what in ("language", "region"):
        if value := getattr(requires, what):
            held = {each for agent in everyone for each in getattr(agent, f"{what}s")}
            wanted.append(((*path, what), what, value, held))
    for where, what, value, held in wanted:
        if value not in held:
            message = f"no agent has the {what} {value!r}"
            yield source.document.fault(where, message, did_you_mean(value, held))
