"""TCP, TLS, WebSocket and IPv6 with clients nobody here wrote: register, call, be called."""

import asyncio
import hashlib
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import sipmessage
from baresip import Baresip
from hall import Hall
from server import Server, Site, until
from sipua.application import Application
from sipua.dialog import Dialog
from tones import AGENT_HZ, CALLER_HZ, RATE_HZ, Recording

from acd.net.media_phone import PhoneMedia

ECHO = "4099"
SALES = "4001"
SERVICE = "4002"

LIMIT_S = 60.0
HEARD_S = 0.5


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    """Return a server on all transports; baresip knows MD5 only."""
    loopback = ["127.0.0.1:0"]
    site.encrypt(tls=loopback, ws=loopback, wss=loopback, digest_algorithms=["MD5"])
    server = Server(site)
    yield server.start()
    server.close()


def shown_certificate(server: Server) -> str:
    """Return the certificate that a new TLS connection is shown."""
    context = ssl.create_default_context(cafile=str(server.site.ca))
    host, _, port = server.sip("tls").rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=LIMIT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        return ssl.DER_cert_to_PEM_cert(secured.getpeercert(binary_form=True) or b"")


def talk(hall: Hall, *, agent: str, caller: str) -> None:
    """Have a caller reach an agent, who holds, resumes, and hands the caller on to a queue."""
    phone, other = hall.agent("1001", transport=agent), hall.caller(transport=caller)
    other.call(SALES)
    phone.rings()
    phone.answer()
    other.hears(AGENT_HZ)
    phone.hears(CALLER_HZ)
    phone.hold()
    hall.server.agent_is("1001", "held")
    phone.unhold()
    hall.server.agent_is("1001", "talking")
    phone.transfer(SERVICE)
    assert phone.transferred().code == 200
    assert phone.hung_up().code == 200
    waits_for_service(hall.server)
    assert other.hangup().code == 200


def waits_for_service(server: Server) -> None:
    """Wait until the only call is in the queue that it was handed on to."""
    until(lambda: [call["queue"] for call in server.api("GET", "/calls")] == ["service"], SERVICE)


def test_the_banner_says_where(server: Server) -> None:
    log = server.log()
    assert f"{server.sip('tls')} (tls)" in log
    assert f"wss://{server.sip('wss')}" in log
    assert f"ws://{server.sip('ws')}" in log


@pytest.mark.parametrize(("agent", "caller"), [("tls", "tcp"), ("tcp", "tls")])
def test_pjsip_calls_pjsip(hall: Hall, agent: str, caller: str) -> None:
    talk(hall, agent=agent, caller=caller)


def test_pjsip_insists_on_sips(server: Server, hall: Hall) -> None:
    """It hangs up a call by a SIPS URI whose answer has another Contact."""
    caller = hall.caller(transport="tls")
    caller.call_answered(f"sips:{ECHO}@{server.sip('tls')}")
    caller.hears(CALLER_HZ)
    assert caller.hangup().code == 200


def test_a_certificate_is_renewed_during_a_call(server: Server, hall: Hall) -> None:
    caller = hall.caller(transport="tls")
    caller.call_answered(ECHO)
    before = shown_certificate(server)
    server.site.encrypt()
    until(lambda: "certificate_reloaded" in server.log(), "the new certificate")
    assert shown_certificate(server) != before
    (server.site.config / "server.pem").write_text("half of a fi")
    until(lambda: "certificate_refused" in server.log(), "the broken certificate")
    assert "cannot be used" in server.get("/readyz")[1]
    assert shown_certificate(server) != before
    caller.hears(CALLER_HZ)
    caller.hangup()


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_baresip_calls_holds_and_transfers(
    server: Server, hall: Hall, tmp_path: Path, transport: str
) -> None:
    echo = f"sip:{ECHO}@{server.sip(transport)};transport={transport}"
    agent = Baresip(
        *(tmp_path / "baresip", server.sip(transport)),
        *("1001", server.password("1001"), AGENT_HZ),
        transport=transport,
        ca=server.site.ca,
    )
    try:
        server.agent_is("1001", "idle")
        agent.command("dial", echo)
        until(lambda: server.agent("1001")["state"] == "talking", "the agent's own call")
        agent.command("hangup")
        server.no_calls()
        server.agent_is("1001", "idle")
        caller = hall.caller()
        caller.call_answered(SALES)
        caller.hears(AGENT_HZ)
        agent.command("hold")
        server.agent_is("1001", "held")
        agent.command("resume")
        server.agent_is("1001", "talking")
        agent.command("transfer", f"sip:{SERVICE}@{server.sip(transport)};transport={transport}")
        waits_for_service(server)
        server.agent_is("1001", "wrap_up")
        caller.hangup()
        server.api("POST", "/agents/1001/wrap-up/end", {})
    finally:
        print(agent.close())
    server.agent_is("1001", "offline")


# --- sipua over WebSocket ---


class Browser(Application):
    """sipua behind a WebSocket: calls, and takes one call."""

    def __init__(self) -> None:
        super().__init__()
        self.media: PhoneMedia | None = None
        self.rung = asyncio.Event()

    async def handle_request(self, request: sipmessage.Request) -> None:
        """Answer an INVITE with a tone; the rest is the dialog's."""
        if request.method != "INVITE" or self.media is None:
            await super().handle_request(request)
            return
        dialog = Called.create_uas(dialog_layer=self.dialog_layer, request=request)
        answer = dialog.create_response(request, 200)
        answer.content_type = sipmessage.MediaType(mime_type="application/sdp")
        answer.body = self.media.answer(request.body)
        self.media.play_tone(AGENT_HZ)
        await dialog.send_response(answer)
        self.rung.set()

    def dialog(self, local: str, remote: str) -> Dialog:
        """Begin a dialog of our own."""
        return Dialog.create_uac(
            dialog_layer=self.dialog_layer,
            local_address=sipmessage.Address.parse(local),
            remote_address=sipmessage.Address.parse(remote),
        )

    async def register(self, server: Server, user: str) -> sipmessage.Response:
        """Register by digest (RFC 2617's MD5, written out)."""
        place = f"sip:{server.sip('ws')};transport=ws"
        own = f"<sip:{user}@{server.sip('ws')};transport=ws>"
        dialog = self.dialog(own, own)
        first = dialog.create_request("REGISTER")
        first.uri = sipmessage.URI.parse(place)
        asked = (await dialog.send_request(first)).www_authenticate
        assert asked is not None
        challenge = asked.parameters
        ha1 = _md5(f"{user}:{challenge['realm']}:{server.password(user)}")
        ha2 = _md5(f"REGISTER:{place}")
        nonce = challenge["nonce"]
        proof = sipmessage.AuthParameters(
            username=user,
            realm=challenge["realm"],
            nonce=nonce,
            uri=place,
            response=_md5(f"{ha1}:{nonce}:00000001:c0ffee:auth:{ha2}"),
            cnonce="c0ffee",
            qop="auth",
            nc="00000001",
        )
        again = dialog.create_request("REGISTER")
        again.uri = first.uri
        again.authorization = sipmessage.AuthCredentials(scheme="Digest", parameters=proof)
        return await dialog.send_request(again)


class Called(Dialog):
    """The dialog of a call that was taken: answers its BYE."""

    async def handle_request(self, request: sipmessage.Request) -> None:
        """Answer BYE; an ACK is heard."""
        if request.method != "ACK":
            await self.send_response(self.create_response(request, 200))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@asynccontextmanager
async def browser(server: Server, transport: str) -> AsyncIterator[Browser]:
    """Connect sipua by WebSocket; it has sound."""
    agent = Browser()
    agent.media = await PhoneMedia.open("127.0.0.1")
    await agent.connect_websocket(f"{transport}://{server.sip(transport)}")
    try:
        async with asyncio.timeout(LIMIT_S):
            yield agent
    finally:
        await agent.media.close()
        await agent.close()


def hears(frequency_hz: float) -> Callable[[PhoneMedia], bool]:
    """Return a check that the tone was heard for long enough."""

    def check(media: PhoneMedia) -> bool:
        samples = np.frombuffer(media.recorded_samples(), dtype="<i2") / 32768.0
        return Recording(samples, RATE_HZ).tone_s(frequency_hz) >= HEARD_S

    return check


@pytest.mark.parametrize("transport", ["ws", "wss"])
def test_a_browser_calls(server: Server, transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.site.ca))

    async def call() -> None:
        async with browser(server, transport) as phone:
            assert phone.media is not None
            to = f"<sip:{ECHO}@{server.sip(transport)};transport=ws>"
            dialog = phone.dialog("<sip:13900139000@browser.invalid>", to)
            invite = dialog.create_request("INVITE")
            invite.content_type = sipmessage.MediaType(mime_type="application/sdp")
            invite.body = phone.media.offer()
            answer = await dialog.send_request(invite)
            assert answer.code == 200
            phone.media.accept(answer.body)
            phone.media.play_tone(CALLER_HZ)
            await phone.media.until(hears(CALLER_HZ))
            assert (await dialog.send_request(dialog.create_request("BYE"))).code == 200

    asyncio.run(call())


def test_a_browser_is_called_until_its_connection_is_gone(server: Server, hall: Hall) -> None:
    caller = hall.caller()

    async def work() -> None:
        async with browser(server, "ws") as phone:
            assert phone.media is not None
            assert (await phone.register(server, "1002")).code == 200
            await asyncio.to_thread(server.agent_is, "1002", "idle")
            await asyncio.to_thread(caller.call, SALES)
            await phone.rung.wait()
            await phone.media.until(hears(CALLER_HZ))
            await asyncio.to_thread(caller.hears, AGENT_HZ)
            await asyncio.to_thread(caller.hangup)
            await asyncio.to_thread(server.agent_is, "1002", "wrap_up")

    asyncio.run(work())
    server.api("POST", "/agents/1002/wrap-up/end", {})
    server.agent_is("1002", "offline")


# --- IPv6 ---


def test_sipp_over_ipv6(tmp_path: Path) -> None:
    """SIPp, since pjsua2's wheel has no IPv6."""
    site = Site()
    server = Server(site, address="[::1]:0")
    try:
        server.start()
        assert server.sip("udp").startswith("[::1]:")
        for transport in ("u1", "t1"):
            _sipp_calls(server, tmp_path, transport)
        server.rows("SELECT 1 FROM interactions WHERE reason = 'hangup'", count=2)
    finally:
        server.close()
        site.remove()


def _sipp_calls(server: Server, folder: Path, transport: str) -> None:
    """Have SIPp's built-in caller make one call."""
    program = shutil.which("sipp")
    assert program, "SIPp is missing: apt-get install sip-tester (`make test` does)"
    done = subprocess.run(
        [
            *(program, server.sip("udp" if transport == "u1" else "tcp"), "-sn", "uac"),
            *("-s", ECHO, "-i", "::1", "-t", transport, "-m", "1", "-d", "100"),
            *("-nostdin", "-trace_err", "-timeout", "60s"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=80,
        check=False,
    )
    errors = "".join(path.read_text() for path in folder.glob("*_errors.log"))
    assert done.returncode == 0, f"SIPp {done.returncode}\n{done.stdout[-3000:]}\n{errors[:3000]}"
