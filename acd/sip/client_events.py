"""What happened to registrations that this side keeps up elsewhere (the built-in phone)."""

from msgspec import Struct


class RegistrationSucceeded(Struct, frozen=True):
    """The registrar took our REGISTER; refreshes are reported too."""

    registration: str

    expires_s: int
    "Lifetime granted; 0 after `unregister`."


class RegistrationFailed(Struct, frozen=True):
    """The registrar refused, or did not answer: 408 none came, 503 the transport failed."""

    registration: str
    status: int
    reason: str

    retry_in_s: float = 0.0
    "Pause before the next try; 0 when there is none, since only a person can mend it."


ClientEvent = RegistrationSucceeded | RegistrationFailed
