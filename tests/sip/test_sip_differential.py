"""The lazy reader against an independent one: both understand a message alike (sipmessage).

sipmessage cannot fold lines and flags some odd but sound messages; these are none of those.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from sipmessage import Address, Request, Response, Via
from sipmessage import Message as Oracle

from acd.sip import headers, message
from acd.sip.uri import Uri, unescape

# Without %: sipmessage undoes escapes in a tag, where they are plain characters of a token.
TOKEN = st.text("abcdefXYZ0189-.!*_+`'~", min_size=1, max_size=12)
WORD = st.text("abcdefXYZ0189", min_size=1, max_size=12)
HOST = st.one_of(
    st.sampled_from(["127.0.0.1", "[2001:db8::9:1]", "example.com", "a.b-c.example"]),
    WORD.map(lambda word: f"h{word.lower()}.example"),
)
PORT = st.one_of(st.just(""), st.integers(1, 65_535).map(":{}".format))
USER = st.text("abcXYZ019-_.!~*'()&=+$,;?/", min_size=1, max_size=12)
PARAMETER = st.tuples(
    st.sampled_from(["x", "lr", "transport", "user"]), st.one_of(st.none(), WORD)
)
PARAMETERS = st.lists(PARAMETER, max_size=3, unique_by=lambda entry: entry[0]).map(
    lambda entries: "".join(
        f";{name}" if value is None else f";{name}={value}" for name, value in entries
    )
)
URI = st.builds(
    "{}:{}@{}{}{}".format, st.sampled_from(["sip", "sips"]), USER, HOST, PORT, PARAMETERS
)
DISPLAY = st.one_of(
    st.just(""),
    WORD.map("{} ".format),
    st.text('abXY09 "\\<>;,:@?=é张晨', min_size=1, max_size=12).map(
        lambda name: '"{}" '.format(name.replace("\\", "\\\\").replace('"', '\\"'))
    ),
)
VIA = st.builds(
    "SIP/2.0/{} {}{};branch=z9hG4bK{}{}".format,
    st.sampled_from(["UDP", "TCP", "TLS", "WS"]),
    HOST,
    PORT,
    WORD,
    st.sampled_from(["", ";rport", ";rport=5060;received=192.0.2.1"]),
)


@st.composite
def messages(draw) -> bytes:
    method = draw(st.sampled_from(["INVITE", "BYE", "REGISTER", "OPTIONS", "INFO"]))
    start = draw(
        st.one_of(
            URI.map(f"{method} {{}} SIP/2.0".format),
            st.tuples(st.integers(100, 699), st.text("abc XYZ", max_size=9)).map(
                lambda answer: f"SIP/2.0 {answer[0]} {answer[1]}"
            ),
        )
    )
    body = draw(st.binary(max_size=40))
    lines = [
        *(
            ("v", "Via", "VIA")[draw(st.integers(0, 2))] + f": {via}"
            for via in draw(st.lists(VIA, min_size=1, max_size=3))
        ),
        f"From: {draw(DISPLAY)}<{draw(URI)}>;tag={draw(TOKEN)}",
        f"To: {draw(DISPLAY)}<{draw(URI)}>"
        + draw(st.one_of(st.just(""), TOKEN.map(";tag={}".format))),
        f"Call-ID: {draw(TOKEN)}",
        f"CSeq: {draw(st.integers(0, 2**31 - 1))} {method}",
        f"Contact: {draw(DISPLAY)}<{draw(URI)}>",
        *draw(st.lists(URI.map("Record-Route: <{};lr>".format), max_size=2)),
        f"Content-Length: {len(body)}",
    ]
    head = [lines[0], *draw(st.permutations(lines[1:]))]
    # The order of Via and of Record-Route lines means something.
    head.sort(key=lambda line: line[:2].lower() not in {"v:", "vi"})
    return "\r\n".join([start, *head, "", ""]).encode() + body


def same_uri(ours: bytes, theirs) -> None:
    uri = Uri.parse(ours)
    assert uri.scheme.decode() == theirs.scheme
    # `user_text` leaves out a telephone number's own parameters, which theirs does not know.
    assert unescape(uri.user) == (theirs.user or "")
    assert uri.host.decode() == theirs.host
    assert uri.port == theirs.port
    assert {
        name.decode(): value.decode() or None
        for name, value in headers.parse_parameters(uri.parameters).items()
    } == dict(theirs.parameters)


def same_address(ours: headers.NameAddr, theirs: Address) -> None:
    assert ours.display_text.split() == theirs.name.split()  # it joins spaces
    same_uri(ours.uri, theirs.uri)
    assert ours.tag.decode() == (theirs.parameters.get("tag") or "")


def same_via(ours: headers.Via, theirs: Via) -> None:
    assert (ours.transport.decode(), ours.host.decode(), ours.port) == (
        theirs.transport,
        theirs.host,
        theirs.port,
    )
    assert ours.branch.decode() == theirs.parameters["branch"]
    assert (b"rport" in ours.parameters) == ("rport" in theirs.parameters)


@settings(max_examples=150, deadline=None)
@given(messages())
def test_both_readers_understand_it_alike(data: bytes) -> None:
    ours, theirs = message.read(data), Oracle.parse(data)
    assert ours.fault is None
    if isinstance(ours, message.Request):
        assert isinstance(theirs, Request)
        assert ours.method.decode() == theirs.method
        same_uri(ours.uri, theirs.uri)
    else:
        assert isinstance(theirs, Response)
        assert ours.status == theirs.code
        assert ours.reason.decode().strip() == theirs.phrase.strip()
    same_via(ours.via, theirs.via[0])
    assert len(ours.all(b"via")) == len(theirs.via)
    same_address(ours.from_, theirs.from_address)
    same_address(ours.to, theirs.to_address)
    (contact,) = theirs.contact
    same_address(headers.NameAddr.parse(ours.need(b"contact")), contact)
    for route, expected in zip(ours.all(b"record-route"), theirs.record_route, strict=True):
        same_address(headers.NameAddr.parse(route), expected)
    assert ours.cseq.number == theirs.cseq.sequence
    assert ours.cseq.method.decode() == theirs.cseq.method
    assert ours.need(b"call-id").decode() == theirs.call_id
    assert ours.body == theirs.body
