"""What is delivered: flows that walk as promised, every prompt, music that loops."""

import wave
from array import array
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from ivr_stage import Caller

from acd.ivr.book import FlowBook, load_flows
from acd.ivr.speech import NUMBER_SOUNDS, say_position
from acd.ivr.validation import FlowContext

FOLDER = Path(__file__).parents[2] / "ivr_flows"
PROMPTS = FOLDER / "prompts"
SOUNDS = frozenset(
    wav.relative_to(PROMPTS).with_suffix("").as_posix() for wav in PROMPTS.glob("*/*.wav")
)
MANIFEST = yaml.safe_load((PROMPTS / "manifest.yaml").read_text("utf-8"))["prompts"]


@pytest.fixture(scope="module")
def book() -> FlowBook:
    context = FlowContext(queues=frozenset({"sales", "service"}), sounds=SOUNDS)
    files = {str(file): file.read_text("utf-8") for file in FOLDER.glob("*.yaml")}
    return load_flows(files, context)


@pytest.mark.parametrize(
    ("steps", "end"),
    [
        ("", "plays zh/welcome"),
        (".", "plays zh/menu zh/menu_language"),
        (". 1", "plays zh/connecting"),
        (". 1 .", "enters sales"),
        ("1 .", "enters sales"),
        (". 2 .", "enters service"),
        (". 0", "enters service"),
        (". 3", "plays zh/opening_hours"),
        (". 3 .", "plays zh/menu zh/menu_language"),
        (". 9", "plays en/menu en/menu_language"),
        (". 9 9", "plays zh/menu zh/menu_language"),
        (". 9 1 .", "enters sales"),
        (". . ~", "plays zh/no_input zh/menu zh/menu_language"),
        (". . ~ . ~ . ~", "enters service"),
        (". 5", "plays zh/invalid_choice zh/menu zh/menu_language"),
        (". 5 5 5", "plays zh/goodbye"),
        (". 5 5 5 .", "hangs up flow_ended"),
        (". 1 . timed_out", "plays zh/max_wait"),
        (". 1 . timed_out .", "hangs up max_wait"),
        (". 1 . refused_full .", "hangs up queue_full"),
    ],
)
def test_the_hotline(book, steps, end):
    assert Caller(book, "hotline").walks(steps) == end


def test_the_hotline_is_open_at_any_hour(book):
    for hour in range(24):
        moment = datetime(2026, 10, 1, hour, 30, tzinfo=UTC)
        assert Caller(book, "hotline", wall=lambda at=moment: at).heard == ["plays zh/welcome"]


def test_after_hours_and_echo(book):
    assert Caller(book, "after_hours").walks(". .") == "hangs up closed"
    assert Caller(book, "echo").walks(".") == "echoes"


@pytest.mark.parametrize(
    ("steps", "end"),
    [
        ("", "plays zh/callback_which"),
        ("1", "asks for ''"),
        (". ~ . ~", "asks for ''"),
        ("5 5", "enters sales"),
        ("2", "plays zh/callback_number"),
        ("2 1 2 3 #", "plays zh/callback_number"),
        ("2 1 2 3 # 1 2 #", "enters sales"),
        ("2 8 3 9 1 2 3 4 # . 2", "plays zh/callback_number"),
        ("2 8 3 9 1 2 3 4 # . 1", "asks for '8391234'"),
        ("2 8 3 9 1 2 3 4 # . . ~ . ~", "asks for '8391234'"),
        ("1 promised", "plays zh/callback_taken"),
        ("1 promised .", "hangs up callback"),
        ("1 refused", "plays zh/callback_refused"),
        ("1 refused .", "enters sales"),
        ("1 refused . timed_out .", "hangs up max_wait"),
    ],
)
def test_the_callback_flow(book, steps, end):
    assert Caller(book, "callback").walks(steps) == end


def test_every_prompt_of_the_manifest_is_recorded_and_no_other():
    listed = {f"{language}/{name}" for name, texts in MANIFEST.items() for language in texts}
    assert listed == {sound for sound in SOUNDS if not sound.startswith(("music/", "tones/"))}


def test_numbers_and_places_in_line_have_their_sounds():
    needed = {*NUMBER_SOUNDS["zh"], *NUMBER_SOUNDS["en"]}
    for position in (1, 2, 3, 15, 20_000):
        for language in ("zh", "en"):
            needed |= set(say_position(position, language))
    assert needed <= SOUNDS


def samples(name: str) -> array:
    with wave.open(str(PROMPTS / f"{name}.wav"), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8_000)
        return array("h", file.readframes(file.getnframes()))


@pytest.mark.parametrize("name", sorted(SOUNDS))
def test_every_sound_is_8_khz_16_bit_mono_and_neither_silent_nor_clipped(name):
    sound = samples(name)
    peak = max(map(abs, sound)) / 32_768
    assert 0.1 < peak < 0.9
    assert 0.2 < len(sound) / 8_000 < 40


def test_the_music_goes_round_without_a_click():
    loop = samples("music/default")
    assert 25 < len(loop) / 8_000 < 40
    usual = sorted(abs(b - a) for a, b in pairwise(loop))[int(len(loop) * 0.9)]
    assert abs(loop[0] - loop[-1]) <= usual


def test_all_sounds_together_are_small_enough_for_the_source_tree():
    assert sum(wav.stat().st_size for wav in PROMPTS.glob("*/*.wav")) <= 6_000_000
