"""Digest as the client: which challenge is answered, and how often (RFC 7616, RFC 8760)."""

import re

import pytest
from sip_support import message

from acd.sip.digest_client import MAX_SPACES, Attempt, DigestClient
from acd.sip.digest_values import ha1, request_digest
from acd.sip.message import Response, read


def challenged(*lines: str, status: int = 401) -> Response:
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    headers = [f"{name}: {line}" for line in lines]
    response = read(message(f"SIP/2.0 {status} No", *headers))
    assert isinstance(response, Response)
    return response


def client() -> DigestClient:
    return DigestClient('bob "b"', "pw", lambda: b"cn")


def parameter(lines: bytes, name: str) -> str:
    found = re.search(rf'{name}="?((?:[^",\\]|\\.)*)', lines.decode())
    assert found is not None
    return found[1]


MD5 = 'Digest realm="r", nonce="m", algorithm=MD5, qop="auth"'
SHA = 'Digest realm="r", nonce="s", algorithm=SHA-256, qop="auth,auth-int", opaque="o"'


@pytest.mark.parametrize("lines", [(MD5, SHA), (SHA, MD5)])
def test_sha_256_is_preferred(lines: tuple[str, str]) -> None:
    bob = client()
    assert bob.learn(challenged(*lines), Attempt())
    answer = bob.lines(b"INVITE", b"sip:x")
    assert parameter(answer, "algorithm") == "SHA-256"
    assert parameter(answer, "opaque") == "o"
    fields = {"nonce": "s", "uri": "sip:x", "nc": "00000001", "cnonce": "cn", "qop": "auth"}
    secret = ha1('bob "b"', "r", "pw", "SHA-256")
    assert parameter(answer, "response") == request_digest("SHA-256", secret, b"INVITE", fields)
    assert answer.count(b"\r\n") == 1
    assert b'username="bob \\"b\\""' in answer


def test_the_old_form_without_qop() -> None:
    bob = client()
    assert bob.learn(challenged('Digest realm="r", nonce="n"'), Attempt())
    answer = bob.lines(b"BYE", b"sip:x")
    assert b"cnonce" not in answer
    fields = {"nonce": "n", "uri": "sip:x"}
    secret = ha1('bob "b"', "r", "pw", "MD5")
    assert parameter(answer, "response") == request_digest("MD5", secret, b"BYE", fields)


@pytest.mark.parametrize(
    "line",
    [
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Digest realm="r", nonce="n", algorithm=SHA-512-256, qop="auth"',
        'Digest realm="r", nonce="", qop="auth"',
        'Digest realm="r", nonce="n',
        "Basic realm=r",
    ],
)
def test_what_cannot_be_answered(line: str) -> None:
    bob = client()
    assert not bob.learn(challenged(line), Attempt())
    assert bob.lines(b"INVITE", b"sip:x") == b""


def test_several_realms_at_once() -> None:
    bob = client()
    other = 'Digest realm="q", nonce="z", qop="auth"'
    assert bob.learn(challenged(MD5, other, status=407), Attempt())
    assert bob.lines(b"INVITE", b"sip:x").count(b"Proxy-Authorization: ") == 2


def test_spaces_are_limited() -> None:
    bob, attempt = client(), Attempt()
    for number in range(20):
        bob.learn(challenged(f'Digest realm="{number}", nonce="n"'), attempt)
    assert bob.lines(b"INVITE", b"sip:x").count(b"\r\n") == MAX_SPACES


def test_rejected_credentials_are_not_sent_again() -> None:
    bob, attempt = client(), Attempt()
    assert bob.learn(challenged(MD5), attempt)
    assert not bob.learn(challenged(MD5.replace('"m"', '"newer"')), attempt)
    assert bob.learn(challenged(MD5), Attempt()), "a later request may try"


def test_after_a_redirection_only_known_realms_are_answered() -> None:
    bob = client()
    assert bob.learn(challenged(MD5), Attempt())
    bob.close()
    assert not bob.learn(challenged('Digest realm="thief", nonce="n"'), Attempt())
    assert bob.learn(challenged(MD5), Attempt())


@pytest.mark.parametrize("name", ["md5", "sha-256"])
def test_an_algorithm_is_known_however_it_is_written(name: str) -> None:
    bob = client()
    assert bob.learn(challenged(f'Digest realm="r", nonce="n", algorithm={name}'), Attempt())
    assert parameter(bob.lines(b"INVITE", b"sip:x"), "algorithm").strip() == name.upper()
