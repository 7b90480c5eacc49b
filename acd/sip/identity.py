"""Who calls and whom the call was for, as far as the headers beside From and Request-URI tell.

P-Asserted-Identity (RFC 3325) and Privacy (RFC 3323), Diversion (RFC 5806) and History-Info
(RFC 7044). Nothing here is read unless one of them is there, which in most calls none is.
Remote-Party-ID is not looked at: it never became a standard, and who sends it asserts too.
"""

from msgspec.structs import replace

from .errors import BadMessageError
from .events import InviteReceived
from .headers import NameAddr
from .message import Request
from .uri import Uri

HEADERS = frozenset({b"p-asserted-identity", b"privacy", b"diversion", b"history-info"})

DIVERSIONS_MAX = 10
"More often no call is diverted in good faith; what is beyond is left out."

_HIDING = frozenset({b"id", b"user", b"header"})
"""Values of Privacy that ask us to hide who calls. "session" and "critical" ask for more than a
B2BUA does anyway: our own addresses stand in whatever leaves us."""


def complete(event: InviteReceived, request: Request, *, trusted: bool) -> InviteReceived:
    """Return the event with what these headers say; `trusted`: the peer is believed to know."""
    caller, name = event.caller, event.caller_name
    if trusted and event.account is None:
        # RFC 3325 5: "If a proxy receives a message from a node that it trusts, it can use the
        # information in the P-Asserted-Identity header field, if any, as if it had
        # authenticated the user itself." From an untrusted one it is to be ignored.
        asserted = _asserted(request)
        if asserted is not None:
            caller, name = asserted.user_text(), asserted.display_text or name
    return replace(
        event,
        caller=caller,
        caller_name=name,
        claimed="" if caller == event.caller else event.caller,
        withheld=_asks_to_hide(request),
        diverted_from=_diverted_from(request, event.called),
    )


def _asserted(request: Request) -> NameAddr | None:
    """Return the asserted identity; of two, the tel URI, which is the telephone number."""
    # RFC 3325 9.1: "There may be one or two P-Asserted-Identity values. […] If there are two
    # values, one value MUST be a sip or sips URI and the other MUST be a tel URI."
    found = None
    for value in _entries(request, b"p-asserted-identity"):
        if value.user_text() and (found is None or value.uri[:4].lower() == b"tel:"):
            found = value
    return found


def _asks_to_hide(request: Request) -> bool:
    # RFC 3323 4.2: priv-value *(";" priv-value); some write commas. They are tokens: quotation
    # marks have no meaning here, and an open one does not make the rest unreadable.
    values = set()
    for line in (request.get(b"privacy"), *request.more.get(b"privacy", ())):
        values |= {value.strip().lower() for value in line.replace(b",", b";").split(b";")}
    # "none: The user requests that a privacy service apply no privacy functions to this message,
    # regardless of any pre-provisioned profile for the user or default behavior of the service."
    return b"none" not in values and not values.isdisjoint(_HIDING)


def _diverted_from(request: Request, called: str) -> tuple[str, ...]:
    """Return the numbers that the call was for before it was for ours, the first one first."""
    numbers = _history(request)
    if not numbers:
        # RFC 5806: each entity that diverts puts its entry above those that are there.
        numbers = [value.user_text() for value in _entries(request, b"diversion")][::-1]
    found = dict.fromkeys(number for number in numbers if number and number != called)
    return tuple(found)[:DIVERSIONS_MAX]


def _history(request: Request) -> list[str]:
    """Return the users of History-Info in the order of their indices (RFC 7044 5.1)."""
    entries = [
        (_index(value.parameters.get(b"index", b"")), value.user_text())
        for value in _entries(request, b"history-info")
    ]
    return [user for _, user in sorted(entries, key=lambda entry: entry[0])]


def _index(text: bytes) -> tuple[int, ...]:
    parts = text.split(b".")
    if not all(part.isdigit() and len(part) < 6 for part in parts):
        return (1 << 20,)  # without an index of any use: behind all that have one
    return tuple(map(int, parts))


def _entries(request: Request, header: bytes) -> list[NameAddr]:
    """Return a header's entries; those that cannot be read are left out, as if not sent.

    None of them is needed to serve the call, so none of them is a reason to refuse it.
    """
    entries = []
    try:
        values = request.all(header)
    except BadMessageError:
        return []
    for value in values:
        try:
            entry = NameAddr.parse(value)
            Uri.parse(entry.uri)
        except BadMessageError:
            continue
        entries.append(entry)
    return entries
