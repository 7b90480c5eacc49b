"""The parser and serialiser of session descriptions (RFC 8866)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.sdp.description import (
    MAX_LINES,
    MediaDescription,
    Origin,
    SessionDescription,
    parse,
)
from acd.sdp.errors import SdpError, SdpSyntaxError

TYPICAL = (
    b"v=0\r\no=jdoe 2890844526 2890842807 IN IP4 198.51.100.1\r\ns=Call\r\ni=about\r\n"
    b"c=IN IP4 198.51.100.1\r\nb=AS:64\r\nt=0 0\r\na=recvonly\r\nm=audio 49170/2 RTP/AVP 0 8\r\n"
    b"a=rtpmap:8 PCMA/8000\r\nm=video 51372 RTP/AVP 99\r\nc=IN IP4 203.0.113.2/127\r\n"
)


def test_reads_a_typical_body() -> None:
    session = parse(TYPICAL)
    assert session.origin == Origin("jdoe", "2890844526", "2890842807", "198.51.100.1")
    assert (session.name, session.attributes) == ("Call", (("recvonly", ""),))
    audio, video = session.media
    assert (audio.kind, audio.port, audio.formats, audio.line) == ("audio", 49170, ("0", "8"), 9)
    assert audio.attributes == (("rtpmap", "8 PCMA/8000"),)
    assert (session.address_of(audio), session.address_of(video)) == (
        "198.51.100.1",
        "203.0.113.2",
    )


def test_lines_are_written_in_the_order_that_the_rfc_asks_for() -> None:
    """RFC 8866 5: v, o, s, c, t and a of the session, then m, c and a; t= is not optional."""
    own = MediaDescription("audio", 4000, "RTP/AVP", ("0", "8"), "2001:db8::2", (("ptime", "20"),))
    session = SessionDescription(
        Origin("-", "7", "8", "192.0.2.1"), (own,), "-", "192.0.2.1", (("sendonly", ""),), "5 9"
    )
    assert bytes(session) == (
        b"v=0\r\no=- 7 8 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=5 9\r\n"
        b"a=sendonly\r\nm=audio 4000 RTP/AVP 0 8\r\nc=IN IP6 2001:db8::2\r\na=ptime:20\r\n"
    )


def test_the_last_port_and_the_last_line_are_taken() -> None:
    body = b"v=0\r\nm=audio 65535 RTP/AVP 0\r\n" + b"a=x\r\n" * (MAX_LINES - 3)
    session = parse(body)
    assert session.media[0].port == 65_535
    assert len(session.media[0].attributes) == MAX_LINES - 3


def test_tolerates_bare_lf_blank_lines_and_missing_lines() -> None:
    session = parse(b"\nv=0\nX=what\nm=audio 4 RTP/AVP 8\n\n")
    assert session.media[0].port == 4
    assert session.origin == Origin()


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        (b"", 1, "empty"),
        (b"hello", 1, "<letter>=<value>"),
        (b"s=-\r\nv=0\r\n", 1, "starts with v=0"),
        (b"v=1\r\n", 1, "starts with v=0"),
        (b"v=0\r\no=- 1 2\r\n", 2, "6 fields"),
        (b"v=0\r\nc=IN IP4\r\n", 2, "c=IN IP4 <address>"),
        (b"v=0\r\nm=audio 4\r\n", 2, "m=<kind>"),
        (b"v=0\r\nm=audio x RTP/AVP 0\r\n", 2, "not a number"),
        (b"v=0\r\nm=audio 99999 RTP/AVP 0\r\n", 2, "above 65535"),
        (b"v=0\r\nm=audio 65536 RTP/AVP 0\r\n", 2, "above 65535"),
        (b"v=0\r\n" + b"m=audio 4 RTP/AVP 0\r\n" * 33, 34, "more than 32"),
        (b"v=0\r\n" + b"a=x\r\n" * 3000, 2000, "lines"),
        (b"v=0\r\n" + b"a" * 70_000, 1, "bytes"),
    ],
)
def test_faults_name_line_and_reason(body: bytes, line: int, says: str) -> None:
    with pytest.raises(SdpSyntaxError, match=says) as caught:
        parse(body)
    assert caught.value.line == line


WORD = st.text("abcxyz019-.", min_size=1, max_size=8)
ATTRIBUTES = st.lists(st.tuples(WORD, WORD | st.just("")), max_size=4).map(tuple)
ADDRESS = st.sampled_from(["192.0.2.1", "2001:db8::1", ""])
MEDIA = st.builds(
    MediaDescription,
    kind=WORD,
    port=st.integers(0, 65535),
    protocol=WORD,
    formats=st.lists(WORD, min_size=1, max_size=4).map(tuple),
    address=ADDRESS,
    attributes=ATTRIBUTES,
)
SESSIONS = st.builds(
    SessionDescription,
    origin=st.builds(Origin, user=WORD, session_id=WORD, session_version=WORD),
    media=st.lists(MEDIA, max_size=4).map(tuple),
    name=WORD,
    address=ADDRESS,
    attributes=ATTRIBUTES,
)


@given(SESSIONS)
def test_what_is_written_reads_back(session: SessionDescription) -> None:
    read = parse(bytes(session))
    assert bytes(read) == bytes(session)
    assert (read.origin, read.name, read.address) == (
        session.origin,
        session.name,
        session.address,
    )
    assert [m.attributes for m in read.media] == [m.attributes for m in session.media]


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: b"v=0\r\n" + tail))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        session = parse(body)
    except SdpError as error:
        message = str(error)
    else:
        message = f"SDP line {len(session.media)}"
    assert message.startswith("SDP line")
