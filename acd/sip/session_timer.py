"""Session timers (RFC 4028): what two sides agree on, and the header lines that say so.

Each session refresh request (INVITE, re-INVITE, UPDATE) may ask for a timer; its 2xx says how
long the session lives without a further one, and which side sends that one.
"""

from msgspec import Struct

from .errors import BadMessageError
from .headers import parse_number, parse_parameters
from .message import Message, Request, Response
from .settings import EndpointSettings

DEFAULT_MIN_SE_S = 90
"What a request without Min-SE means (RFC 4028 section 5)."

END_BEFORE_S = 32
"RFC 4028 10: the end comes the smaller of this and a third of the interval before expiry."


class SessionTerms(Struct, frozen=True, gc=False):
    """A timer agreed on."""

    interval_s: int

    refreshing: bool
    "We send the refreshes; otherwise the other side does."

    known: bool = True
    "The other side knows timers."


def check_interval(request: Request, settings: EndpointSettings) -> None:
    """Raise `BadMessageError`: 422 for an interval below our minimum, 400 for a broken one.

    RFC 4028 9: "the UAS MAY reject the INVITE request with a 422 (Session Interval Too Small)
    response if the session interval in the Session-Expires header field is smaller than the
    minimum interval defined by the UAS' local policy". We do so too where the UAC does not know
    timers: it would have us refresh as often as it likes.
    """
    seconds, _ = _read(request.headers[b"session-expires"])
    _ = _min_se(request)
    if seconds < settings.min_se_s:
        line = b"Min-SE: %d\r\n" % settings.min_se_s
        raise BadMessageError("Session Interval Too Small", 422, line)


def agree(request: Request, settings: EndpointSettings) -> SessionTerms | None:
    """Return the timer that our 2xx to a checked request sets up; None: the session has none."""
    wanted_s = settings.session_expires_s
    value = request.headers.get(b"session-expires")
    if value is None and not wanted_s:
        return None
    known = _knows_timers(request)
    longest_s = max(wanted_s, settings.min_se_s, demanded_s(request))
    if value is None:
        return SessionTerms(longest_s, not known, known)
    asked_s, refresher = _read(value)
    # 9: a UAS may shorten the interval, not below Min-SE, and never lengthens it. Table 2: the
    # refresher that the request names stays; one who does not know timers cannot be it.
    interval_s = min(asked_s, longest_s) if wanted_s else asked_s
    return SessionTerms(interval_s, not known or refresher == b"uas", known)


def agreed_lines(terms: SessionTerms) -> bytes:
    """Return the lines of our 2xx.

    9: where the refresher is the UAC, a Require with the value timer has to stand beside it.
    """
    if terms.refreshing:
        return b"Session-Expires: %d;refresher=uas\r\n" % terms.interval_s
    return b"Require: timer\r\nSession-Expires: %d;refresher=uac\r\n" % terms.interval_s


def asking_lines(interval_s: int, min_se_s: int, *, refreshing: bool | None = None) -> bytes:
    """Return the lines of a request of ours, but for `Supported: timer`.

    7.4: "it is RECOMMENDED that the refresher parameter be set to 'uac' if the element sending
    the request is currently performing refreshes, and to 'uas' otherwise". At first (None) the
    other side may choose.
    """
    refresher = b"" if refreshing is None else b";refresher=" + (b"uac" if refreshing else b"uas")
    line = b"Session-Expires: %d%b\r\n" % (interval_s, refresher)
    if min_se_s != DEFAULT_MIN_SE_S:
        line += b"Min-SE: %d\r\n" % min_se_s
    return line


def granted(response: Response, asked_s: int, least_s: int) -> SessionTerms | None:
    """Return the timer that a 2xx to our request sets up; `asked_s` 0: we asked for none.

    7.2: when only we want a timer, no Session-Expires comes back, and we refresh "as if the
    Session-Expires header field were in the 2xx response, and its value was the same as the one
    in the request, but with a refresher parameter of 'uac'". An unreadable one is as good as
    none; one below `least_s` would have us refresh without end.
    """
    try:
        seconds, refresher = _read(response.headers[b"session-expires"])
    except (KeyError, BadMessageError):
        return SessionTerms(asked_s, True, known=False) if asked_s else None
    return SessionTerms(max(seconds, least_s), refresher != b"uas")


def demanded_s(message: Message) -> int:
    """Return the interval that a 422 or a request demands; 0 when it does not say."""
    try:
        return _min_se(message)
    except BadMessageError:
        return 0


def _read(value: bytes) -> tuple[int, bytes]:
    """Return seconds and refresher of a Session-Expires."""
    digits, semicolon, tail = value.partition(b";")
    refresher = parse_parameters(semicolon + tail).get(b"refresher", b"").lower()
    return parse_number(digits.strip()), refresher


def _min_se(message: Message) -> int:
    value = message.headers.get(b"min-se")
    return 0 if value is None else parse_number(value.partition(b";")[0].strip())


def _knows_timers(request: Request) -> bool:
    tags = request.readable(b"supported") + request.readable(b"require")
    return b"timer" in {tag.lower() for tag in tags}
