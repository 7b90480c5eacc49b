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


ClientEvent = RegistrationSucceeded | RegistrationFailed
