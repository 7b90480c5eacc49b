"""The estimated wait in words: rounded up, coarser the longer it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.ivr.speech import say_wait


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, ["queue_wait_short"]),
        (60, ["queue_wait_short"]),
        (61, ["queue_wait_before", "number_2", "queue_wait_after"]),
        (180, ["queue_wait_before", "number_3", "queue_wait_after"]),
        (600, ["queue_wait_before", "number_10", "queue_wait_after"]),
        (601, ["queue_wait_before", "number_15", "queue_wait_after"]),
        (1_800, ["queue_wait_before", "number_30", "queue_wait_after"]),
        (1_801, ["queue_wait_long"]),
        (1e9, ["queue_wait_long"]),
    ],
)
def test_the_wait_in_english(seconds: float, words: list[str]) -> None:
    assert say_wait(seconds, "en") == tuple(f"en/{word}" for word in words)


def test_two_minutes_are_liang_in_mandarin() -> None:
    assert say_wait(100, "zh") == (
        "zh/queue_wait_before",
        "zh/number_liang",
        "zh/queue_wait_after",
    )
    assert say_wait(1_000, "zh")[1:-1] == ("zh/number_2", "zh/number_10")


def test_no_words_no_announcement() -> None:
    assert say_wait(100, "fr") == ()


@given(st.floats(0, 1_800), st.floats(0, 1_800))
def test_a_longer_wait_is_never_told_as_a_shorter_one(one: float, other: float) -> None:
    def told(seconds: float) -> int:
        words = [w.removeprefix("en/number_") for w in say_wait(seconds, "en") if "number" in w]
        return sum(map(int, words))

    shorter, longer = sorted((one, other))
    assert told(shorter) <= told(longer)
    assert told(shorter) * 60 >= shorter or told(shorter) == 0
