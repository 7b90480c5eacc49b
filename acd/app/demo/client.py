"""What the demo asks the server by HTTP, as any screen or CRM would."""

from collections.abc import Mapping
from datetime import date
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
import msgspec
from msgspec import Struct

from acd.reports.kpi import QueueKpi

TIMEOUT_S = 5.0

REPORT_TIMEOUT_S = 60.0
"The first report waits for the process that makes them, which gives way to calls."

Answer = TypeVar("Answer")


class ClientError(Exception):
    """The server gave no usable answer."""


class QueueView(Struct, frozen=True):
    """One of GET /api/queues."""

    queue: str
    name: str
    kind: str
    waiting: int
    oldest_wait_s: float


class AgentView(Struct, frozen=True):
    """One of GET /api/agents."""

    number: str
    name: str
    account: str
    status: str
    reason: str
    state: str
    since: str
    "UTC, ISO 8601."

    queue: str
    last_interaction: str


class CallView(Struct, frozen=True):
    """One of GET /api/calls."""

    interaction: str
    caller: str
    phase: str
    queue: str
    agent: str


class KpiReport(Struct, frozen=True):
    """The part of GET /api/reports/kpi that is shown."""

    rows: list[QueueKpi]


class Client:
    """The server's API. Use as an async context manager."""

    def __init__(self, http: str, token: str) -> None:
        self._base = f"http://{http}"
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}"},
        )

    async def __aenter__(self) -> Self:
        """Nothing is opened before the first question."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._session.close()

    async def queues(self) -> list[QueueView]:
        """Return every queue with its line."""
        return await self._get("/api/queues", list[QueueView])

    async def agents(self) -> list[AgentView]:
        """Return every agent."""
        return await self._get("/api/agents", list[AgentView])

    async def agent(self, number: str) -> AgentView:
        """Return one agent."""
        return await self._get(f"/api/agents/{number}", AgentView)

    async def calls(self) -> list[CallView]:
        """Return every call under way."""
        return await self._get("/api/calls", list[CallView])

    async def kpis(self, first: date) -> list[QueueKpi]:
        """Return the figures of every queue from this day to today."""
        path = f"/api/reports/kpi?from={first}"
        return (await self._get(path, KpiReport, timeout_s=REPORT_TIMEOUT_S)).rows

    async def trace(self, interaction: str) -> str:
        """Return a call's SIP ladder and events as text."""
        return (await self._ask("GET", f"/api/trace/{interaction}", None)).decode()

    async def records_behind(self) -> float:
        """Return how many records the database does not have yet."""
        text = (await self._ask("GET", "/metrics", None)).decode()
        for line in text.splitlines():
            if line.startswith("acd_journal_lag_records "):
                return float(line.split()[1])
        return 0.0

    async def set_status(self, agent: str, status: str, reason: str = "") -> None:
        """Say what an agent wants."""
        await self._post(f"/api/agents/{agent}/status", {"status": status, "reason": reason})

    async def end_wrap_up(self, agent: str) -> None:
        """End an agent's after-call work."""
        await self._post(f"/api/agents/{agent}/wrap-up/end", {})

    async def dispose(self, agent: str, disposition: Mapping[str, object]) -> None:
        """Class an agent's last call."""
        await self._post(f"/api/agents/{agent}/disposition", disposition)

    async def _get(self, path: str, kind: type[Answer], *, timeout_s: float = TIMEOUT_S) -> Answer:
        body = await self._ask("GET", path, None, timeout_s)
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.MsgspecError as error:
            raise ClientError(f"{path}: {error}") from error

    async def _post(self, path: str, body: Mapping[str, object]) -> None:
        await self._ask("POST", path, body)

    async def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        timeout_s: float = TIMEOUT_S,
    ) -> bytes:
        limit = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._session.request(
                method, self._base + path, json=body, timeout=limit
            ) as answer:
                data = await answer.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ClientError(f"{path}: {str(error) or type(error).__name__}") from error
        if answer.status != 200:
            raise ClientError(f"{path}: {answer.status} {data[:200].decode(errors='replace')}")
        return data
