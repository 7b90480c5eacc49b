"""No proof is taken twice, whatever is replayed, forgotten or made up (RFC 7616 section 3.3)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_support import Accounts, answer_challenge, message, request, seeded_bytes

from acd.sip.digest import DigestServer
from acd.sip.digest_client import Attempt, DigestClient
from acd.sip.digest_values import request_digest
from acd.sip.errors import BadMessageError
from acd.sip.message import Request, Response, read

LIFETIME_S, MAX_NONCES = 60.0, 3
HOST = "192.0.2.7"
WHICH = st.integers(0, 5)
STEP = st.one_of(
    st.tuples(st.just("challenge")),
    st.tuples(st.just("prove"), WHICH),
    st.tuples(st.just("prove"), WHICH),
    st.tuples(st.just("replay"), WHICH),
    st.tuples(st.just("make_up"), WHICH),
    st.tuples(st.just("pass"), st.floats(0.0, 40.0)),
)


class Stage:
    """One server and a user with several phones, one for each challenge."""

    def __init__(self) -> None:
        self.server = DigestServer(
            "acd", Accounts(known="pw"), seeded_bytes(), LIFETIME_S, max_nonces=MAX_NONCES
        )
        self.now = 1000.0
        self.phones: list[tuple[DigestClient, float]] = []
        self.proofs: list[str] = []
        self.taken: set[str] = set()

    def ask(self, *headers: str) -> BadMessageError | None:
        data = read(request("REGISTER", *headers))
        assert isinstance(data, Request)
        try:
            self.server.check(data, "known", HOST, self.now)
        except BadMessageError as refusal:
            return refusal
        return None

    def challenge(self) -> None:
        refusal = self.ask()
        assert refusal is not None
        lines = refusal.headers.decode().split("\r\n")[:-1]
        answer = read(message("SIP/2.0 401 Unauthorized", *lines))
        assert isinstance(answer, Response)
        client = DigestClient("known", "pw", lambda: b"cn")
        assert client.learn(answer, Attempt())
        self.phones.append((client, self.now))

    def prove(self, which: int) -> None:
        """The next request of a phone, with the count one higher."""
        if not self.phones:
            return
        client, made_at = self.phones[-1 - which % len(self.phones)]
        proof = client.lines(b"REGISTER", b"sip:192.0.2.1").decode().strip()
        self.proofs.append(proof)
        refusal = self.ask(proof)
        if refusal is None:
            assert self.now - made_at <= LIFETIME_S + 0.001
            self.taken.add(proof)
        else:
            assert b"stale=true" in refusal.headers, "the password is right"
            # Only age is a reason, or that newer phones have pushed this one's nonce out.
            assert self.now - made_at > LIFETIME_S - 0.001 or len(self.phones) > MAX_NONCES

    def replay(self, which: int) -> None:
        """Somebody sends again what was heard on the wire."""
        if self.proofs:
            proof = self.proofs[-1 - which % len(self.proofs)]
            if proof in self.taken:
                assert self.ask(proof) is not None

    def make_up(self, which: int) -> None:
        """A nonce that was never given out, with a digest that is right for it."""
        if self.phones:
            nonce = f"{int(self.now * 1000):x}.{which:x}.{'0' * 32}"
            header = f'WWW-Authenticate: Digest realm="acd", nonce="{nonce}", qop="auth"'
            answer = read(message("SIP/2.0 401 Unauthorized", header))
            assert isinstance(answer, Response)
            lines = answer_challenge(answer, b"REGISTER", b"sip:192.0.2.1", "known", "pw", "c")
            refusal = self.ask(lines.decode().strip())
            assert refusal is not None
            assert b"stale=true" in refusal.headers

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_any_sequence(steps) -> None:
    stage = Stage()
    for what, *arguments in steps:
        getattr(stage, "pass_" if what == "pass" else what)(*arguments)
    assert len(stage.server._counts) <= MAX_NONCES


@pytest.mark.parametrize("account", ["nobody", "known"])
def test_an_empty_secret_is_nobodys(account: str) -> None:
    """An account that there is not cannot be proved by hashing with nothing for its secret."""
    stage = Stage()
    refusal = stage.ask()
    assert refusal is not None
    lines = refusal.headers.decode().split("\r\n")[:-1]
    answer = read(message("SIP/2.0 401 Unauthorized", *lines))
    client = DigestClient(account, "", lambda: b"cn")
    assert client.learn(answer, Attempt())
    for space in client._spaces.values():
        space.secret = ""
    proof = client.lines(b"REGISTER", b"sip:192.0.2.1").decode().strip()
    asked = read(request("REGISTER", proof))
    with pytest.raises(BadMessageError) as refused:
        stage.server.check(asked, account, HOST, stage.now)
    assert b"stale" not in refused.value.headers


def test_counts_may_jump_and_are_still_taken_once() -> None:
    stage = Stage()
    stage.challenge()
    client, _ = stage.phones[0]
    proofs = [client.lines(b"REGISTER", b"sip:192.0.2.1").decode().strip() for _ in range(9)]
    assert [stage.ask(proofs[n]) for n in (0, 6)] == [None, None]
    for late in (6, 5, 1):
        assert b"stale=true" in stage.ask(proofs[late]).headers
    assert stage.ask(proofs[7]) is None


def test_a_nonce_in_use_is_not_the_one_that_is_forgotten() -> None:
    """Of a table that is full the one goes that was used longest ago."""
    stage = Stage()
    for _ in range(MAX_NONCES + 1):
        stage.challenge()
        stage.now += 1.0
    old, *middle, new = [client for client, _ in reversed(stage.phones)]
    for client in (old, *middle, old, new):
        proof = client.lines(b"REGISTER", b"sip:192.0.2.1").decode().strip()
        assert stage.ask(proof) is None
    assert stage.ask(old.lines(b"REGISTER", b"sip:192.0.2.1").decode().strip()) is None


def test_auth_int_is_not_served() -> None:
    """Its digest would have to cover the body (RFC 7616 3.4.3), and ours looks at none."""
    stage = Stage()
    stage.challenge()
    client, _ = stage.phones[0]
    (space,) = client._spaces.values()
    fields = {
        "nonce": space.nonce,
        "uri": "sip:192.0.2.1",
        "qop": "auth-int",
        "nc": "00000001",
        "cnonce": "cn",
    }
    digest = request_digest(space.algorithm, space.secret, b"REGISTER", fields)
    proof = (
        f'Authorization: Digest username="known", realm="acd", nonce="{space.nonce}", '
        f'uri="sip:192.0.2.1", response="{digest}", algorithm={space.algorithm}, '
        f'qop=auth-int, nc=00000001, cnonce="cn"'
    )
    refusal = stage.ask(proof)
    assert refusal is not None
    assert b"stale" not in refusal.headers
    assert stage.ask(proof.replace("auth-int", "auth")) is not None


def test_a_count_has_eight_digits() -> None:
    """RFC 7616 3.4: "nc-value = 8LHEX"; a longer one would be kept in memory."""
    stage = Stage()
    stage.challenge()
    client, _ = stage.phones[0]
    (space,) = client._spaces.values()
    for count in ("1", "0" * 500 + "1"):
        fields = {
            "nonce": space.nonce,
            "uri": "sip:192.0.2.1",
            "qop": "auth",
            "nc": count,
            "cnonce": "cn",
        }
        digest = request_digest(space.algorithm, space.secret, b"REGISTER", fields)
        proof = (
            f'Authorization: Digest username="known", realm="acd", nonce="{space.nonce}", '
            f'uri="sip:192.0.2.1", response="{digest}", algorithm={space.algorithm}, '
            f'qop=auth, nc={count}, cnonce="cn"'
        )
        assert b"stale" not in stage.ask(proof).headers
    assert stage.ask(client.lines(b"REGISTER", b"sip:192.0.2.1").decode().strip()) is None
