"""Where one call stands within its flow, and what its steps may do about it."""

import math
import re
from collections.abc import Callable
from datetime import datetime

from .effects import Effect, EndCall, PlaySounds, StepTaken, StopSounds, VariableSet
from .expressions import Value
from .speech import SpeechError, say_digits, say_number

PLAY_LIMIT_S = 1_860.0
"""For each sound: no file is longer than half an hour (`acd.media.wav` refuses it). A media engine
that forgot a play must not hold the caller for ever."""

SILENT_PLAY_S = 0.1
"How long a play without sounds takes: not nothing, so that a ring of them does not spin."


HIDDEN = "***"

_DIGITS = re.compile(r"\d{2,}")


class Progress:
    """Where one call stands within its flow."""

    __slots__ = (
        "audible",
        "collected",
        "data",
        "deadline",
        "finished",
        "flow_name",
        "languages",
        "now",
        "out",
        "play_number",
        "playing",
        "secrets",
        "skipped",
        "tries",
        "typed",
        "wall",
    )

    def __init__(self, caller: str, called: str, wall: Callable[[], datetime]) -> None:
        self.data: dict[str, Value | datetime] = {
            "caller": caller,
            "called": called,
            "language": "",
        }
        self.wall = wall
        self.now = 0.0
        self.out: list[Effect] = []
        self.deadline = math.inf
        self.finished = False
        self.flow_name = ""
        self.languages: tuple[str, ...] = ()
        self.play_number = 0
        self.playing = False
        self.audible = False
        "What plays has sounds: a variable to be read may be empty."

        self.tries = 0
        self.typed = ""
        "A key pressed into a play, kept for the next menu or number."

        self.secrets: set[str] = set()
        "Variables whose value nobody is to see."

        self.skipped = 0
        self.collected = ""

    @property
    def language(self) -> str:
        return str(self.data["language"])

    def play(self, sounds: tuple[str, ...]) -> None:
        self.play_number += 1
        self.playing = True
        self.audible = bool(sounds)
        if sounds:
            self.deadline = self.now + PLAY_LIMIT_S * len(sounds)
            self.out.append(PlaySounds(self.play_number, sounds))
        else:
            self.deadline = self.now + SILENT_PLAY_S

    def stop_play(self) -> None:
        if self.playing:
            self.playing = False
            if self.audible:
                self.out.append(StopSounds())

    def leave(self, node: str, outcome: str, note: str = "") -> None:
        self.deadline = math.inf
        if note and self.secrets:
            # What an expression says of its failure may quote a value, or one made of it.
            note = _DIGITS.sub(HIDDEN, note)
        self.out.append(StepTaken(self.flow_name, node, outcome, note))

    def finish(self, reason: str) -> None:
        self.finished = True
        self.playing = False
        self.deadline = math.inf
        self.typed = ""
        self.out.append(EndCall(reason))

    def set_variable(self, name: str, value: Value) -> None:
        if self.data.get(name) != value:
            self.data[name] = value
            shown = HIDDEN if name in self.secrets else spoken(value)
            self.out.append(VariableSet(name, shown))


def spoken(value: object) -> str:
    """Return a variable's value as text, as CEL writes it."""
    return ("false", "true")[value] if isinstance(value, bool) else str(value)


class Announcement:
    """Sounds of a node, resolved for each language of its flow."""

    __slots__ = ("_by_language", "_parts")

    def __init__(
        self, parts: tuple[str | tuple[str, str], ...], languages: tuple[str, ...]
    ) -> None:
        """Take sound names and pairs of "say_digits" or "say_number" with a variable's name."""
        self._parts = parts
        self._by_language: dict[str, tuple[str, ...]] = {}
        if all(isinstance(part, str) for part in parts):
            for language in languages:
                names = (resolve(part, language) for part in parts if isinstance(part, str))
                self._by_language[language] = tuple(names)

    def sounds(self, progress: Progress) -> tuple[str, ...]:
        language = progress.language
        ready = self._by_language.get(language)
        if ready is not None:
            return ready
        sounds: list[str] = []
        for part in self._parts:
            if isinstance(part, str):
                sounds.append(resolve(part, language))
            else:
                sounds += _say(part[0], progress.data.get(part[1], ""), language)
        return tuple(sounds)


def resolve(name: str, language: str) -> str:
    """Return the sound's full name: in this language, unless the name says where it is."""
    return name if "/" in name else f"{language}/{name}"


def _say(how: str, value: object, language: str) -> tuple[str, ...]:
    text = spoken(value)
    if how == "say_digits":
        return say_digits(text, language)
    try:
        return say_number(int(float(text)), language)
    except (SpeechError, ValueError, OverflowError):
        # Too long for words, or no number at all: what digits there are is still of use.
        return say_digits(text, language)
