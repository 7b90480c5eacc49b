"""Compose the music on hold: a calm loop of about 29 s as 8 kHz, 16 bit, mono WAV.

    python deploy/prompts/music.py [ivr_flows/prompts/music/default.wav]

Written for this project: soft chords under a plucked arpeggio. All partials lie within 200–3,000
Hz, so that G.711 and small loudspeakers carry them, and every tone that outlasts the end is added
to the beginning: the loop has no seam. Pure Python, some seconds.
"""

import math
import sys
import wave
from array import array
from pathlib import Path

RATE_HZ = 8_000
BEAT_S = 0.6
BEATS_PER_BAR = 4
HIGHEST_HZ = 3_000.0
"Partials above are left out: G.711 ends at 3,400 Hz, and 8 kHz samples would fold them back."

PEAK = 0.3
"Of full scale, about -10 dBFS: well below what G.711 clips, and softer than the prompts."

# One bar each, as MIDI notes: Cmaj7 Em7 Am7 Fmaj7 | Dm7 G Cmaj7 Am7 | Fmaj7 Em7 Dm7 Gsus G
CHORDS: tuple[tuple[int, ...], ...] = (
    (60, 64, 67, 71),
    (59, 64, 67, 74),
    (57, 64, 67, 72),
    (57, 60, 65, 76),
    (57, 62, 65, 72),
    (59, 62, 67, 74),
    (60, 64, 67, 71),
    (57, 64, 69, 72),
    (57, 60, 65, 72),
    (59, 64, 67, 71),
    (57, 62, 65, 77),
    (60, 62, 67, 74),
)
PATTERN = (0, 2, 1, 3, 2, 1, 3, 2)
"Which chord tone each eighth of a bar plucks, an octave up."

PLUCK_S = 1.6
PLUCK = ((1, 1.0, 3.0), (2, 0.35, 5.0), (3, 0.12, 9.0))
"Partials of a plucked tone: number, level, decay per second."


def main() -> int:
    """Write the loop; return the exit code."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "ivr_flows/prompts/music/default.wav")
    target.parent.mkdir(parents=True, exist_ok=True)
    samples = compose()
    peak = max(map(abs, samples))
    scaled = array("h", (round(sample / peak * PEAK * 32_767) for sample in samples))
    if sys.byteorder == "big":
        scaled.byteswap()
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(scaled.tobytes())
    sys.stdout.write(f"{target}: {len(scaled) / RATE_HZ:.1f} s\n")
    return 0


def compose() -> list[float]:
    """Return the loop's samples, not yet scaled."""
    bar_s = BEAT_S * BEATS_PER_BAR
    loop = [0.0] * round(bar_s * len(CHORDS) * RATE_HZ)
    for bar, chord in enumerate(CHORDS):
        begin_s = bar * bar_s
        for note in chord:
            _pad(loop, begin_s, bar_s, _hertz(note))
        for eighth, tone in enumerate(PATTERN):
            # The first of each half bar is stressed a little.
            strength = 1.0 if eighth % 4 == 0 else 0.7
            _pluck(loop, begin_s + eighth * BEAT_S / 2, _hertz(chord[tone] + 12), strength)
    return loop


def _hertz(note: int) -> float:
    return 440.0 * 2 ** ((note - 69) / 12)


def _pad(loop: list[float], begin_s: float, length_s: float, hertz: float) -> None:
    """Add a soft tone that swells and fades into the next bar, with a slow beating."""
    fade_s = 0.9
    count = round((length_s + fade_s) * RATE_HZ)
    first = round(begin_s * RATE_HZ)
    for index in range(count):
        at_s = index / RATE_HZ
        swell = min(1.0, at_s / fade_s, (length_s + fade_s - at_s) / fade_s)
        phase = 2 * math.pi * hertz * at_s
        tone = math.sin(phase) + 0.5 * math.sin(1.003 * phase) + 0.25 * math.sin(2 * phase)
        loop[(first + index) % len(loop)] += 0.10 * math.sin(swell * math.pi / 2) ** 2 * tone


def _pluck(loop: list[float], begin_s: float, hertz: float, strength: float) -> None:
    """Add a plucked tone: quick attack, higher partials die away sooner."""
    first = round(begin_s * RATE_HZ)
    partials = [partial for partial in PLUCK if partial[0] * hertz < HIGHEST_HZ]
    for index in range(round(PLUCK_S * RATE_HZ)):
        at_s = index / RATE_HZ
        attack = min(1.0, at_s / 0.008)
        release = min(1.0, (PLUCK_S - at_s) / 0.2)
        phase = 2 * math.pi * hertz * at_s
        tone = sum(
            level * math.sin(number * phase) * math.exp(-decay * at_s)
            for number, level, decay in partials
        )
        loop[(first + index) % len(loop)] += 0.32 * strength * attack * release * tone


if __name__ == "__main__":
    sys.exit(main())
