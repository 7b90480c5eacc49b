"""What a media engine reports."""

from msgspec import Struct


class StreamOpened(Struct, frozen=True, tag=True, gc=False):
    """The stream stands; send this SDP to the peer (an answer or an offer, as was asked)."""

    leg: str
    sdp: bytes


class StreamAccepted(Struct, frozen=True, tag=True, gc=False):
    """The peer's answer fits: the stream sends and receives."""

    leg: str

    held: bool = False
    "The peer put us on hold by its answer, as in `StreamReoffered`."


class StreamReoffered(Struct, frozen=True, tag=True, gc=False):
    """The stream follows the peer's new offer."""

    leg: str
    answer: bytes

    held: bool
    "The peer put us on hold: sendonly, inactive, or the address 0.0.0.0 (RFC 3264 8.4)."


class StreamRefused(Struct, frozen=True, tag=True, gc=False):
    """The engine could not do what was asked; a stream that stood before stands on."""

    leg: str

    status: int
    "The SIP answer that fits: 400 no session description, 488 unusable, 503 no port or worker."

    reason: str

    warning_code: int = 399
    "Of the Warning header that goes with it (RFC 3261 20.43)."


class PlayFinished(Struct, frozen=True, tag=True, gc=False):
    """The last sound of a play was sent to its end."""

    leg: str
    play: int


class DigitPressed(Struct, frozen=True, tag=True, gc=False):
    """One key press in the peer's RTP (RFC 4733), reported once, at its end."""

    leg: str

    digit: str
    "One of 0-9 * # A-D."

    duration_ms: int


class StreamClosed(Struct, frozen=True, tag=True, gc=False):
    """What a stream counted, sent once after `CloseStream`."""

    leg: str
    packets_received: int
    packets_sent: int

    packets_lost: int
    "By gaps in the peer's sequence numbers (RFC 3550 A.3)."

    packets_late: int
    "Arrived behind one with a higher number; a relay passes them on all the same."

    packets_foreign: int
    "Dropped because they came from another address than the one latched onto."

    jitter_ms: float
    "Interarrival jitter (RFC 3550 6.4.1) at the end."


class StreamsLost(Struct, frozen=True, tag=True, gc=False):
    """The engine's worker died and these streams with it; no `StreamClosed` follows."""

    legs: tuple[str, ...]
    reason: str


Event = (
    StreamOpened
    | StreamAccepted
    | StreamReoffered
    | StreamRefused
    | PlayFinished
    | DigitPressed
    | StreamClosed
    | StreamsLost
)
