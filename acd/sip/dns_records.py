"""Questions to DNS and their answers, as values: asking is an adapter's work."""

from typing import Literal

from msgspec import Struct

Kind = Literal["NAPTR", "SRV", "A", "AAAA"]


class Resolve(Struct, frozen=True):
    """Ask DNS; hand what comes of it to `Endpoint.resolved`, in any case."""

    name: str
    "A domain name without the last dot."

    kind: Kind


class Naptr(Struct, frozen=True):
    """A NAPTR record (RFC 3403), as far as RFC 3263 uses it."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


class Srv(Struct, frozen=True):
    """An SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


Record = Naptr | Srv | str
"An address record is the address as text."


class Resolved(Struct, frozen=True):
    """What DNS said."""

    name: str
    kind: Kind

    records: tuple[Record, ...] = ()
    "Empty when there are none, which is an answer, too."

    ttl_s: float = 0.0

    failed: bool = False
    "No server answered, or none could: nothing new is known."
