"""One server per module where its state allows; phones per test; tones for all."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from phone import Phone, PhoneError
from server import Server, Site, until
from tones import AGENT_HZ, CALLER_HZ, write_tone


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return what callers and agents say."""
    folder = tmp_path_factory.mktemp("tones")
    return {
        "caller": write_tone(folder / "caller.wav", CALLER_HZ),
        "agent": write_tone(folder / "agent.wav", AGENT_HZ),
    }


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Return the stock configuration in a copy; modules change it in a fixture of their own."""
    site = Site()
    yield site
    site.remove()


class Hall:
    """The phones of one test, at one server."""

    def __init__(self, server: Server, folder: Path, tones: dict[str, Path]) -> None:
        self.server = server
        self._folder = folder
        self._tones = tones
        self._agents: list[Phone] = []
        self._callers: list[Phone] = []

    def agent(
        self, number: str, *, transport: str = "udp", codec: str = "", ready: bool = True
    ) -> Phone:
        """Register an agent's phone; the agent is idle then, unless told otherwise."""
        phone = Phone(
            f"agent-{number}",
            self._folder,
            tone=self._tones["agent"],
            transport=transport,
            codec=codec,
        )
        self._agents.append(phone)
        phone.register(self.server.sip(transport), number, self.server.password(number))
        if ready:
            self.server.agent_is(number, "idle")
        return phone

    def caller(
        self, number: str = "13800138000", *, transport: str = "udp", codec: str = ""
    ) -> Phone:
        """Return a caller's phone."""
        phone = Phone(
            f"caller-{number}",
            self._folder,
            tone=self._tones["caller"],
            transport=transport,
            codec=codec,
        )
        self._callers.append(phone)
        return phone.outside(self.server.sip(transport), number)

    def close(self) -> None:
        """Leave the server as it was before the test: nobody calls, nobody is there."""
        for phone in self._callers:
            phone.close()
        if not self.server.running:
            for phone in self._agents:
                phone.close()
            return
        for phone in self._agents:
            with suppress(PhoneError):
                phone.unregister()
            phone.close()
        self.server.no_calls(within_s=40)
        for phone in self._agents:
            body = {"status": "logged_out", "reason": ""}
            self.server.api("POST", f"/agents/{phone.user}/status", body)
            self._settled(phone.user)

    def _settled(self, agent: str) -> None:
        until(
            lambda: self.server.agent(agent)["state"] == "offline",
            f"agent {agent} offline: {self.server.agent(agent)}",
            within_s=10,
        )


@pytest.fixture
def open_hall(tmp_path: Path, tones: dict[str, Path]) -> Iterator[Callable[[Server], Hall]]:
    """Make the phones of a test for a server of its own."""
    halls: list[Hall] = []

    def opened(server: Server) -> Hall:
        halls.append(Hall(server, tmp_path, tones))
        return halls[-1]

    yield opened
    for hall in halls:
        hall.close()


@pytest.fixture
def hall(open_hall: Callable[[Server], Hall], server: Server) -> Hall:
    """Return the phones of a test at the module's server."""
    return open_hall(server)
