"""A media engine without media: answers commands after a while, sometimes badly."""

from collections.abc import Callable

from acd.media import commands, events

from .clock import VirtualClock
from .invariant import InvariantError
from .randomness import Randomness
from .scenario import Scenario

SDP = b"v=0\r\n"


class SimulatedEngine:
    """Keeps what is open and bridged, so that leaks and crossed calls are found."""

    def __init__(
        self,
        scenario: Scenario,
        clock: VirtualClock,
        randomness: Randomness,
        report: Callable[[events.Event], None],
    ) -> None:
        self.open: set[str] = set()
        self.on_bridge: Callable[[str, str], None] = lambda leg, other: None
        self._scenario = scenario
        self._clock = clock
        self._randomness = randomness
        self._report = report
        self._plays: dict[str, int] = {}
        self._bridged: dict[str, str] = {}
        self._waiting: dict[str, commands.Play | None] = {}
        "Streams that may not send yet, with what they are to begin with."
        self._handlers: dict[type, Callable[..., None]] = {
            commands.OpenStream: self._open,
            commands.Begin: self._begin,
            commands.AcceptAnswer: self._accept,
            commands.Reoffer: self._reoffer,
            commands.Play: self._play,
            commands.StopPlay: self._stop_play,
            commands.Bridge: self._bridge,
            commands.Unbridge: lambda command: self._part(command.leg),
            commands.Echo: lambda command: None,
            commands.CloseStream: self._close,
        }

    def execute(self, command: commands.Command) -> None:
        """Take one command."""
        self._handlers[type(command)](command)

    def lose_half(self) -> None:
        """Let a worker die, with about half of the streams."""
        lost = tuple(leg for leg in sorted(self.open) if self._randomness.random() < 0.5)
        for leg in lost:
            self._forget(leg)
        if lost:
            self._report(events.StreamsLost(lost, "worker died"))

    def _open(self, command: commands.OpenStream) -> None:
        if command.leg in self.open:
            raise InvariantError(f"stream opened twice: {command.leg}")
        if self._randomness.random() < self._scenario.media_refused:
            self._answer(events.StreamRefused(command.leg, 503, "no port left"))
            return
        self.open.add(command.leg)
        if command.waits:
            self._waiting[command.leg] = None
        self._answer(events.StreamOpened(command.leg, SDP))

    def _begin(self, command: commands.Begin) -> None:
        play = self._waiting.pop(command.leg, None)
        if play is not None and self._plays.get(command.leg) == play.play:
            self._play(play)

    def _accept(self, command: commands.AcceptAnswer) -> None:
        if self._randomness.random() < self._scenario.media_refused:
            self._answer(events.StreamRefused(command.leg, 488, "no common codec"))
        else:
            self._answer(events.StreamAccepted(command.leg))

    def _reoffer(self, command: commands.Reoffer) -> None:
        held = b"sendonly" in command.offer
        self._answer(events.StreamReoffered(command.leg, SDP, held))

    def _play(self, command: commands.Play) -> None:
        self._plays[command.leg] = command.play
        if command.leg in self._waiting:
            self._waiting[command.leg] = command
        elif not command.loop:
            duration_s = self._scenario.prompt_s * max(1, len(command.sounds))
            self._clock.after(duration_s, lambda: self._played(command.leg, command.play))

    def _stop_play(self, command: commands.StopPlay) -> None:
        self._plays.pop(command.leg, None)

    def _played(self, leg: str, play: int) -> None:
        if self._plays.get(leg) == play:
            del self._plays[leg]
            self._report(events.PlayFinished(leg, play))

    def _bridge(self, command: commands.Bridge) -> None:
        for leg in (command.leg, command.other):
            if leg in self._bridged and self._bridged[leg] not in {command.leg, command.other}:
                raise InvariantError(f"{leg} is bridged with two others")
            self._plays.pop(leg, None)
            if leg not in self.open:
                raise InvariantError(f"{leg} is bridged and has no stream")
        self._bridged[command.leg] = command.other
        self._bridged[command.other] = command.leg
        self.on_bridge(command.leg, command.other)

    def _part(self, leg: str) -> None:
        other = self._bridged.pop(leg, None)
        if other is not None:
            self._bridged.pop(other, None)

    def _close(self, command: commands.CloseStream) -> None:
        if command.leg in self.open:
            self._forget(command.leg)
            self._answer(events.StreamClosed(command.leg, 0, 0, 0, 0, 0, 0.0))

    def _forget(self, leg: str) -> None:
        self.open.discard(leg)
        self._plays.pop(leg, None)
        self._waiting.pop(leg, None)
        self._part(leg)

    def _answer(self, event: events.Event) -> None:
        delay_s = self._scenario.media_delay_s * self._randomness.random()
        self._clock.after(delay_s, lambda: self._report(event))
