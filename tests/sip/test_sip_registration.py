"""Keeping a registration up as a phone (RFC 3261 10.2)."""

import pytest
from sip_support import PHONE, answer_to, events, make_endpoint, parsed, sent

from acd.sip.client_events import RegistrationFailed, RegistrationSucceeded
from acd.sip.endpoint import RegistrationSettings
from acd.sip.errors import BadTargetError

DESK = RegistrationSettings(
    id="r", registrar="sip:192.0.2.10", peer=PHONE, account="1001", password="pw", expires_s=600
)
CHALLENGE = 'WWW-Authenticate: Digest realm="acd", nonce="n", algorithm=SHA-256, qop="auth"'


def started(endpoint) -> bytes:
    (register,) = sent(endpoint.register(DESK, 0.0))
    return register


def test_the_register() -> None:
    (register,) = parsed([*make_endpoint().register(DESK, 0.0)])
    assert (register.uri, register.get(b"expires")) == (b"sip:192.0.2.10", b"600")
    assert register.to.uri == register.from_.uri == b"sip:1001@192.0.2.10"
    assert register.get(b"contact") == b"<sip:1001@192.0.2.1:5060>"


def test_challenge_success_and_refresh() -> None:
    endpoint = make_endpoint()
    (second,) = sent(endpoint.receive(answer_to(started(endpoint), 401, CHALLENGE), PHONE, 0.1))
    assert b'response="' in second
    granted = "<sip:other@h>;expires=5, <sip:1001@192.0.2.1:5060>;expires=120"
    out = endpoint.receive(answer_to(second, 200, contact=granted), PHONE, 1.0)
    assert out == [RegistrationSucceeded("r", 120)]
    assert endpoint.next_deadline() == 101.0
    (refresh,) = parsed(endpoint.on_time(101.0))
    assert (refresh.method, refresh.cseq.number) == (b"REGISTER", 3)


def test_wrong_password_is_given_up() -> None:
    endpoint = make_endpoint()
    (second,) = sent(endpoint.receive(answer_to(started(endpoint), 401, CHALLENGE), PHONE, 0.1))
    out = endpoint.receive(answer_to(second, 401, CHALLENGE), PHONE, 0.2)
    assert events(out) == [RegistrationFailed("r", 401, "Whatever")]
    assert endpoint.next_deadline() == float("inf")


def test_a_stale_nonce_is_no_wrong_password() -> None:
    endpoint = make_endpoint()
    (second,) = sent(endpoint.receive(answer_to(started(endpoint), 401, CHALLENGE), PHONE, 0.1))
    (third,) = sent(
        endpoint.receive(answer_to(second, 401, CHALLENGE + ", stale=true"), PHONE, 0.2)
    )
    assert third.startswith(b"REGISTER")


def test_interval_too_brief() -> None:
    endpoint = make_endpoint()
    brief = answer_to(started(endpoint), 423, "Min-Expires: 1800")
    (second,) = parsed(endpoint.receive(brief, PHONE, 0.1))
    assert second.get(b"expires") == b"1800"


def test_a_silent_registrar_is_tried_again() -> None:
    endpoint = make_endpoint()
    started(endpoint)
    seen = []
    while not seen:
        seen = events(endpoint.on_time(endpoint.next_deadline()))
    assert seen == [RegistrationFailed("r", 408, "Request Timeout")]
    assert endpoint.next_deadline() == 62.0
    assert len(sent(endpoint.on_time(62.0))) == 1


def test_unregister() -> None:
    endpoint = make_endpoint()
    endpoint.receive(answer_to(started(endpoint), 200), PHONE, 0.1)
    (leaving,) = sent(endpoint.unregister("r", 5.0))
    assert parsed(endpoint.unregister("r", 5.0)) == []
    out = endpoint.receive(answer_to(leaving, 200), PHONE, 5.1)
    assert out == [RegistrationSucceeded("r", 0)]
    assert endpoint.next_deadline() == float("inf")


def test_a_broken_registrar_uri_is_told() -> None:
    broken = RegistrationSettings(
        id="r", registrar="nowhere", peer=PHONE, account="1", password=""
    )
    with pytest.raises(BadTargetError, match="nowhere"):
        make_endpoint().register(broken, 0.0)
