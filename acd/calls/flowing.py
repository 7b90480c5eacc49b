"""A caller's way through IVR flows: carries out what a `FlowRun` asks, and keeps its deadlines."""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from math import inf

from acd.ivr import effects as ivr
from acd.ivr import events as ivr_in
from acd.ivr.book import FlowBook
from acd.ivr.run import FlowRun
from acd.routing.deadlines import Deadlines
from acd.routing.model import Grade, Requirements

from . import events
from .call import Call, EndReason, FlowTimer, Phase, Playing
from .effects import Effects
from .hearing import Hearing
from .host import Host


class Flowing:
    """Runs flows for calls. Only this part touches `Call.run` and `Call.timer`."""

    def __init__(
        self,
        flows: FlowBook,
        effects: Effects,
        host: Host,
        hearing: Hearing,
        wall: Callable[[], datetime],
        deadlines: Deadlines,
    ) -> None:
        self.flows = flows
        "For calls that enter a flow from now on; those under way keep the book they began with."
        self._effects = effects
        self._host = host
        self._hearing = hearing
        self._wall = wall
        self._deadlines = deadlines
        self._handlers: dict[type, Callable[..., list[ivr.Effect] | None]] = {
            ivr.PlaySounds: self._plays,
            ivr.StopSounds: self._hushes,
            ivr.EnterQueue: self._queues,
            ivr.AskCallback: self._asks_callback,
            ivr.EchoCaller: self._echoes,
            ivr.EndCall: self._ends,
            ivr.FlowEntered: self._entered,
            ivr.StepTaken: self._stepped,
            ivr.VariableSet: self._variable_set,
        }

    def enter(self, call: Call, flow: str, now: float) -> None:
        """Send the caller into the flow, from its start."""
        if flow not in self.flows.flows:
            # Its file was taken away while the number or queue that leads to it stayed.
            self._host.end(call, "system", EndReason.FLOW_UNKNOWN)
            return
        language = call.run.language if call.run is not None else ""
        call.phase = Phase.IN_FLOW
        if call.timer is None:
            call.timer = FlowTimer(call)
        call.run = FlowRun(
            self.flows,
            flow,
            caller=call.caller,
            called=call.called,
            wall=self._wall,
            language=language,
        )
        self._carry_out(call, call.run.start(now))

    def tell(self, call: Call, event: ivr_in.Event, now: float) -> None:
        """Tell the call's flow what happened; nothing if it is in none."""
        if call.run is not None:
            self._carry_out(call, call.run.on_event(event, now))

    def can_take_back(self, call: Call) -> bool:
        """Return whether the caller came to the queue from a flow that can go on."""
        return call.run is not None and not call.run.finished

    def leave(self, call: Call) -> None:
        """Forget the call's flow: the call is over."""
        if call.timer is not None:
            self._deadlines.arm(call.timer, inf)
        call.run = None

    def due(self, timer: FlowTimer, now: float) -> None:
        """Let the flow do what it has to do by itself."""
        call = timer.call
        if call.run is not None:
            self._carry_out(call, call.run.on_time(now))

    def _carry_out(self, call: Call, effects: list[ivr.Effect]) -> None:
        ahead = deque(effects)
        while ahead:
            if call.phase is Phase.ENDED:
                return
            effect = ahead.popleft()
            # What is answered at once leads on: here and not in a call within the call.
            ahead += self._handlers[type(effect)](call, effect) or ()
        if call.run is not None and call.timer is not None:
            self._deadlines.arm(call.timer, call.run.next_deadline())

    def _plays(self, call: Call, effect: ivr.PlaySounds) -> None:
        call.flow_play = effect.play
        self._hearing.play(call, Playing.FLOW, effect.sounds, loop=False)

    def _hushes(self, call: Call, _: ivr.StopSounds) -> None:
        self._hearing.hush(call)

    def _queues(self, call: Call, effect: ivr.EnterQueue) -> None:
        if call.run is not None:
            call.language = call.run.language
        call.requires = Requirements(
            skills={skill: Grade[grade] for skill, grade in effect.skills},
            language=effect.language,
            region=effect.region,
            tags=effect.tags,
        ).over(call.requires)
        self._host.enter_queue(call, effect.queue, effect.priority, effect.category)

    def _asks_callback(self, call: Call, effect: ivr.AskCallback) -> list[ivr.Effect]:
        if call.run is None:
            return []
        call.language = call.run.language
        taken = self._host.wants_callback(
            call, effect.queue, effect.number, effect.priority, effect.category
        )
        return call.run.on_event(ivr_in.CallbackAnswered(taken), call.run.now)

    def _echoes(self, call: Call, _: ivr.EchoCaller) -> None:
        self._host.echo(call)

    def _ends(self, call: Call, effect: ivr.EndCall) -> None:
        self._host.end(call, "flow", EndReason.FLOW_ENDED, effect.reason)

    def _entered(self, call: Call, effect: ivr.FlowEntered) -> None:
        self._effects.append(
            events.FlowEntered(
                interaction=call.interaction, flow=effect.flow, version=effect.version
            )
        )

    def _stepped(self, call: Call, effect: ivr.StepTaken) -> None:
        self._effects.append(
            events.FlowStepTaken(
                interaction=call.interaction,
                flow=effect.flow,
                node=effect.node,
                outcome=effect.outcome,
                note=effect.note,
            )
        )

    def _variable_set(self, call: Call, effect: ivr.VariableSet) -> None:
        """Do nothing: variables are the flow's own business; its steps are recorded."""
