"""Speak the prompts of a manifest by espeak-ng into 8 kHz, 16 bit, mono WAV files.

    python deploy/prompts/render.py [--prompts ivr_flows/prompts] [--all] [NAME …]

Files that exist are left alone (they may be human recordings) unless --all or names are given.
Needs espeak-ng and sox (Debian: apt-get install espeak-ng sox).
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

VOICES = {"zh": ("cmn-latn-pinyin", 190), "en": ("en-us", 180)}
"""espeak-ng's voice and its speed in words per minute, by language. Its plain `cmn` of Debian 12
turns characters into pinyin and then speaks that as English ("nin two"); this one does not."""

SILENCE = ("silence", "1", "0.01", "0.6%")
"Cut what is quieter than this until 10 ms are louder."

COMPRESS = ("compand", "0.005,0.1", "6:-60,-40,-30,-16,-12,-8,0,-6", "0", "-90", "0.02")
"Soft syllables up, so that the mean level is near speech's while nothing is clipped."


def main(argv: Sequence[str] | None = None) -> int:
    """Render what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(description="Speak the prompts of a manifest.")
    parser.add_argument("--prompts", type=Path, default=Path("ivr_flows/prompts"))
    parser.add_argument("--all", action="store_true", help="render again what exists")
    parser.add_argument("names", nargs="*", help="only these prompts")
    arguments = parser.parse_args(argv)
    missing = [tool for tool in ("espeak-ng", "sox") if shutil.which(tool) is None]
    if missing:
        return _fail(f"{' and '.join(missing)} not found: apt-get install espeak-ng sox")
    manifest = yaml.safe_load((arguments.prompts / "manifest.yaml").read_text("utf-8"))
    prompts: dict[str, dict[str, str | dict[str, str]]] = manifest["prompts"]
    unknown = sorted(set(arguments.names) - set(prompts))
    if unknown:
        return _fail(f"not in the manifest: {', '.join(unknown)}")
    for name in arguments.names or prompts:
        for language, spoken in prompts[name].items():
            written = spoken if isinstance(spoken, dict) else {"voice": language, "text": spoken}
            target = arguments.prompts / language / f"{name}.wav"
            if arguments.all or arguments.names or not target.exists():
                target.parent.mkdir(exist_ok=True)
                render(written["text"], written["voice"], target)
                sys.stdout.write(f"{target}\n")
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"render: {message}\n")
    return 1


def render(text: str, voice_language: str, target: Path) -> None:
    """Speak the text, cut the silence at both ends, limit to the telephone's band, even the level.

    Words of numbers are set close to each other and spoken slowly: they get 20 ms of silence,
    others 60 ms before and 150 ms behind.
    """
    voice, speed = VOICES[voice_language]
    before, behind = "0.06", "0.15"
    if target.stem.startswith("number_"):
        before, behind, speed = "0.02", "0.02", speed - 60
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "spoken.wav"
        subprocess.run(
            ["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(spoken), text], check=True
        )
        trim = [*SILENCE, "reverse", *SILENCE, "reverse"]
        band = ["highpass", "180", "rate", "-v", "8000", *COMPRESS, "norm", "-4"]
        output = ["-c", "1", "-b", "16", str(target)]
        effects = ["gain", "-9", *trim, *band, "pad", before, behind]
        subprocess.run(["sox", "-R", "-D", str(spoken), *output, *effects], check=True)


if __name__ == "__main__":
    sys.exit(main())
