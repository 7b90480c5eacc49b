"""Numbers as rows of recorded words, for Mandarin and English.

The words are the sounds `number_…` of the prompts' manifest; names come resolved ("zh/number_3").
"""

import math
from collections.abc import Callable

from .document import IvrError

DIGITS = frozenset("0123456789")

MAX_NUMBER = 9_999
"The words on record go so far; no caller waits to hear a longer number, `say_digits` reads those."


SHORT_WAIT_S = 60.0
EXACT_MINUTES = 10
LONG_WAIT_S = 1_800.0
"See `say_wait`."


class SpeechError(IvrError):
    """A number or language that no words are recorded for."""


def say_number(number: int, language: str) -> tuple[str, ...]:
    """Return the sounds of a number from 0 to `MAX_NUMBER`.

    Raises:
        SpeechError: for numbers outside and languages without words.

    """
    if not 0 <= number <= MAX_NUMBER:
        raise SpeechError(f"{number} is not within 0 … {MAX_NUMBER}")
    words = _WORDS.get(language)
    if words is None:
        raise SpeechError(f"no number words in {language!r}, only in {', '.join(_WORDS)}")
    return tuple(f"{language}/number_{word}" for word in words(number))


def say_digits(digits: str, language: str) -> tuple[str, ...]:
    """Return the sounds of a text key by key; what is no digit is left out."""
    return tuple(f"{language}/number_{digit}" for digit in digits if "0" <= digit <= "9")


def say_position(position: int, language: str) -> tuple[str, ...]:
    """Return the announcement of a place in a queue; 1 is the head.

    Mandarin counts the callers ahead ("您前面还有 N 位"), English the place in the line. A place
    beyond the recorded numbers, or a language without them, gives the plain request to wait.
    """
    if language == "zh" and position == 1:
        return ("zh/queue_next",)
    count = position - 1 if language == "zh" else position
    try:
        number = say_number(count, language)
    except SpeechError:
        return (f"{language}/queue_wait",)
    if language == "zh" and count == 2:
        number = ("zh/number_liang",)
    return (f"{language}/queue_position_before", *number, f"{language}/queue_position_after")


def say_wait(seconds: float, language: str) -> tuple[str, ...]:
    """Return the announcement of an estimated wait; nothing where no words are recorded.

    Rounded up, since nobody minds to be served sooner: below `SHORT_WAIT_S` no figure is told,
    to 10 min in whole minutes, to `LONG_WAIT_S` in steps of 5, and beyond "more than 30 minutes".
    """
    if language not in _WORDS:
        return ()
    if seconds <= SHORT_WAIT_S:
        return (f"{language}/queue_wait_short",)
    if seconds > LONG_WAIT_S:
        return (f"{language}/queue_wait_long",)
    minutes = math.ceil(seconds / 60)
    if minutes > EXACT_MINUTES:
        minutes = math.ceil(minutes / 5) * 5
    number = say_number(minutes, language)
    if language == "zh" and minutes == 2:
        number = ("zh/number_liang",)
    return (f"{language}/queue_wait_before", *number, f"{language}/queue_wait_after")


def say_agent(number: str, language: str) -> tuple[str, ...]:
    """Return the announcement of an agent's number: "工号 1 0 0 1 为您服务".

    Empty for a number without a digit, and for a language without words.
    """
    digits = say_digits(number, language) if language in _WORDS else ()
    if not digits:
        return ()
    return (f"{language}/agent_number_before", *digits, f"{language}/agent_number_after")


def _mandarin(number: int) -> list[str]:
    """Return the words of e.g. 2,012: 两 千 零 一 十 二; ten to nineteen go without the 一."""
    words: list[str] = []
    gap = False
    for unit in (1000, 100, 10, 1):
        digit = number // unit % 10
        if digit == 0:
            gap = bool(words)
            continue
        if gap:
            words.append("0")
            gap = False
        if unit == 10 and digit == 1 and not words:
            words.append("10")
            continue
        words.append("liang" if digit == 2 and unit >= 100 else str(digit))
        if unit > 1:
            words.append(str(unit))
    return words or ["0"]


def _english(number: int) -> list[str]:
    """Return the words of e.g. 2,012: two thousand and twelve."""
    thousands, hundreds, rest = number // 1000, number // 100 % 10, number % 100
    words: list[str] = []
    if thousands:
        words += [str(thousands), "1000"]
    if hundreds:
        words += [str(hundreds), "100"]
    if rest and words:
        words.append("and")
    if rest > 20 and rest % 10:
        words += [str(rest // 10 * 10), str(rest % 10)]
    elif rest or not words:
        words.append(str(rest))
    return words


_WORDS: dict[str, Callable[[int], list[str]]] = {"zh": _mandarin, "en": _english}
_TELLING = (*range(1000), *range(1000, MAX_NUMBER + 1, 1000))
"Numbers that need all the words there are."

NUMBER_SOUNDS: dict[str, tuple[str, ...]] = {
    language: tuple(sorted({f"{language}/number_{word}" for n in _TELLING for word in words(n)}))
    for language, words in _WORDS.items()
}
"All sounds that numbers may need, by language."
