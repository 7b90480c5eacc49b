"""A caller of another make over UDP and TCP: sipua's transactions, dialogs and connections."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
import sipmessage
from server import Server, Site
from sipua.application import Application
from sipua.dialog import Dialog
from sipua.transport import TransportAddress
from tones import CALLER_HZ, RATE_HZ, Recording

from acd.net.media_phone import PhoneMedia

LIMIT_S = 60.0
"For everything a test does on the wire: it takes a second."

HEARD_S = 0.5
"Of the echo, before the caller hangs up."


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    """Return a server on the stock configuration."""
    server = Server(site)
    yield server.start()
    server.close()


@asynccontextmanager
async def caller(server: Server, transport: str, number: str) -> AsyncIterator[Dialog]:
    """Give a dialog to be, from a user agent of its own to a number of the server."""
    agent = Application()
    await agent.listen(TransportAddress(transport, "127.0.0.1", 0))
    to = f"<sip:{number}@{server.sip(transport)};transport={transport}>"
    try:
        async with asyncio.timeout(LIMIT_S):
            yield Dialog.create_uac(
                dialog_layer=agent.dialog_layer,
                local_address=sipmessage.Address.parse("<sip:13900139000@127.0.0.1>"),
                remote_address=sipmessage.Address.parse(to),
            )
    finally:
        await agent.close()


def hears_itself(media: PhoneMedia) -> bool:
    """Say whether the echo of the caller's tone has come for long enough."""
    samples = np.frombuffer(media.recorded_samples(), dtype="<i2") / 32768.0
    return Recording(samples, RATE_HZ).tone_s(CALLER_HZ) >= HEARD_S


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_options_are_answered(server: Server, transport: str) -> None:
    async def ask() -> sipmessage.Response:
        async with caller(server, transport, "4099") as dialog:
            return await dialog.send_request(dialog.create_request("OPTIONS"))

    answer = asyncio.run(ask())
    assert answer.code == 200
    allowed = (answer.headers.get("Allow") or "").split(", ")
    assert {"INVITE", "ACK", "CANCEL", "BYE"} <= set(allowed)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_call_is_answered_heard_and_hung_up(server: Server, transport: str) -> None:
    async def call() -> str:
        media = await PhoneMedia.open("127.0.0.1")
        async with caller(server, transport, "4099") as dialog:
            invite = dialog.create_request("INVITE")
            invite.content_type = sipmessage.MediaType(mime_type="application/sdp")
            invite.body = media.offer()
            answer = await dialog.send_request(invite)
            assert answer.code == 200
            media.accept(answer.body)
            media.play_tone(CALLER_HZ)
            await media.until(hears_itself)
            bye = await dialog.send_request(dialog.create_request("BYE"))
            assert bye.code == 200
        await media.close()
        return dialog.call_id

    [row] = server.rows(
        "SELECT ended_by, reason FROM interactions"
        " WHERE sip_call_id = $1 AND ended_at IS NOT NULL",
        asyncio.run(call()),
    )
    assert (row["ended_by"], row["reason"]) == ("caller", "hangup")
