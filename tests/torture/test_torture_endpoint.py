"""RFC 4475's messages over UDP: each gets an answer of the right class, and nothing breaks."""

from hashlib import blake2b
from itertools import count
from pathlib import Path

import pytest

from acd.sip.digest_values import ha1
from acd.sip.effects import Send
from acd.sip.endpoint import Endpoint, EndpointSettings
from acd.sip.events import InviteReceived
from acd.sip.message import Response, read
from acd.sip.peer import Peer

HERE = Path(__file__).parent
PEER = Peer("udp", "192.0.2.200", 5060)
CALL = "call"  # 100, and the call is reported
DROPPED = "dropped"

# Message to the answers that are right in this room; what a call's number says is not its matter.
EXPECTED: dict[str, tuple[int | str, ...]] = {
    # Well formed: understood, never 400.
    "wsinv": (481,),  # its To has a tag of a dialog that we do not have
    "intmeth": (501,),
    "esc01": (CALL,),
    "escnull": (401,),
    "esc02": (501,),
    "lwsdisp": (200,),
    "longreq": (CALL,),
    "dblreq": (401,),  # one datagram is one message: the second request is padding
    "semiuri": (200,),
    "transports": (200,),
    "mpart01": (405,),
    "cparam01": (401,),
    "cparam02": (401,),
    "regescrt": (401,),
    "inv2543": (CALL,),
    "zeromf": (200,),
    # Responses that match nothing.
    "unreason": (DROPPED,),
    "noreason": (DROPPED,),
    "bcast": (DROPPED,),
    "scalarlg": (DROPPED,),
    "bigcode": (DROPPED,),
    # Refused with the code that names the fault.
    "badinv01": (400,),
    "clerr": (400,),
    "ncl": (400,),
    "scalar02": (400,),
    "insuf": (400,),
    "multi01": (400,),
    "mcl01": (400,),
    "mismatch01": (400,),
    "mismatch02": (400, 501),
    "badvers": (505,),
    "bext01": (420,),
    # Well formed, but not for this server.
    "unkscm": (416,),
    "novelsc": (416,),
    "unksm2": (400, 401, 404),
    "invut": (415,),
    "sdp01": (400, 406),
    "regaut01": (401,),
    # Tolerance and refusal are both right.
    "badaspec": (200, 400),
    "baddn": (200, 400),
    "baddate": (CALL, 400),
    "badbranch": (200, 400),
    "lwsstart": (CALL, 400),
    "lwsruri": (400, 481),
    "ltgtruri": (CALL, 400),
    "quotbal": (CALL, 400),
    "trws": (200, 400),
    "escruri": (CALL, 400),
    "regbadct": (400, 401),
}


class Accounts:
    def __init__(self, *names: str) -> None:
        self.names = names

    def ha1(self, account: str, realm: str, algorithm: str) -> str | None:
        return ha1(account, realm, "pw", algorithm) if account in self.names else None


def make_endpoint() -> Endpoint:
    ids, numbers = count(), count()
    return Endpoint(
        EndpointSettings(advertised={"udp": ("192.0.2.1", 5060)}),
        credentials=Accounts("watson"),
        new_id=lambda: f"leg-{next(ids)}",
        random_bytes=lambda size: blake2b(b"%d" % next(numbers), digest_size=size).digest(),
    )


def outcome(outputs) -> int | str:
    answers = [read(item.data) for item in outputs if isinstance(item, Send)]
    assert all(isinstance(answer, Response) for answer in answers)
    if any(isinstance(item, InviteReceived) for item in outputs):
        assert [answer.status for answer in answers] == [100]
        return CALL
    assert len(answers) <= 1
    return answers[0].status if answers else DROPPED


def assert_still_serving(endpoint: Endpoint) -> None:
    plain = (
        b"OPTIONS sip:4000@192.0.2.1 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.200;branch=z9hG4bKplain\r\n"
        b"From: <sip:a@192.0.2.200>;tag=1\r\nTo: <sip:4000@192.0.2.1>\r\nCall-ID: plain\r\n"
        b"CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    assert outcome(endpoint.receive(plain, PEER, 1.0)) == 200


def test_the_table_names_every_message() -> None:
    assert set(EXPECTED) == {path.stem for path in HERE.glob("*.dat")}
    assert len(EXPECTED) == 49


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_message(name: str) -> None:
    endpoint = make_endpoint()
    outputs = endpoint.receive((HERE / f"{name}.dat").read_bytes(), PEER, 0.0)
    assert outcome(outputs) in EXPECTED[name]
    assert_still_serving(endpoint)


def test_the_refused_extensions_are_named() -> None:
    out = make_endpoint().receive((HERE / "bext01.dat").read_bytes(), PEER, 0.0)
    unsupported = read(out[0].data).all(b"unsupported")
    assert unsupported == [b"nothingSupportsThis", b"nothingSupportsThisEither"]


def test_the_reported_numbers_have_their_escapes_undone() -> None:
    out = make_endpoint().receive((HERE / "esc01.dat").read_bytes(), PEER, 0.0)
    event = next(item for item in out if isinstance(item, InviteReceived))
    assert event.called == "sips:user@example.com"
    assert event.caller == "I have spaces"


def test_all_of_them_one_after_the_other_leave_a_working_endpoint() -> None:
    endpoint = make_endpoint()
    for path in sorted(HERE.glob("*.dat")):
        endpoint.receive(path.read_bytes(), PEER, 0.0)
    assert_still_serving(endpoint)
