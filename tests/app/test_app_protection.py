"""Protection: when it wants to look again, so that nothing has to ask each second."""

import math

import structlog

from acd.app.protection import QUIET_S, Protection
from acd.config.server import Sip
from acd.sip.events import AuthenticationFailed, Contact
from acd.sip.guard import Offence
from acd.sip.peer import Peer
from acd.sip.sightings import Sighting

STRANGER = Peer("udp", "198.51.100.7", 5060)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def make() -> tuple[Protection, Clock]:
    clock = Clock()
    return Protection(Sip(), clock), clock


def test_with_nothing_to_do_it_wants_no_look():
    protection, _ = make()
    assert protection.look() == math.inf


def test_the_end_of_a_ban_is_looked_for_at_its_time():
    protection, clock = make()
    protection.saw(Sighting(STRANGER, Offence.SCANNER))
    ends_at = protection.look()
    assert ends_at == protection.guard.bans[STRANGER.host].until
    clock.now = ends_at
    with structlog.testing.capture_logs() as lines:
        assert protection.look() == math.inf
    assert [line["event"] for line in lines] == ["source_let_in_again"]


def test_a_right_password_for_another_number_bans_nobody():
    protection, _ = make()
    for _ in range(200):
        protection.failed(AuthenticationFailed("1001", STRANGER, "INVITE", other_uri=True))
    assert protection.bans() == []


def test_made_up_datagrams_do_not_ban_a_phones_address_but_what_it_does_itself():
    protection, _ = make()
    protection.saw(Sighting(STRANGER, None))
    protection.saw(Sighting(STRANGER, Offence.SCANNER))
    assert protection.bans() == []
    for _ in range(10):
        protection.failed(AuthenticationFailed("1001", STRANGER, "REGISTER"))
    assert [ban["reason"] for ban in protection.bans()] == ["wrong_password"]


def test_phones_of_before_a_restart_are_spoken_for():
    protection, _ = make()
    protection.restored([(Contact("sip:1001@198.51.100.7", STRANGER, math.inf, ""),)])
    protection.saw(Sighting(STRANGER, Offence.SCANNER))
    assert protection.bans() == []


def test_over_a_connection_nothing_is_made_up():
    protection, _ = make()
    protection.saw(Sighting(STRANGER, None))
    protection.saw(Sighting(STRANGER._replace(transport="tcp"), Offence.SCANNER))
    assert [ban["reason"] for ban in protection.bans()] == ["scanner"]


def test_what_was_turned_away_in_the_quiet_time_is_told_after_it():
    protection, clock = make()
    for _ in range(3):
        protection.admission.counts["dropped"] += 1
        with structlog.testing.capture_logs() as lines:
            again_at = protection.look()
        if lines:
            told_at = clock.now
            clock.now += 1
    assert again_at == told_at + QUIET_S
    clock.now = again_at
    with structlog.testing.capture_logs() as lines:
        assert protection.look() == math.inf
    assert [line["dropped"] for line in lines] == [2]
