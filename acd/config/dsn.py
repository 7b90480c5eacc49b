"""What is wrong with a DSN, as far as that can be told without the database."""

import re
from urllib.parse import parse_qsl, urlsplit

SCHEMES = frozenset({"postgres", "postgresql"})

CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": (
        "any",
        "primary",
        "standby",
        "read-write",
        "read-only",
        "prefer-standby",
    ),
}
"Parameters of which asyncpg refuses other values, at each try to connect."

HINT = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, special characters as %XX"

_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"(?:\[[^\]]+\]|[^@:\[\]]+)(?::(?P<port>\d{1,5}))?")
_HIGHEST_PORT = 65_535


def dsn_fault(dsn: str) -> tuple[str, str] | None:
    """Return what is wrong and what would be right; None for a good one, or none at all.

    The DSN itself is not repeated: it may hold a password, and faults end up in logs.
    """
    if not dsn:
        return None
    try:
        parts = urlsplit(dsn)
    except ValueError:
        return "malformed DSN", HINT
    # The driver takes what follows the first @ for the host, so that a second one is a mistake.
    hosts = parts.netloc.partition("@")[2] if "@" in parts.netloc else parts.netloc
    if parts.scheme not in SCHEMES or (hosts and not all(map(_is_host, hosts.split(",")))):
        return "malformed DSN", HINT
    if _BARE_PERCENT.search(dsn):
        return "malformed DSN: a % that begins no character", HINT
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in CHOICES and value not in CHOICES[name]:
            return f"malformed DSN: no such {name}", " | ".join(CHOICES[name])
    return None


def _is_host(text: str) -> bool:
    """Say whether it is a host, perhaps with a port; several stand side by side with commas."""
    found = _HOST.fullmatch(text)
    return found is not None and 0 < int(found["port"] or 1) <= _HIGHEST_PORT
