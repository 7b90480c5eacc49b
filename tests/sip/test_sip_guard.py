"""Who gets banned, for how long, and who never does."""

import math
import re
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.sip.events import AuthenticationFailed
from acd.sip.guard import (
    SOURCES_MAX,
    VOUCHED_MAX,
    VOUCHED_S,
    Guard,
    GuardSettings,
    Offence,
)
from acd.sip.sightings import Sighting
from tests.sip.sip_support import (
    PHONE,
    SDP,
    Accounts,
    events,
    make_endpoint,
    parsed,
    request,
    run_out,
    statuses,
)

STRANGER = "198.51.100.7"
WRONG = Offence.WRONG_PASSWORD


def offend(guard, count, *, host=STRANGER, offence=WRONG, now=0.0):
    """Return the ban that so many offences lead to, if any."""
    bans = [guard.offended(host, offence, now) for _ in range(count)]
    assert bans.count(None) >= count - 1
    return next(filter(None, bans), None)


def test_ten_wrong_passwords_ban_for_five_minutes():
    guard = Guard()
    assert offend(guard, 9) is None

    ban = offend(guard, 1, now=10.0)

    assert (ban.source, ban.reason, ban.until, ban.count) == (STRANGER, WRONG, 310.0, 1)
    assert guard.bans == {STRANGER: ban}
    assert guard.next_deadline() == 310.0
    assert guard.on_time(309.9) == []
    assert guard.on_time(310.0) == [ban]
    assert guard.bans == {}
    assert guard.next_deadline() == math.inf


def test_offences_of_different_kinds_add_up_and_each_window_begins_anew():
    guard = Guard()
    assert offend(guard, 5) is None
    assert offend(guard, 9, offence=Offence.UNKNOWN_NUMBER) is None
    assert offend(guard, 1, offence=Offence.UNKNOWN_NUMBER) is not None

    slow = Guard()
    for n in range(100):
        assert slow.offended(STRANGER, WRONG, n * 35.0) is None


def test_each_ban_takes_twice_as_long_up_to_a_day_and_a_quiet_day_is_a_new_beginning():
    guard, now, lasted = Guard(), 0.0, []
    for _ in range(12):
        ban = offend(guard, 10, now=now)
        lasted.append(ban.until - now)
        now = ban.until
        guard.on_time(now)

    assert lasted == [300.0 * 2**n for n in range(9)] + [86_400.0] * 3
    now += 86_401.0
    guard.on_time(now)
    assert len(guard) == 0
    assert offend(guard, 10, now=now).count == 1


def test_who_proves_an_account_is_not_banned_for_a_colleagues_phone():
    guard = Guard()
    for n in range(1000):
        assert guard.offended(STRANGER, WRONG, n * 5.0) is None
        guard.proved(STRANGER, n * 5.0 + 1)


def test_nobody_bans_a_source_with_an_account_by_made_up_datagrams():
    guard = Guard()
    guard.proved(STRANGER, 0.0)
    for offence in Offence:
        for _ in range(500):
            assert guard.offended(STRANGER, offence, VOUCHED_S, sure=False) is None
    assert guard.bans == {}
    assert offend(guard, 1, offence=Offence.SCANNER, now=VOUCHED_S) is not None, "but by its own"

    guard = Guard()
    guard.proved(STRANGER, 0.0)
    late = VOUCHED_S + 1.0
    assert guard.offended(STRANGER, Offence.SCANNER, late, sure=False) is not None
    assert guard.offended("192.0.2.1", Offence.SCANNER, late, sure=False) is not None


def test_only_so_many_sources_are_spoken_for_and_the_latest_stay():
    guard = Guard()
    guard.proved(STRANGER, 0.0)
    guard.proved("192.0.2.1", 0.0)
    guard.proved(STRANGER, 1.0)
    for n in range(VOUCHED_MAX - 1):
        guard.proved(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 1.0)
    assert guard.offended(STRANGER, Offence.SCANNER, 2.0, sure=False) is None
    assert guard.offended("192.0.2.1", Offence.SCANNER, 2.0, sure=False) is not None


def test_a_scanner_is_banned_at_once_and_a_limit_of_0_never_bans():
    guard = Guard(GuardSettings(limits={WRONG: 0, Offence.SCANNER: 1}))

    assert offend(guard, 50) is None
    assert offend(guard, 50, offence=Offence.FLOOD) is None
    assert offend(guard, 1, offence=Offence.SCANNER).reason is Offence.SCANNER


def test_exempt_networks_and_known_sources_are_never_banned():
    guard = Guard(GuardSettings(exempt=("10.0.0.0/8", "2001:db8::/32")))
    guard.known = lambda host: host == "203.0.113.9"

    for host in ("10.1.2.3", "2001:db8:7::1", "203.0.113.9"):
        assert offend(guard, 200, host=host) is None
    assert len(guard) == 0


def test_a_v6_offender_is_its_network():
    guard = Guard()
    for n in range(9):
        assert guard.offended(f"2001:db8::{n}", WRONG, 0.0) is None

    assert guard.offended("2001:db8::ffff:1", WRONG, 0.0).source == "2001:db8::/64"
    assert guard.lift("2001:db8::5")


def test_a_lifted_ban_is_over_and_forgotten():
    guard = Guard()
    offend(guard, 10)

    assert guard.lift(STRANGER)
    assert not guard.lift(STRANGER)
    assert guard.bans == {}
    assert offend(guard, 10, now=1.0).count == 1
    assert guard.on_time(300.0) == [], "the end of the lifted one ends nothing"
    assert len(guard.on_time(301.0)) == 1


def test_made_up_addresses_fill_no_memory():
    guard = Guard(GuardSettings(limits={WRONG: 1}))
    for n in range(3 * SOURCES_MAX):
        guard.offended(f"{n >> 16}.{n >> 8 & 255}.{n & 255}.1", WRONG, n / 1000)

    assert len(guard) <= SOURCES_MAX
    assert len(guard.bans) <= SOURCES_MAX
    now = 0.0
    while guard.next_deadline() < math.inf:
        now = guard.next_deadline()
        guard.on_time(now)
    assert guard.bans == {}
    guard.on_time(now + 100_000.0)
    assert len(guard) == 0


HOSTS = ("10.0.0.1", STRANGER, "198.51.100.8", "2001:db8::1", "2001:db8::2")
STEPS = st.one_of(
    st.tuples(st.sampled_from(HOSTS), st.sampled_from(Offence), st.integers(1, 30)),
    st.tuples(st.just("proved"), st.sampled_from(HOSTS)),
    st.tuples(st.just("lift"), st.sampled_from(HOSTS)),
    st.floats(0, 1000),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_any_sequence(steps):
    guard, now = Guard(GuardSettings(exempt=("10.0.0.0/8",))), 0.0
    for step in steps:
        match step:
            case float(passed):
                now += passed
                ended = guard.on_time(now)
                assert all(ban.until <= now for ban in ended)
            case ("proved", host):
                guard.proved(host, now)
            case ("lift", host):
                guard.lift(host)
            case (host, offence, count):
                for _ in range(count):
                    ban = guard.offended(host, offence, now)
                    if ban is not None:
                        assert 299.9 < ban.until - now < 86_400.1
                        assert guard.bans[ban.source] is ban
        assert "10.0.0.1" not in guard.bans
        assert all(now < ban.until for ban in guard.bans.values()) or guard.next_deadline() <= now
        assert guard.next_deadline() < math.inf or not guard.bans
        assert len(guard) <= len(HOSTS)
    guard.on_time(now + 200_000.0)
    assert guard.bans == {}
    assert len(guard) == 0


# --- what the endpoint notices ---


def noticed(data, *, credentials=None, **settings):
    endpoint = make_endpoint(credentials=credentials, **settings)
    out = endpoint.receive(data, PHONE, 0.0)
    return out, list(endpoint.sightings)


@pytest.mark.parametrize(
    "data", [b"nonsense at all", request("INVITE").replace(b"CSeq: 1 ", b"CSeq: x "), b"\xff" * 99]
)
def test_broken_messages_are_noticed(data):
    assert noticed(data)[1] == [Sighting(PHONE, Offence.BROKEN)]


def test_challenges_proofs_and_failures_are_told_apart():
    endpoint = make_endpoint(credentials=Accounts(alice="secret"))
    endpoint.receive(request("REGISTER", uri="sip:acd"), PHONE, 0.0)
    assert list(endpoint.sightings) == [Sighting(PHONE, Offence.UNPROVED)]
    endpoint.sightings.clear()

    wrong = 'Authorization: Digest username="4000", realm="acd", nonce="x", response="y"'
    out = endpoint.receive(request("REGISTER", wrong, uri="sip:acd", cseq=2), PHONE, 0.0)
    assert events(out) == [], "whoever never got a nonce of ours may be anybody"
    assert list(endpoint.sightings) == [Sighting(PHONE, Offence.UNPROVED)]
    endpoint.sightings.clear()

    (challenge,) = parsed(out)
    ours = re.search(r'nonce="([^"]+)"', challenge.get(b"www-authenticate").decode())[1]
    wrong = wrong.replace('"x"', f'"{ours}"')
    out = endpoint.receive(request("REGISTER", wrong, uri="sip:acd", cseq=3), PHONE, 0.0)
    assert any(isinstance(item, AuthenticationFailed) for item in events(out))
    assert list(endpoint.sightings) == [], "the failure is an event of its own"


def test_a_scanners_name_is_noticed_however_it_is_written():
    agent = "User-Agent: Friendly-Scanner/1.8"
    out, seen = noticed(request("OPTIONS", agent), scanners=("friendly-scanner", "sipcli"))

    assert seen == [Sighting(PHONE, Offence.SCANNER)]
    assert statuses(out) == [200]
    assert noticed(request("OPTIONS", agent))[1] == []
    assert noticed(request("OPTIONS", "User-Agent: phone"), scanners=("sipcli",))[1] == []


def test_long_names_of_agents_fill_no_memory():
    endpoint = make_endpoint(scanners=("sipcli",))
    tracemalloc.start()
    for n in range(200):
        data = request("OPTIONS", f"User-Agent: sipcli {n} {'x' * 50_000}")
        endpoint.receive(data, PHONE, 0.0)
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < 2_000_000, "200 names of 50 kB would be 10 MB"
    assert list(endpoint.sightings) == [Sighting(PHONE, Offence.SCANNER)] * 200


def test_ordinary_calls_are_not_worth_noticing():
    assert noticed(request("INVITE"))[1] == []
    assert noticed(request("BYE", to_tag="unknown"))[1] == []


def test_a_call_whose_answer_is_never_acknowledged_is_noticed():
    endpoint = make_endpoint()
    [invite] = events(endpoint.receive(request("INVITE", body=SDP), PHONE, 0.0))
    endpoint.answer(invite.leg, SDP, 1.0)
    run_out(endpoint)
    assert list(endpoint.sightings) == [Sighting(PHONE, Offence.UNACKNOWLEDGED)]


def test_sightings_that_nobody_takes_do_not_pile_up():
    endpoint = make_endpoint()
    for _ in range(5_000):
        endpoint.receive(b"nonsense at all", PHONE, 0.0)
    assert len(endpoint.sightings) < 5_000


def test_one_proof_makes_good_for_one_wrong_password_only():
    guard = Guard()
    offend(guard, 9)
    guard.proved(STRANGER, 1.0)

    assert offend(guard, 1, now=2.0) is None
    assert offend(guard, 1, now=3.0) is not None


def test_a_ban_is_remembered_for_a_day_and_not_longer():
    guard = Guard()
    first = offend(guard, 10)
    guard.on_time(first.until)
    guard.on_time(5_000.0)
    second = offend(guard, 10, now=5_000.0)
    assert (second.count, second.until) == (2, 5_600.0)
    # Whether anybody has swept meanwhile or not.
    assert offend(guard, 10, now=5_601.0 + 86_400.0) is None  # it is still listed as banned
    guard.bans.clear()
    assert offend(guard, 10, now=5_601.0 + 86_400.0).count == 1


def test_who_offends_again_is_not_the_one_that_is_pushed_out():
    guard = Guard()
    offend(guard, 9, host="192.0.2.1")
    for n in range(SOURCES_MAX - 1):
        guard.offended(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", Offence.UNPROVED, 1.0)
    guard.offended("192.0.2.1", Offence.UNPROVED, 2.0)
    guard.offended("198.51.100.9", Offence.UNPROVED, 3.0)

    assert offend(guard, 1, host="192.0.2.1", now=4.0) is not None
    assert len(guard) == SOURCES_MAX


def test_bans_that_are_lifted_fill_no_memory():
    guard = Guard()
    for n in range(3 * SOURCES_MAX):
        guard.offended(STRANGER, Offence.SCANNER, n / 1000)
        guard.lift(STRANGER)
    assert len(guard._ends) <= 2 * SOURCES_MAX


def test_after_a_ban_one_has_as_many_tries_as_before():
    guard = Guard(GuardSettings(ban_s=60.0))
    ban = offend(guard, 10)
    guard.on_time(ban.until)

    assert offend(guard, 9, now=61.0) is None
    assert offend(guard, 1, now=62.0).count == 2
