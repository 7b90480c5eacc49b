"""A bad network on loopback: a UDP proxy that drops, doubles and reorders datagrams by a seed.

Clients talk to its front; for each of them it has a socket of its own towards the server, which
so sees as many addresses as there are clients, and answers them as it answers phones behind NAT.
"""

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Self

Address = tuple[str, int]

HOST = "127.0.0.1"

LATEST_S = 0.06
"A datagram that is reordered arrives up to so much later: several others overtake it."


@dataclass
class Weather:
    """What happens to datagrams; each of the three to this share of them."""

    loss: float = 0.0
    double: float = 0.0
    reorder: float = 0.0

    @classmethod
    def bad(cls, share: float) -> Self:
        """All three alike."""
        return cls(share, share, share)


class _Front(asyncio.DatagramProtocol):
    def __init__(self, proxy: "LossyProxy") -> None:
        self.proxy = proxy

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.proxy.from_client(data, addr)


class _Back(asyncio.DatagramProtocol):
    """The socket towards the server that stands for one client."""

    def __init__(self, proxy: "LossyProxy", client: Address) -> None:
        self.proxy, self.client = proxy, client

    def datagram_received(self, data: bytes, addr: Address) -> None:
        del addr
        self.proxy.to_client(data, self.client)


class LossyProxy:
    """Runs in a thread with a loop of its own, since tests wait for processes."""

    def __init__(self, server: str, seed: int) -> None:
        host, _, port = server.rpartition(":")
        self._server: Address = (host, int(port))
        self._random = Random(seed)
        self.weather = Weather()
        "May be changed while it runs."
        self.seen: Counter[str] = Counter()
        self._backs: dict[Address, asyncio.DatagramTransport] = {}
        self._waiting: dict[Address, list[bytes]] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(5), "the proxy does not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    @property
    def place(self) -> str:
        """Where clients send to."""
        host, port = self._front.get_extra_info("sockname")
        return f"{host}:{port}"

    def _run(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        self._front, _ = loop.run_until_complete(
            loop.create_datagram_endpoint(lambda: _Front(self), local_addr=(HOST, 0))
        )
        self._ready.set()
        loop.run_forever()
        for transport in (self._front, *self._backs.values()):
            transport.close()
        # Transports close in a turn of the loop after.
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def from_client(self, data: bytes, client: Address) -> None:
        """Pass a client's datagram on."""
        back = self._backs.get(client)
        if back is not None:
            self._through(lambda: back.sendto(data, self._server))
            return
        waiting = self._waiting.setdefault(client, [])
        waiting.append(data)
        if len(waiting) == 1:
            self._task = self._loop.create_task(self._open(client))

    def to_client(self, data: bytes, client: Address) -> None:
        """Pass a datagram of the server on."""
        self._through(lambda: self._front.sendto(data, client))

    async def _open(self, client: Address) -> None:
        self._backs[client], _ = await self._loop.create_datagram_endpoint(
            lambda: _Back(self, client), local_addr=(HOST, 0)
        )
        for data in self._waiting.pop(client):
            self.from_client(data, client)

    def _through(self, send) -> None:
        weather, dice = self.weather, self._random
        self.seen["datagrams"] += 1
        if dice.random() < weather.loss:
            self.seen["lost"] += 1
            return
        copies = 1
        if dice.random() < weather.double:
            self.seen["doubled"] += 1
            copies = 2
        for _ in range(copies):
            if dice.random() < weather.reorder:
                self.seen["reordered"] += 1
                self._loop.call_later(dice.uniform(0.0, LATEST_S), send)
            else:
                send()
