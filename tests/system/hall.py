"""The people of one test: agents' and callers' phones at one server."""

from contextlib import suppress
from pathlib import Path

from phone import Phone, PhoneError
from server import Server


class Hall:
    """The phones of one test, at one server."""

    def __init__(self, server: Server, folder: Path, tones: dict[str, Path]) -> None:
        self.server = server
        self._folder = folder
        self._tones = tones
        self.agents: dict[str, Phone] = {}
        self._callers: list[Phone] = []

    def agent(
        self,
        number: str,
        *,
        transport: str = "udp",
        codec: str = "",
        expires_s: int = 300,
        strict: bool = False,
        state: str = "idle",
    ) -> Phone:
        """Register an agent's phone; the agent is idle then, or offered what has waited."""
        phone = Phone(
            f"agent-{number}",
            self._folder,
            tone=self._tones["agent"],
            transport=transport,
            codec=codec,
            ca=self.server.site.ca,
            strict=strict,
        )
        self.agents[number] = phone
        password = self.server.password(number)
        phone.register(self.server.sip(transport), number, password, expires_s=expires_s)
        self.server.agent_is(number, state)
        return phone

    def caller(
        self,
        number: str = "13800138000",
        *,
        transport: str = "udp",
        codec: str = "",
        strict: bool = False,
    ) -> Phone:
        """Return a caller's phone."""
        phone = Phone(
            f"caller-{number}",
            self._folder,
            tone=self._tones["caller"],
            transport=transport,
            codec=codec,
            ca=self.server.site.ca,
            strict=strict,
        )
        self._callers.append(phone)
        return phone.outside(self.server.sip(transport), number)

    def abandon(self) -> None:
        """Let go of all phones: the server they knew is no more."""
        for phone in (*self._callers, *self.agents.values()):
            phone.unplug()  # in good order it would wait for answers to its BYE
            phone.close()
        self._callers.clear()
        self.agents.clear()

    def close(self) -> None:
        """Leave the server as it was before the test: nobody calls, nobody is there."""
        if not self.server.running:
            self.abandon()
            return
        for phone in self._callers:
            phone.close()
        for phone in self.agents.values():
            with suppress(PhoneError):
                phone.unregister()
            phone.close()
        self.server.no_calls()
        for phone in self.agents.values():
            body = {"status": "logged_out", "reason": ""}
            self.server.api("POST", f"/agents/{phone.user}/status", body)
            self._settled(phone.user)

    def _settled(self, agent: str) -> None:
        """Wait until no work is at hand; after-call work need not run its full time."""
        if self.server.agent(agent)["state"] == "wrap_up":
            self.server.api("POST", f"/agents/{agent}/wrap-up/end", {})
        self.server.agent_is(agent, "offline")
