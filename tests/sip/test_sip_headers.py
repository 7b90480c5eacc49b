"""Header values and URIs (RFC 3261 sections 19.1, 20, 25.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.sip.errors import BadMessageError, BadTargetError
from acd.sip.headers import (
    CSeq,
    NameAddr,
    Via,
    parse_number,
    quote,
    read_q850_cause,
    split_list,
)
from acd.sip.outgoing_leg import request_uri
from acd.sip.uri import Uri, escape_user, text, unescape


@pytest.mark.parametrize(
    ("value", "uri", "name", "tag"),
    [
        (b"<sip:a@b>;tag=1", b"sip:a@b", "", b"1"),
        (b"sip:a@b;tag=1", b"sip:a@b", "", b"1"),
        (b"<sip:a@b;tag=uri>", b"sip:a@b;tag=uri", "", b""),
        (b"caller<sip:a@b>;tag=323", b"sip:a@b", "caller", b"323"),
        (
            b'"J Rosenberg \\\\\\""   <sip:a@b>\t; ; x'.replace(b" ; x", b"x=1;tag=9"),
            b"sip:a@b",
            'J Rosenberg \\"',
            b"9",
        ),
        (b'"a <sip:no> b" < sip:a@b >;tag="q"', b"sip:a@b", "a <sip:no> b", b'"q"'),
        ('"张三" <sip:a@b>'.encode(), b"sip:a@b", "张三", b""),
    ],
)
def test_name_addr(value: bytes, uri: bytes, name: str, tag: bytes) -> None:
    address = NameAddr.parse(value)
    assert (address.uri, address.display_text, address.tag) == (uri, name, tag)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"<sip:a@b",
        b'"a <sip:a@b>',
        b"<sip:a@b>;;;",
        b"<sip:a@b> x",
        b'"a" sip:b@c',
        b'"a" b <sip:c@d>',
        b"a b",
    ],
)
def test_broken_name_addr(value: bytes) -> None:
    with pytest.raises(BadMessageError):
        NameAddr.parse(value)


def test_via_with_white_space_where_the_grammar_allows_it() -> None:
    via = Via.parse(b"SIP  /   2.0 /UDP   192.0.2.2:5070;branch=390skdjuw; rport")
    assert (via.transport, via.sent_by, via.branch) == (b"UDP", b"192.0.2.2:5070", b"390skdjuw")
    assert b"rport" in via.parameters
    assert bytes(via) == b"SIP/2.0/UDP 192.0.2.2:5070;branch=390skdjuw;rport"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"SIP/2.0/UDP",
        b"SIP/3.0/UDP h",
        b"SIP/2.0/UDP h;;",
        b"SIP/2.0/UDP h:99999",
        b"UDP h",
        b"SIP/2.0/UDP h_[]",
    ],
)
def test_broken_via(value: bytes) -> None:
    with pytest.raises(BadMessageError):
        Via.parse(value)


def test_cseq_below_2_to_31() -> None:
    assert CSeq.parse(b"0009 INVITE") == CSeq(9, b"INVITE")
    assert bytes(CSeq.parse(b"2147483647  ACK")) == b"2147483647 ACK"
    for broken in (b"2147483648 ACK", b"36893488147419103232 REGISTER", b"-1 ACK", b"1", b"x ACK"):
        with pytest.raises(BadMessageError):
            CSeq.parse(broken)


@pytest.mark.parametrize(
    ("value", "user", "host", "port"),
    [
        (b"sip:a@b.example", b"a", b"b.example", None),
        (b"SIP:4000@192.0.2.1:5080;transport=tcp", b"4000", b"192.0.2.1", 5080),
        (
            b"sip:user;par=u%40example.net@Example.com",
            b"user;par=u%40example.net",
            b"example.com",
            None,
        ),
        (b"sip:[2001:db8::9]:5070", b"", b"[2001:db8::9]", 5070),
        (b"sip:a:secret@b?subject=x", b"a", b"b", None),
        (b"tel:+86-755-1;phone-context=x", b"+86-755-1", b"", None),
    ],
)
def test_uri(value: bytes, user: bytes, host: bytes, port) -> None:
    uri = Uri.parse(value)
    assert (uri.user, uri.host, uri.port) == (user, host, port)
    assert Uri.parse(bytes(uri)) == uri


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"4000",
        b"<sip:a@b>",
        b"sip:",
        b"sip:a@",
        b"sip:@b",
        b"sip:a@b:x",
        b"sip:a@b@c",
        b"sip:[::1",
        b"sip:a@[::z]",
        b"sip:a@[]",
        b"sip:a@[::1]5060",
        b"sip:a@[::1]:65536",
        b"sip:a b@c",
    ],
)
def test_broken_uri(value: bytes) -> None:
    if value == b"sip:a b@c":
        with pytest.raises(BadMessageError):
            NameAddr.parse(value)
    else:
        with pytest.raises(BadMessageError):
            Uri.parse(value)


def test_equal_uris_share_an_identity() -> None:
    """19.1.4: host without case, an omitted port apart from parameters that decide nothing."""
    same = [b"sip:a@HOST", b"sip:a@host:5060", b"sip:a@host;ob", b"sip:a@host;transport=UDP"]
    assert len({Uri.parse(uri).identity() for uri in same}) == 1
    others = [b"sip:A@host", b"sip:a@host:5061", b"sip:a@host;transport=tcp"]
    assert len({Uri.parse(uri).identity() for uri in [*same, *others]}) == 4


@given(st.text(max_size=30))
def test_user_and_name_survive_the_wire(value: str) -> None:
    written = escape_user(value)
    assert not set(written) & set(b'@:<>" \r\n')
    printable = text(value.encode("utf-8", "replace"))
    assert unescape(written) == printable
    quoted = quote(value)
    assert not set(quoted) & set(b"\r\n\0")
    address = NameAddr.parse(quoted + b" <sip:a@b>")
    assert len(address.display_text) == len(value)


def test_null_behind_an_escape_is_made_harmless() -> None:
    """RFC 4475 3.1.1.5; no database takes it."""
    assert unescape(b"null-%00-null") == "null-\ufffd-null"


@given(st.lists(st.sampled_from(['"a, b"', "<sip:a,b@c>", "x", "y;z=1"]), min_size=1, max_size=5))
def test_lists_split_where_they_were_joined(entries: list[str]) -> None:
    assert split_list(", ".join(entries).encode()) == [entry.encode() for entry in entries]


def test_numbers_have_32_bits() -> None:
    assert parse_number(b"0068") == 68
    assert parse_number(b"4294967295") == 4294967295
    assert parse_number(b"0" * 5000 + b"7") == 7
    for broken in (b"", b"4294967296", b"1" * 100, b"9" * 5000, b"-5", b"+5", b"\xd9\xa1"):
        with pytest.raises(BadMessageError):
            parse_number(broken)


@pytest.mark.parametrize("uri", ["4000", "sip:a b@c", "sip:a@c>\r\nX: y", "sip:张@c", ""])
def test_our_own_broken_targets_are_told(uri: str) -> None:
    with pytest.raises(BadTargetError, match="URI"):
        request_uri(uri)


def test_a_host_has_no_case_with_a_port_and_without() -> None:
    assert Uri.parse(b"sip:a@HOST:5070").host == Uri.parse(b"sip:a@HOST").host == b"host"


def test_quotes_are_escaped_so_that_they_end_where_they_should() -> None:
    """25.1: quoted-pair."""
    assert quote("a\\") == b'"a\\\\"'
    assert quote('a"b') == b'"a\\"b"'
    assert NameAddr.parse(quote("end\\") + b" <sip:a@b>").display_text == "end\\"


def test_a_quotation_mark_within_angle_brackets_opens_nothing() -> None:
    assert split_list(b'<sip:a"@b>, <sip:c@d>') == [b'<sip:a"@b>', b"<sip:c@d>"]


def test_sent_by_says_what_the_via_said() -> None:
    """17.2.3 compares the value: a port that was left out stays so."""
    assert Via.parse(b"SIP/2.0/UDP Host;branch=x").sent_by == b"host"
    assert Via.parse(b"SIP/2.0/UDP host:5060;branch=x").sent_by == b"host:5060"
    assert Via.parse(b"SIP/2.0/UDP [2001:DB8::1]:5;branch=x").sent_by == b"[2001:db8::1]:5"


@pytest.mark.parametrize(
    "values", [[b'Q.850;cause=17, SIP;text="'], [b'Q.850;cause=17;text="'], [b'", Q.850;cause=17']]
)
def test_a_reason_whose_quotes_stay_open_tells_no_cause(values: list[bytes]) -> None:
    """The BYE that carries it ends the call all the same."""
    assert read_q850_cause(values) == 0
