"""Digits in SIP INFO, as phones send them without any RFC: application/dtmf-relay and dtmf."""

from .errors import BadMessageError
from .message import Request

_DIGITS = frozenset("0123456789*#ABCD")
_DEFAULT_DURATION_MS = 160
"What a body without Duration is taken for; digits are events here, their length decides nothing."

_LONGEST_MS = 60_000
_ACCEPT = b"Accept: application/dtmf-relay, application/dtmf\r\n"


def read_digit(request: Request) -> tuple[str, int] | None:
    """Return digit and duration in milliseconds; None for an INFO without a body (a probe)."""
    kind = request.get(b"content-type").partition(b";")[0].strip().lower()
    if not request.body and not kind:
        return None
    if kind not in {b"application/dtmf-relay", b"application/dtmf"}:
        raise BadMessageError("Unsupported Media Type", 415, _ACCEPT)
    body = request.body.decode("ascii", "replace")
    if kind == b"application/dtmf":
        return _digit(body), _DEFAULT_DURATION_MS
    fields = {}
    for line in body.splitlines():
        name, _, value = line.partition("=")
        fields[name.strip().lower()] = value.strip()
    duration = fields.get("duration", "")
    length_ms = int(duration) if duration.isascii() and duration.isdigit() else 0
    if len(duration) > 6 or not 0 < length_ms <= _LONGEST_MS:
        length_ms = _DEFAULT_DURATION_MS
    return _digit(fields.get("signal", "")), length_ms


def _digit(signal: str) -> str:
    digit = signal.strip().upper()
    digit = {"10": "*", "11": "#"}.get(digit, digit)  # event numbers of RFC 4733, as some send
    if digit not in _DIGITS or len(digit) != 1:
        raise BadMessageError("No DTMF Digit In Body")
    return digit
