"""Takes changed configuration and flows into service while calls go on.

A broken file changes nothing: the old version serves on, the log and /readyz say what is wrong.
"""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog
from watchfiles import awatch

from acd.config import Config, ConfigError, load_config
from acd.ivr.book import FlowBook, reload
from acd.ivr.document import Fault
from acd.ivr.validation import FlowContext

log = structlog.get_logger(__name__)

SETTLE_MS = 300
"An editor writes a file in several steps; changes this close together are one."

STEP_MS = 250
"How often the watcher looks whether the kernel reported a change."


def read_flow_files(folder: Path) -> dict[str, str]:
    """Return the text of each flow file by its path; undecodable bytes become faults later."""
    return {
        str(path): path.read_text(encoding="utf-8", errors="replace")
        for path in sorted(folder.glob("*.yaml"))
    }


def sound_names(folder: Path) -> frozenset[str]:
    """Return the names of all sounds below the prompts folder: "zh/welcome"."""
    return frozenset(
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.glob("*/*.wav")
    )


def flow_context(config: Config) -> FlowContext:
    """Return what exists around the flows of this configuration."""
    return FlowContext(
        queues=frozenset(config.queues.queues), sounds=sound_names(config.prompts_folder)
    )


class Reloader:
    """Watches the configuration and flow folders; also told to look by SIGHUP."""

    def __init__(
        self,
        config: Config,
        flows: FlowBook,
        *,
        on_config: Callable[[Config], None],
        on_flows: Callable[[FlowBook], None],
        on_outcome: Callable[[bool], None],
    ) -> None:
        """Begin with what serves now; `on_outcome` counts every reading of changed files."""
        self.config = config
        self.flows = flows
        self.faults: tuple[Fault, ...] = ()
        "What is wrong with the files as they are now; the old versions serve."

        self._on_config = on_config
        self._on_flows = on_flows
        self._on_outcome = on_outcome

    async def run(self) -> None:
        """Watch until cancelled."""
        folders = {self.config.folder, self.config.flows_folder}
        async for _ in awatch(
            *folders, debounce=SETTLE_MS, step=STEP_MS, recursive=True, force_polling=False
        ):
            await self.look()

    async def look(self) -> None:
        """Read everything again and take what is right into service."""
        config = self.config
        faults: tuple[Fault, ...] = ()
        try:
            config = await asyncio.to_thread(load_config, self.config.folder)
        except ConfigError as error:
            faults = error.faults
        if config is not self.config and not faults:
            self._take_config(config)
        files = await asyncio.to_thread(read_flow_files, self.config.flows_folder)
        context = await asyncio.to_thread(flow_context, self.config)
        book, flow_faults = reload(self.flows, files, context)
        if book.versions() != self.flows.versions():
            self.flows = book
            self._on_flows(book)
            log.info("flows_reloaded", flows=book.versions())
        self.faults = (*faults, *flow_faults)
        self._tell(self.faults)

    def _take_config(self, config: Config) -> None:
        if config.server != self.config.server:
            log.warning(
                "restart_needed", file="server.yaml", reason="its settings are read at start only"
            )
        changed = (
            config.agents != self.config.agents
            or config.queues != self.config.queues
            or config.numbers != self.config.numbers
            or config.reasons != self.config.reasons
        )
        self.config = config
        if changed:
            self._on_config(config)
            log.info("configuration_reloaded")

    def _tell(self, faults: Iterable[Fault]) -> None:
        broken = False
        for fault in faults:
            broken = True
            log.error("reload_failed", fault=str(fault), serving="the version before")
        self._on_outcome(not broken)
