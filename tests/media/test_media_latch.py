"""Latching: whom a stream believes, and where it sends to."""

from hypothesis import given
from hypothesis import strategies as st

from acd.media.latch import SETTLE_S, Latch, Verdict

TOLD = ("192.0.2.1", 4000)
NAT = ("203.0.113.5", 61_000)
OTHER = ("198.51.100.7", 5000)


def told(at: float = 0.0) -> Latch:
    latch = Latch()
    latch.expect(TOLD, at)
    return latch


def test_sends_to_the_sdp_until_the_first_packet_then_to_its_source() -> None:
    latch = told()
    assert latch.destination == TOLD
    assert latch.judge(NAT, 1.0) is Verdict.ACCEPTED
    assert latch.destination == NAT


def test_a_settled_source_is_the_only_one() -> None:
    latch = told()
    latch.judge(TOLD, 0.1)
    assert latch.judge(OTHER, 0.2) is Verdict.FOREIGN
    assert latch.judge((TOLD[0], 4001), 0.2) is Verdict.FOREIGN
    assert latch.judge(TOLD, 0.3) is Verdict.ACCEPTED


def test_the_address_of_the_sdp_wins_over_a_faster_stranger() -> None:
    latch = told()
    assert latch.judge(OTHER, 0.1) is Verdict.ACCEPTED
    assert latch.judge((TOLD[0], 4100), 0.2) is Verdict.ACCEPTED
    assert latch.judge(OTHER, 0.3) is Verdict.FOREIGN


def test_but_only_at_the_beginning() -> None:
    latch = told()
    latch.judge(NAT, 0.1)
    assert latch.judge(TOLD, 0.1 + SETTLE_S) is Verdict.FOREIGN


def test_nothing_is_believed_before_the_sdp() -> None:
    latch = Latch()
    assert latch.judge(NAT, 0.0) is Verdict.EARLY
    assert latch.destination is None


def test_the_same_sdp_again_opens_no_door() -> None:
    latch = told()
    latch.judge(NAT, 0.1)
    latch.expect(TOLD, 100.0)
    assert latch.judge(OTHER, 100.1) is Verdict.FOREIGN
    assert latch.destination == NAT


def test_a_new_sdp_moves_and_the_old_source_does_not_pull_it_back() -> None:
    latch = told()
    latch.judge(NAT, 0.1)
    latch.expect(OTHER, 100.0)
    assert latch.destination == OTHER
    assert latch.judge(NAT, 100.1) is Verdict.EARLY
    assert latch.judge(OTHER, 100.2) is Verdict.ACCEPTED
    assert latch.judge(NAT, 100.3) is Verdict.FOREIGN


def test_a_peer_that_did_not_move_after_all_is_believed_again() -> None:
    latch = told()
    latch.judge(NAT, 0.1)
    latch.expect(OTHER, 100.0)
    assert latch.judge(NAT, 100.0 + SETTLE_S) is Verdict.ACCEPTED


@given(st.lists(st.tuples(st.sampled_from([TOLD, NAT, OTHER]), st.floats(0, 3)), max_size=30))
def test_at_most_one_source_is_accepted_once_settled(
    arrivals: list[tuple[tuple[str, int], float]],
) -> None:
    latch, now, first_at = told(), 0.0, None
    settled = set()
    for source, passed in arrivals:
        now += passed
        verdict = latch.judge(source, now)
        assert verdict is not Verdict.EARLY
        assert (verdict is Verdict.ACCEPTED) == (latch.source == source)
        first_at = now if first_at is None else first_at
        if verdict is Verdict.ACCEPTED and now >= first_at + 2 * SETTLE_S:
            settled.add(source)
    assert len(settled) <= 1


def test_ipv6_is_the_same_however_it_is_spelt_and_whatever_the_socket_adds() -> None:
    latch = Latch()
    latch.expect(("2001:DB8:0:0::1", 4000), 0.0)
    stranger, phone = ("2001:db8::9", 5000, 0, 0), ("2001:db8::1", 4100, 0, 0)
    assert latch.judge(stranger, 0.1) is Verdict.ACCEPTED
    assert latch.judge(phone, 0.2) is Verdict.ACCEPTED
    assert latch.judge(stranger, 0.3) is Verdict.FOREIGN
    latch.expect(("2001:db8::1", 4100), 5.0)
    assert latch.judge(phone, 5.1) is Verdict.ACCEPTED, "it came from there all along"
