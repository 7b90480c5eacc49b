"""Failed proofs are told, and cannot flood the log."""

from structlog.testing import capture_logs

from acd.sip.events import AuthenticationFailed
from acd.sip.peer import Peer
from acd.telemetry.authentication_log import AuthenticationLog
from acd.telemetry.quiet_log import MAX_HOSTS, QUIET_S


class Guard:
    """The log under a clock."""

    def __init__(self):
        self.now = 0.0
        self.log = AuthenticationLog(lambda: self.now)

    def fail(self, host, account="1001"):
        with capture_logs() as lines:
            self.log(AuthenticationFailed(account, Peer("udp", host, 5062), "REGISTER"))
        return lines


def test_the_first_failure_says_who_from_where_and_how():
    (line,) = Guard().fail("192.0.2.7")
    assert line == {
        "event": "sip_authentication_failed",
        "log_level": "warning",
        "peer": "udp:192.0.2.7:5062",
        "account": "1001",
        "method": "REGISTER",
        "reason": "wrong_password",
        "failures": 1,
    }


def test_a_proof_for_another_number_says_so():
    with capture_logs() as lines:
        failed = AuthenticationFailed("1001", Peer("udp", "192.0.2.7", 5062), "INVITE", True)
        Guard().log(failed)
    assert [line["reason"] for line in lines] == ["other_uri"]


def test_an_address_gets_one_line_a_minute_which_counts_what_was_left_out():
    guard = Guard()
    assert guard.fail("192.0.2.7")
    for _ in range(5):
        guard.now += QUIET_S / 10
        assert guard.fail("192.0.2.7") == []
    assert guard.fail("192.0.2.8"), "others are told meanwhile"
    guard.now = QUIET_S
    (line,) = guard.fail("192.0.2.7")
    assert line["failures"] == 6


def test_made_up_addresses_fill_neither_log_nor_memory():
    guard = Guard()
    lines = sum(len(guard.fail(f"host-{number}")) for number in range(2 * MAX_HOSTS))
    assert lines == MAX_HOSTS
    guard.now = QUIET_S
    lines = sum(len(guard.fail(f"later-{number}")) for number in range(2 * MAX_HOSTS))
    assert lines == MAX_HOSTS


def test_a_name_that_a_stranger_chose_is_cut():
    (line,) = Guard().fail("192.0.2.7", account="x" * 10_000)
    assert len(line["account"]) < 100
