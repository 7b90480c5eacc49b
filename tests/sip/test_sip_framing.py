"""Cutting a stream into messages (RFC 3261 18.3, RFC 5626 3.5.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sip_support import request

from acd.sip.errors import BadMessageError
from acd.sip.framing import MAX_HEAD_BYTES, PING, StreamFramer
from acd.sip.message import read

ONE = request("OPTIONS")
TWO = request("INVITE", body=b"v=0\r\n\r\nContent-Length: 5\r\n")
COMPACT = b"OPTIONS sip:a@b SIP/2.0\r\nL :\t2\r\n\r\nhi"
BARE = TWO.replace(b"\r\nContent-Type", b"\nContent-Type").replace(b"\r\n\r\nv", b"\n\nv")
"Lines that end by LF only, the last of the head among them."


@given(st.lists(st.sampled_from([ONE, TWO, COMPACT, BARE]), max_size=5), st.data())
def test_any_cut_gives_the_same_messages(messages: list[bytes], data) -> None:
    stream = b"".join(messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    framer, got = StreamFramer(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += framer.feed(stream[start:end])
    assert got == messages


def test_line_breaks_before_a_message_are_ignored() -> None:
    """7.5: "MUST ignore any CRLF appearing before the start-line"."""
    assert StreamFramer().feed(b"\r\n" + ONE) == [ONE]


@pytest.mark.parametrize("data", [ONE, TWO, BARE, ONE.replace(b"\r\n", b"\n")])
def test_where_the_framer_ends_a_head_the_reader_does_too(data: bytes) -> None:
    [message] = StreamFramer().feed(data)
    assert message == data
    assert read(message).fault is None


def test_a_ping_comes_out_alone() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n") == []
    assert framer.feed(b"\r\n") == [PING]
    assert framer.feed(PING + ONE + PING) == [PING, ONE, PING]


@pytest.mark.parametrize(
    "bad",
    [
        b"OPTIONS sip:a@b SIP/2.0\r\n\r\n",
        b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n",
        b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 1\r\nl: 2\r\n\r\n",
        b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 99999999\r\n\r\n",
        b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: %b\r\n\r\n" % (b"9" * 5000),
        b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: %b5\r\n\r\n" % (b"0" * 5000),
        b"x" * (MAX_HEAD_BYTES + 1),
    ],
)
def test_a_stream_that_cannot_be_cut_is_refused(bad: bytes) -> None:
    with pytest.raises(BadMessageError):
        StreamFramer().feed(bad)
