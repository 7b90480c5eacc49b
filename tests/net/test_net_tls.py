"""SIP over real TLS connections: handshakes, certificates of both sides, reload."""

import asyncio
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from acd.net.limits import StreamLimits
from acd.net.listener import SipTransports, TransportError
from acd.net.tls import TlsDestination, TlsFiles, certificate_names
from acd.sip.peer import Peer
from tests.net.certificates import files, trusting, write_pair
from tests.net.sip_wire import DEADLINE_S, Arrivals, Serving, connections, message, run, until


class Client:
    """A TLS connection made by hand."""

    def __init__(self, server, context):
        self._peer = server.peer()
        self._context = context

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_connection(
            self._peer.host, self._peer.port, ssl=self._context
        )
        self.peer = Peer("tls", *self.writer.get_extra_info("sockname")[:2])
        return self

    async def __aexit__(self, *_):
        self.writer.transport.abort()
        with suppress(OSError):
            await self.writer.wait_closed()

    async def read(self, count):
        return await asyncio.wait_for(self.reader.readexactly(count), DEADLINE_S)

    def serial(self):
        """Return which certificate the server has shown."""
        return self.writer.get_extra_info("peercert")["serialNumber"]


async def handshakes_failed(server, count, direction="in"):
    await until(
        lambda: server.transports.statistics().handshakes_failed.get(("tls", direction)) == count
    )


def test_messages_go_both_ways_over_the_connection_of_a_phone(tmp_path):
    async def scenario():
        async with (
            Serving("tls", tls=files(tmp_path)) as server,
            Client(server, trusting()) as phone,
        ):
            phone.writer.write(message(1, b"body"))
            assert await server.arrivals.message() == (message(1, b"body"), phone.peer)
            server.transports.send(phone.peer, b"SIP/2.0 200 OK\r\n\r\n")
            assert await phone.read(18) == b"SIP/2.0 200 OK\r\n\r\n"
            phone.writer.write(b"\r\n\r\n")
            assert await phone.read(2) == b"\r\n"
            assert server.transports.certificate_names(phone.peer) == ()
            assert server.transports.statistics().connections["tls"] == 1

    run(scenario)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_connection_is_opened_verified_and_used_again(tmp_path, host):
    async def scenario():
        tls = files(tmp_path)
        async with (
            Serving(("tls", host, 0), tls=tls) as one,
            Serving(("tls", host, 0), tls=tls) as other,
        ):
            one.transports.send(other.peer(), message(1))
            one.transports.send(other.peer(), message(2))
            assert (await other.arrivals.message())[0] == message(1)
            data, back = await other.arrivals.message()
            assert data == message(2)
            other.transports.send(back, message(3))
            assert await one.arrivals.message() == (message(3), other.peer())
            await connections(one, 1)

    run(scenario)


def test_below_tls_1_2_nobody_is_served(tmp_path):
    async def scenario():
        async with Serving("tls", tls=files(tmp_path)) as server:
            old = trusting()
            old.set_ciphers("ALL:@SECLEVEL=0")
            with pytest.warns(DeprecationWarning, match="TLSv1"):
                old.minimum_version = ssl.TLSVersion.TLSv1
            with pytest.warns(DeprecationWarning, match="TLSv1_1"):
                old.maximum_version = ssl.TLSVersion.TLSv1_1
            with pytest.raises((ssl.SSLError, ConnectionError)):
                async with Client(server, old):
                    pass
            await handshakes_failed(server, 1)
            await connections(server, 0)

    run(scenario)


@pytest.mark.parametrize(
    ("destination", "accepted"),
    [
        (None, False),
        (TlsDestination(server_name="sip.example.com"), True),
        (TlsDestination(server_name="other.example.com"), False),
        (TlsDestination(verify=False), True),
    ],
)
def test_a_server_is_believed_by_its_name_only(tmp_path, destination, accepted):
    async def scenario():
        ours, theirs = tmp_path / "ours", tmp_path / "theirs"
        ours.mkdir()
        theirs.mkdir()
        provider = TlsFiles(**write_pair(theirs, "sip.example.com"))
        failures = []
        async with (
            Serving("tls", tls=provider) as trunk,
            Serving(
                "tls",
                tls=files(ours),
                on_handshake_failed=lambda peer, reason: failures.append((peer, reason)),
            ) as server,
        ):
            if destination is not None:
                server.transports.set_tls_destination(trunk.peer(), destination)
            server.transports.send(trunk.peer(), message(1))
            if accepted:
                assert (await trunk.arrivals.message())[0] == message(1)
                assert failures == []
            else:
                assert await server.arrivals.failure() == trunk.peer()
                assert trunk.arrivals.messages.empty()
                [(peer, reason)] = failures
                assert peer == trunk.peer()
                assert "verif" in reason
                await handshakes_failed(server, 1, "out")

    run(scenario)


def test_a_server_of_an_unknown_authority_is_not_believed(tmp_path):
    async def scenario():
        ours, theirs = tmp_path / "ours", tmp_path / "theirs"
        ours.mkdir()
        theirs.mkdir()
        pair = write_pair(theirs, "127.0.0.1", authority=trustme.CA())
        async with (
            Serving("tls", tls=TlsFiles(**pair)) as trunk,
            Serving("tls", tls=files(ours)) as server,
        ):
            server.transports.send(trunk.peer(), message(1))
            assert await server.arrivals.failure() == trunk.peer()
            server.transports.set_tls_destination(
                trunk.peer(), TlsDestination(ca=str(theirs / "none.pem"))
            )
            server.transports.send(trunk.peer(), message(1))
            assert await server.arrivals.failure() == trunk.peer()

    run(scenario)


def test_a_trunk_that_has_to_show_a_certificate_is_known_by_its_names(tmp_path):
    async def scenario():
        async with Serving("tls", tls=files(tmp_path, clients="required")) as server:
            async with Client(server, trusting(names=["gw.Example.com", "b.example"])) as trunk:
                trunk.writer.write(message(1))
                _, peer = await server.arrivals.message()
                names = server.transports.certificate_names(peer)
                assert names == ("gw.example.com", "b.example")
            await connections(server, 0)
            assert server.transports.certificate_names(peer) == ()

    run(scenario)


@pytest.mark.parametrize("context", [trusting(), trusting(names=["x"], authority=trustme.CA())])
def test_who_cannot_show_a_required_certificate_is_refused(tmp_path, context):
    async def scenario():
        async with Serving("tls", tls=files(tmp_path, clients="required")) as server:
            with suppress(OSError):  # with TLS 1.3 the client learns of it when it reads
                async with Client(server, context) as trunk:
                    trunk.writer.write(message(1))
                    await trunk.reader.read()
            await handshakes_failed(server, 1)
            await connections(server, 0)
            assert server.arrivals.messages.empty()

    run(scenario)


def test_an_optional_certificate_may_be_left_out_but_not_be_wrong(tmp_path):
    async def scenario():
        async with Serving("tls", tls=files(tmp_path, clients="optional")) as server:
            async with Client(server, trusting()) as phone:
                phone.writer.write(message(1))
                assert (
                    server.transports.certificate_names((await server.arrivals.message())[1]) == ()
                )
            async with Client(server, trusting(names=["gw.example"])) as trunk:
                trunk.writer.write(message(2))
                _, peer = await server.arrivals.message()
                assert server.transports.certificate_names(peer) == ("gw.example",)
            with suppress(OSError):
                async with Client(server, trusting(names=["x"], authority=trustme.CA())) as liar:
                    await liar.reader.read()
            await handshakes_failed(server, 1)

    run(scenario)


def test_our_own_certificate_is_shown_to_servers_that_ask(tmp_path):
    async def scenario():
        async with (
            Serving("tls", tls=files(tmp_path, clients="required")) as trunk,
            Serving("tls", tls=files(tmp_path)) as server,
        ):
            server.transports.send(trunk.peer(), message(1))
            _, peer = await trunk.arrivals.message()
            assert trunk.transports.certificate_names(peer) == ("localhost",)

    run(scenario)


def test_a_new_certificate_serves_new_handshakes_and_old_connections_stand(tmp_path):
    async def scenario():
        tls = files(tmp_path)
        async with Serving("tls", tls=tls) as server, Client(server, trusting()) as old:
            write_pair(tmp_path, "127.0.0.1")
            server.transports.reload_certificates()
            async with Client(server, trusting()) as new:
                assert new.serial() != old.serial()
                for phone, number in ((old, 1), (new, 2)):
                    phone.writer.write(message(number))
                    assert await server.arrivals.message() == (message(number), phone.peer)

    run(scenario)


def break_file(path):
    path.write_text("half of a fi")


@pytest.mark.parametrize("broken", ["certificate", "key", "client_ca", "foreign key"])
def test_a_broken_file_keeps_the_former_certificate_and_says_so(tmp_path, broken):
    async def scenario():
        tls = files(tmp_path, clients="optional")
        async with Serving("tls", tls=tls) as server, Client(server, trusting()) as before:
            if broken == "foreign key":
                key = trustme.CA().issue_cert("x").private_key_pem
                (tmp_path / "key.pem").write_bytes(key.bytes())
                path, reason = tls.key, "the key is another certificate's"
            else:
                path, reason = getattr(tls, broken), "no PEM"
                break_file(Path(path))
            with pytest.raises(TransportError) as caught:
                server.transports.reload_certificates()
            assert path in str(caught.value)
            assert reason in str(caught.value)
            async with Client(server, trusting()) as after:
                assert after.serial() == before.serial()

    run(scenario)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"certificate": "/no/such.pem"}, "/no/such.pem .*No such file"),
        ({"client_ca": ""}, "no CA that signs them is named"),
        ({"server_ca": "/no/ca.pem"}, "CA file /no/ca.pem cannot be used: No such file"),
    ],
)
def test_files_that_cannot_be_used_are_said_at_start(tmp_path, change, reason):
    async def scenario():
        tls = files(tmp_path, clients="required")
        fields = {name: getattr(tls, name) for name in tls.__struct_fields__} | change
        arrivals = Arrivals()
        with pytest.raises(TransportError, match=reason):
            SipTransports(arrivals.on_message, arrivals.on_failed, tls=TlsFiles(**fields))

    run(scenario)


@pytest.mark.parametrize("opening", [b"", b"OPTIONS sip:a SIP/2.0\r\n\r\n"])
def test_who_does_not_shake_hands_is_dropped(tmp_path, opening):
    async def scenario():
        limits = StreamLimits(handshake_s=0.1)
        async with Serving("tls", tls=files(tmp_path), limits=limits) as server:
            peer = server.peer()
            reader, writer = await asyncio.open_connection(peer.host, peer.port)
            writer.write(opening)
            with suppress(ConnectionError):
                await asyncio.wait_for(reader.read(), DEADLINE_S)
            writer.close()
            await handshakes_failed(server, 1)
            await connections(server, 0)

    run(scenario)


def test_a_host_that_does_not_finish_its_handshakes_holds_up_itself_alone(tmp_path):
    async def scenario():
        limits = StreamLimits(handshakes=4, handshakes_per_host=2)
        async with Serving(("tls", "0.0.0.0", 0), tls=files(tmp_path), limits=limits) as server:
            port = server.peer().port
            with _connected("127.0.0.2", port, 8):
                await connections(server, 8)
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=trusting(), server_hostname="127.0.0.1"
                )
                writer.write(message(1))
                assert (await server.arrivals.message())[0] == message(1)
                writer.transport.abort()
            await connections(server, 0)
            del reader

    run(scenario)


class _connected:  # noqa: N801  used like a function
    """Connections from an address of loopback that never say anything."""

    def __init__(self, source, port, count):
        self._sockets = [socket.socket() for _ in range(count)]
        for sock in self._sockets:
            sock.bind((source, 0))
            sock.connect((source, port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self._sockets:
            sock.close()


def test_a_tls_peer_that_does_not_read_is_given_up(tmp_path):
    async def scenario():
        limits = StreamLimits(write_buffer_bytes=50_000)
        async with (
            Serving("tls", tls=files(tmp_path), limits=limits) as server,
            Client(server, trusting()) as phone,
        ):
            phone.writer.transport.pause_reading()
            phone.writer.write(message(1))
            _, peer = await server.arrivals.message()
            while server.arrivals.failed.empty():
                server.transports.send(peer, b"x" * 40_000)
                await asyncio.sleep(0)
            assert await server.arrivals.failure() == peer
            assert server.transports.statistics().cut == {("tls", "not_reading"): 1}
            await connections(server, 0)

    run(scenario)


@pytest.mark.parametrize(
    ("certificate", "names"),
    [
        (None, ()),
        ({}, ()),
        (
            {"subjectAltName": (("DNS", "GW.example"), ("IP Address", "192.0.2.1"))},
            ("gw.example",),
        ),
        (
            {"subjectAltName": (("URI", "sip:Example.com"), ("DNS", "gw.example"))},
            ("example.com",),
        ),
        (
            {"subjectAltName": (("URI", "sip:bob@example.com"), ("DNS", "gw.example"))},
            ("gw.example",),
        ),
        ({"subject": ((("commonName", "Old.example"),),)}, ("old.example",)),
        (
            {
                "subject": ((("commonName", "old.example"),),),
                "subjectAltName": (("IP Address", "192.0.2.1"),),
            },
            (),
        ),
    ],
)
def test_names_of_a_certificate(certificate, names):
    """RFC 5922 7.1: URIs of SIP domains, else DNS names, else the common name."""
    assert certificate_names(certificate) == names
