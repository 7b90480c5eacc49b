"""Takes changed configuration and flows into service while calls go on.

A broken file changes nothing: the old version serves on, the log and /readyz say what is wrong.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from acd.config import Config, ConfigError, load_config
from acd.ivr.book import FlowBook, reload
from acd.ivr.document import Fault
from acd.ivr.validation import FlowContext

from .watching import watch

log = structlog.get_logger(__name__)


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
        self._looking = asyncio.Lock()

    async def run(self) -> None:
        """Watch until cancelled."""
        await watch(lambda: {self.config.folder, self.config.flows_folder}, self.look, below=True)

    async def look(self) -> None:
        """Read everything again and take what is right into service."""
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        try:
            config, faults = await asyncio.to_thread(self._read_config)
            book, flow_faults = await asyncio.to_thread(self._read_flows, config)
            if flow_faults and config is not self.config:
                former_book, former_faults = await asyncio.to_thread(self._read_flows, self.config)
                blamed = [fault for fault in flow_faults if fault not in former_faults]
                if blamed:
                    # The flows fit the configuration that serves, and would not fit this one: it
                    # takes away, e.g., a queue that a flow leads to.
                    config, faults = self.config, (*faults, *blamed)
                    book, flow_faults = former_book, former_faults
        except OSError as error:
            self._tell((_unreadable(error),))
            return
        # No waiting from here on: calls see both or neither.
        faults += self._take(config, book)
        self._tell((*faults, *flow_faults))

    def _read_config(self) -> tuple[Config, tuple[Fault, ...]]:
        """Return the configuration as it is now, or the former one and what is wrong."""
        try:
            config = load_config(self.config.folder)
        except ConfigError as error:
            return self.config, error.faults
        if config.server != self.config.server:
            log.warning(
                "restart_needed", file="server.yaml", reason="its settings are read at start only"
            )
        return replace(config, server=self.config.server), ()

    def _read_flows(self, config: Config) -> tuple[FlowBook, list[Fault]]:
        """Return the flows as they would serve under this configuration, and their faults."""
        return reload(self.flows, read_flow_files(config.flows_folder), flow_context(config))

    def _take(self, config: Config, book: FlowBook) -> tuple[Fault, ...]:
        """Take both into service; return why not, if the rooms refuse the configuration."""
        former = self.config
        if _served(config) != _served(former):
            try:
                self._on_config(config)
            except Exception as error:
                # Whatever the reason: calls go on by what serves.
                log.exception("configuration_not_taken")
                return (Fault(str(config.folder), 1, 1, "", f"cannot be taken: {error}", ""),)
            log.info("configuration_reloaded")
        self.config = config
        if book.versions() != self.flows.versions():
            self.flows = book
            self._on_flows(book)
            log.info("flows_reloaded", flows=book.versions())
        return ()

    def _tell(self, faults: tuple[Fault, ...]) -> None:
        """Keep and log what is wrong with the files as they are now."""
        if self.faults and not faults:
            log.info("reload_good_again", serving="the files as they are")
        self.faults = faults
        for fault in faults:
            log.error("reload_failed", fault=str(fault), serving="the version before")
        self._on_outcome(not faults)


def _served(config: Config) -> tuple[object, ...]:
    """Return what a reload takes over."""
    return (
        config.agents,
        config.queues,
        config.numbers,
        config.reasons,
        config.blacklist,
        config.trunks,
        config.trunk_passwords,
        config.reports,
        config.mail_password,
    )


def _unreadable(error: OSError) -> Fault:
    return Fault(str(error.filename), 1, 1, "", f"cannot be read: {error.strerror}", "")
