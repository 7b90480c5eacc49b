"""Keys that a phone tells twice: in its RTP (RFC 4733) and by SIP INFO.

Many desk phones can be set to send both, and some come so from the factory. Taken twice, a key
would choose in the menu and again in the next one. Whoever uses one way only is never touched.
"""

ECHO_S = 1.0
"""The INFO of a press is sent when the key goes down or up, and the RTP's end comes within 0.2 s
of its release; the rest is the way of a repeated INFO (T1 is 0.5 s)."""

REMEMBERED = 8
"Presses that may still be told the other way: more than fingers press in ECHO_S."


class Keys:
    """The latest keys of one phone, and by which way each came."""

    __slots__ = ("_alone",)

    def __init__(self) -> None:
        self._alone: list[tuple[str, type, float]] = []
        "Pressed, told one way so far: key, way, and when it went down at the latest."

    def are_new(self, digit: str, way: type, duration_s: float, now: float) -> bool:
        """Say whether this is another press, and not one that the other way has told already.

        `way` is the kind of the event; `duration_s`, how long the key was down before `now`.
        """
        began = now - duration_s
        self._alone = [press for press in self._alone if began - press[2] <= ECHO_S]
        for place, (key, told, _) in enumerate(self._alone):
            if key == digit and told is not way:
                del self._alone[place]
                return False
        self._alone = [*self._alone[1 - REMEMBERED :], (digit, way, now)]
        return True
