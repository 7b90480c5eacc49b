"""Codecs, sound files, the shared library and playing from it."""

import array
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.media.emission import FRAME_SAMPLES
from acd.media.errors import SoundError
from acd.media.g711 import SILENCE, TRANSCODING, decode, encode
from acd.media.playout import FRAME_S, MAX_CATCH_UP_FRAMES, Playout, PlayoutClock
from acd.media.sounds import SoundLibrary, frames_of
from acd.media.wav import read_wav, write_wav
from acd.sdp.codec import Codec


def sine(frequency_hz: int, rate_hz: int, count: int) -> "array.array[int]":
    step = 2 * math.pi * frequency_hz / rate_hz
    return array.array("h", [round(8000 * math.sin(step * n)) for n in range(count)])


@pytest.mark.parametrize("codec", list(Codec))
def test_codecs_keep_the_sound_within_their_step(codec: Codec) -> None:
    samples = sine(440, 8000, 400)
    back = array.array("h", decode(encode(samples.tobytes(), codec), codec))
    assert all(abs(a - b) <= 32 + abs(a) // 16 for a, b in zip(samples, back, strict=True))


def test_known_values() -> None:
    """G.711: silence is 0xD5 in A-law and 0xFF in µ-law."""
    assert SILENCE == {Codec.PCMA: b"\xd5", Codec.PCMU: b"\xff"}


@given(st.binary(max_size=200), st.sampled_from(list(TRANSCODING)))
def test_transcoding_by_table_is_decoding_and_encoding(
    payload: bytes, codecs: tuple[Codec, Codec]
) -> None:
    source, target = codecs
    assert payload.translate(TRANSCODING[codecs]) == encode(decode(payload, source), target)


@given(st.binary(max_size=400).map(lambda b: b[: len(b) // 2 * 2]))
def test_wav_reads_back(samples: bytes) -> None:
    assert read_wav(write_wav(samples)) == samples


def test_wideband_is_halved() -> None:
    read = array.array("h", read_wav(write_wav(sine(440, 16_000, 800).tobytes(), 16_000)))
    expected = sine(440, 8000, 400)
    assert len(read) == 400
    assert max(abs(a - b) for a, b in zip(read, expected, strict=True)) < 1500


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a WAVE file"),
        (b"RIFF", "not a WAVE file"),
        (b"RIFF\x04\0\0\0OggS", "not a WAVE file"),
        (write_wav(b"\0\0", 44_100), "44100 Hz"),
    ],
)
def test_unusable_files_say_why(data: bytes, says: str) -> None:
    with pytest.raises(SoundError, match=says):
        read_wav(data)


@given(st.binary(max_size=120), st.integers(0, 60))
def test_any_bytes_are_a_sound_or_an_error(tail: bytes, keep: int) -> None:
    try:
        samples = read_wav(write_wav(b"\1\0" * 30)[:keep] + tail)
    except SoundError as error:
        samples = b""
        reason = str(error)
    else:
        reason = "read"
    assert reason
    assert len(samples) % 2 == 0


def test_frames_are_filled_up_with_silence() -> None:
    frames = frames_of(sine(440, 8000, 200).tobytes(), Codec.PCMU)
    assert [len(frame) for frame in frames] == [160, 160]
    assert frames[1][40:] == b"\xff" * 120
    assert frames_of(b"", Codec.PCMA) == ()


class FakeShelf:
    """A folder of sounds that counts how often it is asked."""

    def __init__(self, **sounds: bytes) -> None:
        self.sounds = sounds
        self.asked: list[str] = []

    def version(self, name: str) -> object:
        return self.sounds.get(name)

    def load(self, name: str) -> bytes:
        self.asked.append(name)
        if name not in self.sounds:
            raise SoundError(f"{name}: no such file")
        return self.sounds[name]


def wav(frames: int) -> bytes:
    return write_wav(b"\0\1" * FRAME_SAMPLES * frames)


def test_a_sound_is_loaded_once_per_codec_and_shared() -> None:
    shelf = FakeShelf(one=wav(3))
    library = SoundLibrary(shelf)
    assert library.frames("one", Codec.PCMA) is library.frames("one", Codec.PCMA)
    library.frames("one", Codec.PCMU)
    assert shelf.asked == ["one", "one"]


def test_a_failure_is_told_once() -> None:
    shelf = FakeShelf(broken=b"RIFF")
    library = SoundLibrary(shelf)
    for _ in range(3):
        for codec in Codec:
            assert library.frames("missing", codec) == ()
            assert library.frames("broken", codec) == ()
    assert [failed.name for failed in library.failures] == ["missing", "broken"]
    assert library.frames("x" * 300, Codec.PCMA) == ()
    assert "300" not in shelf.asked


def test_a_replaced_file_is_taken_at_the_next_play() -> None:
    shelf = FakeShelf(one=wav(3))
    library = SoundLibrary(shelf, max_cached_frames=9)
    assert len(library.frames("one", Codec.PCMA)) == 3
    assert library.frames("two", Codec.PCMA) == ()
    shelf.sounds = {"one": b"RIFF", "two": wav(5)}
    assert library.frames("one", Codec.PCMA) == ()
    assert len(library.frames("two", Codec.PCMA)) == 5
    assert [failed.name for failed in library.failures] == ["two", "one"]


def test_the_library_is_bounded() -> None:
    shelf = FakeShelf(a=wav(4), b=wav(4), c=wav(4))
    library = SoundLibrary(shelf, max_cached_frames=8)
    for name in "abab":
        library.frames(name, Codec.PCMA)
    assert shelf.asked == ["a", "b"]
    library.frames("c", Codec.PCMA)  # throws a out, the one used longest ago
    library.frames("b", Codec.PCMA)
    library.frames("a", Codec.PCMA)
    assert shelf.asked == ["a", "b", "c", "a"]


def test_a_playlist_runs_through_its_sounds() -> None:
    playout = Playout(1, ((b"1", b"2"), (), (b"3",)), loop=False)
    assert [playout.next_frame() for _ in range(5)] == [b"1", b"2", b"3", None, None]


def test_a_loop_begins_again_and_one_of_nothing_ends() -> None:
    playout = Playout(1, ((b"1",), (b"2",)), loop=True)
    assert [playout.next_frame() for _ in range(5)] == [b"1", b"2", b"1", b"2", b"1"]
    assert Playout(1, ((), ()), loop=True).next_frame() is None


def test_the_clock_runs_only_when_started() -> None:
    clock = PlayoutClock()
    assert clock.next_deadline() == math.inf
    assert clock.on_time(5.0) == 0
    clock.start(5.0)
    assert clock.on_time(5.0) == 1
    assert clock.next_deadline() == pytest.approx(5.02)
    clock.stop()
    assert clock.on_time(6.0) == 0


def test_a_late_wake_up_is_made_up_for_and_a_very_late_one_is_not() -> None:
    clock = PlayoutClock()
    clock.start(0.0)
    assert clock.on_time(0.05) == 3
    assert clock.next_deadline() == pytest.approx(0.06)
    assert clock.on_time(0.06 + FRAME_S * MAX_CATCH_UP_FRAMES + 0.001) == 1
    assert clock.lateness_max_s == pytest.approx(0.101)


@given(st.lists(st.floats(0.0, 0.08), max_size=200))
def test_the_clock_never_drifts(waits: list[float]) -> None:
    clock = PlayoutClock()
    clock.start(0.0)
    now, frames = 0.0, 0
    for wait in waits:
        now += wait
        frames += clock.on_time(now)
    assert not waits or abs(frames - (now / FRAME_S + 1)) <= 1.001


def test_files_are_little_endian_whatever_the_machine() -> None:
    data = write_wav(array.array("h", [256]).tobytes())
    assert data[-2:] == b"\x00\x01"
    assert array.array("h", read_wav(data))[0] == 256
