"""Errors of this package. Both kinds are the peer's fault and are answered with `status`."""


class SdpError(Exception):
    """Root of this package's errors.

    `status` is the SIP answer that fits: "The server ... cannot accept the session description"
    is 488 (RFC 3261 21.4.26), for a malformed body as for one without a usable stream.
    """

    status = 488


class SdpSyntaxError(SdpError):
    """The body is not a session description (RFC 8866 section 9)."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"SDP line {line}: {reason}")
        self.line = line
        self.reason = reason


class SdpUnusableError(SdpError):
    """The description is well formed, but has no stream that we can serve."""
