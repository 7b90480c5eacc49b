"""Errors of this package."""


class MediaError(Exception):
    """Root of this package's errors."""


class SoundError(MediaError):
    """A sound file cannot be used; the message says which and why."""
