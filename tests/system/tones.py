"""Tones as proof of who hears whom: written as WAV, found in recordings by their spectrum."""

import wave
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
CALLER_HZ = 440.0
AGENT_HZ = 880.0
"In G.711's band; neither is an odd harmonic of the other, which is what companding adds."

WINDOW_S = 0.1
"Resolves 10 Hz; a frame lost or late still leaves most of a window."

PURE = 0.8
"Share of a window's energy from which it counts as one tone; a tone through G.711 has 0.99."

SILENCE_DBFS = -55.0
"Comfort noise and companding noise lie below, the quietest prompt far above."

BAND_HZ = 15.0


@dataclass(frozen=True, slots=True)
class Window:
    """What was heard in one stretch of `WINDOW_S`."""

    start_s: float
    level_dbfs: float
    dominant_hz: float
    share: float
    "Of the energy, within `BAND_HZ` of `dominant_hz`."


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch in which one thing was heard."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


class Recording:
    """What a phone heard."""

    def __init__(self, samples: NDArray[np.float64], rate_hz: int) -> None:
        self.samples = samples
        self.rate_hz = rate_hz
        self.windows = _windows(samples, rate_hz)

    @property
    def length_s(self) -> float:
        return len(self.samples) / self.rate_hz

    def tone(self, frequency_hz: float, *, at_least_s: float = 0.3) -> list[Span]:
        """Return the stretches in which (nearly) nothing but this tone is heard."""
        return self._spans(lambda window: _is_tone(window, frequency_hz), at_least_s)

    def sound(self, *, at_least_s: float = 0.3) -> list[Span]:
        """Return the stretches in which anything is heard; pauses within speech split them."""
        return self._spans(lambda window: window.level_dbfs > SILENCE_DBFS, at_least_s)

    def tone_s(self, frequency_hz: float) -> float:
        """Return how long the tone is heard in all, in seconds."""
        return sum(_is_tone(window, frequency_hz) for window in self.windows) * WINDOW_S

    def sound_s(self, start_s: float = 0.0, end_s: float = float("inf")) -> float:
        """Return how long anything is heard between two times, in seconds."""
        inside = [w for w in self.windows if start_s <= w.start_s < end_s]
        return sum(window.level_dbfs > SILENCE_DBFS for window in inside) * WINDOW_S

    def _spans(self, wanted, at_least_s: float) -> list[Span]:
        spans = []
        for found, group in groupby(self.windows, wanted):
            stretch = list(group)
            span = Span(stretch[0].start_s, stretch[-1].start_s + WINDOW_S)
            if found and span.length_s >= at_least_s - WINDOW_S / 2:
                spans.append(span)
        return spans

    def __str__(self) -> str:
        rows = [
            f"{w.start_s:5.1f} s {w.level_dbfs:6.1f} dBFS {w.dominant_hz:6.0f} Hz {w.share:4.2f}"
            for w in self.windows
        ]
        return "\n".join(rows) or "(nothing recorded)"


def read_recording(path: Path) -> Recording:
    """Read a WAV file of 16-bit mono samples, also one that is still being written.

    A recorder fills in the lengths of the header only when it closes the file; so the samples are
    whatever follows the head of the data chunk.
    """
    data = path.read_bytes() if path.exists() else b""
    at = data.find(b"data", 12)
    if at < 0:
        return Recording(np.zeros(0), RATE_HZ)
    rate_hz = int.from_bytes(data[24:28], "little") or RATE_HZ
    body = data[at + 8 :]
    samples = np.frombuffer(body[: len(body) // 2 * 2], dtype="<i2")
    return Recording(samples / 32768.0, rate_hz)


def write_tone(path: Path, frequency_hz: float, seconds: float = 2.0) -> Path:
    """Write a sine of half amplitude; the length is rounded to whole periods, so that it loops."""
    periods = max(1, round(frequency_hz * seconds))
    count = round(periods * RATE_HZ / frequency_hz)
    times = np.arange(count) / RATE_HZ
    samples = np.round(0.5 * 32767 * np.sin(2 * np.pi * frequency_hz * times)).astype("<i2")
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE_HZ)
        writer.writeframes(samples.tobytes())
    return path


def _is_tone(window: Window, frequency_hz: float) -> bool:
    near = abs(window.dominant_hz - frequency_hz) <= BAND_HZ
    return near and window.share >= PURE and window.level_dbfs > SILENCE_DBFS


def _windows(samples: NDArray[np.float64], rate_hz: int) -> list[Window]:
    size = round(WINDOW_S * rate_hz)
    return [
        _window(samples[start : start + size], start / rate_hz, rate_hz)
        for start in range(0, len(samples) - size + 1, size)
    ]


def _window(samples: NDArray[np.float64], start_s: float, rate_hz: int) -> Window:
    power = float(np.mean(samples**2))
    level_dbfs = 10 * np.log10(power) if power > 1e-12 else -120.0
    # Hann: without it a tone between two bins would leak over the whole spectrum.
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / rate_hz)
    total = float(spectrum.sum())
    if total <= 0:
        return Window(start_s, level_dbfs, 0.0, 0.0)
    dominant_hz = float(frequencies[int(spectrum.argmax())])
    near = np.abs(frequencies - dominant_hz) <= BAND_HZ
    return Window(start_s, level_dbfs, dominant_hz, float(spectrum[near].sum()) / total)
