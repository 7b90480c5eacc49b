"""UUIDv7 ids (RFC 9562)."""

import random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from acd.calls.ids import Uuid7Source


def test_fields_are_where_the_rfc_puts_them() -> None:
    made = UUID(Uuid7Source(lambda: 0x0123456789AB, lambda bits: (1 << bits) - 1)())
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == 0x0123456789AB


@given(st.lists(st.integers(0, 3), min_size=2, max_size=200), st.integers())
def test_ids_sort_by_the_order_they_were_made_in(steps: list[int], seed: int) -> None:
    """Also when the wall clock stands still, and when it is set back."""
    randomness = random.Random(seed)
    clock = iter([1_000_000 + step * (-1) ** i for i, step in enumerate(steps)])
    source = Uuid7Source(lambda: next(clock), randomness.getrandbits)
    made = [source() for _ in steps]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_more_than_4096_in_a_millisecond_do_not_repeat() -> None:
    source = Uuid7Source(lambda: 5, random.Random(1).getrandbits)
    made = [source() for _ in range(10_000)]
    assert len(set(made)) == 10_000
    assert made == sorted(made)
