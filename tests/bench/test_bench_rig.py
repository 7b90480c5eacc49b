"""The rig's own arithmetic: what it says of a server must be right."""

import hashlib
import re
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(autouse=True)
def _rig_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "rig"))


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def test_order_of_bridging_against_order_of_arrival():
    from loads import out_of_order

    def load(*order):
        calls = [str(call) for call in order]
        connected = {call: float(at) for at, call in enumerate(calls)}
        return SimpleNamespace(connected=connected, invited=dict.fromkeys(calls, 0.0))

    assert out_of_order(load(1, 2, 3, 4)) == (0, 0.0)
    assert out_of_order(load(2, 3, 4, 1)) == (3, 33.33)
    assert out_of_order(load(9, 10)) == (0, 0.0)  # numbers, not texts


def test_an_agent_idles_from_the_end_of_a_call_to_the_next_ring():
    from loads import idle_gaps_ms

    events = [(1.0, "R"), (1.1, "C"), (3.0, "H"), (3.25, "R"), (3.3, "C"), (5.0, "B"), (9.5, "R")]
    assert idle_gaps_ms(SimpleNamespace(by_agent={"a0001": events}), end=9.0) == [250.0]


def test_percentiles():
    from sipp import stats

    assert stats([]) is None
    assert stats(range(1, 101)) == {
        "n": 100,
        "mean": 50.5,
        "p50": 51,
        "p95": 96,
        "p99": 100,
        "max": 100,
    }


def test_digest_answers_the_first_known_challenge():
    from registration import authorization

    message = (
        "SIP/2.0 401 Unauthorized\r\n"
        'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-512-256, qop="auth"\r\n'
        'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth", opaque="o"\r\n'
    )
    line = authorization(message, "a0001", "secret", "sip:127.0.0.1")
    cnonce = re.search(r'cnonce="(\w+)"', line)[1]
    expected = md5(
        f"{md5('a0001:r:secret')}:n:00000001:{cnonce}:auth:{md5('REGISTER:sip:127.0.0.1')}"
    )
    assert line.startswith('Authorization: Digest username="a0001", realm="r", nonce="n"')
    assert f'response="{expected}"' in line
    assert 'opaque="o"' in line


def test_cpu_time_between_two_samples_is_on_a_straight_line():
    from processes import Sampler

    sampler = Sampler(server=None)
    sampler.rows = [(10.0, 1.0, 0), (12.0, 2.0, 0)]
    assert [sampler.cpu_s_at(t) for t in (9.0, 10.5, 12.0, 13.0)] == [1.0, 1.25, 2.0, 2.0]


def test_the_own_process_is_seen_with_its_memory_and_cpu():
    import os

    from processes import Server

    server = Server([os.getpid()])
    assert server.alive()
    assert server.rss_kb() > 1000
    assert server.cpu_s() > 0
