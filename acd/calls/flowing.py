"""A caller's way through IVR flows: carries out what a `FlowRun` asks, and keeps its deadlines."""

import heapq
from collections.abc import Callable
from datetime import datetime
from math import inf

from acd.ivr import effects as ivr
from acd.ivr import events as ivr_in
from acd.ivr.book import FlowBook
from acd.ivr.run import FlowRun

from . import events
from .call import Call, EndReason, Phase, Playing
from .effects import Effects
from .host import Host


class Flowing:
    """Runs flows for calls. Only this part touches `Call.run` and `Call.deadline`."""

    def __init__(
        self, flows: FlowBook, effects: Effects, host: Host, wall: Callable[[], datetime]
    ) -> None:
        self.flows = flows
        "For calls that enter a flow from now on; those under way keep the book they began with."
        self._effects = effects
        self._host = host
        self._wall = wall
        self._deadlines: list[tuple[float, str, Call]] = []
        self._handlers: dict[type, Callable[..., None]] = {
            ivr.PlaySounds: self._plays,
            ivr.StopSounds: self._hushes,
            ivr.EnterQueue: self._queues,
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

    def on_time(self, now: float) -> None:
        """Run every deadline that has passed."""
        while self._deadlines and self._deadlines[0][0] <= now:
            at, _, call = heapq.heappop(self._deadlines)
            if call.deadline == at and call.run is not None:
                self._carry_out(call, call.run.on_time(now))

    def next_deadline(self) -> float:
        """Return when `on_time` must next be called; inf for never."""
        while self._deadlines and self._deadlines[0][2].deadline != self._deadlines[0][0]:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else inf

    def _carry_out(self, call: Call, effects: list[ivr.Effect]) -> None:
        for effect in effects:
            if call.phase is Phase.ENDED:
                return
            self._handlers[type(effect)](call, effect)
        at = call.run.next_deadline() if call.run is not None else inf
        if at != call.deadline and call.phase is not Phase.ENDED:
            call.deadline = at
            if at < inf:
                heapq.heappush(self._deadlines, (at, call.interaction, call))

    def _plays(self, call: Call, effect: ivr.PlaySounds) -> None:
        call.flow_play = effect.play
        self._host.play(call, Playing.FLOW, effect.sounds, loop=False)

    def _hushes(self, call: Call, _: ivr.StopSounds) -> None:
        self._host.hush(call)

    def _queues(self, call: Call, effect: ivr.EnterQueue) -> None:
        if call.run is not None:
            call.language = call.run.language
        self._host.enter_queue(call, effect.queue, effect.priority, effect.category)

    def _echoes(self, call: Call, _: ivr.EchoCaller) -> None:
        self._host.echo(call)

    def _ends(self, call: Call, _: ivr.EndCall) -> None:
        self._host.end(call, "flow", EndReason.FLOW_ENDED)

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
            )
        )

    def _variable_set(self, call: Call, effect: ivr.VariableSet) -> None:
        """Do nothing: variables are the flow's own business; its steps are recorded."""
