"""3xx to our INVITE: followed when asked for, and within limits (RFC 3261 8.1.3.4)."""

import pytest
from msgspec import structs
from sip_support import PHONE, SDP, answer_to, assert_empty, events, make_endpoint, run_out, sent

from acd.sip.endpoint import Endpoint, InviteTarget
from acd.sip.events import LegAnswered, LegFailed
from acd.sip.message import Request, read
from acd.sip.peer import Peer
from acd.sip.redirection import MAX_CONTACTS

TARGET = InviteTarget(uri="sip:agent@192.0.2.10", peer=PHONE, caller="138", redirects=3)


def redirected(
    endpoint: Endpoint, invite: bytes, *contacts: str, status: int = 302, origin: Peer = PHONE
) -> list:
    lines = [f"Contact: {contact}" for contact in contacts[1:]]
    data = answer_to(invite, status, *lines, contact=contacts[0])
    return endpoint.receive(data, origin, 0.1)


def called(endpoint: Endpoint, target: InviteTarget = TARGET) -> bytes:
    (invite,) = sent(endpoint.invite("out", target, SDP, 0.0))
    return invite


def followed(outputs: list) -> tuple[Request, Peer]:
    """Return the INVITE that follows the ACK."""
    assert events(outputs) == []
    _, send = outputs
    invite = read(send.data)
    assert isinstance(invite, Request)
    assert invite.method == b"INVITE"
    return invite, send.peer


def test_a_phone_diverts_no_call_unless_it_may() -> None:
    endpoint = make_endpoint()
    target = InviteTarget(uri="sip:agent@192.0.2.10", peer=PHONE, caller="138")
    out = redirected(endpoint, called(endpoint, target), "<sip:+900@192.0.2.66>")
    assert events(out) == [LegFailed("out", 302, "Whatever")]
    assert len(sent(out)) == 1


def test_the_new_invite() -> None:
    """8.1.3.4: a new Request-URI and branch, a higher CSeq, the same To, From and Call-ID."""
    endpoint = make_endpoint()
    first = called(endpoint)
    uri = "<sip:b@192.0.2.20:5070;x=y?Replaces=z>"
    second, peer = followed(redirected(endpoint, first, uri))
    old = read(first)
    assert peer == Peer("udp", "192.0.2.20", 5070)
    assert second.uri == b"sip:b@192.0.2.20:5070;x=y"
    for name in (b"to", b"from", b"call-id"):
        assert second.get(name) == old.get(name)
    assert (second.cseq.number, second.body) == (2, SDP)
    assert second.branch != old.branch
    assert b"replaces" not in second.headers
    out = endpoint.receive(answer_to(bytes(sent_invite(second)), 200, body=SDP), peer, 0.2)
    assert events(out) == [LegAnswered("out", SDP)]
    assert out[0].peer == peer


def sent_invite(invite: Request) -> bytes:
    """Return as much of a request as `answer_to` reads."""
    lines = [b"%b: %b" % (name, value) for name, value in invite.headers.items()]
    return b"INVITE %b SIP/2.0\r\n" % invite.uri + b"\r\n".join(lines) + b"\r\n\r\n" + invite.body


def test_contacts_are_called_in_the_order_of_q() -> None:
    endpoint = make_endpoint()
    contacts = "<sip:c@192.0.2.23>;q=0.1, <sip:a@192.0.2.21>, <sip:b@192.0.2.22>;q=0.5"
    hosts = []
    out = redirected(endpoint, called(endpoint), contacts)
    while len(sent(out)) > 1:
        send = out[1]
        hosts.append(send.peer.host)
        out = endpoint.receive(answer_to(send.data, 486), send.peer, 0.2)
    assert hosts == ["192.0.2.21", "192.0.2.22", "192.0.2.23"]
    assert events(out) == [LegFailed("out", 486, "Whatever")]
    run_out(endpoint)
    assert_empty(endpoint)


def test_a_silent_contact_is_followed_by_the_next() -> None:
    endpoint = make_endpoint()
    redirected(endpoint, called(endpoint), "<sip:a@192.0.2.21>, <sip:b@192.0.2.22>")
    fired = run_out(endpoint)
    assert [item for _, item in fired if isinstance(item, LegFailed)] == [
        LegFailed("out", 408, "Request Timeout", unreached=True)
    ]
    assert {item.peer.host for _, item in fired if not isinstance(item, LegFailed)} == {
        "192.0.2.21",
        "192.0.2.22",
    }


def test_600_ends_the_search() -> None:
    endpoint = make_endpoint()
    out = redirected(endpoint, called(endpoint), "<sip:a@192.0.2.21>, <sip:b@192.0.2.22>")
    out = endpoint.receive(answer_to(out[1].data, 603), out[1].peer, 0.2)
    assert events(out) == [LegFailed("out", 603, "Whatever")]


def test_loops_and_chains_end() -> None:
    endpoint = make_endpoint()
    out, calls = redirected(endpoint, called(endpoint), "<sip:n0@192.0.2.20>"), 0
    while len(sent(out)) > 1:
        calls += 1
        send = out[1]
        contacts = f"<sip:n{calls}@192.0.2.20>, <sip:agent@192.0.2.10>"
        out = redirected(endpoint, send.data, contacts, origin=send.peer)
    assert calls == TARGET.redirects
    assert events(out) == [LegFailed("out", 302, "Whatever")]


def test_to_itself_is_not_followed() -> None:
    endpoint = make_endpoint()
    out = redirected(endpoint, called(endpoint), "<sip:agent@192.0.2.10:5060;user=phone>")
    assert events(out) == [LegFailed("out", 302, "Whatever")]


@pytest.mark.parametrize(
    "contact",
    [
        "<sip:a@name.example.com>",
        "<sips:a@192.0.2.20>",
        "<sips:a@192.0.2.20;transport=tcp>",
        "<sip:a@192.0.2.20;transport=tls>",
        "<sip:a@192.0.2.20;maddr=192.0.2.9>",
        "<sip:a@224.0.1.75>",
        "<sip:a@0.0.0.0>",
        "<sip:a@127.0.0.1>",
        "<sip:a@192.0.2.1>",  # ourselves
        "<tel:+123>",
        "<sip:a@999.0.2.1>",
        "<sip:a@[::z]>",
        "*",
        "<sip:",
    ],
)
def test_what_is_not_followed(contact: str) -> None:
    endpoint = make_endpoint()
    out = redirected(endpoint, called(endpoint), contact)
    assert events(out) == [LegFailed("out", 302, "Whatever")]
    run_out(endpoint)
    assert_empty(endpoint)


@pytest.mark.parametrize("status", [305, 380, 399])
def test_other_3xx_are_not_followed(status: int) -> None:
    endpoint = make_endpoint()
    out = redirected(endpoint, called(endpoint), "<sip:a@192.0.2.20>", status=status)
    assert events(out) == [LegFailed("out", status, "Whatever")]


def test_transport_of_the_new_target() -> None:
    endpoint = make_endpoint()
    out = redirected(endpoint, called(endpoint), "<sip:a@[2001:db8::1];transport=tcp>")
    invite, peer = followed(out)
    assert peer == Peer("tcp", "2001:db8::1", 5060)
    assert invite.get(b"via").startswith(b"SIP/2.0/TCP ")
    assert b"transport=tcp" in invite.get(b"contact")


def test_nothing_is_followed_after_a_cancel() -> None:
    endpoint = make_endpoint()
    invite = called(endpoint)
    endpoint.cancel("out", 0.1)
    out = redirected(endpoint, invite, "<sip:a@192.0.2.20>")
    assert len(sent(out)) == 1
    run_out(endpoint)
    assert_empty(endpoint)


def test_the_password_is_not_for_another_server() -> None:
    endpoint = make_endpoint()
    trunk = InviteTarget(
        uri="sip:1@192.0.2.10", peer=PHONE, caller="1", username="u", password="p", redirects=1
    )
    out = redirected(endpoint, called(endpoint, trunk), "<sip:a@192.0.2.20>")
    asked = 'WWW-Authenticate: Digest realm="thief", nonce="n", qop="auth"'
    out = endpoint.receive(answer_to(out[1].data, 401, asked), out[1].peer, 0.2)
    assert events(out) == [LegFailed("out", 401, "Whatever")]


def test_only_so_many_contacts_of_one_answer_are_tried() -> None:
    endpoint = make_endpoint(max_redirects=99)
    target = structs.replace(TARGET, redirects=99)
    contacts = ", ".join(f"<sip:n{n}@192.0.2.20>" for n in range(MAX_CONTACTS + 4))
    out, calls = redirected(endpoint, called(endpoint, target), contacts), 0
    while len(sent(out)) > 1:
        calls += 1
        out = endpoint.receive(answer_to(out[1].data, 486), out[1].peer, 0.2)
    assert calls == MAX_CONTACTS


def test_a_further_redirection_is_followed_before_the_former_ones_rest() -> None:
    """The phone that was named first is looked for to the end, then the one named second."""
    endpoint = make_endpoint()
    out = redirected(endpoint, called(endpoint), "<sip:a@192.0.2.21>, <sip:b@192.0.2.22>")
    out = redirected(endpoint, out[1].data, "<sip:c@192.0.2.23>", origin=out[1].peer)
    assert followed(out)[1].host == "192.0.2.23"
    out = endpoint.receive(answer_to(out[1].data, 486), out[1].peer, 0.3)
    assert followed(out)[1].host == "192.0.2.22"


def test_a_proof_is_not_carried_to_the_new_target_and_made_anew_there() -> None:
    endpoint = make_endpoint()
    trunk = structs.replace(TARGET, username="u", password="p")
    asked = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'
    out = endpoint.receive(answer_to(called(endpoint, trunk), 401, asked), PHONE, 0.1)
    assert b"\r\nAuthorization: " in out[1].data
    out = redirected(endpoint, out[1].data, "<sip:a@192.0.2.20>")
    assert b"\r\nAuthorization: " not in out[1].data
    out = endpoint.receive(answer_to(out[1].data, 401, asked), out[1].peer, 0.2)
    assert b'uri="sip:a@192.0.2.20"' in followed(out)[0].get(b"authorization")


def test_the_way_to_the_first_target_is_not_the_way_to_the_next() -> None:
    """The Path of a registered phone leads to that phone."""
    endpoint = make_endpoint()
    target = structs.replace(TARGET, route=("<sip:edge.example;lr>",))
    first = called(endpoint, target)
    assert b"\r\nRoute: " in first
    assert b"\r\nRoute: " not in redirected(endpoint, first, "<sip:a@192.0.2.20>")[1].data


def test_the_server_has_the_last_word_on_how_many_are_followed() -> None:
    endpoint = make_endpoint(max_redirects=1)
    out = redirected(endpoint, called(endpoint), "<sip:a@192.0.2.21>, <sip:b@192.0.2.22>")
    out = endpoint.receive(answer_to(out[1].data, 486), out[1].peer, 0.2)
    assert events(out) == [LegFailed("out", 486, "Whatever")]
