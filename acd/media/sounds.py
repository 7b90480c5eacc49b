"""Prompts and music: read and encoded once per codec, then shared by all who play them."""

from collections import OrderedDict
from typing import Protocol

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


class Shelf(Protocol):
    """Where sound files come from."""

    def version(self, name: str) -> object:
        """Return what differs once the file does; asked for each play, so cheap."""

    def load(self, name: str) -> bytes:
        """Return the file's bytes; raise `SoundError`."""


class SoundLibrary:
    """Frames by name and codec, least recently used thrown out first.

    A file that was replaced, or put where one was missing, is taken at its next play. What cannot
    be used is remembered too, so that it costs one look and one entry in `failures` per version.
    """

    def __init__(self, shelf: Shelf, max_cached_frames: int = MAX_CACHED_FRAMES) -> None:
        self.failures: list[SoundFailed] = []
        "Not yet told; whoever drives this takes them out."
        self._shelf = shelf
        self._max_cached_frames = max_cached_frames
        self._cached_frames = 0
        self._cached: OrderedDict[tuple[str, Codec], tuple[object, Frames]] = OrderedDict()

    def frames(self, name: str, codec: Codec) -> Frames:
        """Return the frames of a sound, none at all if it cannot be used."""
        key = (name, codec)
        version = self._shelf.version(name)
        cached = self._cached.get(key)
        if cached is not None and cached[0] == version:
            self._cached.move_to_end(key)
            return cached[1]
        try:
            frames = frames_of(self._samples(name), codec)
        except SoundError as error:
            frames = ()
            if not self._is_known(name, version):
                self.failures.append(SoundFailed(name, str(error)))
        self._keep(key, version, frames)
        return frames

    def _samples(self, name: str) -> bytes:
        if len(name) > MAX_NAME_CHARS:
            raise SoundError(f"the name has more than {MAX_NAME_CHARS} characters")
        return read_wav(self._shelf.load(name))

    def _is_known(self, name: str, version: object) -> bool:
        """Say whether this version was found unusable before, for whichever codec."""
        return any(self._cached.get((name, codec)) == (version, ()) for codec in Codec)

    def _keep(self, key: tuple[str, Codec], version: object, frames: Frames) -> None:
        # A name that failed counts as one frame, so that many wrong names stay bounded too.
        former = self._cached.pop(key, None)
        if former is not None:
            self._cached_frames -= len(former[1]) or 1
        self._cached[key] = (version, frames)
        self._cached_frames += len(frames) or 1
        while self._cached_frames > self._max_cached_frames and len(self._cached) > 1:
            _, (_, dropped) = self._cached.popitem(last=False)
            self._cached_frames -= len(dropped) or 1
