"""G.711 A-law and µ-law (RFC 3551 section 4.5.14) to and from 16-bit samples."""

import warnings

from acd.sdp.codec import Codec

with warnings.catch_warnings():
    # The standard library's audioop says on import that 3.13 has none; there the dependency
    # audioop-lts takes its place under the same name.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop as audioop

SAMPLE_BYTES = 2


def encode(samples: bytes, codec: Codec) -> bytes:
    """Turn 16-bit samples in the machine's byte order into one byte each."""
    if codec is Codec.PCMA:
        return audioop.lin2alaw(samples, SAMPLE_BYTES)
    return audioop.lin2ulaw(samples, SAMPLE_BYTES)


def decode(payload: bytes, codec: Codec) -> bytes:
    """Turn one byte per sample into 16-bit samples in the machine's byte order."""
    if codec is Codec.PCMA:
        return audioop.alaw2lin(payload, SAMPLE_BYTES)
    return audioop.ulaw2lin(payload, SAMPLE_BYTES)


_ALL = bytes(range(256))

TRANSCODING: dict[tuple[Codec, Codec], bytes] = {
    (Codec.PCMA, Codec.PCMU): encode(decode(_ALL, Codec.PCMA), Codec.PCMU),
    (Codec.PCMU, Codec.PCMA): encode(decode(_ALL, Codec.PCMU), Codec.PCMA),
}
"""From and to: a table for `bytes.translate`, since both codecs map a sample to a byte. It does
a frame in 0.2 µs where decoding and encoding takes 1.7."""

SILENCE = {codec: encode(b"\0\0", codec) for codec in Codec}
"One sample of silence."
