"""Reading messages: RFC 3261 section 7, liberal where section 18 and RFC 4475 want it."""

import pytest
import sipmessage
from hypothesis import example, given
from hypothesis import strategies as st
from sip_support import message, request

from acd.sip.errors import BadMessageError
from acd.sip.message import MAX_HEADER_LINES, Request, Response, read


def test_headers_are_filed_under_their_long_lower_case_name() -> None:
    data = message(
        "OPTIONS sip:a@b SIP/2.0", "v: SIP/2.0/UDP h;branch=z9hG4bK1", "I : x", "TO:<sip:a@b>"
    )
    read_back = read(data)
    assert read_back.get(b"via") == b"SIP/2.0/UDP h;branch=z9hG4bK1"
    assert (read_back.get(b"call-id"), read_back.get(b"to")) == (b"x", b"<sip:a@b>")
    assert read_back.fault is None


def test_folded_lines_become_one() -> None:
    data = b"OPTIONS sip:a@b SIP/2.0\r\nSubject: one\r\n \t two\r\n\tthree\r\n\r\n"
    assert read(data).get(b"subject") == b"one two three"


def test_line_feeds_alone_are_tolerated() -> None:
    data = request("INVITE", body=b"v=0\n").replace(b"\r\n", b"\n")
    parsed = read(data)
    assert parsed.fault is None
    assert (parsed.cseq.number, parsed.body) == (1, b"v=0\n")


@pytest.mark.parametrize("smuggled", [b"x\nVia: evil", b"x\rVia: evil"])
def test_a_lone_line_break_never_survives_in_a_value(smuggled: bytes) -> None:
    parsed = read(b"OPTIONS sip:a@b SIP/2.0\r\nFrom: " + smuggled + b"\r\n\r\n")
    assert b"\n" not in parsed.get(b"from")
    assert b"\r" not in parsed.get(b"from")


def test_list_headers_gather_lines_and_commas() -> None:
    parsed = read(
        message("OPTIONS sip:a@b SIP/2.0", 'm: "a, b" <sip:x@y>, <sip:c,d@e>', "Contact: sip:z@y")
    )
    assert parsed.all(b"contact") == [b'"a, b" <sip:x@y>', b"<sip:c,d@e>", b"sip:z@y"]


@pytest.mark.parametrize(
    "name", ["Call-ID", "CSeq", "From", "To", "Max-Forwards", "Content-Length"]
)
def test_a_single_header_twice_is_a_fault(name: str) -> None:
    assert read(message("OPTIONS sip:a@b SIP/2.0", f"{name}: 0", f"{name}: 1")).fault is not None


def test_body_follows_content_length() -> None:
    """18.3: additional bytes "MUST be discarded"; too few are an error."""
    head = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 3\r\n\r\n"
    assert read(head + b"abcdef").body == b"abc"
    assert read(head + b"ab").fault is not None
    assert read(b"OPTIONS sip:a@b SIP/2.0\r\n\r\nabc").body == b"abc"


def test_too_many_headers_are_a_fault_and_not_read() -> None:
    parsed = read(message("OPTIONS sip:a@b SIP/2.0", *["X-Y: 1"] * (MAX_HEADER_LINES * 2)))
    assert parsed.fault is not None
    assert len(parsed.more[b"x-y"]) < MAX_HEADER_LINES


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"SIP/2.0 4294967301 no\r\n\r\n",
        b"SIP/2.0 099 no\r\n\r\n",
        b"INVITE\r\n\r\n",
        b"OPTIONS sip:a@b SIP/2.0\r\n\r\n" + b"x" * 70_000,
    ],
)
def test_what_is_no_sip_message_raises(data: bytes) -> None:
    with pytest.raises(BadMessageError):
        read(data)


def test_other_versions_are_505() -> None:
    fault = read(b"OPTIONS sip:a@b SIP/7.0\r\n\r\n").fault
    assert fault is not None
    assert fault.status == 505


SEED = request("INVITE", "Record-Route: <sip:p;lr>, <sip:q;lr>", body=b"v=0\r\n")


@given(st.binary(max_size=300) | st.tuples(st.integers(0, len(SEED)), st.binary(max_size=6)))
@example((0, b""))
def test_any_bytes_are_read_or_refused(change) -> None:
    if isinstance(change, tuple):
        at, insert = change
        change = SEED[:at] + insert + SEED[at + len(insert) :]
    fault = None
    try:
        parsed = read(change)
        values = [parsed.from_, parsed.to, parsed.cseq, parsed.via, parsed.all(b"record-route")]
        assert len(values) == 5
    except BadMessageError as raised:
        fault = raised
    assert fault is None or (400 <= fault.status < 700 and fault.reason)


TOKEN = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=12)


@given(
    user=TOKEN,
    host=st.sampled_from(["example.com", "192.0.2.4", "[2001:db8::1]"]),
    port=st.none() | st.integers(1, 65535),
    name=st.none() | TOKEN,
    tag=TOKEN,
    branch=TOKEN,
    number=st.integers(0, 2**31 - 1),
    parameters=st.dictionaries(TOKEN.filter(str.isalpha), st.none() | TOKEN, max_size=3),
)
def test_reads_what_sipmessage_writes(
    user, host, port, name, tag, branch, number, parameters
) -> None:
    """sipmessage, an independent implementation, is right where these values lie."""
    parameters.pop("tag", None)
    uri = sipmessage.URI(scheme="sip", user=user, host=host, port=port)
    address = sipmessage.Address(
        name=name or "", uri=uri, parameters=sipmessage.Parameters(tag=tag, **parameters)
    )
    theirs = sipmessage.Request(method="INVITE", uri=uri)
    theirs.via = [
        sipmessage.Via(
            transport="UDP",
            host=host,
            port=port,
            parameters=sipmessage.Parameters(branch="z9hG4bK" + branch),
        )
    ]
    theirs.from_address, theirs.to_address = address, address
    theirs.call_id, theirs.cseq = branch, sipmessage.CSeq(number, "INVITE")
    theirs.record_route = [address, address]
    ours = read(bytes(theirs))
    assert isinstance(ours, Request)
    assert (ours.method, ours.uri) == (b"INVITE", str(uri).encode())
    assert (ours.via.host.decode(), ours.via.port) == (host, port)
    assert ours.via.branch == ours.branch == b"z9hG4bK" + branch.encode()
    assert ours.from_.uri == ours.to.uri == str(uri).encode()
    assert ours.from_.tag.decode() == tag
    assert ours.from_.display_text == (name or "")
    assert (ours.cseq.number, ours.cseq.method) == (number, b"INVITE")
    assert len(ours.all(b"record-route")) == 2
    # And back: sipmessage reads what we write of it.
    again = sipmessage.Address.parse(bytes(ours.from_).decode())
    assert (again.uri, again.parameters["tag"]) == (uri, tag)


def test_response_is_told_from_request() -> None:
    parsed = read(message("SIP/2.0 486 Busy Here", "CSeq: 1 INVITE"))
    assert isinstance(parsed, Response)
    assert (parsed.status, parsed.reason) == (486, b"Busy Here")


def test_an_empty_entry_of_a_list_is_none() -> None:
    """7.3.1 has no empty entries; some phones leave a comma at the end."""
    parsed = read(message("OPTIONS sip:a@b SIP/2.0", "Supported: , timer,,path ,", "Require:"))
    assert parsed.all(b"supported") == [b"timer", b"path"]
    assert parsed.all(b"require") == []


@pytest.mark.parametrize(
    "via",
    [
        "SIP/2.0/UDP h;branch=z9hG4bK1",
        "SIP/2.0/UDP h ; rport ; branch = z9hG4bK1",
        "SIP/2.0/UDP h;BRANCH=z9hG4bK1;rport",
        "SIP/2.0/UDP h;branch=z9hG4bK1, SIP/2.0/UDP p;branch=z9hG4bK2",
    ],
)
def test_the_branch_of_an_answer_however_it_comes_back(via: str) -> None:
    parsed = read(message("SIP/2.0 200 OK", f"Via: {via}"))
    assert parsed.branch == parsed.via.branch == b"z9hG4bK1"


def test_a_header_has_a_name() -> None:
    """7.3.1: a token; what is none is no header, whatever it looks like."""
    for line in ("Bad Name: x", ": x", "Sub(ject): x"):
        assert read(message("OPTIONS sip:a@b SIP/2.0", line)).fault is not None
    assert read(message("OPTIONS sip:a@b SIP/2.0", "X-Ok_1.2 \t: x")).fault is None
