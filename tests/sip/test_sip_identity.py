"""Who calls and whom the call was for: headers that are believed from some and read from all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.sip.events import InviteReceived
from acd.sip.peer import Peer
from acd.sip.trunk_settings import Gateway, TrunkSettings
from acd.sip.uri import TEXT_CHARS
from tests.sip.sip_support import (
    PHONE,
    SDP,
    Accounts,
    answer_challenge,
    events,
    make_endpoint,
    parsed,
    request,
)

ASSERTED = 'P-Asserted-Identity: "Wang Li" <sip:+8613800138000@carrier.example>'


def arrival(*headers, trusted=(), peer=PHONE, **options):
    """Return the event of an INVITE with these headers."""
    endpoint = make_endpoint(trusted=trusted)
    return received(endpoint, *headers, peer=peer, **options)


def received(endpoint, *headers, peer=PHONE, **options) -> InviteReceived:
    [event] = events(endpoint.receive(request("INVITE", *headers, body=SDP, **options), peer, 0.0))
    assert isinstance(event, InviteReceived)
    return event


def test_without_these_headers_nothing_is_said():
    event = arrival()
    assert (event.claimed, event.withheld, event.diverted_from) == ("", False, ())


# --- P-Asserted-Identity (RFC 3325) ---


def test_an_asserted_identity_is_believed_from_trusted_networks_only():
    believed = arrival(ASSERTED, trusted=("192.0.2.0/24",))
    assert (believed.caller, believed.caller_name) == ("+8613800138000", "Wang Li")
    assert believed.claimed == "alice"

    ignored = arrival(ASSERTED, trusted=("198.51.100.0/24",))
    assert (ignored.caller, ignored.claimed) == ("alice", "")


def test_a_trunk_says_for_itself_whether_it_is_trusted():
    for trusted, caller in ((True, "+8613800138000"), (False, "+861088886666")):
        endpoint = make_endpoint()
        trunk = TrunkSettings(
            name="carrier", gateways=(Gateway(host=PHONE.host),), trusted=trusted
        )
        endpoint.configure_trunks((trunk,), 0.0)

        assert received(endpoint, ASSERTED, caller="01088886666").caller == caller
        elsewhere = received(
            endpoint,
            ASSERTED,
            peer=Peer("udp", "203.0.113.1", 5060),
            branch="z9hG4bKtwo",
            call_id="2",
        )
        assert elsewhere.caller == "alice"


def test_of_two_asserted_identities_the_tel_one_is_the_number():
    two = "P-Asserted-Identity: <sip:alice@carrier.example>, <tel:+86-138-0013-8000>"
    assert arrival(two, trusted=("192.0.2.10",)).caller == "+8613800138000"


def test_an_account_that_has_proved_itself_stays_who_it_is():
    endpoint = make_endpoint(trusted=("192.0.2.0/24",), authenticate_accounts=False)
    assert received(endpoint, ASSERTED).caller == "+8613800138000"
    guarded = make_endpoint(trusted=("192.0.2.0/24",), credentials=Accounts(alice="secret"))
    (challenge,) = parsed(guarded.receive(request("INVITE", ASSERTED), PHONE, 0.0))
    assert challenge.status == 401
    proof = answer_challenge(
        challenge, b"INVITE", b"sip:4000@192.0.2.1", "alice", "secret", "cnonce"
    )
    line = proof.decode().strip()
    assert received(guarded, ASSERTED, line, branch="z9hG4bKtwo", cseq=2).caller == "alice"


@pytest.mark.parametrize(
    "header",
    [
        "P-Asserted-Identity: <sip:carrier.example>",
        'P-Asserted-Identity: "unclosed <sip:x@y>',
        "P-Asserted-Identity: <>",
        "P-Asserted-Identity:",
        "P-Asserted-Identity: <sip:a@[::bad>",
    ],
)
def test_what_cannot_be_read_is_as_if_not_sent(header):
    event = arrival(header, trusted=("192.0.2.0/24",))
    assert (event.caller, event.claimed) == ("alice", "")


# --- Privacy (RFC 3323, 3325) ---


@pytest.mark.parametrize(
    ("value", "withheld"),
    [
        ("id", True),
        ("user; id; critical", True),
        ("Header", True),
        ("none", False),
        ("id;none", False),
        ("session", False),
        ("", False),
    ],
)
def test_privacy_asks_that_nobody_is_shown_who_calls(value, withheld):
    assert arrival(f"Privacy: {value}").withheld is withheld


# --- Diversion (RFC 5806) and History-Info (RFC 7044) ---


def test_diversions_are_read_from_the_oldest_to_the_newest():
    event = arrival(
        "Diversion: <tel:+8610-8888-0002>;reason=no-answer, <sip:4001@pbx>;reason=unconditional",
        "Diversion: <sip:4002@pbx>;reason=user-busy",
    )
    assert event.diverted_from == ("4002", "4001", "+861088880002")


def test_history_is_read_by_its_indices_and_without_the_present_target():
    event = arrival(
        "History-Info: <sip:4000@acd>;index=1.2, <sip:4007@pbx?Reason=SIP%3Bcause%3D302>;index=1",
        "History-Info: <sip:4008@pbx>;index=1.1;rc=1, <sip:4009@pbx>;index=x",
    )
    assert event.diverted_from == ("4007", "4008", "4009")


def test_history_is_preferred_and_neither_needs_trust():
    event = arrival("History-Info: <sip:4007@pbx>;index=1", "Diversion: <sip:4001@pbx>")
    assert event.diverted_from == ("4007",)


def test_a_ring_of_diversions_is_cut():
    event = arrival("Diversion: " + ", ".join(f"<sip:{n}@pbx>" for n in range(99)))
    assert len(event.diverted_from) == 10
    assert event.diverted_from[0] == "98"


# --- tel URIs ---


def test_tel_uris_are_numbers_wherever_they_stand():
    event = arrival(uri="tel:+86-400-(123).4567;phone-context=x")
    assert event.called == "+864001234567"
    assert arrival(uri="tel:4000").called == "4000"


def test_remote_party_id_is_not_looked_at():
    event = arrival('Remote-Party-ID: "x" <sip:8888@a>;privacy=full', trusted=("192.0.2.0/24",))
    assert (event.caller, event.withheld) == ("alice", False)


HEADER = st.sampled_from(["P-Asserted-Identity", "Privacy", "Diversion", "History-Info"])
VALUE = st.text(
    st.sampled_from('"<>;,:=@.sipteluxd 1234\\?%&+-')
    | st.characters(codec="utf-8", exclude_categories=["Cc"]),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(HEADER, VALUE), max_size=6))
def test_nothing_in_them_refuses_a_call(headers):
    lines = [f"{name}: {value}" for name, value in headers]
    event = arrival(*lines, trusted=("192.0.2.0/24",))
    assert len(event.diverted_from) <= 10
    assert event.called not in event.diverted_from


def test_history_is_read_by_its_index_and_not_by_its_order():
    """RFC 7044 5.1: the index tells what came first, in whatever order proxies wrote."""
    history = "History-Info: <sip:2@h>;index=1.10, <sip:1@h>;index=1.2, <sip:0@h>;index=1"
    assert arrival(history).diverted_from == ("0", "1", "2")


def test_nobody_fills_the_records_with_long_names():
    """A datagram of 65,000 bytes leaves a record of a line."""
    long = "9" * 5_000
    endpoint = make_endpoint(trusted=("192.0.2.0/24",))
    invite = request(
        "INVITE",
        f'P-Asserted-Identity: "{long}" <sip:8{long}@x>',
        *[f"Diversion: <sip:{n}{long}@x>" for n in range(3)],
        uri=f"sip:{long}@192.0.2.1",
        caller=long,
        call_id=long,
        body=SDP,
    ).replace(b"From: <", f'From: "{long}" <'.encode())
    (event,) = events(endpoint.receive(invite, PHONE, 0.0))
    assert isinstance(event, InviteReceived)
    assert {len(part) for part in (event.caller, event.called, event.sip_call_id)} == {TEXT_CHARS}
    assert len(event.caller_name) == len(event.claimed) == TEXT_CHARS
    assert [len(number) for number in event.diverted_from] == [TEXT_CHARS] * 3
