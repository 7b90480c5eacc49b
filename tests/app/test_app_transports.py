"""Where the server listens and what phones are told; certificates that change under way."""

import asyncio
from pathlib import Path

import pytest
import structlog

from acd.app.state import StartError
from acd.app.transports import CertificateWatch, advertised, listeners
from acd.config import Address
from acd.config.server import Sip
from acd.net.listener import TransportError

V4, V6 = ("udp", "192.0.2.1", 5060), ("udp", "2001:db8::1", 5062)


def test_the_option_takes_the_place_of_udp_and_tcp_only():
    sip = Sip.model_validate(
        {
            "udp": ["192.0.2.1:5060", "192.0.2.2:5060"],
            "ws": ["192.0.2.1:8080"],
        }
    )
    assert listeners(sip, None) == [
        ("udp", "192.0.2.1", 5060),
        ("udp", "192.0.2.2", 5060),
        ("tcp", "127.0.0.1", 5060),
        ("ws", "192.0.2.1", 8080),
    ]
    assert listeners(sip, Address("::1", 0)) == [
        ("udp", "::1", 0),
        ("tcp", "::1", 0),
        ("ws", "192.0.2.1", 8080),
    ]


@pytest.mark.parametrize(
    ("settings", "bound", "plain", "v6"),
    [
        ({}, [V4, V6], ("192.0.2.1", 5060), ("2001:db8::1", 5062)),
        ({}, [V6], ("2001:db8::1", 5062), ("2001:db8::1", 5062)),
        (
            {"advertised_host": "203.0.113.7"},
            [V4, V6],
            ("203.0.113.7", 5060),
            ("2001:db8::1", 5062),
        ),
        (
            {"advertised_host": "sip.example.com"},
            [V4, V6],
            ("sip.example.com", 5060),
            ("sip.example.com", 5062),
        ),
        (
            {"advertised_host": "sip.example.com", "advertised_host_v6": "2001:db8::2"},
            [("udp", "::", 5062), V4],
            ("sip.example.com", 5060),
            ("2001:db8::2", 5062),
        ),
    ],
)
def test_phones_are_told_the_address_of_their_family(settings, bound, plain, v6):
    assert advertised(bound, Sip(**settings)) == ({"udp": plain}, {"udp": v6})


@pytest.mark.parametrize(
    ("host", "setting"), [("0.0.0.0", "advertised_host"), ("::", "advertised_host_v6")]
)
def test_all_addresses_are_none_that_a_phone_can_be_told(host, setting):
    with pytest.raises(StartError, match=f"sip.{setting} must name"):
        advertised([("udp", host, 5060)], Sip(advertised_host=""))


class Transports:
    """Takes certificates as long as they say "good"."""

    def __init__(self, file):
        self._file = file
        self.taken = []
        self.asked = asyncio.Event()

    def reload_certificates(self):
        self.asked.set()
        text = self._file.read_text()
        if text.startswith("broken"):
            raise TransportError(f"{text} cannot be used")
        self.taken.append(text)


@pytest.mark.asyncio
async def test_a_changed_file_is_taken_and_a_broken_one_told(tmp_path):
    file = tmp_path / "certificate.pem"
    file.write_text("good 1")
    transports = Transports(file)
    watch = CertificateWatch(transports, (file,))
    await watch.look()
    assert transports.taken == []
    file.write_text("broken 2")
    with structlog.testing.capture_logs() as lines:
        await watch.look()
    assert watch.faults == ("broken 2 cannot be used",)
    assert lines[0]["event"] == "certificate_refused"
    file.write_text("good 1")
    await watch.look()
    assert watch.faults == ()
    file.write_text("good 3")
    await watch.look()
    await watch.look()
    assert transports.taken == ["good 1", "good 3"]


def turn(link, target):
    """Have it point elsewhere, in one step."""
    new = link.with_name(".new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


@pytest.mark.asyncio
async def test_a_link_that_is_turned_is_seen(tmp_path):
    """Certificates are renewed so by certbot and in Kubernetes."""
    (tmp_path / "live").mkdir()
    for number in (1, 2):
        (tmp_path / f"archive{number}").mkdir()
        (tmp_path / f"archive{number}" / "cert.pem").write_text(f"good {number}")
    file = tmp_path / "live" / "cert.pem"
    file.symlink_to("../archive1/cert.pem")
    transports = Transports(file)
    watch = CertificateWatch(transports, (file,))
    running = asyncio.create_task(watch.run())
    async with asyncio.timeout(60):
        while not transports.asked.is_set():
            # The watcher says nothing when it has begun: turn the link until it has seen it.
            turn(file, "../archive2/cert.pem")
            await asyncio.wait([asyncio.create_task(transports.asked.wait())], timeout=0.5)
    running.cancel()
    assert transports.taken == ["good 2"]


@pytest.mark.asyncio
async def test_without_files_nothing_is_watched():
    await asyncio.wait_for(CertificateWatch(Transports(Path()), ()).run(), 30)
