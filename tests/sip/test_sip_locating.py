"""Names to addresses by RFC 3263, and what is kept of DNS."""

import math

import pytest

from acd.sip.dns_records import Naptr, Resolve, Resolved, Srv
from acd.sip.gateways import Located
from acd.sip.locating import Locator
from acd.sip.names import (
    MAX_QUESTIONS,
    MAX_RECORDS,
    NOTHING_S,
    PATIENCE_S,
    RETRY_S,
    TTL_MAX_S,
    TTL_MIN_S,
    Names,
)
from acd.sip.peer import Peer
from acd.sip.trunk_settings import Gateway

ONE, TWO = "192.0.2.1", "192.0.2.2"


class Zone:
    """Answers from a table; None stands for not known yet, and what is missing does not exist."""

    def __init__(self, **records):
        self.records = records
        self.asked = []

    def look(self, name, kind):
        self.asked.append((name, kind))
        return self.records.get(f"{kind} {name}", ())


def locate(gateway, records, transports=("udp", "tcp"), kinds=("A",)):
    zone = Zone(**records)
    locator = Locator(zone.look, transports, kinds)
    return locator.locate(gateway), locator.waiting, zone.asked


def peers(located):
    return [entry.peer for entry in located]


def test_an_address_is_taken_as_it_is():
    assert locate(Gateway(host=ONE), {}) == ((Located(Peer("udp", ONE, 5060)),), False, [])
    found, _, _ = locate(Gateway(host="2001:DB8::1", transport="tls"), {})
    assert peers(found) == [Peer("tls", "2001:db8::1", 5061)]


def test_a_port_leads_straight_to_addresses():
    records = {"A gw.example": (ONE, TWO)}
    found, _, asked = locate(Gateway(host="gw.example", port=5070), records)
    assert peers(found) == [Peer("udp", ONE, 5070), Peer("udp", TWO, 5070)]
    assert asked == [("gw.example", "A")]
    assert [entry.weight for entry in found] == [10, 0]


def test_a_transport_leads_to_its_srv_records():
    records = {
        "SRV _sip._tcp.example": (Srv(20, 1, 5071, "b.example"), Srv(10, 7, 5070, "a.example")),
        "A a.example": (ONE,),
        "A b.example": (TWO,),
    }
    found, _, asked = locate(Gateway(host="example", transport="tcp"), records)
    assert set(found) == {
        Located(Peer("tcp", ONE, 5070), (10,), 7),
        Located(Peer("tcp", TWO, 5071), (20,), 1),
    }
    assert ("example", "NAPTR") not in asked


def test_naptr_chooses_among_our_transports_by_order_and_preference():
    records = {
        "NAPTR example": (
            Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.example"),
            Naptr(90, 60, "s", "SIP+D2T", "_sip._tcp.example"),
            Naptr(90, 50, "S", "sip+d2u", "_sip._udp.example"),
            Naptr(10, 10, "u", "E2U+sip", "."),
        ),
        "SRV _sip._udp.example": (Srv(1, 1, 5060, "a.example"),),
        "SRV _sip._tcp.example": (Srv(1, 1, 5060, "a.example"),),
        "A a.example": (ONE,),
    }
    found, _, asked = locate(Gateway(host="example"), records)
    assert found == (
        Located(Peer("udp", ONE, 5060), (90, 50, 1), 1),
        Located(Peer("tcp", ONE, 5060), (90, 60, 1), 1),
    )
    assert ("_sips._tcp.example", "SRV") not in asked


def test_without_naptr_the_first_transport_with_srv_records_serves():
    records = {"SRV _sip._tcp.example": (Srv(1, 1, 5099, "a.example"),), "A a.example": (ONE,)}
    found, _, asked = locate(Gateway(host="example"), records)
    assert peers(found) == [Peer("tcp", ONE, 5099)]
    assert ("_sip._udp.example", "SRV") in asked


def test_without_srv_the_addresses_of_the_name_itself():
    found, _, _ = locate(Gateway(host="example"), {"A example": (ONE,)})
    assert peers(found) == [Peer("udp", ONE, 5060)]


def test_a_target_of_a_dot_says_that_there_is_no_such_service():
    records = {"SRV _sip._udp.example": (Srv(0, 0, 0, "."),)}
    found, _, asked = locate(Gateway(host="example", transport="udp"), records)
    assert found == ()
    assert (".", "A") not in asked


def test_a_naptr_that_leads_to_no_srv_record_is_passed_over():
    """3263 4.1 knows the flag "s" alone: others lead to something else than SRV records."""
    records = {
        "NAPTR example": (
            Naptr(10, 10, "u", "SIP+D2U", "_sip._udp.other"),
            Naptr(20, 10, "s", "SIP+D2U", "_sip._udp.example"),
        ),
        "SRV _sip._udp.example": (Srv(1, 1, 5060, "a.example"),),
        "A a.example": (ONE,),
    }
    found, _, asked = locate(Gateway(host="example"), records)
    assert peers(found) == [Peer("udp", ONE, 5060)]
    assert ("_sip._udp.other", "SRV") not in asked


def test_the_second_transport_waits_until_the_first_is_known_to_have_no_records():
    records = {
        "SRV _sip._udp.example": None,
        "SRV _sip._tcp.example": (Srv(1, 1, 5060, "a.example"),),
        "A a.example": (ONE,),
    }
    found, waiting, asked = locate(Gateway(host="example"), records)
    assert (found, waiting) == ((), True)
    assert ("_sip._tcp.example", "SRV") not in asked


def test_addresses_of_both_families_where_we_have_both():
    records = {"A gw.example": (ONE,), "AAAA gw.example": ("2001:db8::1",)}
    found, _, _ = locate(Gateway(host="gw.example", port=5060), records, kinds=("A", "AAAA"))
    assert peers(found) == [Peer("udp", ONE, 5060), Peer("udp", "2001:db8::1", 5060)]


@pytest.mark.parametrize("pending", ["NAPTR example", "SRV _sip._udp.example"])
def test_what_follows_from_no_record_waits_until_that_is_certain(pending):
    """Nobody wants to ring a carrier's web server because its SRV record was late."""
    found, waiting, _ = locate(Gateway(host="example"), {pending: None, "A example": (ONE,)})
    assert (found, waiting) == ((), True)


def test_what_is_known_serves_while_the_rest_is_asked_for():
    records = {
        "SRV _sip._udp.example": (Srv(1, 1, 5060, "a.example"), Srv(1, 1, 5060, "b.example")),
        "A a.example": None,
        "A b.example": (TWO,),
    }
    found, waiting, _ = locate(Gateway(host="example", transport="udp"), records)
    assert (peers(found), waiting) == ([Peer("udp", TWO, 5060)], True)


# What is kept.


class Asked:
    def __init__(self):
        self.questions = []
        self.names = Names(self.questions.append, lambda machine: None)

    def take(self):
        taken, self.questions[:] = list(self.questions), []
        return taken


def test_a_name_is_asked_once_and_again_when_its_ttl_is_over():
    asked = Asked()
    assert asked.names.look("Gw.Example.", "A", 0.0) is None
    assert asked.names.look("gw.example", "A", 0.1) is None
    assert asked.take() == [Resolve("gw.example", "A")]
    assert asked.names.resolved(Resolved("gw.example", "A", (ONE,), 120.0), 1.0)
    assert asked.names.look("gw.example", "A", 2.0) == (ONE,)
    assert asked.names.next_deadline() == 121.0
    asked.names.on_time(121.0)
    assert asked.take() == [Resolve("gw.example", "A")]
    assert asked.names.look("gw.example", "A", 122.0) == (ONE,)


@pytest.mark.parametrize(
    ("ttl_s", "kept_s"), [(0.0, TTL_MIN_S), (86_400.0, TTL_MAX_S), (300.0, 300.0)]
)
def test_ttls_have_limits(ttl_s, kept_s):
    asked = Asked()
    asked.names.look("gw.example", "A", 0.0)
    asked.names.resolved(Resolved("gw.example", "A", (ONE,), ttl_s), 0.0)
    assert asked.names.next_deadline() == kept_s


def test_the_last_good_answer_stays_while_dns_is_down():
    asked = Asked()
    asked.names.look("gw.example", "A", 0.0)
    asked.names.resolved(Resolved("gw.example", "A", (ONE,), 60.0), 0.0)
    asked.names.on_time(60.0)
    assert not asked.names.resolved(Resolved("gw.example", "A", failed=True), 65.0)
    assert asked.names.look("gw.example", "A", 66.0) == (ONE,)
    assert asked.names.next_deadline() == 65.0 + RETRY_S


def test_a_first_failure_counts_as_no_record_and_is_tried_again():
    asked = Asked()
    asked.names.look("gw.example", "NAPTR", 0.0)
    assert asked.names.resolved(Resolved("gw.example", "NAPTR", failed=True), 5.0)
    assert asked.names.look("gw.example", "NAPTR", 5.0) == ()
    assert asked.names.next_deadline() == 5.0 + RETRY_S


def test_a_name_without_records_is_asked_again_soon():
    asked = Asked()
    asked.names.look("gw.example", "A", 0.0)
    assert asked.names.resolved(Resolved("gw.example", "A"), 1.0)
    assert asked.names.next_deadline() == 1.0 + NOTHING_S


def test_an_answer_in_another_order_is_the_same():
    asked = Asked()
    asked.names.look("gw.example", "A", 0.0)
    asked.names.resolved(Resolved("gw.example", "A", (ONE, TWO), 60.0), 0.0)
    assert not asked.names.resolved(Resolved("gw.example", "A", (TWO, ONE), 60.0), 60.0)


def test_a_lost_answer_is_asked_for_again():
    asked = Asked()
    asked.names.look("gw.example", "A", 0.0)
    asked.take()
    asked.names.on_time(PATIENCE_S)
    assert asked.take() == [Resolve("gw.example", "A")]


def test_names_that_nobody_needs_are_forgotten():
    asked = Asked()
    asked.names.look("gw.example", "A", 0.0)
    asked.names.keep([])
    assert len(asked.names) == 0
    assert asked.names.next_deadline() == math.inf
    assert not asked.names.resolved(Resolved("gw.example", "A", (ONE,), 60.0), 1.0)


def test_questions_have_a_limit():
    asked = Asked()
    for number in range(MAX_QUESTIONS):
        asked.names.look(f"n{number}.example", "A", 0.0)
    asked.take()
    assert asked.names.look("more.example", "A", 0.0) == ()
    assert asked.take() == []


def test_an_answer_has_only_so_many_records():
    asked = Asked()
    asked.names.look("gw.example", "A", 0.0)
    many = tuple(f"192.0.{n >> 8}.{n & 255}" for n in range(MAX_RECORDS + 9))
    asked.names.resolved(Resolved("gw.example", "A", many, 60.0), 0.0)
    assert asked.names.look("gw.example", "A", 1.0) == many[:MAX_RECORDS]
