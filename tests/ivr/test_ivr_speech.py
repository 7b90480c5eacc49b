"""Numbers as recorded words: Mandarin and English grammar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.ivr.speech import (
    MAX_NUMBER,
    NUMBER_SOUNDS,
    SpeechError,
    say_digits,
    say_number,
    say_position,
)


def words(sounds: tuple[str, ...]) -> str:
    return " ".join(sound.partition("/")[2].removeprefix("number_") for sound in sounds)


@pytest.mark.parametrize(
    ("number", "mandarin", "english"),
    [
        (0, "0", "0"),
        (2, "2", "2"),
        (10, "10", "10"),
        (11, "10 1", "11"),
        (20, "2 10", "20"),
        (21, "2 10 1", "20 1"),
        (99, "9 10 9", "90 9"),
        (100, "1 100", "1 100"),
        (101, "1 100 0 1", "1 100 and 1"),
        (110, "1 100 1 10", "1 100 and 10"),
        (111, "1 100 1 10 1", "1 100 and 11"),
        (200, "liang 100", "2 100"),
        (222, "liang 100 2 10 2", "2 100 and 20 2"),
        (1000, "1 1000", "1 1000"),
        (1001, "1 1000 0 1", "1 1000 and 1"),
        (1010, "1 1000 0 1 10", "1 1000 and 10"),
        (2012, "liang 1000 0 1 10 2", "2 1000 and 12"),
        (2200, "liang 1000 liang 100", "2 1000 2 100"),
        (9999, "9 1000 9 100 9 10 9", "9 1000 9 100 and 90 9"),
    ],
)
def test_numbers_are_read_as_people_do(number, mandarin, english):
    assert words(say_number(number, "zh")) == mandarin
    assert words(say_number(number, "en")) == english


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_number_needs_a_sound_beside_those_that_are_checked(language):
    needed = {sound for number in range(MAX_NUMBER + 1) for sound in say_number(number, language)}
    assert needed == set(NUMBER_SOUNDS[language])


@given(st.integers(0, MAX_NUMBER), st.sampled_from(["zh", "en"]))
def test_each_number_is_read_by_words_on_record_and_in_its_own_way(number, language):
    sounds = say_number(number, language)
    assert set(sounds) <= set(NUMBER_SOUNDS[language])
    value, group = 0, 0
    for sound in words(sounds).split():
        digit = {"and": 0, "liang": 2}.get(sound) if not sound.isdigit() else int(sound)
        if digit in (100, 1000) or (digit == 10 and language == "zh"):
            value, group = value + (group or 1) * digit, 0
        else:
            group += digit
    assert value + group == number


@pytest.mark.parametrize(("number", "language"), [(-1, "zh"), (10_000, "en"), (1, "fr")])
def test_what_has_no_words_is_refused(number, language):
    with pytest.raises(SpeechError):
        say_number(number, language)


def test_digits_are_read_one_by_one():
    assert words(say_digits("0138-12", "zh")) == "0 1 3 8 1 2"
    assert say_digits("", "zh") == ()


@pytest.mark.parametrize(
    ("position", "language", "said"),
    [
        (1, "zh", "queue_next"),
        (2, "zh", "queue_position_before 1 queue_position_after"),
        (3, "zh", "queue_position_before liang queue_position_after"),
        (13, "zh", "queue_position_before 10 2 queue_position_after"),
        (1, "en", "queue_position_before 1 queue_position_after"),
        (21, "en", "queue_position_before 20 1 queue_position_after"),
        (20_000, "en", "queue_wait"),
        (5, "fr", "queue_wait"),
    ],
)
def test_a_place_in_the_line(position, language, said):
    assert words(say_position(position, language)) == said
