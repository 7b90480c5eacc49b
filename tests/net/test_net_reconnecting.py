"""A connection that ends during a call, with real sockets: the BYE finds the gateway."""

import asyncio

from acd.sip.effects import Send
from acd.sip.endpoint import Endpoint
from acd.sip.events import InviteReceived
from acd.sip.message import read
from tests.net.sip_wire import DEADLINE_S, Serving, connections, run
from tests.sip.sip_support import SDP, make_endpoint, request


class Line:
    """An endpoint at its transports, without a clock: nothing here has to be repeated."""

    def __init__(self, server: Serving) -> None:
        self._server = server
        self.endpoint: Endpoint = make_endpoint()

    def send(self, outputs: list) -> list:
        """Send what is to be sent; return the rest."""
        for item in outputs:
            if isinstance(item, Send):
                self._server.transports.send(item.peer, item.data)
        return [item for item in outputs if not isinstance(item, Send)]

    async def receive(self) -> list:
        data, peer = await self._server.arrivals.message()
        return self.send(self.endpoint.receive(data, peer, 0.0))


def test_a_gateway_that_closed_its_connection_hears_the_bye() -> None:
    async def scenario() -> None:
        async with Serving("tcp") as server, Serving("tcp") as gateway:
            line, listening = Line(server), gateway.peer()
            reader, writer = await asyncio.open_connection(*server.peer()[1:])

            def said(method: str, **fields: str) -> bytes:
                data = request(method, **fields, body=SDP if method == "INVITE" else b"")
                place = f"{listening.host}:{listening.port}".encode()
                return data.replace(b"192.0.2.10:5062", place).replace(b"/UDP", b"/TCP")

            writer.write(said("INVITE"))
            [event] = await line.receive()
            assert isinstance(event, InviteReceived)
            line.send(line.endpoint.answer(event.leg, SDP, 0.0))
            head = b""
            while b" 200 " not in head:
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE_S)
            tag = read(head).to.tag.decode()
            writer.write(said("ACK", branch="z9hG4bKa", to_tag=tag))
            await line.receive()
            writer.close()
            await connections(server, 0)
            line.send(line.endpoint.hang_up(event.leg, 0.0))
            failed = await server.arrivals.failure()
            assert failed == event.peer
            line.send(line.endpoint.transport_failed(failed, 0.0))
            bye = read((await gateway.arrivals.message())[0])
            assert (bye.method, bye.get(b"call-id")) == (b"BYE", b"call-1")

    run(scenario)
