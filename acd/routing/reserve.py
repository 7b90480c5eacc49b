"""Switching groups on and off, with all that follows for agents and calls."""

from collections.abc import Iterable

from .activation import RULE, Activation, SwitchedGroup
from .dispatch import Dispatch
from .errors import UnknownGroupError
from .events import Event, GroupActivated
from .queue import Queue


def activate(
    dispatch: Dispatch, queue: str, group: str, on: bool, by: str, now: float
) -> list[Event]:
    """Switch a group for a queue; waiting calls are offered to its idle members at once."""
    known = dispatch.queues.get(queue)
    activation = known.activations.get(group) if known is not None else None
    if known is None or activation is None:
        raise UnknownGroupError(queue, group)
    events: list[Event] = []
    _switch(dispatch, known, activation, on, by, now, events)
    look(dispatch, known, now, events)
    return events


def restore_groups(dispatch: Dispatch, groups: Iterable[SwitchedGroup]) -> None:
    """Take back what people have switched before a restart; it is no new event.

    Of a queue or group that is no longer configured nothing comes back.
    """
    for said in groups:
        queue = dispatch.queues.get(said.queue)
        activation = queue.activations.get(said.group) if queue is not None else None
        if queue is not None and activation is not None:
            activation.restore(said)
            queue.admit_active()
            dispatch.floor.reopen(queue)


def look(dispatch: Dispatch, queue: Queue, now: float, events: list[Event]) -> None:
    """Let the queue's rules see its line; costs nothing where there are none."""
    if not queue.profile.activations or queue.profile.name not in dispatch.queues:
        return  # no rules, or removed and empty by now
    oldest, length = queue.oldest(), len(queue)
    recent, news = queue.recent, queue.recent.news
    recent.news = False
    for activation in queue.activations.values():
        rule = activation.rule
        if rule is None:
            continue
        level = recent.level(rule.last_calls) if rule.service_level and news else None
        wants = activation.wants(now, oldest, length, level)
        if wants is not None:
            _switch(dispatch, queue, activation, wants, RULE, now, events)
            oldest, length = queue.oldest(), len(queue)
        dispatch.deadlines.arm(activation, activation.next_look(now, oldest))


def _switch(
    dispatch: Dispatch,
    queue: Queue,
    activation: Activation,
    on: bool,
    by: str,
    now: float,
    events: list[Event],
) -> None:
    if not activation.switch(on, by):
        return
    events.append(GroupActivated(queue.profile.name, activation.group, on, by))
    queue.admit_active()
    dispatch.floor.reopen(queue)
    if on:
        for waiting in sorted(queue.unoffered(), key=lambda call: call.urgency(now)):
            if not waiting.offer:
                dispatch.assign(waiting, now, events)
        dispatch.ring_on(queue.ringing.values(), now, events)
