"""What can be wrong: the other side's message, or our own use of this package."""


class SipError(Exception):
    """Root of this package's errors."""


class BadMessageError(SipError):
    """The other side's fault, with the answer it gets."""

    def __init__(self, reason: str, status: int = 400, headers: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        "Reason phrase of the answer."
        self.status = status
        self.headers = headers
        "Header lines that belong to this status, each ended by CRLF."


class ProofFailedError(BadMessageError):
    """Credentials came along and do not prove the account: a wrong password, or a break-in."""


class OtherResourceError(BadMessageError):
    """Credentials prove the account, but were made for a call to somebody else."""


class BadTargetError(SipError):
    """Our own fault: a URI, header or setting that cannot stand in a SIP message."""
