"""Keeping a registration up as a phone (RFC 3261 10.2)."""

import msgspec
import pytest
from sip_support import PHONE, answer_to, events, make_endpoint, parsed, sent

from acd.sip.client_events import RegistrationFailed, RegistrationSucceeded
from acd.sip.endpoint import RegistrationSettings
from acd.sip.errors import BadTargetError
from acd.sip.message import read
from acd.sip.peer import Peer

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
    (second,) = sent(endpoint.receive(brief, PHONE, 0.1))
    assert read(second).get(b"expires") == b"1800"
    failed = refused(endpoint, second, 423, "Min-Expires: 1800")
    assert failed.status == 423, "a registrar that is never content"


def test_a_silent_registrar_is_tried_again() -> None:
    endpoint = make_endpoint()
    started(endpoint)
    seen = []
    while not seen:
        seen = events(endpoint.on_time(endpoint.next_deadline()))
    (failed,) = seen
    assert (failed.status, failed.reason) == (408, "Request Timeout")
    # RFC 5626 4.5: a random share of 50 to 100 % of the pause, which is 30 s at first.
    assert 15.0 <= failed.retry_in_s <= 30.0
    assert endpoint.next_deadline() == 32.0 + failed.retry_in_s
    assert len(sent(endpoint.on_time(endpoint.next_deadline()))) == 1


def refused(endpoint, register: bytes, status: int, *more: str, now: float = 0.0):
    (failed,) = events(endpoint.receive(answer_to(register, status, *more), PHONE, now))
    assert isinstance(failed, RegistrationFailed)
    return failed


def test_pauses_grow_and_start_anew_after_success() -> None:
    endpoint = make_endpoint()
    register, pauses = started(endpoint), []
    for _ in range(9):
        failed = refused(endpoint, register, 500)
        pauses.append(failed.retry_in_s)
        (register,) = sent(endpoint.on_time(endpoint.next_deadline()))
    for pause_s, longest_s in zip(pauses, [30, 60, 120, 240, 480, 960, *3 * [1800]], strict=True):
        assert longest_s / 2 <= pause_s <= longest_s
    endpoint.receive(answer_to(register, 200), PHONE, 0.0)
    (register,) = sent(endpoint.on_time(endpoint.next_deadline()))
    assert refused(endpoint, register, 500).retry_in_s <= 30


def test_retry_after_is_honoured_up_to_the_longest_pause() -> None:
    endpoint = make_endpoint()
    register = started(endpoint)
    failed = refused(endpoint, register, 503, "Retry-After: 120;duration=60 (maintenance)")
    assert failed.retry_in_s == 120
    (register,) = sent(endpoint.on_time(120.0))
    failed = refused(endpoint, register, 503, "Retry-After: 4000000", now=120.0)
    assert failed.retry_in_s == 1800


@pytest.mark.parametrize("status", [302, 403])
def test_a_refusal_is_final_unless_set_otherwise(status: int) -> None:
    endpoint = make_endpoint()
    assert refused(endpoint, started(endpoint), status).retry_in_s == 0
    assert endpoint.next_deadline() == float("inf")
    trunk = msgspec.structs.replace(DESK, id="trunk", retry_refused=True)
    (register,) = sent(endpoint.register(trunk, 0.0))
    assert refused(endpoint, register, status).retry_in_s == 1800
    assert endpoint.next_deadline() == 1800


def test_a_refresh_uses_the_nonce_on() -> None:
    """RFC 7616 3.4: nc counts the requests that a nonce has been used for."""
    endpoint = make_endpoint()
    (second,) = sent(endpoint.receive(answer_to(started(endpoint), 401, CHALLENGE), PHONE, 0.1))
    endpoint.receive(answer_to(second, 200), PHONE, 1.0)
    (refresh,) = sent(endpoint.on_time(endpoint.next_deadline()))
    assert b"nc=00000001" in second
    assert b"nc=00000002" in refresh
    # A server whose nonces serve once challenges anew, with or without stale=true.
    newer = CHALLENGE.replace('"n"', '"m"')
    (again,) = sent(endpoint.receive(answer_to(refresh, 401, newer), PHONE, 600.0))
    assert b'nonce="m"' in again
    assert b"nc=00000001" in again


def test_what_a_trunk_needs() -> None:
    trunk = RegistrationSettings(
        id="t",
        registrar="sip:192.0.2.10",
        peer=PHONE,
        account="+86100",
        username="u-7",
        password="pw",
        contact_user="line1",
        domain="ims.example.com",
    )
    endpoint = make_endpoint()
    (register,) = sent(endpoint.register(trunk, 0.0))
    (second,) = parsed(endpoint.receive(answer_to(register, 401, CHALLENGE), PHONE, 0.1))
    assert second.to.uri == second.from_.uri == b"sip:+86100@ims.example.com"
    assert second.get(b"contact") == b"<sip:line1@192.0.2.1:5060>"
    assert b'username="u-7"' in second.get(b"authorization")


def test_a_lost_connection_is_registered_over_anew() -> None:
    endpoint = make_endpoint()
    peer = Peer("tcp", "192.0.2.10", 5060)
    settings = msgspec.structs.replace(DESK, peer=peer)
    (register,) = sent(endpoint.register(settings, 0.0))
    endpoint.receive(answer_to(register, 200), peer, 0.1)
    assert endpoint.next_deadline() > 400
    endpoint.transport_failed(peer, 100.0)
    assert 101.0 <= endpoint.next_deadline() <= 102.0


def test_leaving_waits_for_the_answer_under_way() -> None:
    """10.2: no new registration before the final answer to the previous one."""
    endpoint = make_endpoint()
    register = started(endpoint)
    assert endpoint.unregister("r", 0.1) == []
    (leaving,) = parsed(endpoint.receive(answer_to(register, 200), PHONE, 0.2))
    assert leaving.get(b"expires") == b"0"


def test_a_registration_of_the_same_id_takes_over() -> None:
    endpoint = make_endpoint()
    register = started(endpoint)
    endpoint.register(DESK, 0.1)
    assert endpoint.receive(answer_to(register, 401, CHALLENGE), PHONE, 0.2) == []


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


def test_a_registrar_that_wants_longer_each_time_is_left_alone_for_a_while() -> None:
    endpoint = make_endpoint()
    register, asked = started(endpoint), 0
    while True:
        asked += 1
        least_s = f"Min-Expires: {1000 + asked}"
        out = endpoint.receive(answer_to(register, 423, least_s), PHONE, 0.1)
        if not sent(out):
            break
        (register,) = sent(out)
    assert asked == 6
    (failed,) = events(out)
    assert failed.status == 423


def test_over_udp_nothing_was_lost_with_a_connection() -> None:
    endpoint = make_endpoint()
    endpoint.receive(answer_to(started(endpoint), 200), PHONE, 0.1)
    refresh_at = endpoint._core.deadlines.next()
    assert endpoint.transport_failed(PHONE, 1.0) == []
    assert endpoint._core.deadlines.next() == refresh_at


def test_a_registration_that_was_given_up_stays_so() -> None:
    endpoint = make_endpoint()
    stream = Peer("tcp", PHONE.host, PHONE.port)
    (register,) = sent(endpoint.register(msgspec.structs.replace(DESK, peer=stream), 0.0))
    endpoint.receive(answer_to(register, 403), stream, 0.1)
    endpoint.transport_failed(stream, 1.0)
    assert endpoint.next_deadline() == float("inf")


@pytest.mark.parametrize("granted", [0, 1])
def test_a_registrar_that_grants_nothing_is_not_asked_without_end(granted: int) -> None:
    endpoint = make_endpoint()
    endpoint.receive(answer_to(started(endpoint), 200, f"Expires: {granted}"), PHONE, 1.0)
    assert endpoint._core.deadlines.next() == 2.0
