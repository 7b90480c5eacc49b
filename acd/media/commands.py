"""What the call centre asks of a media engine.

A *stream* is the media side of one leg and carries the leg's id. Engines answer with
`acd.media.events`, in any number of later steps, never by a return value: an engine may be a
worker process here, rtpengine, or a WebRTC stack.
"""

from msgspec import Struct


class OpenStream(Struct, frozen=True, tag=True, gc=False):
    """Make a stream; answered by `StreamOpened` or `StreamRefused`."""

    leg: str

    offer: bytes
    "The peer's SDP offer, to be answered; empty: make an offer."

    near: str = ""
    "A leg that this one will be bridged with: place both where that is cheap."

    codecs: tuple[str, ...] = ()
    """Names ("PCMA") that the session is limited to, in the order of preference, whatever the peer
    or the other side of a bridge would like better; empty: all that the engine has."""

    waits: bool = False
    """Send nothing before `Begin`, whatever is asked for meanwhile: the offer's address may be
    somebody's who knows nothing of this call."""


class Begin(Struct, frozen=True, tag=True, gc=False):
    """Let a stream that waits send; what was asked for starts from its beginning.

    Without effect on any other.
    """

    leg: str


class AcceptAnswer(Struct, frozen=True, tag=True, gc=False):
    """The peer's SDP answer to our offer; answered by `StreamAccepted` or `StreamRefused`."""

    leg: str
    answer: bytes


class Reoffer(Struct, frozen=True, tag=True, gc=False):
    """The peer's new offer within the call; answered by `StreamReoffered` or `StreamRefused`."""

    leg: str

    offer: bytes
    "Empty: the peer asks for our offer; `StreamReoffered` carries it, `AcceptAnswer` follows."


class Play(Struct, frozen=True, tag=True, gc=False):
    """Play sounds one after the other to the leg, in place of what played before.

    `PlayFinished` follows at the end of the last sound, unless something else took its place.
    In a bridge or an echo, the other side is not heard by the leg while this plays.
    """

    leg: str
    play: int
    "Number of this play within the leg, echoed in `PlayFinished`."

    sounds: tuple[str, ...]
    'Names below the prompts folder without suffix: "zh/welcome", "music/default".'

    loop: bool = False
    "Start again after the last one, for ever."


class StopPlay(Struct, frozen=True, tag=True, gc=False):
    """Fall silent."""

    leg: str


class Bridge(Struct, frozen=True, tag=True, gc=False):
    """Connect two streams to each other, both ways; ends what either was playing or echoing."""

    leg: str
    other: str


class Unbridge(Struct, frozen=True, tag=True, gc=False):
    """Take the leg and its other side apart again; both are silent."""

    leg: str


class Echo(Struct, frozen=True, tag=True, gc=False):
    """Send back to the leg what it sends."""

    leg: str


class CloseStream(Struct, frozen=True, tag=True, gc=False):
    """End the stream and give its ports back; `StreamClosed` follows with what was counted."""

    leg: str


Command = (
    OpenStream
    | Begin
    | AcceptAnswer
    | Reoffer
    | Play
    | StopPlay
    | Bridge
    | Unbridge
    | Echo
    | CloseStream
)
