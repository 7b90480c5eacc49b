"""The codecs that this server speaks, by their RTP encoding names (RFC 3551 section 4.5)."""

from enum import Enum


class Codec(Enum):
    """A codec; the value is its static payload type (RFC 3551 table 4)."""

    PCMU = 0
    PCMA = 8

    # Members are compared by identity; Enum's own hash is a Python function, and slower.
    __hash__ = object.__hash__


CLOCK_RATE_HZ = 8000
"Samples and RTP timestamp units per second, of both codecs and of our telephone-event."

EVENT_ENCODING = "telephone-event"
"Encoding name of key presses (RFC 4733 section 7.1.1)."

DEFAULT_EVENT_TYPE = 101
"The payload type we offer for key presses: dynamic (RFC 3551 section 6), 101 by common use."
