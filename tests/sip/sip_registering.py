"""A registrar and phones that register with it, for the tests of both."""

from sip_support import PHONE, Accounts, answer_challenge, make_endpoint, message, parsed

URI = "sip:192.0.2.1"
CONTACT = "Contact: <sip:1001@192.0.2.10:5062>"


class Phone:
    """A phone that answers challenges, message by message."""

    def __init__(
        self,
        endpoint,
        *,
        account: str = "1001",
        password: str = "pw",
        peer=PHONE,
        call_id: str = "reg",
    ):
        self.endpoint, self.account, self.password = endpoint, account, password
        self.peer, self.call_id, self.cseq = peer, call_id, 0

    def send(self, *headers: str, now: float = 0.0, cseq: int | None = None) -> list:
        self.cseq = self.cseq + 1 if cseq is None else cseq
        host = f"[{self.peer.host}]" if ":" in self.peer.host else self.peer.host
        branch = f"z9hG4bK{self.call_id}{self.cseq}{now}{len(headers)}"
        data = message(
            f"REGISTER {URI} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{self.peer.port};branch={branch}",
            f"From: <sip:{self.account}@192.0.2.1>;tag=f",
            f"To: <sip:{self.account}@192.0.2.1>",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq} REGISTER",
            *headers,
        )
        return self.endpoint.receive(data, self.peer, now)

    def authorization(self, challenge, *, password: str = "") -> str:
        header = answer_challenge(
            challenge, b"REGISTER", URI.encode(), self.account, password or self.password, "cnonce"
        )
        assert header is not None
        return header.decode().strip()

    def register(self, *headers: str, now: float = 0.0, cseq: int | None = None) -> list:
        (challenge,) = parsed(self.send(*headers, now=now))
        assert challenge.status == 401
        return self.send(*headers, self.authorization(challenge), now=now, cseq=cseq)


def registrar(**settings):
    return make_endpoint(credentials=Accounts(**{"1001": "pw", "1002": "pw2"}), **settings)


def status(outputs) -> int:
    (answer,) = parsed(outputs)
    return answer.status
