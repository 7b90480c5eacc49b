"""Calls for help, where nobody else is taken: an account's, and only once it has proved itself."""

import pytest
from sip_support import (
    PHONE,
    SDP,
    Accounts,
    answer_challenge,
    assert_empty,
    events,
    make_endpoint,
    parsed,
    request,
    statuses,
)

from acd.sip.endpoint import Endpoint
from acd.sip.events import InviteReceived
from acd.sip.trunk_settings import TrunkSettings

PASSWORD = "wordpass"


def open_to(number: str = "110", **settings) -> Endpoint:
    """Return an endpoint where agent 1001 has an account."""
    endpoint = make_endpoint(credentials=Accounts(**{"1001": PASSWORD}), **settings)
    endpoint.put_through(lambda dialled: dialled == number)
    return endpoint


def draining() -> Endpoint:
    endpoint = open_to()
    endpoint.draining = True
    return endpoint


def full_of_legs() -> Endpoint:
    endpoint = open_to(max_legs=1)
    first = request("INVITE", branch="z9hG4bKfirst", call_id="first", body=SDP)
    endpoint.receive(first, PHONE, 0.0)
    return endpoint


def full_of_transactions() -> Endpoint:
    endpoint = open_to(max_transactions=1)
    first = request("INVITE", branch="z9hG4bKfirst", call_id="first", body=SDP)
    endpoint.receive(first, PHONE, 0.0)
    return endpoint


SHUT = pytest.mark.parametrize("shut", [draining, full_of_legs, full_of_transactions])


def invite(*headers: str, called: str = "110", caller: str = "1001", tries: int = 1) -> bytes:
    return request(
        "INVITE",
        *headers,
        uri=f"sip:{called}@192.0.2.1",
        branch=f"z9hG4bKhelp{tries}",
        caller=caller,
        call_id="help",
        cseq=tries,
        body=SDP,
    )


def proof(challenge, password: str = PASSWORD, called: str = "110") -> str:
    lines = answer_challenge(
        challenge, b"INVITE", f"sip:{called}@192.0.2.1".encode(), "1001", password, "cn"
    )
    assert lines is not None
    return lines.decode().strip()


@SHUT
def test_an_account_that_proves_itself_is_taken(shut) -> None:
    endpoint = shut()
    (challenge,) = parsed(endpoint.receive(invite(), PHONE, 1.0))
    assert challenge.status == 401
    out = endpoint.receive(invite(proof(challenge), tries=2), PHONE, 1.1)
    assert statuses(out) == [100]
    (came,) = events(out)
    assert isinstance(came, InviteReceived)
    assert (came.account, came.called) == ("1001", "110")


@SHUT
@pytest.mark.parametrize(
    ("called", "caller"), [("110", "13800138000"), ("4000", "1001"), ("1001", "1001")]
)
def test_strangers_and_calls_for_anything_else_are_not(shut, called: str, caller: str) -> None:
    endpoint = shut()
    legs = endpoint.legs
    data = invite(called=called, caller=caller)
    assert statuses(endpoint.receive(data, PHONE, 1.0)) == [503]
    assert endpoint.legs == legs


@SHUT
def test_who_does_not_prove_the_account_gets_the_challenge_again(shut) -> None:
    endpoint = shut()
    (challenge,) = parsed(endpoint.receive(invite(), PHONE, 1.0))
    wrong = invite(proof(challenge, "guessed"), tries=2)
    assert statuses(endpoint.receive(wrong, PHONE, 1.1)) == [401]


@SHUT
def test_a_trunks_caller_is_no_account_whatever_the_from_says(shut) -> None:
    endpoint = shut()
    carrier = TrunkSettings(name="carrier", gateways=(), networks=(f"{PHONE.host}/32",))
    endpoint.configure_trunks((carrier,), 0.5)
    assert statuses(endpoint.receive(invite(), PHONE, 1.0)) == [503]


def test_accounts_that_prove_nothing_are_strangers() -> None:
    endpoint = open_to(authenticate_accounts=False)
    assert endpoint.refusal(invite(), PHONE) is not None
    endpoint.draining = True
    assert statuses(endpoint.receive(invite(), PHONE, 1.0)) == [503]


def test_the_refusals_leave_nothing_behind() -> None:
    endpoint = draining()
    endpoint.receive(invite(), PHONE, 1.0)
    endpoint.receive(invite(caller="stranger"), PHONE, 1.0)
    assert_empty(endpoint)


@pytest.mark.parametrize(
    ("called", "caller", "turned_away"),
    [("110", "1001", False), ("110", "stranger", True), ("4000", "1001", True)],
)
def test_what_overload_turns_away(called: str, caller: str, turned_away: bool) -> None:
    """Past what `Admission` knows by the first bytes: in any way of writing, at any rate."""
    refusal = open_to().refusal(invite(called=called, caller=caller), PHONE)
    assert (refusal is not None) is turned_away
    if refusal is not None:
        assert refusal.startswith(b"SIP/2.0 503 ")
