"""Two endpoints on a virtual clock over a network that loses, doubles and reorders messages."""

import heapq
import random
from itertools import count

import pytest
from sip_support import Accounts, make_endpoint, on_time

from acd.sip.effects import Send
from acd.sip.peer import Peer

ACD, DESK = Peer("udp", "192.0.2.1", 5060), Peer("udp", "192.0.2.10", 5062)


class World:
    """The endpoints, their clock, and the network between them."""

    def __init__(
        self, seed: int, *, loss: float, double: float, delay_s: float, **settings
    ) -> None:
        self.random = random.Random(seed)
        self.loss, self.double, self.delay_s = loss, double, delay_s
        self.now, self.order, self.agenda = 0.0, count(), []
        self.ends = {
            ACD: make_endpoint(
                b"acd", Accounts(**{"1001": "pw"}), ACD, authenticate_accounts=False, **settings
            ),
            DESK: make_endpoint(b"desk", address=DESK, **settings),
        }
        self.log: dict[Peer, list] = {ACD: [], DESK: []}
        self.reactions: dict[Peer, object] = {ACD: lambda event: None, DESK: lambda event: None}

    def at(self, delay_s: float, action) -> None:
        heapq.heappush(self.agenda, (self.now + delay_s, next(self.order), action))

    def take(self, here: Peer, outputs) -> None:
        for item in outputs:
            if not isinstance(item, Send):
                self.log[here].append(item)
                self.reactions[here](item)
                continue
            for _ in range(2 if self.random.random() < self.double else 1):
                if self.random.random() >= self.loss:
                    delay_s = self.random.uniform(0.0, self.delay_s)
                    self.at(delay_s, self._delivery(item.peer, item.data, here))

    def _delivery(self, there: Peer, data: bytes, origin: Peer):
        return lambda: self.take(there, self.ends[there].receive(data, origin, self.now))

    def run(self, until: float = float("inf")) -> None:
        for _ in range(5000):
            deadline, who = min((end.next_deadline(), peer) for peer, end in self.ends.items())
            at = min(deadline, self.agenda[0][0] if self.agenda else float("inf"))
            if at == float("inf") or at > until:
                return
            self.now = max(self.now, at)
            if at == deadline:
                self.take(who, on_time(self.ends[who], self.now))
            else:
                heapq.heappop(self.agenda)[2]()
        pytest.fail("the endpoints never come to rest")
