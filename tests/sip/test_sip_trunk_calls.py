"""Calls over trunks: gateway after gateway, channels, caller id, and calls from trunks."""

import pytest
from sip_support import (
    SDP,
    answer_to,
    assert_empty,
    events,
    make_endpoint,
    methods,
    parsed,
    request,
    run_out,
    sent,
    statuses,
)

from acd.sip.effects import Send
from acd.sip.events import InviteReceived, LegAnswered, LegFailed, LegRinging
from acd.sip.message import read
from acd.sip.peer import Peer
from acd.sip.phone_numbers import NumberFormat
from acd.sip.settings import InviteTarget
from acd.sip.trunk_leg import MAX_TRIES
from acd.sip.trunk_settings import CallerId, Gateway, Health, TrunkSettings

FIRST, SECOND = Peer("udp", "192.0.2.50", 5060), Peer("udp", "192.0.2.51", 5070)
GATEWAYS = (
    Gateway(host=FIRST.host, priority=1),
    Gateway(host=SECOND.host, port=SECOND.port, priority=2),
)


def trunk_endpoint(**settings):
    endpoint = make_endpoint()
    given = {"name": "carrier", "gateways": GATEWAYS, "options_interval_s": 0.0} | settings
    assert endpoint.configure_trunks((TrunkSettings(**given),), 0.0) == []
    return endpoint


def call(endpoint, number="+8613800138000", caller="2001", leg="leg-1", now=0.0, **more):
    target = InviteTarget(uri=f"sip:{number}@TRUNK", caller=caller, trunk="carrier", **more)
    return endpoint.invite(leg, target, SDP, now)


def to(outputs, peer):
    return [item.data for item in outputs if isinstance(item, Send) and item.peer == peer]


def health(endpoint):
    return [gateway.health for gateway in endpoint.trunk_state()[0].gateways]


def test_the_invite_goes_to_the_gateway_of_the_lowest_priority_in_its_name():
    endpoint = trunk_endpoint(domain="ims.example.cn")
    (invite,) = to(call(endpoint), FIRST)
    assert invite.startswith(b"INVITE sip:+8613800138000@ims.example.cn SIP/2.0\r\n")
    assert b"To: <sip:+8613800138000@ims.example.cn>\r\n" in invite
    assert b"From: <sip:2001@ims.example.cn>;tag=" in invite
    (named,) = to(call(endpoint, leg="leg-2", caller_name="<Sales>"), FIRST)
    assert b'From: "<Sales>" <sip:2001@ims.example.cn>;tag=' in named


def test_without_a_domain_the_gateway_itself_is_named():
    endpoint = trunk_endpoint(gateways=(Gateway(host=SECOND.host, port=SECOND.port),))
    (invite,) = to(call(endpoint), SECOND)
    assert invite.startswith(b"INVITE sip:+8613800138000@192.0.2.51:5070 SIP/2.0\r\n")
    assert b"From: <sip:2001@192.0.2.1:5060>;tag=" in invite


def test_503_leads_to_the_next_gateway_and_nobody_hears_of_it():
    endpoint = trunk_endpoint()
    (invite,) = to(call(endpoint), FIRST)
    outputs = endpoint.receive(answer_to(invite, 503), FIRST, 0.1)
    assert [message.method for message in parsed(outputs)] == [b"ACK", b"INVITE"]
    (second,) = to(outputs, SECOND)
    assert events(outputs) == []
    outputs = endpoint.receive(answer_to(second, 200, body=SDP), SECOND, 0.2)
    assert events(outputs) == [LegAnswered("leg-1", SDP)]
    assert endpoint.trunk_state()[0].channels_in_use == 1


def test_a_503_without_retry_after_says_nothing_of_the_next_call():
    endpoint = trunk_endpoint()
    (invite,) = to(call(endpoint), FIRST)
    endpoint.receive(answer_to(invite, 503), FIRST, 0.1)
    assert health(endpoint) == [Health.UNKNOWN, Health.UNKNOWN]


def test_retry_after_lets_the_gateway_rest_so_long():
    endpoint = trunk_endpoint()
    (invite,) = to(call(endpoint), FIRST)
    endpoint.receive(answer_to(invite, 503, "Retry-After: 100 (busy)"), FIRST, 1.0)
    assert health(endpoint)[0] is Health.RESTING
    assert to(call(endpoint, leg="leg-2", now=50.0), SECOND)
    run_out(endpoint, until=101.0)
    assert health(endpoint)[0] is Health.UNKNOWN


def test_a_silent_gateway_is_left_after_4_s_and_cancelled_when_it_wakes_up():
    endpoint = trunk_endpoint()
    (invite,) = to(call(endpoint), FIRST)
    outputs = [output for _, output in run_out(endpoint, until=4.0)]
    (second,) = to(outputs, SECOND)
    assert events(outputs) == []
    assert health(endpoint)[0] is Health.RESTING
    endpoint.receive(answer_to(second, 180), SECOND, 5.0)
    late = endpoint.receive(answer_to(invite, 180), FIRST, 6.0)
    assert methods(late) == [b"CANCEL"]
    assert events(late) == []
    assert to(late, FIRST)
    outputs = endpoint.receive(answer_to(second, 200, body=SDP), SECOND, 7.0)
    assert events(outputs) == [LegAnswered("leg-1", SDP)]
    endpoint.receive(answer_to(invite, 487), FIRST, 7.1)
    assert endpoint.legs == 1


def test_a_late_200_of_a_gateway_that_was_left_gets_ack_and_bye():
    endpoint = trunk_endpoint()
    (invite,) = to(call(endpoint), FIRST)
    run_out(endpoint, until=4.0)
    late = endpoint.receive(answer_to(invite, 200, body=SDP), FIRST, 5.0)
    assert methods(late) == [b"ACK", b"BYE"]
    assert events(late) == []
    assert endpoint.legs == 1


def test_any_provisional_answer_ends_the_wait():
    endpoint = trunk_endpoint()
    (invite,) = to(call(endpoint), FIRST)
    outputs = endpoint.receive(answer_to(invite, 100, tag=""), FIRST, 0.1)
    assert outputs == []
    assert run_out(endpoint, until=60.0) == []
    assert health(endpoint)[0] is Health.UP
    outputs = endpoint.receive(answer_to(invite, 180), FIRST, 61.0)
    assert [type(event) for event in events(outputs)] == [LegRinging]


def test_a_transport_failure_leads_to_the_next_gateway():
    endpoint = trunk_endpoint()
    call(endpoint)
    outputs = endpoint.transport_failed(FIRST, 0.1)
    assert to(outputs, SECOND)
    assert health(endpoint) == [Health.RESTING, Health.UNKNOWN]


def test_a_gateway_that_takes_no_connection_gets_a_large_invite_over_udp():
    """Firewalls drop what carriers do not serve: no reset comes that would tell."""
    endpoint = trunk_endpoint()
    streamed, headers = FIRST._replace(transport="tcp"), (("X-Long", "x" * 1300),)
    (invite,) = to(call(endpoint, headers=headers), streamed)
    (again,) = (item for _, item in run_out(endpoint, until=4.0))
    assert (again.peer, health(endpoint)[0]) == (FIRST, Health.UNKNOWN)
    assert read(again.data).branch == read(invite).branch
    # The connection is given up later; it is nobody's business any more.
    assert endpoint.transport_failed(streamed, 5.0) == []
    outputs = endpoint.receive(answer_to(again.data, 200, body=SDP), FIRST, 5.1)
    assert events(outputs) == [LegAnswered("leg-1", SDP)]
    assert to(call(endpoint, leg="leg-2", now=6.0, headers=headers), FIRST)  # it is remembered
    silent = [item for _, item in run_out(endpoint, until=10.0) if isinstance(item, Send)]
    assert {item.peer for item in silent} == {FIRST, SECOND._replace(transport="tcp")}


def test_only_the_last_failure_is_told():
    endpoint = trunk_endpoint()
    (invite,) = to(call(endpoint), FIRST)
    (second,) = to(endpoint.receive(answer_to(invite, 503), FIRST, 0.1), SECOND)
    outputs = endpoint.receive(answer_to(second, 503), SECOND, 0.2)
    (failed,) = events(outputs)
    assert (failed.leg, failed.status) == ("leg-1", 503)
    assert endpoint.trunk_state()[0].channels_in_use == 0


def test_silence_of_all_gateways_is_408_and_leaves_nothing_behind():
    endpoint = trunk_endpoint()
    call(endpoint)
    fired = run_out(endpoint)
    (failed,) = [(at, item) for at, item in fired if isinstance(item, LegFailed)]
    assert failed == (8.0, LegFailed("leg-1", 408, "Gateway does not answer"))
    assert_empty(endpoint)


@pytest.mark.parametrize("status", [404, 486, 500, 603])
def test_other_refusals_are_the_called_persons(status):
    endpoint = trunk_endpoint()
    (invite,) = to(call(endpoint), FIRST)
    (failed,) = events(endpoint.receive(answer_to(invite, status), FIRST, 0.1))
    assert failed.status == status


def test_a_call_that_was_given_up_tries_no_other_gateway():
    endpoint = trunk_endpoint()
    (invite,) = to(call(endpoint), FIRST)
    (failed,) = events(endpoint.cancel("leg-1", 0.1))
    assert failed.status == 487
    assert methods(endpoint.receive(answer_to(invite, 180), FIRST, 0.2)) == [b"CANCEL"]
    outputs = endpoint.receive(answer_to(invite, 503), FIRST, 0.3)
    assert methods(outputs) == [b"ACK"]
    assert endpoint.trunk_state()[0].channels_in_use == 0


def test_while_all_gateways_rest_calls_fail_at_once():
    endpoint = trunk_endpoint()
    call(endpoint)
    run_out(endpoint, until=8.0)
    assert not endpoint.trunks.has_free_channel("carrier")
    (failed,) = events(call(endpoint, leg="leg-2", now=9.0))
    assert failed == LegFailed("leg-2", 503, "No gateway of trunk carrier is up")
    run_out(endpoint, until=40.0)
    assert endpoint.trunks.has_free_channel("carrier")


def test_a_trunk_that_is_not_there():
    endpoint = make_endpoint()
    (failed,) = events(call(endpoint))
    assert failed == LegFailed("leg-1", 503, "No trunk carrier")


def test_the_channel_limit_counts_both_ways():
    endpoint = trunk_endpoint(channels=2)
    call(endpoint)
    outputs = endpoint.receive(request("INVITE", body=SDP, caller="x"), FIRST, 0.0)
    assert statuses(outputs) == [100]
    assert not endpoint.trunks.has_free_channel("carrier")
    (failed,) = events(call(endpoint, leg="leg-2"))
    assert failed == LegFailed("leg-2", 503, "No free channel on trunk carrier")
    more = request("INVITE", body=SDP, call_id="call-2", branch="z9hG4bKtwo")
    outputs = endpoint.receive(more, FIRST, 0.0)
    assert statuses(outputs) == [503]
    assert b"Retry-After: 5\r\n" in sent(outputs)[0]
    endpoint.cancel("leg-1", 0.0)
    assert endpoint.trunks.has_free_channel("carrier")


def test_an_emergency_call_finds_a_channel_on_a_full_trunk():
    endpoint = trunk_endpoint(channels=1)
    call(endpoint)
    assert events(call(endpoint, leg="leg-2"))[0].status == 503
    (invite,) = to(call(endpoint, "110", leg="leg-3", emergency=True), FIRST)
    assert invite.startswith(b"INVITE sip:110@")
    assert endpoint.trunk_state()[0].channels_in_use == 2
    endpoint.cancel("leg-3", 0.0)
    assert endpoint.trunk_state()[0].channels_in_use == 1


def test_a_call_from_a_trunk_is_named_and_its_numbers_are_e164():
    endpoint = trunk_endpoint(numbers={"+864008001234": "4000"}, codecs=("PCMU",))
    invite = request("INVITE", uri="sip:4008001234@192.0.2.1", caller="013800138000", body=SDP)
    (received,) = events(endpoint.receive(invite, FIRST, 0.0))
    assert isinstance(received, InviteReceived)
    assert (received.trunk, received.codecs) == ("carrier", ("PCMU",))
    assert (received.caller, received.called) == ("+8613800138000", "4000")
    assert received.account is None


def test_what_a_carrier_writes_behind_a_number_is_not_of_it():
    """RFC 3261 19.1.1: the user part may be a telephone-subscriber with parameters."""
    endpoint = trunk_endpoint(numbers={"+864008001234": "4000"})
    invite = request(
        "INVITE",
        "Diversion: <sip:+8675512345678;cpc=ordinary@gw>",
        uri="sip:+86-400-8001234;npdi;rn=+8675512@192.0.2.1;user=phone",
        caller="+8613800138000;cpc=ordinary",
        body=SDP,
    )
    (received,) = events(endpoint.receive(invite, FIRST, 0.0))
    assert isinstance(received, InviteReceived)
    assert (received.caller, received.called) == ("+8613800138000", "4000")
    assert received.diverted_from == ("+8675512345678",)


def test_a_stranger_is_no_trunk():
    endpoint = trunk_endpoint(networks=("198.51.100.0/24",))
    invite = request("INVITE", body=SDP, caller="013800138000")
    (received,) = events(endpoint.receive(invite, Peer("udp", "203.0.113.9", 5060), 0.0))
    assert (received.trunk, received.caller) == ("", "013800138000")
    other = request("INVITE", body=SDP, call_id="c2", branch="z9hG4bKtwo", caller="1")
    (received,) = events(endpoint.receive(other, Peer("udp", "198.51.100.7", 7777), 0.0))
    assert received.trunk == "carrier"


def test_caller_ids_are_those_that_the_trunk_allows():
    rules = CallerId(number="+8675512340000", allowed=("+867551234*",))
    endpoint = trunk_endpoint(domain="ims.cn", caller_id=rules, trusted=True)
    own = to(call(endpoint, caller="0755 1234 5678", leg="a"), FIRST)[0]
    assert b"From: <sip:+8675512345678@ims.cn>;tag=" in own
    assert b"P-Asserted-Identity: <sip:+8675512345678@ims.cn>\r\n" in own
    foreign = to(call(endpoint, caller="2001", leg="b"), FIRST)[0]
    assert b"From: <sip:+8675512340000@ims.cn>;tag=" in foreign
    hidden = to(call(endpoint, caller="", leg="c"), FIRST)[0]
    assert b'From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=' in hidden
    assert b"P-Asserted-Identity: <sip:+8675512340000@ims.cn>\r\nPrivacy: id\r\n" in hidden


def test_who_is_not_trusted_gets_no_asserted_identity():
    endpoint = trunk_endpoint(caller_id=CallerId(number="+8675512340000"))
    assert b"P-Asserted-Identity" not in to(call(endpoint), FIRST)[0]


def test_numbers_are_written_as_the_trunk_wants_them():
    form = NumberFormat(style="national", prefix="9")
    endpoint = trunk_endpoint(number_format=form, user_phone=True)
    near = to(call(endpoint, leg="a"), FIRST)[0]
    assert near.startswith(b"INVITE sip:913800138000@192.0.2.50;user=phone SIP/2.0\r\n")
    far = to(call(endpoint, number="+12125551234", leg="b"), FIRST)[0]
    assert far.startswith(b"INVITE sip:90012125551234@192.0.2.50;user=phone SIP/2.0\r\n")
    short = to(call(endpoint, number="110", leg="c"), FIRST)[0]
    assert short.startswith(b"INVITE sip:9110@192.0.2.50;user=phone SIP/2.0\r\n")


def test_a_challenge_is_answered_with_the_trunks_credentials_and_waited_for_anew():
    endpoint = trunk_endpoint(username="9999", password="secret")
    (invite,) = to(call(endpoint), FIRST)
    challenge = 'Proxy-Authenticate: Digest realm="ims", nonce="n1", algorithm=SHA-256, qop="auth"'
    outputs = endpoint.receive(answer_to(invite, 407, challenge), FIRST, 3.0)
    _, again = to(outputs, FIRST)
    assert b'Proxy-Authorization: Digest username="9999", realm="ims"' in again
    fired = run_out(endpoint, until=7.0)
    assert to([output for at, output in fired if at == 7.0], SECOND)


def test_an_emergency_call_needs_no_channel_and_tries_gateways_that_rest():
    endpoint = trunk_endpoint(channels=1)
    call(endpoint, leg="other")
    endpoint.transport_failed(FIRST, 0.1)
    endpoint.transport_failed(SECOND, 0.1)
    call(endpoint, leg="again", now=0.2)
    assert to(call(endpoint, number="110", leg="leg-1", now=0.3, emergency=True), FIRST)
    assert to(endpoint.transport_failed(FIRST, 0.4), SECOND)


ELSEWHERE = Peer("udp", "192.0.2.77", 5060)


def redirected(endpoint) -> list:
    """Return what follows when the first gateway sends the call elsewhere."""
    (invite,) = to(call(endpoint), FIRST)
    moved = answer_to(invite, 302, contact="<sip:+8613800138000@192.0.2.77>")
    return endpoint.receive(moved, FIRST, 0.1)


def test_a_redirection_is_a_failure_unless_the_trunk_may_redirect():
    outputs = redirected(trunk_endpoint())
    assert [(event.leg, event.status) for event in events(outputs)] == [("leg-1", 302)]
    assert to(outputs, ELSEWHERE) == []


def test_a_redirection_is_followed_where_the_trunk_may_redirect():
    endpoint = trunk_endpoint(redirects=1)
    outputs = redirected(endpoint)
    (second,) = to(outputs, ELSEWHERE)
    outputs = endpoint.receive(answer_to(second, 200, body=SDP), ELSEWHERE, 0.2)
    assert events(outputs) == [LegAnswered("leg-1", SDP)]
    assert endpoint.trunk_state()[0].channels_in_use == 1


def test_a_silent_place_elsewhere_is_not_the_gateways_fault():
    endpoint = trunk_endpoint(redirects=1)
    redirected(endpoint)
    outputs = [output for _, output in run_out(endpoint, until=4.1)]
    assert len(to(outputs, SECOND)) == 1, "the next gateway may still know the way"
    assert health(endpoint) == [Health.UP, Health.UNKNOWN]
    endpoint.hang_up("leg-1", 5.0)
    run_out(endpoint)
    assert endpoint.trunk_state()[0].channels_in_use == 0
    assert_empty(endpoint)


@pytest.mark.parametrize("status", [486, 503])
def test_what_a_gateway_says_that_was_left_does_not_touch_the_call(status):
    endpoint = trunk_endpoint(channels=1)
    (invite,) = to(call(endpoint), FIRST)
    (second,) = to([output for _, output in run_out(endpoint, until=4.0)], SECOND)
    endpoint.receive(answer_to(second, 180), SECOND, 5.0)
    assert events(endpoint.receive(answer_to(invite, status), FIRST, 6.0)) == []
    assert endpoint.trunk_state()[0].channels_in_use == 1
    outputs = endpoint.cancel("leg-1", 7.0)
    assert [event.status for event in events(outputs)] == [487]
    assert [data.split(b" ")[0] for data in to(outputs, SECOND)] == [b"CANCEL"]


def test_a_call_does_not_try_gateways_for_ever():
    many = tuple(Gateway(host=f"192.0.2.{n}", priority=n) for n in range(60, 60 + MAX_TRIES + 2))
    endpoint = trunk_endpoint(gateways=many)
    outputs, tried = call(endpoint), []
    while invites := [
        one for one in outputs if isinstance(one, Send) and b"INVITE" in one.data[:6]
    ]:
        tried.append(invites[0].peer.host)
        outputs = endpoint.receive(answer_to(invites[0].data, 503), invites[0].peer, 0.1)
    assert tried == [gateway.host for gateway in many[:MAX_TRIES]]
    assert [event.status for event in events(outputs)] == [503]


def test_a_gateway_that_had_rung_reliably_leaves_nothing_when_the_next_takes_over():
    endpoint = make_endpoint(offer_100rel=True)
    trunk = TrunkSettings(name="carrier", gateways=GATEWAYS, options_interval_s=0.0)
    endpoint.configure_trunks((trunk,), 0.0)
    (invite,) = to(call(endpoint), FIRST)
    ringing = answer_to(invite, 183, "Require: 100rel", "RSeq: 1", tag="one")
    assert methods(endpoint.receive(ringing, FIRST, 0.1)) == [b"PRACK"]
    (second,) = to(endpoint.receive(answer_to(invite, 503, tag="one"), FIRST, 0.2), SECOND)
    endpoint.receive(answer_to(second, 486), SECOND, 0.3)
    run_out(endpoint)
    assert_empty(endpoint)
