"""The demo's server: `acd run` as a child process, on a folder of its own and any free ports."""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from acd.app.state import RUN_FILE
from acd.config import Config
from acd.sip.peer import Peer
from acd.storage import postgres_child
from acd.storage.secrets import SecretStore
from acd.web.token import read_token

START_S = 30.0
"The first start makes a database cluster: 2 s on an idle machine, more on a busy one."

LOOK_S = 0.05
"Between two looks at a child process that tells nobody when it is up or gone."

STOP_S = 10.0
"The last records are shipped and Postgres ends; well below a second usually."

LOG_LINES = 12
"Of the server's log, shown when it fails."


class DemoError(Exception):
    """The demo cannot go on; the message is for the operator."""


class DemoSite:
    """A running server. Use as an async context manager; its end leaves the records' folder."""

    def __init__(self, config: Config, folder: Path, *, locale: str) -> None:
        """Serve a copy of the configuration from `folder`, which must be empty or new."""
        self.state = folder / "state"
        self._config = config
        self._config_dir = folder / "config"
        self._log_path = folder / "server.log"
        self._locale = locale
        self._process: asyncio.subprocess.Process | None = None
        self.sip = Peer("udp", "", 0)
        self.http = ""
        self.token = ""
        self.passwords: Mapping[str, str] = {}
        "By account."

    async def __aenter__(self) -> Self:
        """Start the server and wait until it takes calls. Raises DemoError."""
        self._copy_config()
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the server and all that it started."""
        await self._stop()

    async def ended(self) -> None:
        """Raise DemoError when the server ends by itself; returns never."""
        if self._process is not None:
            await self._process.wait()
        raise DemoError(self._told("the server ended"))

    def _copy_config(self) -> None:
        """Take the configuration as it is, except that records and sound stay on this machine."""
        config = self._config
        self.state.mkdir(parents=True, exist_ok=True)
        shutil.copytree(config.folder, self._config_dir, dirs_exist_ok=True)
        path = self._config_dir / "server.yaml"
        settings: dict[str, Any] = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
        settings = settings or {}
        # A database of the operator's own must not be filled with calls that never were.
        settings["database"] = {"dsn": ""}
        settings["media"] = {**_section(settings, "media"), "bind_host": "127.0.0.1", "workers": 1}
        settings["media"].pop("advertised_host", None)
        settings["sip"] = _section(settings, "sip")
        for name in ("advertised_host", "advertised_host_v6", "tls", "ws", "wss", "certificate"):
            settings["sip"].pop(name, None)
        settings["centre"] = {**_section(settings, "centre"), "locale": self._locale}
        settings["flows"] = str(config.flows_folder.resolve())
        settings["drain_s"] = 1
        path.write_text(yaml.safe_dump(settings, allow_unicode=True), "utf-8")

    async def _start(self) -> None:
        arguments = ["--config", str(self._config_dir), "--state", str(self.state)]
        arguments += ["--sip", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        # The wrapper has the kernel end the server when this process is killed.
        wrapper = [sys.executable, "-I", "-S", postgres_child.__file__, str(os.getpid())]
        with self._log_path.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *wrapper,
                *("-1", "-1"),
                *(sys.executable, "-m", "acd", "run", *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for this process; the server shall serve until all have hung up.
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(START_S):
                await self._until_ready()
        except TimeoutError:
            raise DemoError(self._told(f"the server was not ready in {START_S:g} s")) from None

    async def _until_ready(self) -> None:
        note = self.state / RUN_FILE
        while not note.exists():
            if self._process is None or self._process.returncode is not None:
                raise DemoError(self._told("the server could not start"))
            await asyncio.sleep(LOOK_S)
        running = json.loads(note.read_text("utf-8"))
        self.sip = Peer("udp", *running["sip"]["udp"])
        self.http = ":".join(map(str, running["http"]))
        self.token = read_token(self.state)
        made = SecretStore(self.state).initial_passwords()
        self.passwords = {**made, **self._config.passwords()}

    async def _stop(self) -> None:
        process = self._process
        # The second signal ends calls at once; the third cannot be refused.
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if process is None or process.returncode is not None:
                return
            process.send_signal(number)
            try:
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                continue

    def _told(self, what: str) -> str:
        with self._log_path.open(encoding="utf-8", errors="replace") as log:
            words = "".join(deque(log, LOG_LINES))
        return f"{what}; the end of {self._log_path}:\n{words}"


def _section(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    return dict(settings.get(name) or {})
