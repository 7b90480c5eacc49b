"""The tests' own ears: two phones without the server, so that a wrong harness is known as such."""

from pathlib import Path

import pytest
from phone import Phone, PhoneError
from tones import AGENT_HZ, CALLER_HZ, RATE_HZ, Recording, read_recording, write_tone


def test_a_tone_is_found_with_its_frequency_and_nothing_else_is(tmp_path: Path) -> None:
    recording = read_recording(write_tone(tmp_path / "tone.wav", CALLER_HZ, 1.0))
    assert recording.rate_hz == RATE_HZ
    [span] = recording.tone(CALLER_HZ)
    assert span.length_s == pytest.approx(1.0, abs=0.11)
    assert not recording.tone(AGENT_HZ)


def test_two_tones_at_once_are_neither(tmp_path: Path) -> None:
    first = read_recording(write_tone(tmp_path / "a.wav", CALLER_HZ, 1.0)).samples
    second = read_recording(write_tone(tmp_path / "b.wav", AGENT_HZ, 1.0)).samples
    length = min(len(first), len(second))
    mixed = Recording((first[:length] + second[:length]) / 2, RATE_HZ)
    assert not mixed.tone(CALLER_HZ)
    assert not mixed.tone(AGENT_HZ)
    assert mixed.sound_s() == pytest.approx(1.0, abs=0.11)


def test_silence_is_silent(tmp_path: Path) -> None:
    tone = read_recording(write_tone(tmp_path / "a.wav", CALLER_HZ, 0.5)).samples
    assert not Recording(tone * 0.0001, RATE_HZ).sound()


def test_a_file_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert read_recording(tmp_path / "none.wav").length_s == 0


def test_two_phones_hear_each_other_and_tell_what_they_see(tmp_path: Path) -> None:
    a = Phone("a", tmp_path, tone=write_tone(tmp_path / "a-tone.wav", CALLER_HZ))
    b = Phone("b", tmp_path, tone=write_tone(tmp_path / "b-tone.wav", AGENT_HZ))
    try:
        a.outside("127.0.0.1", "13800138000")
        b.outside("127.0.0.1", "1001")
        a.call(f"sip:1001@{b.address}")
        assert b.rings().number == "13800138000"
        a.expect("state", state="EARLY", code=180)
        b.answer()
        a.expect("state", state="CONFIRMED")
        a.hears(AGENT_HZ)
        b.hears(CALLER_HZ)
        a.digits("7")
        assert b.expect("digit").digit == "7"
        a.hold()
        b.expect("media", status="remote_hold")
        a.unhold()
        b.expect("media", status="active")
        b.hangup()
        assert a.hung_up().code == 200
        assert not b.recording().tone(AGENT_HZ), "b hears itself"
    finally:
        a.close()
        b.close()


def test_what_does_not_come_fails_with_what_came_instead(tmp_path: Path) -> None:
    phone = Phone("a", tmp_path)
    try:
        with pytest.raises(PhoneError, match=r"no incoming .*\n(.*\n)* .*started"):
            phone.expect("incoming", within_s=0.1)
    finally:
        phone.close()
