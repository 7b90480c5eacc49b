"""The RTP packet (RFC 3550 section 5.1): read and written as few times as possible."""

import struct

from msgspec import Struct

HEADER = struct.Struct(">BBHII")
"""The fixed header in one piece: flags, marker and payload type, sequence number, timestamp,
SSRC. Exposed because the relay reads and writes it for every packet."""

HEADER_BYTES = 12
VERSION_2 = 0x80
"First octet of a packet of version 2 without padding, extension or contributing sources."

MARKER = 0x80
"In the second octet, above the payload type."

MAX_PACKET_BYTES = 1500
"One Ethernet frame; 200 ms of G.711, the longest packet to expect, is 1600 bytes but fragments."

SEQUENCE_MASK = 0xFFFF
TIMESTAMP_MASK = 0xFFFFFFFF


class RtpPacket(Struct, frozen=True):
    """A packet taken apart."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False

    def __bytes__(self) -> bytes:
        second = self.payload_type | (MARKER if self.marker else 0)
        header = HEADER.pack(VERSION_2, second, self.sequence, self.timestamp, self.ssrc)
        return header + self.payload


def parse(packet: bytes) -> RtpPacket | None:
    """Take a packet apart; None for what is no RTP (RFC 3550 A.1)."""
    payload = payload_of(packet)
    if payload is None:
        return None
    _, second, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, payload, second >= MARKER)


def payload_of(packet: bytes) -> bytes | None:
    """Return what follows the header, without padding; None for what is no RTP version 2."""
    if len(packet) < HEADER_BYTES or packet[0] & 0xC0 != VERSION_2:
        return None
    first = packet[0]
    if first == VERSION_2:
        return packet[HEADER_BYTES:]
    start = HEADER_BYTES + 4 * (first & 0x0F)  # contributing sources
    if first & 0x10:  # header extension: profile, length in 32-bit words
        if len(packet) < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4])
    end = len(packet)
    if first & 0x20:  # "The last octet of the padding contains a count of how many ..."
        end -= packet[-1]
    return packet[start:end] if start <= end else None
