"""Stocked randomness."""

from hypothesis import given
from hypothesis import strategies as st

from acd.net.entropy import STOCK_BYTES, Entropy


@given(st.lists(st.integers(0, 3 * STOCK_BYTES), max_size=20))
def test_helpings_have_the_size_asked_for(counts: list[int]) -> None:
    entropy = Entropy()
    assert [len(entropy.token_bytes(count)) for count in counts] == counts


def test_nothing_is_handed_out_twice() -> None:
    entropy = Entropy()
    helpings = [entropy.token_bytes(8) for _ in range(STOCK_BYTES)]
    assert len(set(helpings)) == len(helpings)


@given(st.integers(1, 200))
def test_bits_stay_within_their_number(count: int) -> None:
    entropy = Entropy()
    drawn = [entropy.bits(count) for _ in range(50)]
    assert all(0 <= bits < 1 << count for bits in drawn)
    assert any(bits >> (count - 1) for bits in drawn), "the top bit is never set"
