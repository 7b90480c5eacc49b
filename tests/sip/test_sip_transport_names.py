"""How the endpoint names itself on each transport, and what differs between them."""

import pytest

from acd.sip.effects import Disconnect, Send
from acd.sip.endpoint import Endpoint, EndpointSettings, InviteTarget
from acd.sip.events import ContactsCause, ContactsChanged, LegFailed
from acd.sip.message import Response, read
from acd.sip.peer import Peer
from tests.sip.sip_support import (
    SDP,
    Accounts,
    answer_challenge,
    answer_to,
    parsed,
    request,
    seeded_bytes,
    sent,
)

HOST, HOST_V6 = "192.0.2.1", "2001:db8::1"
PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 8088, "wss": 8089}
URI_TRANSPORT = {"tcp": "tcp", "tls": "tls", "ws": "ws", "wss": "ws"}


def endpoint(**accounts):
    return Endpoint(
        EndpointSettings(
            advertised={transport: (HOST, port) for transport, port in PORTS.items()},
            advertised_v6={transport: (HOST_V6, port) for transport, port in PORTS.items()},
        ),
        credentials=Accounts(**accounts),
        new_id=lambda: "leg",
        random_bytes=seeded_bytes(),
    )


def via(transport, place="x3a.invalid", branch="z9hG4bKone"):
    return f"Via: SIP/2.0/{transport.upper()} {place};branch={branch};rport"


def phone(transport, host="192.0.2.10"):
    return Peer(transport, host, 40_000)


@pytest.mark.parametrize("transport", PORTS)
@pytest.mark.parametrize(("host", "name"), [("192.0.2.10", HOST), ("2001:db8::9", f"[{HOST_V6}]")])
def test_our_requests_and_answers_bear_our_name_on_the_transport(transport, host, name):
    """RFC 3261 18.1.1 and RFC 7118 5.2; an IPv6 peer is told our IPv6 address, in brackets."""
    place = f"{name}:{PORTS[transport]}"
    parameter = f";transport={URI_TRANSPORT[transport]}" if transport != "udp" else ""
    contact = f"<sip:acd@{place}{parameter}>"
    target = InviteTarget(uri="sip:1001@x3a.invalid", peer=phone(transport, host), caller="4000")
    [invite] = parsed(endpoint().invite("out", target, SDP, 0.0))
    assert invite.get(b"via").startswith(f"SIP/2.0/{transport.upper()} {place};rport".encode())
    assert invite.get(b"contact") == contact.encode()
    assert f"<sip:4000@{place}>".encode() in invite.get(b"from")

    server = endpoint()
    server.receive(request("INVITE", via=via(transport), body=SDP), phone(transport, host), 0.0)
    [answer] = parsed(server.answer("leg", SDP, 0.0))
    assert answer.get(b"contact") == contact.encode()


def test_a_transport_without_a_listener_is_named_rightly_too():
    """Connections that we open ourselves need none."""
    caller = Endpoint(
        EndpointSettings(advertised={"udp": (HOST, 5060)}),
        credentials=Accounts(),
        new_id=lambda: "leg",
        random_bytes=seeded_bytes(),
    )
    target = InviteTarget(uri="sip:1@trunk.example", peer=phone("tls"), caller="4000")
    [invite] = parsed(caller.invite("out", target, SDP, 0.0))
    assert invite.get(b"via").startswith(b"SIP/2.0/TLS 192.0.2.1:5060;")
    assert invite.get(b"contact") == b"<sip:acd@192.0.2.1:5060;transport=tls>"


@pytest.mark.parametrize(
    ("transport", "status"),
    [("udp", 416), ("tcp", 416), ("ws", 416), ("tls", 200), ("wss", 200)],
)
def test_a_sips_uri_is_served_where_nobody_can_listen_in(transport, status):
    """RFC 3261 26.2.2: SIPS means that TLS is used on each hop."""
    asked = request("OPTIONS", uri="sips:4000@acd.example", via=via(transport))
    [answer] = parsed(endpoint().receive(asked, phone(transport), 0.0))
    assert answer.status == status


@pytest.mark.parametrize(
    ("transport", "contact"),
    [
        ("tls", b"<sips:acd@192.0.2.1:5061>"),
        ("wss", b"<sips:acd@192.0.2.1:8089;transport=ws>"),
    ],
)
def test_a_dialog_by_sips_has_a_sips_contact_of_ours(transport, contact):
    """RFC 3261 12.1.1: "the Contact header field in the response MUST be a SIPS URI".

    PJSIP insists on it, although its own Contact is none.
    """
    server, peer = endpoint(), phone(transport)
    data = request("INVITE", uri="sips:4000@acd.example", via=via(transport), body=SDP)
    server.receive(data, peer, 0.0)
    [answer] = parsed(server.answer("leg", SDP, 0.0))
    assert answer.get(b"contact") == contact
    target = InviteTarget(uri="sips:1001@192.0.2.10", peer=peer, caller="4000")
    [invite] = parsed(endpoint().invite("out", target, SDP, 0.0))
    assert invite.get(b"contact") == contact


@pytest.mark.parametrize("transport", ["ws", "wss"])
def test_a_browser_is_reached_by_its_connection_and_not_by_its_names(transport):
    """RFC 7118 5: Via and Contact of a browser end in .invalid."""
    server, peer = endpoint(), phone(transport)
    invite = request("INVITE", via=via(transport), body=SDP).replace(
        b"Contact: <sip:alice@192.0.2.10:5062>", b"Contact: <sip:alice@x3a.invalid;transport=ws>"
    )
    outputs = server.receive(invite, peer, 0.0)
    [trying] = [output for output in outputs if isinstance(output, Send)]
    assert trying.peer == peer
    assert b";received=192.0.2.10" in trying.data
    assert b";rport=40000" in trying.data
    [answer] = server.answer("leg", SDP, 0.0)
    assert answer.peer == peer
    tag = read(answer.data).to.tag.decode()
    server.receive(request("ACK", via=via(transport, branch="z9hG4bKtwo"), to_tag=tag), peer, 0.1)
    [bye] = server.hang_up("leg", 1.0)
    assert bye.peer == peer
    assert bye.data.startswith(b"BYE sip:alice@x3a.invalid;transport=ws SIP/2.0\r\n")


@pytest.mark.parametrize("transport", ["ws", "wss", "tls"])
def test_a_registered_browser_whose_connection_is_gone_is_forgotten_and_its_calls_fail(transport):
    server, peer = endpoint(alice="secret"), phone(transport)
    uri = b"sip:acd.example"
    bare = request("REGISTER", via=via(transport), uri=uri.decode(), to_tag="", cseq=1).replace(
        b"To: <sip:4000@192.0.2.1>", b"To: <sip:alice@acd.example>"
    )
    [challenge] = parsed(server.receive(bare, peer, 0.0))
    assert isinstance(challenge, Response)
    proof = answer_challenge(challenge, b"REGISTER", uri, "alice", "secret", "c")
    proven = bare.replace(b"Content-Length", proof + b"Content-Length")
    proven = proven.replace(b"CSeq: 1", b"CSeq: 2").replace(b"z9hG4bKone", b"z9hG4bKtwo")
    outputs = server.receive(proven, peer, 0.0)
    assert parsed(outputs)[-1].status == 200
    [contact] = server.contacts("alice")
    assert contact.peer == peer

    target = InviteTarget(uri=contact.uri, peer=contact.peer, caller="4000")
    server.invite("out", target, SDP, 1.0)
    outputs = server.transport_failed(peer, 1.1)
    assert [output for output in outputs if isinstance(output, LegFailed)] == [
        LegFailed("out", 503, "Service Unavailable", unreached=True)
    ]
    assert ContactsChanged("alice", (), ContactsCause.CONNECTION_LOST) in outputs
    assert server.contacts("alice") == ()


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"\0" * 40])
def test_a_connection_that_carries_no_sip_is_closed(garbage):
    for transport in ("tcp", "tls", "ws", "wss"):
        peer = phone(transport)
        assert endpoint().receive(garbage, peer, 0.0) == [Disconnect(peer)]
    assert endpoint().receive(garbage, phone("udp"), 0.0) == []


def test_a_response_to_nothing_leaves_the_connection_alone():
    server, peer = endpoint(), phone("tls")
    target = InviteTarget(uri="sip:1001@192.0.2.10", peer=peer, caller="4000")
    [invite] = sent(server.invite("out", target, SDP, 0.0))
    foreign = answer_to(invite, 200).replace(b"branch=z9hG4bK", b"branch=z9hG4bKx")
    assert server.receive(foreign, peer, 0.1) == []
