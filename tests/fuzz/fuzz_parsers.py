"""Coverage-guided fuzzing of what reads strangers' bytes (atheris on libFuzzer).

    python tests/fuzz/fuzz_parsers.py sip -runs=100000 CORPUS_FOLDER
    python tests/fuzz/fuzz_parsers.py sdp -runs=100000 CORPUS_FOLDER

Everything after the target's name is libFuzzer's. The first folder also takes what it finds: give
it a scratch one, and the seeds behind it. A finding is an exception other than the ones that stand
for a peer's mistake; it is printed, and its bytes are kept as crash-*.
"""

import sys
from collections.abc import Callable
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["acd"]):
    from acd.sdp.codec import Codec
    from acd.sdp.description import parse
    from acd.sdp.errors import SdpError
    from acd.sdp.offer_answer import Capabilities, answer_offer, make_offer, read_answer
    from acd.sip.errors import BadMessageError
    from acd.sip.framing import StreamFramer
    from acd.sip.headers import NameAddr, Via
    from acd.sip.message import Request, read
    from acd.sip.multipart import open_multipart
    from acd.sip.peer import Peer
    from acd.sip.request_checks import check_content, check_extensions, check_syntax, check_target
    from acd.sip.uri import Uri
    from acd.sip.writing import reply, reply_head

PEER = Peer("udp", "192.0.2.1", 5060)
LOCAL = Capabilities(
    address="192.0.2.2", port=20_000, session_id=1, codecs=(Codec.PCMA, Codec.PCMU)
)
OFFER = make_offer(LOCAL)


def fuzz_sip(data: bytes) -> None:
    """One message: read, understood header by header, answered; and the same bytes as a stream."""
    try:
        message = read(data)
    except BadMessageError:
        return
    if message.body and message.get(b"content-type")[:10].lower() == b"multipart/":
        open_multipart(message)
    for name in ("via", "from_", "to", "cseq", "branch"):
        with suppress(BadMessageError):
            value = getattr(message, name)
            if isinstance(value, NameAddr | Via):
                bytes(value)
    for name in (b"contact", b"record-route", b"route", b"via", b"require"):
        with suppress(BadMessageError):
            for entry in message.all(name):
                Uri.parse(NameAddr.parse(entry).uri)
    if isinstance(message, Request):
        for check in (check_syntax, check_extensions, check_content):
            with suppress(BadMessageError):
                check(message)
        with suppress(BadMessageError):
            check_target(message, PEER)
        answer = read(reply(200, reply_head(message, PEER, b"tag")))
        assert answer.status == 200
    frame_in_pieces(data)


def frame_in_pieces(data: bytes) -> None:
    """A stream's bytes mean the same however they are cut."""
    whole = StreamFramer()
    pieces = StreamFramer()
    try:
        expected = whole.feed(data)
    except BadMessageError:
        return
    found = []
    for at in range(0, len(data), 7):
        found += pieces.feed(data[at : at + 7])
    assert found == expected, (found, expected)


def fuzz_sdp(data: bytes) -> None:
    """One body: as an offer, as an answer, and written again."""
    with suppress(SdpError):
        bytes(parse(data))
    for understand in (
        lambda: answer_offer(data, LOCAL),
        lambda: read_answer(OFFER, data),
    ):
        with suppress(SdpError):
            understand()


TARGETS: dict[str, Callable[[bytes], None]] = {"sip": fuzz_sip, "sdp": fuzz_sdp}


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(TARGETS)} [libFuzzer's options] [FOLDER ...]")
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
