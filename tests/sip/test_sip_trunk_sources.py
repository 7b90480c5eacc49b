"""Who may call as a trunk: by address, by certificate, by digest; and names that DNS moves."""

from sip_support import (
    SDP,
    Accounts,
    answer_to,
    events,
    make_endpoint,
    methods,
    parsed,
    request,
    run_out,
)
from test_sip_trunk_calls import FIRST, GATEWAYS, SECOND, call, health, to, trunk_endpoint

from acd.sip.digest_client import Attempt, DigestClient
from acd.sip.dns_records import Resolve, Resolved
from acd.sip.effects import Send
from acd.sip.endpoint import Endpoint, EndpointSettings
from acd.sip.events import AuthenticationFailed, InviteReceived
from acd.sip.message import Response
from acd.sip.peer import Peer
from acd.sip.trunk_settings import Gateway, Health, TrunkRegistration, TrunkSettings
from acd.sip.trunk_sources import MAX_SOURCES

STRANGER = Peer("udp", "203.0.113.9", 5060)


def arrival(outputs):
    return next(event for event in events(outputs) if isinstance(event, InviteReceived))


def proved(endpoint, peer, account, password, now=0.0):
    """Send an INVITE and answer its challenge."""
    invite = request("INVITE", body=SDP, caller=account)
    (challenge,) = parsed(endpoint.receive(invite, peer, now))
    assert isinstance(challenge, Response)
    assert challenge.status == 401
    tokens = iter([b"cnonce1"])
    client = DigestClient(account, password, lambda: next(tokens))
    assert client.learn(challenge, Attempt())
    line = client.lines(b"INVITE", b"sip:4000@192.0.2.1").decode().strip()
    again = request("INVITE", line, body=SDP, caller="13800138000", cseq=2, branch="z9hG4bKnew")
    return endpoint.receive(again, peer, now)


def test_a_digest_trunk_may_call_from_anywhere():
    endpoint = trunk_endpoint(account="pbx", account_password="secret")
    received = arrival(proved(endpoint, STRANGER, "pbx", "secret"))
    assert (received.trunk, received.caller) == ("carrier", "+8613800138000")
    assert received.account is None


def test_a_digest_trunk_must_prove_itself_even_from_its_own_address():
    endpoint = trunk_endpoint(account="pbx", account_password="secret")
    assert arrival(proved(endpoint, FIRST, "pbx", "secret")).trunk == "carrier"


def test_a_wrong_password_is_told_to_the_guard():
    endpoint = trunk_endpoint(account="pbx", account_password="secret")
    outputs = proved(endpoint, STRANGER, "pbx", "wrong")
    assert events(outputs) == [AuthenticationFailed("pbx", STRANGER, "INVITE")]
    assert [answer.status for answer in parsed(outputs)] == [401]


def test_a_trunk_with_certificate_names_is_known_by_them_only():
    carried = {Peer("tls", "203.0.113.9", 40000): ("carrier.example",)}
    endpoint = Endpoint(
        EndpointSettings(advertised={"udp": ("192.0.2.1", 5060), "tls": ("192.0.2.1", 5061)}),
        credentials=Accounts(),
        new_id=iter(f"id-{n}" for n in range(99)).__next__,
        random_bytes=lambda size: b"\x01" * size,
        certificate_names=lambda peer: carried.get(peer, ()),
    )
    trunk = TrunkSettings(
        name="carrier",
        gateways=(Gateway(host=FIRST.host),),
        tls_names=("carrier.example",),
        options_interval_s=0.0,
    )
    endpoint.configure_trunks((trunk,), 0.0)
    (peer,) = carried
    assert endpoint.trunks.of(peer) == "carrier"
    assert endpoint.trunks.of(Peer("tls", "203.0.113.9", 40001)) is None
    assert endpoint.trunks.of(FIRST) is None


def test_only_trusted_trunks_are_believed():
    assert trunk_endpoint(trusted=True).trunks.trusts(FIRST)
    assert not trunk_endpoint(trusted=True).trunks.trusts(STRANGER)
    assert not trunk_endpoint().trunks.trusts(FIRST)
    assert not make_endpoint().trunks.trusts(FIRST)


def test_the_called_number_can_stand_in_to():
    endpoint = trunk_endpoint(called_from="to", numbers={"4000": "4001"})
    invite = request("INVITE", uri="sip:account@192.0.2.1", body=SDP)
    assert arrival(endpoint.receive(invite, FIRST, 0.0)).called == "4001"


def test_a_full_trunk_may_answer_busy():
    endpoint = trunk_endpoint(channels=1, full_status=486)
    call(endpoint)
    (answer,) = parsed(endpoint.receive(request("INVITE", body=SDP), FIRST, 0.0))
    assert answer.status == 486


# Names.

NAMED = (Gateway(host="gw.example.cn", port=5060),)


def named(**settings):
    endpoint = make_endpoint()
    given = {"name": "carrier", "gateways": NAMED, "options_interval_s": 0.0} | settings
    return endpoint, endpoint.configure_trunks((TrunkSettings(**given),), 0.0)


def test_names_are_asked_for_ahead_of_calls_and_the_answer_opens_the_trunk():
    endpoint, outputs = named()
    assert outputs == [Resolve("gw.example.cn", "A")]
    assert not endpoint.trunks.has_free_channel("carrier")
    endpoint.resolved(Resolved("gw.example.cn", "A", (FIRST.host,), 60.0), 0.1)
    assert endpoint.trunks.has_free_channel("carrier")
    assert endpoint.trunks.of(FIRST) == "carrier"
    (invite,) = to(call(endpoint, now=1.0), FIRST)
    assert invite.startswith(b"INVITE sip:+8613800138000@gw.example.cn SIP/2.0\r\n")


def test_a_gateway_that_moves_is_followed_and_its_old_address_is_a_stranger():
    endpoint, _ = named()
    endpoint.resolved(Resolved("gw.example.cn", "A", (FIRST.host,), 60.0), 0.0)
    (at, asked) = run_out(endpoint, until=60.0)[0]
    assert (at, asked) == (60.0, Resolve("gw.example.cn", "A"))
    endpoint.resolved(Resolved("gw.example.cn", "A", (SECOND.host,), 60.0), 60.1)
    assert endpoint.trunks.of(FIRST) is None
    assert endpoint.trunks.of(SECOND) == "carrier"
    assert to(call(endpoint, now=61.0), Peer("udp", SECOND.host, 5060))


def test_while_dns_is_down_calls_go_where_they_went():
    endpoint, _ = named()
    endpoint.resolved(Resolved("gw.example.cn", "A", (FIRST.host,), 60.0), 0.0)
    endpoint.resolved(Resolved("gw.example.cn", "A", failed=True), 61.0)
    assert to(call(endpoint, now=62.0), FIRST)


def test_a_reload_keeps_what_is_known_of_gateways():
    endpoint = trunk_endpoint()
    call(endpoint)
    endpoint.transport_failed(FIRST, 0.1)
    more = TrunkSettings(name="carrier", gateways=GATEWAYS, options_interval_s=0.0, channels=5)
    endpoint.configure_trunks((more,), 1.0)
    assert health(endpoint)[0] is Health.RESTING
    assert endpoint.trunk_state()[0].channels == 5
    assert endpoint.trunk_state()[0].channels_in_use == 1
    endpoint.configure_trunks((), 2.0)
    assert endpoint.trunk_state() == ()
    assert endpoint.trunks.of(FIRST) is None


# Pings and registrations.


def test_gateways_are_pinged_and_any_answer_counts():
    endpoint = trunk_endpoint(options_interval_s=30.0)
    fired = run_out(endpoint, until=1.0)
    pings = {item.peer: item.data for _, item in fired if isinstance(item, Send)}
    assert {data.split(b" ")[0] for data in pings.values()} == {b"OPTIONS"}
    assert set(pings) == {FIRST, SECOND}
    endpoint.receive(answer_to(pings[FIRST], 404), FIRST, 1.1)
    endpoint.receive(answer_to(pings[SECOND], 503), SECOND, 1.1)
    assert health(endpoint) == [Health.UP, Health.RESTING]
    assert endpoint.trunk_state()[0].gateways[0].round_trip_s > 0


def test_a_registration_goes_out_and_its_trunk_is_up_by_it():
    endpoint = make_endpoint()
    wanted = TrunkRegistration(user="+8675512340000", domain="ims.example.cn", contact="line1")
    trunk = TrunkSettings(
        name="carrier",
        gateways=(Gateway(host=FIRST.host), Gateway(host=SECOND.host, port=5070, priority=20)),
        registration=wanted,
        username="auth@ims",
        password="secret",
        options_interval_s=0.0,
    )
    (register,) = to(endpoint.configure_trunks((trunk,), 0.0), FIRST)
    assert register.startswith(b"REGISTER sip:ims.example.cn SIP/2.0\r\n")
    assert b"To: <sip:+8675512340000@ims.example.cn>\r\n" in register
    assert b"Contact: <sip:line1@192.0.2.1:5060>\r\n" in register
    assert not endpoint.trunks.has_free_channel("carrier")
    challenge = 'WWW-Authenticate: Digest realm="ims", nonce="n", qop="auth"'
    outputs = endpoint.receive(answer_to(register, 401, challenge), FIRST, 0.1)
    (register,) = to(outputs, FIRST)
    assert b'username="auth@ims"' in register
    endpoint.receive(answer_to(register, 200, "Expires: 300"), FIRST, 0.2)
    assert endpoint.trunk_state()[0].registered is True
    assert endpoint.trunks.has_free_channel("carrier")
    outputs = endpoint.configure_trunks((), 1.0)
    assert [message.method for message in parsed(outputs)] == [b"REGISTER"]
    assert b"Expires: 0\r\n" in to(outputs, FIRST)[0]


def test_a_registration_goes_to_the_next_gateway_when_one_is_silent():
    endpoint = make_endpoint()
    trunk = TrunkSettings(
        name="carrier",
        gateways=(Gateway(host=FIRST.host), Gateway(host=SECOND.host, port=5070, priority=20)),
        registration=TrunkRegistration(user="x", domain="ims.example.cn"),
        password="secret",
        rest_s=300.0,
        options_interval_s=0.0,
    )
    endpoint.configure_trunks((trunk,), 0.0)
    fired = [item for _, item in run_out(endpoint, until=45.0) if isinstance(item, Send)]
    assert fired[-1].peer == SECOND
    endpoint.receive(answer_to(fired[-1].data, 200), SECOND, 45.0)
    assert endpoint.trunk_state()[0].registered is True
    assert methods(endpoint.configure_trunks((), 46.0)) == [b"REGISTER"]


def test_a_stranger_whose_trunk_is_configured_is_one_no_longer():
    endpoint = make_endpoint()
    stranger = Peer("udp", "203.0.113.9", 5060)
    former = TrunkSettings(name="carrier", gateways=GATEWAYS, options_interval_s=0.0)
    endpoint.configure_trunks((former,), 0.0)
    assert endpoint.trunks.of(stranger) is None
    wider = TrunkSettings(
        name="carrier", gateways=GATEWAYS, networks=("203.0.113.0/24",), options_interval_s=0.0
    )
    endpoint.configure_trunks((wider,), 1.0)
    assert endpoint.trunks.of(stranger) == "carrier"
    endpoint.configure_trunks((former,), 2.0)
    assert endpoint.trunks.of(stranger) is None


def test_strangers_fill_no_memory():
    endpoint = make_endpoint()
    endpoint.configure_trunks((TrunkSettings(name="carrier", gateways=GATEWAYS),), 0.0)
    for n in range(MAX_SOURCES + 10):
        endpoint.trunks.of(Peer("udp", f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 5060))
    assert len(endpoint.trunks._sources._known) <= MAX_SOURCES
    assert endpoint.trunks.of(FIRST) == "carrier"
