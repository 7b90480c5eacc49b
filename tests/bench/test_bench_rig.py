"""The rig's own arithmetic: what it says of a server must be right."""

import hashlib
import json
import re
import socket
import subprocess
import threading
import time
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


def test_under_overload_calls_are_accepted_and_served_refused_or_neither():
    from load import Load
    from stress import overload_figures

    load = Load.__new__(Load)
    load.invited = dict.fromkeys("12345", 1.0)
    load.answered = {"1": 1.1, "2": 1.1, "3": 1.1}
    load.connected = {"1": 1.2, "2": 1.2}
    load.done = {"1": 2.0, "3": 2.0}  # 2 got lost while it talked, 3 has waited in vain
    load.refused, load.retry_after = {"4": 1.004}, {"4": 5}
    figures = overload_figures(load)
    assert (figures["accepted"], figures["served"]) == (3, 1)
    assert (figures["refused"], figures["no_answer"]) == (1, 1)
    assert figures["served_of_accepted_pct"] == 33.333
    assert (figures["refused_pct"], figures["retry_after_pct"]) == (20.0, 100.0)
    assert figures["refused_ms"]["p95"] == 4.0


def test_a_flood_that_lets_no_call_through_is_no_slowness_of_0():
    from stress import slower, slowest

    quiet, beside = {"setup_ms": {"p50": 2.0, "p95": 4.0}}, {"setup_ms": {"p50": 3.0, "p95": 4.0}}
    assert slower(beside, quiet) == {"p50": 1.5, "p95": 1.0}
    assert slower({"setup_ms": None}, quiet) is None
    assert slowest([{"p50": 1.5, "p95": 1.0}, {"p50": 1.0, "p95": 2.0}]) == {
        "p50": 1.5,
        "p95": 2.0,
    }
    assert slowest([{"p50": 1.5, "p95": 1.0}, None]) is None


def test_what_has_grown():
    from stress import grown

    assert grown({"a": 1, "b": 2}, {"a": 4, "c": 1}) == {"a": 3, "b": -2, "c": 1}


@pytest.fixture(scope="module")
def sipsend(tmp_path_factory):
    """Return the prober and flood, built as run.py does."""
    program = tmp_path_factory.mktemp("rig") / "sipsend"
    source = Path(__file__).parent / "rig" / "sipsend.c"
    subprocess.run(["cc", "-O2", "-o", program, source], check=True)
    return program


class Answering(threading.Thread):
    """Answers requests; the tenth and all after it only when `stalls_s` are over."""

    def __init__(self, stalls_s=0.0):
        super().__init__()
        self.stalls_s = stalls_s
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.requests = []

    def run(self):
        while True:
            request, peer = self.socket.recvfrom(2000)
            if request == b"end":
                return
            self.requests.append(request)
            if len(self.requests) == 10:
                time.sleep(self.stalls_s)
            (cseq,) = re.findall(rb"CSeq:.*\r\n", request)
            status = b"200 OK" if b"OPTIONS" in cseq else b"503 Full"
            self.socket.sendto(b"SIP/2.0 " + status + b"\r\n" + cseq + b"\r\n", peer)

    def ask(self, program, mode, *words):
        self.start()
        with self.socket:
            host, port = self.socket.getsockname()
            command = [program, mode, "127.0.0.2", host, str(port), *words]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"end", (host, port))
            self.join()
        return json.loads(done.stdout)


def test_the_prober_sees_a_pause_when_and_how_long_it_is(sipsend):
    found = Answering(stalls_s=1.0).ask(sipsend, "probe", "5", "0.5")
    assert found["sent"] == found["answered"] == 100
    assert found["max"] >= 995  # the tenth waited for all of it
    assert found["pauses_above_50_ms"] >= 1
    assert found["worst"][0] == {
        "at_s": pytest.approx(0.045),
        "ms": pytest.approx(found["max"], abs=0.1),
    }


def test_a_flood_is_of_calls_that_each_differ(sipsend):
    peer = Answering()
    found = peer.ask(sipsend, "flood", "500", "0.2", "4001", "999")
    assert (found["sent"], found["503"]) == (100, 100)
    calls = {re.search(rb"Call-ID: (.*)\r\n", request)[1] for request in peer.requests}
    branches = {re.search(rb"branch=(.*)\r\n", request)[1] for request in peer.requests}
    assert len(calls) == len(branches) == 100
    assert sum(request.startswith(b"INVITE sip:4001@") for request in peer.requests) == 50


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
