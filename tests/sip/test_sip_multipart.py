"""Bodies of several parts (RFC 2046, 5621), blank lines before the start, Warning (20.43)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sip_support import PHONE, SDP, events, make_endpoint, message, parsed, request, statuses

from acd.sip.endpoint import InviteTarget
from acd.sip.events import InviteReceived, LegAnswered
from acd.sip.message import read
from acd.sip.multipart import MAX_PARTS, open_multipart

ISUP = b"Content-Type: application/isup;version=itu-t92+\r\n%b\r\n\x01\x00\x49\x00\r\n"
OPTIONAL = b"Content-Disposition: signal;handling=optional\r\n"
REQUIRED = b"Content-Disposition: signal; handling=required\r\n"
DESCRIPTION = b"Content-Type: application/sdp\r\n\r\n" + SDP


def body_of(*parts: bytes, boundary: bytes = b"b1") -> bytes:
    return (
        b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts) + b"--%b--\r\n" % boundary
    )


def invite(body: bytes, content_type: str = 'multipart/mixed;boundary="b1"') -> bytes:
    return request("INVITE", body=body, content_type=content_type)


@pytest.mark.parametrize(
    "body",
    [
        body_of(DESCRIPTION),
        body_of(DESCRIPTION, ISUP % OPTIONAL),
        body_of(ISUP % OPTIONAL, DESCRIPTION),
        body_of(ISUP % b"", DESCRIPTION),
        b"preamble\r\n" + body_of(ISUP % OPTIONAL, DESCRIPTION) + b"epilogue",
        body_of(b"\r\nplain text without headers", DESCRIPTION),
        body_of(b"content-type:\r\n application/sdp\r\n\r\n" + SDP),
        body_of(DESCRIPTION).replace(b"\r\n", b"\n"),
    ],
)
def test_the_session_description_is_found_among_the_parts(body: bytes) -> None:
    out = make_endpoint().receive(invite(body), PHONE, 0.0)
    (event,) = [item for item in events(out) if isinstance(item, InviteReceived)]
    assert event.offer.replace(b"\r\n", b"\n").strip() == SDP.replace(b"\r\n", b"\n").strip()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (body_of(ISUP % REQUIRED, DESCRIPTION), "multipart/mixed;boundary=b1"),
        (body_of(ISUP % OPTIONAL), "multipart/mixed;boundary=b1"),
        (body_of(DESCRIPTION), "multipart/mixed"),
        (body_of(DESCRIPTION), "multipart/mixed;boundary=other"),
        (body_of(DESCRIPTION), "multipart/signed;boundary=b1"),
    ],
)
def test_what_is_not_understood_gets_415_with_what_would_be(
    body: bytes, content_type: str
) -> None:
    """21.4.13: "The server MUST return a list of acceptable formats"."""
    out = make_endpoint().receive(invite(body, content_type), PHONE, 0.0)
    (refusal,) = parsed(out)
    assert (refusal.status, refusal.get(b"accept")) == (415, b"application/sdp")


@pytest.mark.parametrize(
    ("content_type", "disposition", "answers"),
    [
        ("application/isup", "signal;handling=optional", [100]),
        ("text/plain", "render; Handling=OPTIONAL", [100]),
        ("multipart/mixed;boundary=b1", "x;handling=optional", [100]),
        ("application/isup", "signal;handling=required", [415]),
        ("application/isup", "signal", [415]),
    ],
)
def test_a_body_that_is_optional_is_passed_over(
    content_type: str, disposition: str, answers: list[int]
) -> None:
    """RFC 3261 20.11: ""optional", the UAS MUST ignore the message body"; 8.2.3 has the 415."""
    data = request(
        "INVITE",
        f"Content-Disposition: {disposition}",
        body=b"hello",
        content_type=content_type,
    )
    out = make_endpoint().receive(data, PHONE, 0.0)
    assert statuses(out) == answers
    assert [item.offer for item in events(out)] == [b""] * answers.count(100)


def test_an_optional_description_is_taken_all_the_same() -> None:
    disposed = "Content-Disposition: session;handling=optional"
    out = make_endpoint().receive(request("INVITE", disposed, body=SDP), PHONE, 0.0)
    assert [item.offer for item in events(out)] == [SDP]
    packed = request("INVITE", disposed, "Content-Encoding: gzip", body=SDP)
    out = make_endpoint().receive(packed, PHONE, 0.0)
    assert [item.offer for item in events(out)] == [b""]


def test_an_answer_of_several_parts_is_understood_too() -> None:
    endpoint = make_endpoint()
    target = InviteTarget(uri="sip:1001@192.0.2.10", peer=PHONE, caller="4000")
    (sent,) = parsed(endpoint.invite("out", target, SDP, 0.0))
    body = body_of(ISUP % OPTIONAL, DESCRIPTION)
    headers = [
        f"{name.title()}: {sent.get(name.encode()).decode()}"
        for name in ("via", "from", "call-id", "cseq")
    ]
    answer = message(
        "SIP/2.0 200 OK",
        *headers,
        f"To: {sent.get(b'to').decode()};tag=them",
        "Contact: <sip:1001@192.0.2.10:5062>",
        "Content-Type: multipart/mixed;boundary=b1",
        body=body,
    )
    (answered,) = [
        item
        for item in events(endpoint.receive(answer, PHONE, 0.1))
        if isinstance(item, LegAnswered)
    ]
    assert answered.answer.strip().startswith(b"v=0")


@given(
    st.lists(st.binary(max_size=60), max_size=MAX_PARTS + 3),
    st.text("ab019'()+_,-./:=?\" ", min_size=1, max_size=12).map(str.encode),
    st.sampled_from([b"multipart/mixed", b"multipart/alternative", b"Multipart/Mixed "]),
)
def test_no_bytes_break_it(parts: list[bytes], boundary: bytes, kind: bytes) -> None:
    body = body_of(*parts, boundary=boundary)
    data = b"INVITE sip:a@h SIP/2.0\r\nContent-Type: %b;boundary=%b\r\n\r\n%b" % (
        kind,
        boundary,
        body,
    )
    found = read(data)
    size = len(found.body)  # a line break in the boundary ends the headers before it
    if found.body:
        open_multipart(found)
    assert len(found.body) <= size


@pytest.mark.parametrize("blank", [b"\r\n", b"\r\n\r\n", b"\n"])
def test_blank_lines_before_the_start_line_are_ignored(blank: bytes) -> None:
    """7.5: "MUST ignore any CRLF appearing before the start-line"."""
    assert statuses(make_endpoint().receive(blank + request("OPTIONS"), PHONE, 0.0)) == [200]


def test_a_refusal_says_in_a_warning_what_was_wrong() -> None:
    endpoint = make_endpoint()
    (event,) = [
        item
        for item in events(endpoint.receive(request("INVITE", body=SDP), PHONE, 0.0))
        if isinstance(item, InviteReceived)
    ]
    out = endpoint.reject(event.leg, 488, 0.1, warning='305 no "codec" of\r\nours')
    (refusal,) = parsed(out)
    assert refusal.get(b"warning") == rb'305 192.0.2.1:5060 "no \"codec\" of  ours"'


def offers(body: bytes, content_type: str = "multipart/mixed;boundary=b1") -> list[bytes]:
    out = make_endpoint().receive(invite(body, content_type), PHONE, 0.0)
    return [item.offer for item in events(out) if isinstance(item, InviteReceived)]


def test_the_first_description_counts() -> None:
    other = DESCRIPTION.replace(b"7000", b"7002")
    assert [b"7000" in offer for offer in offers(body_of(DESCRIPTION, other))] == [True]


def test_nothing_counts_after_the_closing_delimiter() -> None:
    """RFC 2046 5.1.1: "implementations must ignore text that appears […] after the last"."""
    assert offers(body_of(ISUP % OPTIONAL) + b"--b1\r\n" + DESCRIPTION) == []


def test_a_longer_delimiter_is_another_ones() -> None:
    """5.1.1: nested bodies may have boundaries that begin alike."""
    assert offers(body_of(DESCRIPTION, boundary=b"b12")) == []


def test_a_part_without_headers_is_text_whatever_it_begins_with() -> None:
    assert offers(body_of(b"\r\n" + DESCRIPTION)) == []


def test_what_comes_behind_too_many_parts_is_not_looked_for() -> None:
    assert offers(body_of(*[ISUP % OPTIONAL] * (MAX_PARTS + 1), DESCRIPTION)) == []
