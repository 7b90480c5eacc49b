"""Callers who are not wanted: single numbers, and all that begin in some way."""

from collections.abc import Iterable

from msgspec import Struct

ANONYMOUS_NAMES = frozenset({"", "anonymous", "restricted", "unavailable", "unknown"})
"What stands in From when nobody is to know, besides Privacy (RFC 3323 4.1.1.3)."


class Blocked(Struct, frozen=True, kw_only=True):
    """One entry."""

    number: str
    'As calls bring it, E.164 from trunks; one that ends in "*" stands for all that begin so.'

    reason: str = ""
    "For the record."

    status: int = 603
    "The SIP answer."

    flow: str = ""
    "An IVR flow that the caller gets in place of a refusal; empty: none."


class Blacklist:
    """Immutable. Looking up costs one step per length of prefix in use."""

    __slots__ = ("_exact", "_lengths", "_prefixes", "refuses_anonymous")

    def __init__(
        self, entries: Iterable[Blocked] = (), *, refuses_anonymous: bool = False
    ) -> None:
        self._exact: dict[str, Blocked] = {}
        self._prefixes: dict[str, Blocked] = {}
        for entry in entries:
            if entry.number.endswith("*"):
                self._prefixes[entry.number[:-1]] = entry
            else:
                self._exact[entry.number] = entry
        self._lengths = sorted({len(prefix) for prefix in self._prefixes}, reverse=True)
        self.refuses_anonymous = refuses_anonymous
        "Callers who withhold their number get 433."

    def find(self, caller: str) -> Blocked | None:
        """Return the entry that is meant: the number itself, else the longest prefix."""
        found = self._exact.get(caller)
        if found is None:
            for length in self._lengths:
                if (found := self._prefixes.get(caller[:length])) is not None:
                    return found
        return found
