"""Errors of this package. All are the peer's fault and are answered with `status`."""

INCOMPATIBLE_PROTOCOL = 302
INCOMPATIBLE_ADDRESS = 301
NO_SUCH_MEDIA = 304
INCOMPATIBLE_FORMAT = 305
MISCELLANEOUS = 399
"Warning codes of RFC 3261 20.43."


class SdpError(Exception):
    """Root of this package's errors."""

    status = 488
    "The SIP answer that fits."

    warning_code = MISCELLANEOUS
    "What the Warning header of that answer begins with (RFC 3261 20.43)."


class SdpSyntaxError(SdpError):
    """The body is not a session description (RFC 8866 section 9).

    It is answered 400: "The request could not be understood due to malformed syntax" (RFC 3261
    21.4.1), while 488 is for descriptions that are understood.
    """

    status = 400

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"SDP line {line}: {reason}")
        self.line = line


class SdpUnusableError(SdpError):
    """The description is well formed, but has no stream that we can serve (RFC 3261 21.4.26)."""

    def __init__(self, reason: str, warning_code: int = MISCELLANEOUS) -> None:
        super().__init__(reason)
        self.warning_code = warning_code
