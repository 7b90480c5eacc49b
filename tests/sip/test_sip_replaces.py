"""INVITE with Replaces (RFC 3891 section 3)."""

import pytest
from sip_support import (
    PHONE,
    SDP,
    Accounts,
    answer_challenge,
    answer_to,
    events,
    make_endpoint,
    parsed,
    request,
    sent,
    statuses,
)

from acd.sip.endpoint import InviteTarget
from acd.sip.errors import BadMessageError
from acd.sip.replaces import Replaces

OTHER = 'replaced@h;to-tag="x;y";from-tag=f'


def server():
    return make_endpoint(credentials=Accounts(alice="secret"))


def outgoing(endpoint) -> str:
    """Let a leg to PHONE be answered; return the value of Replaces that names it."""
    target = InviteTarget(uri="sip:agent@192.0.2.10:5062", peer=PHONE, caller="138")
    (invite,) = sent(endpoint.invite("leg-a", target, SDP, 0.0))
    endpoint.receive(answer_to(invite, 200, body=SDP), PHONE, 0.1)
    tag = parsed_tag(invite)
    return f"leg-a;to-tag={tag};from-tag=peer"


def parsed_tag(invite: bytes) -> str:
    return invite.partition(b";tag=")[2].partition(b"\r\n")[0].decode()


def dial(endpoint, value: str, *more: str, caller: str = "alice", now: float = 1.0):
    """Dial with this Replaces, answer the challenge, and return what follows."""
    lines = (f"Replaces: {value}", *more)
    out = endpoint.receive(request("INVITE", *lines, caller=caller, body=SDP), PHONE, now)
    if statuses(out) != [401]:
        return out
    (challenge,) = parsed(out)
    proof = answer_challenge(
        challenge, b"INVITE", b"sip:4000@192.0.2.1", "alice", "secret", "nonce"
    )
    assert proof is not None
    line = proof.decode().strip()
    again = request("INVITE", *lines, line, caller=caller, branch="z9hG4bKtwo", cseq=2, body=SDP)
    return endpoint.receive(again, PHONE, now)


def test_a_call_may_take_the_place_of_another() -> None:
    endpoint = server()
    value = outgoing(endpoint)
    out = dial(endpoint, value, "Referred-By: <sip:bob@h>", "Require: replaces")
    (event,) = events(out)
    assert (event.replaces, event.referred_by, event.account) == (
        "leg-a",
        "sip:bob@h",
        "alice",
    )
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 1.0))
    assert ok.get(b"supported") == b"replaces"


def test_an_ordinary_call_replaces_nothing() -> None:
    endpoint = server()
    (event,) = events(endpoint.receive(request("INVITE", caller="138", body=SDP), PHONE, 0.0))
    assert (event.replaces, event.referred_by) == ("", "")
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 0.0))
    assert b"supported" not in ok.headers


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda value: value.replace("leg-a", "leg-b"), 481),
        (lambda value: value.replace("from-tag=peer", "from-tag=other"), 481),
        (lambda value: value.replace("from-tag=peer", "from-tag=0"), 481),
        (lambda value: value.replace("to-tag=", "to-tag=x"), 481),
        (lambda value: value + ";early-only", 486),
        (lambda value: value.partition(";")[0], 400),
        (lambda value: value + "\r\nReplaces: " + value, 400),
    ],
)
def test_replaces_that_is_refused(change, status: int) -> None:
    endpoint = server()
    out = dial(endpoint, change(outgoing(endpoint)))
    assert (statuses(out), events(out), endpoint.legs) == ([status], [], 1)


def test_a_broken_referred_by_leaves_nothing_behind() -> None:
    endpoint = server()
    out = dial(endpoint, outgoing(endpoint), 'Referred-By: "bob')
    assert (statuses(out), events(out)) == ([400], [])
    assert (endpoint.legs, endpoint.transactions) == (1, 0)


def test_a_stranger_replaces_nothing() -> None:
    """Who has no account does not even learn whether the dialog is there."""
    endpoint = server()
    value = outgoing(endpoint)
    for named in (value, OTHER):
        out = dial(endpoint, named, caller="138")
        assert (statuses(out), events(out)) == ([403], [])


def test_a_call_that_rings_here_is_not_replaced() -> None:
    endpoint = server()
    ringing = request("INVITE", caller="138", call_id="early", branch="z9hG4bKe", body=SDP)
    (event,) = events(endpoint.receive(ringing, PHONE, 0.0))
    (answer,) = parsed(endpoint.ring(event.leg, 0.0))
    value = f"early;to-tag={answer.to.tag.decode()};from-tag=ft"
    assert statuses(dial(endpoint, value)) == [481]


def test_a_call_that_is_over_is_declined() -> None:
    endpoint = server()
    first = request("INVITE", caller="138", call_id="over", branch="z9hG4bKe", body=SDP)
    (event,) = events(endpoint.receive(first, PHONE, 0.0))
    (ok,) = parsed(endpoint.answer(event.leg, SDP, 0.0))
    endpoint.hang_up(event.leg, 0.1)  # its BYE waits for the ACK
    value = f"over;to-tag={ok.to.tag.decode()};from-tag=ft"
    assert statuses(dial(endpoint, value)) == [603]


def test_reading_the_header() -> None:
    assert Replaces.parse(b"a@b ; from-tag=f;to-tag=t;early-only;x=1") == Replaces(
        b"a@b", b"t", b"f", early_only=True
    )
    for broken in (b"", b";to-tag=a;from-tag=b", b"a;to-tag=;from-tag=b", b"a;to-tag=b"):
        with pytest.raises(BadMessageError):
            Replaces.parse(broken)
    assert Replaces.in_uri(b"Subject=x&Accept-Contact=y") is None


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "BYE", "UPDATE", "INFO", "REFER"])
def test_in_another_request_it_is_400(method: str) -> None:
    """RFC 3891 3: "if a Replaces header field is present in a request other than INVITE, the UAS
    MUST reject the request with a 400 Bad Request response"."""
    endpoint = server()
    within = method not in {"OPTIONS", "REGISTER"}
    tag = ""
    headers = [f"Replaces: {OTHER}"]
    if within:
        invite = request("INVITE", caller="138", body=SDP)
        (came,) = events(endpoint.receive(invite, PHONE, 0.0))
        (ok,) = parsed(endpoint.answer(came.leg, SDP, 0.0))
        tag = ok.to.tag.decode()
        endpoint.receive(request("ACK", caller="138", to_tag=tag), PHONE, 0.1)
    if method == "REGISTER":
        asked = request(method, uri="sip:192.0.2.1").replace(b"To: <sip:4000@", b"To: <sip:alice@")
        (challenge,) = parsed(endpoint.receive(asked, PHONE, 0.2))
        lines = answer_challenge(challenge, b"REGISTER", b"sip:192.0.2.1", "alice", "secret", "c")
        headers.append(lines.decode().strip())
    branch, uri = "z9hG4bKother", "sip:192.0.2.1" if method == "REGISTER" else "sip:4000@192.0.2.1"
    data = request(
        method, *headers, uri=uri, caller="138", branch=branch, to_tag=tag, cseq=2
    ).replace(b"To: <sip:4000@192.0.2.1>\r\n", b"To: <sip:alice@192.0.2.1>\r\n")
    assert statuses(endpoint.receive(data, PHONE, 0.3)) == [400]
    assert endpoint.legs == within, "a call that stands goes on"
