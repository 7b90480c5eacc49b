"""Prompts and music: read and encoded once per codec, then shared by all who play them."""

from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from acd.sdp.codec import Codec

from .emission import FRAME_SAMPLES
from .errors import SoundError
from .g711 import SILENCE, encode
from .wav import read_wav

MAX_CACHED_FRAMES = 360_000
"""Two hours of sound over both codecs: some 70 MB with Python's 33 bytes per object. A centre's
prompts are minutes; the bound is for folders full of recordings."""

MAX_NAME_CHARS = 200
"Longer than any sensible path below the prompts folder."

Frames = tuple[bytes, ...]


class SoundFailed(Struct, frozen=True, tag=True):
    """A sound could not be used; told once per name, the playing goes on without it."""

    name: str
    reason: str


def frames_of(samples: bytes, codec: Codec) -> Frames:
    """Encode 16-bit samples at 8 kHz into 20 ms frames; the last is filled up with silence."""
    encoded = encode(samples, codec)
    missing = -len(encoded) % FRAME_SAMPLES
    encoded += SILENCE[codec] * missing
    return tuple(encoded[at : at + FRAME_SAMPLES] for at in range(0, len(encoded), FRAME_SAMPLES))


class SoundLibrary:
    """Frames by name and codec, least recently used thrown out first.

    `load` returns a file's bytes by sound name, or raises `SoundError`. What failed is
    remembered, so that a missing prompt costs one look and one report in `failures`.
    """

    def __init__(
        self, load: Callable[[str], bytes], max_cached_frames: int = MAX_CACHED_FRAMES
    ) -> None:
        self.failures: list[SoundFailed] = []
        "Not yet told; whoever drives this takes them out."
        self._load = load
        self._max_cached_frames = max_cached_frames
        self._cached_frames = 0
        self._frames: OrderedDict[tuple[str, Codec], Frames] = OrderedDict()

    def frames(self, name: str, codec: Codec) -> Frames:
        """Return the frames of a sound, none at all if it cannot be used."""
        key = (name, codec)
        cached = self._frames.get(key)
        if cached is not None:
            self._frames.move_to_end(key)
            return cached
        try:
            frames = frames_of(self._samples(name), codec)
        except SoundError as error:
            frames = ()
            self._report(SoundFailed(name, str(error)))
        self._keep(key, frames)
        return frames

    def _samples(self, name: str) -> bytes:
        if len(name) > MAX_NAME_CHARS:
            raise SoundError(f"the name has more than {MAX_NAME_CHARS} characters")
        return read_wav(self._load(name))

    def _report(self, failed: SoundFailed) -> None:
        if all((failed.name, codec) not in self._frames for codec in Codec):
            self.failures.append(failed)

    def _keep(self, key: tuple[str, Codec], frames: Frames) -> None:
        # A name that failed counts as one frame, so that many wrong names stay bounded too.
        self._frames[key] = frames
        self._cached_frames += len(frames) or 1
        while self._cached_frames > self._max_cached_frames and len(self._frames) > 1:
            _, dropped = self._frames.popitem(last=False)
            self._cached_frames -= len(dropped) or 1
