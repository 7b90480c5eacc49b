"""What is left of a description when it is freed of what changes from call to call.

Phones of one make send the same text again and again, and so do we: only the o= line, the
address and the port differ. What such a text means can be remembered.
"""

import re

MAX_FORM_BYTES = 2_000
"Longer bodies are browsers' and the like, with keys that never come again."

USUAL = re.compile(
    rb"v=0\r\no=[!-~]+ [!-~]+ [!-~]+ [!-~]+ [!-~]+ [!-~]+\r\ns=[^\r\n]*\r\n"
    rb"c=IN IP[46] (?!(?:0\.0\.0\.0|::)\r)([0-9a-fA-F.:]{1,45})\r\n"
    rb"((?:[^cm\r\n][^\r\n]*\r\n)*)"
    rb"m=audio ([1-9][0-9]{0,4}) ([^\r\n]*\r\n(?:[^cm\r\n][^\r\n]*\r\n)*)"
)
"""The lines in the order of RFC 8866 section 5, one audio stream that is not refused, one
address that does not mean hold: group 1, in the session's part; the port is group 3."""


def form_of(body: bytes) -> tuple[bytes, str, int] | None:
    """Return the body with another o= line, address and port, then its own address and port.

    The form is a description itself, with each line where it was. None: the body is of an
    unusual kind, or wrong.
    """
    if len(body) > MAX_FORM_BYTES or (match := USUAL.fullmatch(body)) is None:
        return None
    address, session, port_text, audio = match.groups()
    port = int(port_text)
    if port > 65_535:
        return None
    form = b"v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n%bm=audio 9 %b" % (
        session,
        audio,
    )
    return form, address.decode("ascii"), port
