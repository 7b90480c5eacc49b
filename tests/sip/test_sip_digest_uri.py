"""A proof is good for the number that it was made for (RFC 7616 section 3.4.6), and no phone's
way of writing that number is held against it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
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

from acd.sip.events import AuthenticationFailed, InviteReceived
from acd.sip.guard import Offence
from acd.sip.sightings import Sighting
from acd.sip.trunk_settings import TrunkSettings
from acd.sip.uri import escape_user

HERE = "192.0.2.1"
MOBILE = "sip:13800138000@192.0.2.1"


def endpoint_of(**settings):
    return make_endpoint(credentials=Accounts(**{"1001": "pw"}), **settings)


def called(
    asked: str, proved: str, *, endpoint=None, password: str = "pw", account: str = "1001"
) -> list:
    """Call `asked` with a proof that was made for `proved`; return what came of it."""
    endpoint = endpoint or endpoint_of()

    def invite(tries: int, *headers: str) -> list:
        data = request(
            "INVITE",
            *headers,
            uri=asked,
            caller=account,
            cseq=tries,
            branch=f"z9hG4bK{tries}",
            body=SDP,
        )
        return endpoint.receive(data, PHONE, 0.0)

    (challenge,) = parsed(invite(1))
    endpoint.sightings.clear()
    lines = answer_challenge(challenge, b"INVITE", proved.encode(), account, password, "cn")
    assert lines is not None
    return invite(2, lines.decode().strip())


SAME = [
    # What phones, proxies and NATs were seen to do: no port, no parameters, another host.
    (MOBILE, MOBILE),
    (MOBILE + ":5060;transport=tcp", MOBILE),
    (MOBILE + ";user=phone", MOBILE),
    (MOBILE, MOBILE + ":5060;transport=UDP"),
    ("sip:13800138000@10.0.0.7:5070", "sip:13800138000@acd.example.cn"),
    ("SIP:13800138000@ACD.example.CN", "sip:13800138000@acd.example.cn"),
    ("sip:13800138000@[2001:db8::1]", "sip:13800138000@acd.example.cn"),
    ("sip:13800138000@192.0.2.1", "sips:13800138000@192.0.2.1"),
    ("sip:%2B8613800138000@192.0.2.1", "sip:+8613800138000@192.0.2.1"),
    ("sip:*10@192.0.2.1", "sip:%2A10@192.0.2.1"),
    ("sip:+8613800138000;cpc=ordinary@192.0.2.1", "sip:+8613800138000@192.0.2.1"),
    ("sip:+8613800138000@192.0.2.1", "tel:+86-138-0013-8000"),
    ("sip:+86-138-0013-8000@192.0.2.1", "tel:+8613800138000"),
    ("tel:+8613800138000", "tel:+86.138(0013)8000"),
    ("sip:13800138000:word@192.0.2.1", MOBILE),
]

OTHER = [
    (MOBILE, "sip:1002@192.0.2.1"),
    (MOBILE, "sip:13800138001@192.0.2.1"),
    ("sip:013800138000@192.0.2.1", MOBILE),
    ("sip:+13800138000@192.0.2.1", MOBILE),
    (MOBILE, "sip:192.0.2.1"),
    (MOBILE, "13800138000"),
    (MOBILE, "/"),
    (MOBILE, "sip:@"),
    ("sip:sales-1@192.0.2.1", "sip:sales1@192.0.2.1"),
    ("sip:Alice@192.0.2.1", "sip:alice@192.0.2.1"),
]


@pytest.mark.parametrize(("asked", "proved"), SAME)
def test_the_same_number_however_it_is_written(asked: str, proved: str) -> None:
    (came,) = events(called(asked, proved))
    assert isinstance(came, InviteReceived)
    assert came.account == "1001"


@pytest.mark.parametrize(("asked", "proved"), OTHER)
def test_another_number_is_400(asked: str, proved: str) -> None:
    endpoint = endpoint_of()
    out = called(asked, proved, endpoint=endpoint)
    assert statuses(out) == [400]
    assert events(out) == [AuthenticationFailed("1001", PHONE, "INVITE", other_uri=True)]
    assert_empty(endpoint)


NUMBERS = st.text("0123456789", min_size=1, max_size=12)


@given(NUMBERS, NUMBERS, st.sampled_from(["sip:{}@h", "sip:{}@h:5070;user=phone", "tel:{}"]))
def test_no_proof_calls_another_number(asked: str, proved: str, way: str) -> None:
    uris = f"sip:{escape_user(asked).decode()}@{HERE}", way.format(proved)
    taken = any(isinstance(event, InviteReceived) for event in events(called(*uris)))
    assert taken is (asked == proved)


def test_nothing_of_it_is_held_against_the_phones_address() -> None:
    """A whole office may sit behind a proxy that writes numbers anew."""
    endpoint = endpoint_of()
    called(MOBILE, "sip:1002@192.0.2.1", endpoint=endpoint)
    assert list(endpoint.sightings) == []


def test_nor_does_it_make_good_for_anything() -> None:
    """Whoever got hold of somebody's proof has not proved to be that one."""
    endpoint = endpoint_of()
    called(MOBILE, "sip:1002@192.0.2.1", endpoint=endpoint)
    assert Sighting(PHONE, None) not in endpoint.sightings


def test_a_wrong_password_is_one_whatever_the_uri() -> None:
    out = called(MOBILE, "sip:1002@192.0.2.1", password="guessed")
    assert statuses(out) == [401]
    assert events(out) == [AuthenticationFailed("1001", PHONE, "INVITE")]


@pytest.mark.parametrize("network", [PHONE.host + "/32", "0.0.0.0/0"])
def test_a_trusted_proxy_may_call_another_number(network: str) -> None:
    endpoint = endpoint_of(trusted=(network,))
    (came,) = events(called(MOBILE, "sip:80013800138000@192.0.2.1", endpoint=endpoint))
    assert (came.account, came.called) == ("1001", "13800138000")


@pytest.mark.parametrize("uri", ["sip:192.0.2.1", "sip:acd.example.cn", "sip:1001@192.0.2.1", "/"])
def test_a_registration_is_with_us_whatever_it_writes(uri: str) -> None:
    endpoint = endpoint_of()

    def register(tries: int, *headers: str) -> list:
        data = request(
            "REGISTER", *headers, uri="sip:192.0.2.1", cseq=tries, branch=f"z9hG4bK{tries}"
        )
        data = data.replace(b"To: <sip:4000@", b"To: <sip:1001@")
        return endpoint.receive(data, PHONE, 0.0)

    (challenge,) = parsed(register(1))
    lines = answer_challenge(challenge, b"REGISTER", uri.encode(), "1001", "pw", "cn")
    assert statuses(register(2, lines.decode().strip())) == [200]


@pytest.mark.parametrize(("proved", "answers"), [(MOBILE, [100]), ("sip:1@192.0.2.1", [400])])
def test_a_trunk_that_proves_itself_by_digest_is_held_to_the_same(
    proved: str, answers: list[int]
) -> None:
    endpoint = make_endpoint()
    trunk = TrunkSettings(name="pbx", gateways=(), account="pbx", account_password="pw")
    endpoint.configure_trunks((trunk,), 0.0)
    out = called(MOBILE, proved, endpoint=endpoint, account="pbx")
    assert statuses(out) == answers
    failed = [event for event in events(out) if isinstance(event, AuthenticationFailed)]
    assert [event.other_uri for event in failed] == [True] * (answers == [400])


def test_a_trusted_trunk_may_write_numbers_anew() -> None:
    endpoint = make_endpoint()
    trunk = TrunkSettings(
        name="pbx",
        gateways=(),
        account="pbx",
        account_password="pw",
        networks=(f"{PHONE.host}/32",),
        trusted=True,
    )
    endpoint.configure_trunks((trunk,), 0.0)
    out = called(MOBILE, "sip:1@192.0.2.1", endpoint=endpoint, account="pbx")
    assert statuses(out) == [100]


def test_the_sightings_of_a_right_proof_are_as_ever() -> None:
    endpoint = endpoint_of()
    called(MOBILE, MOBILE, endpoint=endpoint)
    assert list(endpoint.sightings) == [Sighting(PHONE, None)]
    broken = request("INVITE", uri="nonsense", caller="stranger", branch="z9hG4bKb", call_id="b")
    endpoint.receive(broken, PHONE, 0.0)
    assert list(endpoint.sightings)[1:] == [Sighting(PHONE, Offence.BROKEN)]
