"""Sound files: RIFF WAVE, 16-bit, mono, 8 or 16 kHz, in memory."""

import io
import wave

from acd.sdp.codec import CLOCK_RATE_HZ

from .errors import SoundError
from .g711 import SAMPLE_BYTES, audioop

WIDEBAND_RATE_HZ = 16_000

MAX_SECONDS = 1800
"Half an hour of music is 14 MB encoded; longer than this is a file by mistake."


def read_wav(data: bytes) -> bytes:
    """Return the samples at 8 kHz in the machine's byte order; raise `SoundError`."""
    try:
        with wave.open(io.BytesIO(data)) as reader:
            shape = (reader.getnchannels(), reader.getsampwidth(), reader.getframerate())
            if shape[2] and reader.getnframes() / shape[2] > MAX_SECONDS:
                raise SoundError(f"longer than {MAX_SECONDS} s")
            samples: bytes = reader.readframes(reader.getnframes())
    except (wave.Error, EOFError, ValueError, RuntimeError) as error:
        reason = str(error) or "it ends before its samples begin"  # EOFError says nothing
        raise SoundError(f"not a WAVE file of plain samples: {reason}") from error
    channels, width, rate_hz = shape
    if channels != 1 or width != SAMPLE_BYTES or rate_hz not in {CLOCK_RATE_HZ, WIDEBAND_RATE_HZ}:
        raise SoundError(
            f"{channels} channel(s) of {8 * width} bit at {rate_hz} Hz; expected one of 16 bit at "
            f"{CLOCK_RATE_HZ} or {WIDEBAND_RATE_HZ} Hz"
        )
    samples = samples[: len(samples) // SAMPLE_BYTES * SAMPLE_BYTES]  # a file cut off
    if rate_hz == WIDEBAND_RATE_HZ:
        samples = _halve(samples)
    return samples


def write_wav(samples: bytes, rate_hz: int = CLOCK_RATE_HZ) -> bytes:
    """Return a WAVE file of 16-bit mono samples in the machine's byte order."""
    out = io.BytesIO()
    with wave.open(out, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(SAMPLE_BYTES)
        writer.setframerate(rate_hz)
        writer.writeframes(samples)
    return out.getvalue()


def _halve(samples: bytes) -> bytes:
    """Take 16 kHz down to 8 by averaging neighbours, a low-pass that suffices for speech."""
    delayed = samples[SAMPLE_BYTES:] + samples[-SAMPLE_BYTES:]
    half = audioop.mul(samples, SAMPLE_BYTES, 0.5)
    smooth: bytes = audioop.add(half, audioop.mul(delayed, SAMPLE_BYTES, 0.5), SAMPLE_BYTES)
    return bytes(memoryview(smooth).cast("h")[::2])
