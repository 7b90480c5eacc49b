"""Takes secrets out of what people read: log lines and traces."""

import re
from functools import cache

MASK = "***"

_SECRET_KEY = re.compile(
    r"(?:^|_)(?:password|passwd|secret|token|pin|ha1|credentials?|api_?key|dsn)$"
    r"|authorization|authentication_info",
    re.IGNORECASE,
)
"Names of fields whose value is a secret as a whole (a DSN: it usually holds a password)."

_PATTERNS = (
    # Header lines of SIP and HTTP: the scheme stays, it tells what kind of answer came.
    # A value may go on in lines that begin with white space (RFC 3261 7.3.1).
    (
        re.compile(
            r"((?:proxy-)?(?:authorization|authentication-info)\s*:)"
            r"(\s*\w+(?=[ \t]+\S|[ \t]*\r?\n[ \t]+\S))?"
            r"[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*",
            re.IGNORECASE,
        ),
        rf"\1\2 {MASK}",
    ),
    (re.compile(r"(\bBearer\s+)[\w.~+/=-]+", re.IGNORECASE), rf"\1{MASK}"),
    # Passwords inside URIs: sip:user:password@host, postgresql://user:password@host.
    (
        re.compile(r"(\b(?:sips?:|\w+://)[^\s:@<>\"/]*:)[^\s@<>\"/]+@", re.IGNORECASE),
        rf"\1{MASK}@",
    ),
    # Keys of encrypted media in SDP (RFC 4568, RFC 8839; RFC 4566 5.12, RFC 4567).
    (re.compile(r"(\binline:)[\w+/=]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"(\bice-pwd:)\S+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"(^k=\w+:)[^\r\n]+", re.IGNORECASE | re.MULTILINE), rf"\1{MASK}"),
    (re.compile(r"(^a=key-mgmt:\w+ )\S+", re.IGNORECASE | re.MULTILINE), rf"\1{MASK}"),
    (re.compile(r"(\bpassword\s*[=:]\s*)\S+", re.IGNORECASE), rf"\1{MASK}"),
)


@cache
def is_secret_name(name: str) -> bool:
    """Whether a field of this name holds a secret."""
    return _SECRET_KEY.search(name) is not None


def mask_text(text: str) -> str:
    """Return the text without credentials, passwords and keys."""
    # Every pattern needs one of these; ids, codes and numbers, most of all values, have none.
    if ":" not in text and "=" not in text and " " not in text and "\t" not in text:
        return text
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def mask_value(value: object) -> object:
    """Return a log field's value with the secrets in it masked, at any depth."""
    match value:
        case str():
            return mask_text(value)
        case bytes() | bytearray():
            return mask_text(value.decode(errors="replace"))
        case dict():
            return {
                key: MASK if isinstance(key, str) and is_secret_name(key) else mask_value(item)
                for key, item in value.items()
            }
        case list() | tuple():
            return [mask_value(item) for item in value]
        case BaseException():
            return mask_text(f"{type(value).__name__}: {value}")
        case _:
            return value
