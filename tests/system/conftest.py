"""One server per module where its state allows; phones per test; tones for all."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hall import Hall
from server import Server, Site
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


@pytest.fixture
def open_hall(tmp_path: Path, tones: dict[str, Path]) -> Iterator[Callable[[Server], Hall]]:
    """Make the phones of a test for a server of its own."""
    halls: list[Hall] = []

    def opened(server: Server) -> Hall:
        halls.append(Hall(server, tmp_path, tones))
        return halls[-1]

    yield opened
    for hall in halls:
        hall.server.tell_log()
        hall.close()


@pytest.fixture
def hall(open_hall: Callable[[Server], Hall], server: Server) -> Hall:
    """Return the phones of a test at the module's server."""
    return open_hall(server)
