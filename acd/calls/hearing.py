"""What callers hear, and the media streams of their calls' legs.

The one place that asks the media engine to play, bridge and close, and that answers the caller:
at the latest when there is something to be heard. Nothing else touches `Call.play`,
`Call.playing` and `Call.answered`.
"""

from acd.media import commands as media
from acd.media import events as media_in

from . import events
from .call import Call, Playing
from .commands import AnswerLeg, RingLeg
from .effects import Effects

WAITING_SOUNDS = frozenset({Playing.MUSIC, Playing.ANNOUNCEMENT})


class Hearing:
    """Commands to the media engine, and what came of the streams."""

    def __init__(self, effects: Effects, max_ringing: int) -> None:
        self._effects = effects
        self._max_ringing = max_ringing
        self._ringing: set[str] = set()
        "Legs of callers of whom nothing shows that they are there, and who hear ringing."
        self._closing: dict[str, str] = {}
        "Streams being closed, with their interaction; as many at most as are open."

    def answer(self, call: Call) -> None:
        """Answer the caller, if that has not been done."""
        if not call.answered:
            call.answered = True
            self._ringing.discard(call.leg)
            self._effects.append(AnswerLeg(call.leg, call.sdp))
            self._effects.append(events.CallAnswered(interaction=call.interaction, leg=call.leg))

    def ring(self, call: Call) -> None:
        """Let the caller hear ringing; answer where too many ring who may be nobody.

        Ringing proves nothing and may last as long as somebody waits; an answer is to be
        acknowledged within half a minute.
        """
        if call.unproved:
            if len(self._ringing) >= self._max_ringing:
                self.answer(call)
                return
            self._ringing.add(call.leg)
        self._effects.append(RingLeg(call.leg, sdp=call.sdp if call.late_offer else b""))

    def play(self, call: Call, playing: Playing, sounds: tuple[str, ...], *, loop: bool) -> None:
        """Let the caller hear this in place of what played before.

        A caller who waits unanswered hears the own phone's ringing instead.
        """
        if not call.answered:
            if playing in WAITING_SOUNDS:
                return
            self.answer(call)
        call.playing = playing
        self.play_to(call, call.leg, sounds, loop=loop)

    def play_to(self, call: Call, leg: str, sounds: tuple[str, ...], *, loop: bool) -> None:
        """Let either leg of the call hear this."""
        call.play += 1
        self._effects.append(media.Play(leg, call.play, sounds, loop))

    def hush(self, call: Call) -> None:
        """Fall silent, if anything plays."""
        if call.playing is not Playing.NOTHING:
            call.playing = Playing.NOTHING
            self._effects.append(media.StopPlay(call.leg))

    def finished(self, call: Call, play: int) -> Playing:
        """Return what has ended with this play: nothing, if another took its place."""
        if play != call.play:
            return Playing.NOTHING
        ended, call.playing = call.playing, Playing.NOTHING
        return ended

    def echo(self, call: Call) -> None:
        """Send the caller's own audio back; this also ends what plays."""
        self.answer(call)
        call.playing = Playing.NOTHING
        self._effects.append(media.Echo(call.leg))

    def bridge(self, call: Call, leg: str) -> None:
        """Let caller and agent hear each other; this also ends what plays."""
        self.answer(call)
        self.join(call, leg)

    def join(self, call: Call, leg: str) -> None:
        """Let the two hear each other before the answer: early media (RFC 3960 3.1)."""
        call.playing = Playing.NOTHING
        self._effects.append(media.Bridge(call.leg, leg))

    def close(self, call: Call, leg: str, *, opened: bool) -> None:
        """Give a leg's stream back; what it counted is booked when the engine reports it."""
        self._ringing.discard(leg)
        if opened:
            self._closing[leg] = call.interaction
        self._effects.append(media.CloseStream(leg))

    def closed(self, event: media_in.StreamClosed) -> None:
        """Book what a stream counted."""
        interaction = self._closing.pop(event.leg, None)
        if interaction is not None:
            self._effects.append(
                events.StreamMeasured(
                    interaction=interaction,
                    leg=event.leg,
                    packets_received=event.packets_received,
                    packets_sent=event.packets_sent,
                    packets_lost=event.packets_lost,
                    packets_late=event.packets_late,
                    packets_foreign=event.packets_foreign,
                    jitter_ms=event.jitter_ms,
                )
            )

    def lost(self, legs: tuple[str, ...]) -> None:
        """Expect no more of these streams: their worker died."""
        for leg in legs:
            self._closing.pop(leg, None)
