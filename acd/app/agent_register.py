"""Tells the records who agents are, whenever that differs from what was told last.

What was told stands in `agent_profiles.json` of the state folder, written after the journal: a
crash in between tells some agents twice, and a lost file all of them, which changes no report.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import msgspec
import structlog

from acd.calls.describing import changes
from acd.calls.events import AgentDescribed
from acd.calls.journal import Record
from acd.storage.private_file import replace_private

log = structlog.get_logger(__name__)

FILE_NAME = "agent_profiles.json"


class AgentRegister:
    """A subscriber of the event stream that remembers what it has been told of agents."""

    KINDS = frozenset({AgentDescribed})

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._known = self._read()
        self._writing: asyncio.Task[None] | None = None
        self._changed = False

    def changes(self, current: Iterable[AgentDescribed]) -> list[AgentDescribed]:
        """Return what has to be told."""
        return changes(self._known, current)

    def __call__(self, record: Record) -> None:
        """Remember what has been told; changes of one moment are written together."""
        if isinstance(record.event, AgentDescribed):
            self._known[record.event.agent] = record.event
            self._changed = True
            if self._writing is None or self._writing.done():
                self._writing = asyncio.get_running_loop().create_task(self._write())

    async def save(self) -> None:
        """Wait for the last write, at the end of the process."""
        if self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        while self._changed:
            self._changed = False
            data = msgspec.json.encode(list(self._known.values()))
            try:
                await asyncio.to_thread(replace_private, self._path, data)
            except OSError as error:
                log.warning("agent_profiles_not_written", error=str(error), effect="told again")

    def _read(self) -> dict[str, AgentDescribed]:
        try:
            known = msgspec.json.decode(self._path.read_bytes(), type=list[AgentDescribed])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("agent_profiles_not_read", error=str(error), effect="all are told again")
            return {}
        return {one.agent: one for one in known}
