"""Our own Postgres: a child process for those who bring none.

It listens on one unix socket in a 0700 folder and nowhere else, ends when we end, even by
SIGKILL, and is started again when it dies. `acd.storage.postgres_home` says where its files are.
"""

import asyncio
import fcntl
import itertools
import os
import re
import shutil
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import asyncpg

from . import postgres_child
from .errors import DatabaseError
from .postgres_home import PostgresHome, find_binaries, find_home, prepare_home
from .private_file import PRIVATE_MODE

DATABASE = "acd"
USER = "postgres"

START_LIMIT_S = 60.0
"Usually 0.05 s; after a crash with much to replay, longer."

STOP_LIMIT_S = 15.0
"For a fast shutdown with its checkpoint; after that it is ended without one."

LEFTOVER_LIMIT_S = 5.0
RESTART_PAUSE_S = 0.2
RESTART_PAUSE_LIMIT_S = 10.0
LOG_LINES = 40

READY = "database system is ready to accept connections"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "20",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    # No replica can follow this server, so nothing for one is written or run.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "autovacuum_max_workers": "1",
    "autovacuum_naptime": "5min",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_checkpoints": "off",
    "logging_collector": "off",
}

SETTINGS_SINCE = {18: {"io_method": "sync"}}
"By first major version: 18 would run three I/O workers for a disk that is hardly used."


def embedded_dsn(state: Path) -> str:
    """Return the DSN of the embedded server that belongs to a state folder."""
    return _dsn(find_home(state), DATABASE)


def _dsn(home: PostgresHome, database: str) -> str:
    return f"postgresql://{USER}@/{database}?host={quote(str(home.socket_folder))}&port=5432"


class EmbeddedPostgres:
    """Supervises the server that belongs to a state folder.

    Use it in a thread that lives as long as the server shall (the main one, usually): the kernel
    ties the child's life to the thread that started it.
    """

    def __init__(
        self,
        state: Path,
        *,
        on_event: Callable[[str], None],
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`on_event` gets one sentence for each trouble: a death, a restart, a fatal message.

        `settings` are Postgres' own (postgresql.conf) and go before SETTINGS.
        """
        self._state = state
        self._on_event = on_event
        self._settings = SETTINGS | dict(settings or {})
        self._home = find_home(state)
        self._lock_fd = -1
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._stopping = False
        self._came_up = False
        self._log: deque[str] = deque(maxlen=LOG_LINES)

    @property
    def dsn(self) -> str:
        """Where to connect."""
        return _dsn(self._home, DATABASE)

    @property
    def pid(self) -> int | None:
        """The running server's process id."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> str:
        """Start the server and return its DSN; the database exists then.

        Raises DatabaseError when there are no binaries, no place for the data, or the server
        does not come up; the message holds its last words.
        """
        self._stopping = self._came_up = False
        self._ready.clear()
        prepare_home(self._state, self._home)
        self._lock_fd = _lock(self._state / "postgres.lock")
        try:
            self._binaries = await asyncio.to_thread(find_binaries, self._home)
            await self._end_leftover()
            if not (self._home.data / "PG_VERSION").exists():
                await self._make_cluster()
            self._supervisor = asyncio.create_task(self._supervise(), name="postgres")
            await self._until_ready()
            await self._make_database()
        except BaseException:
            await self.stop()
            raise
        return self.dsn

    async def stop(self) -> None:
        """End the server in good order, if it runs, and give its lock back."""
        self._stopping = True
        for kind in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self.pid is None or self._process is None:
                break
            self._process.send_signal(kind)
            try:
                await asyncio.wait_for(self._process.wait(), STOP_LIMIT_S)
            except TimeoutError:
                self._on_event(f"postgres did not end within {STOP_LIMIT_S:g} s of {kind.name}")
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    async def ready(self) -> None:
        """Return when the server accepts connections; at once if it does."""
        await self._ready.wait()

    # --- the process ---

    async def _supervise(self) -> None:
        """Run the server again and again until it is stopped, or never came up at all."""
        pause_s = RESTART_PAUSE_S
        while True:
            status = await self._run()
            was_ready = self._ready.is_set()
            if self._stopping or not self._came_up:
                return
            self._ready.clear()
            self._on_event(f"postgres ended with status {status}: {self._last_words()}")
            pause_s = RESTART_PAUSE_S if was_ready else min(pause_s * 2, RESTART_PAUSE_LIMIT_S)
            await asyncio.sleep(pause_s)
            self._ready.clear()
            await self._end_leftover()

    async def _run(self) -> int:
        """Run the server once, reading its log, until it ends."""
        self._process = await self._spawn("postgres", *self._options())
        stream = self._process.stderr
        while stream is not None and (line := await stream.readline()):
            self._on_log(line.decode(errors="replace").strip())
        return await self._process.wait()

    def _on_log(self, line: str) -> None:
        self._log.append(line)
        if READY in line:
            self._came_up = True
            self._ready.set()
        elif "PANIC:" in line:
            self._on_event(f"postgres: {line}")

    async def _until_ready(self) -> None:
        supervisor = self._supervisor
        if supervisor is None:
            return
        ready = asyncio.create_task(self._ready.wait())
        waiting = (ready, supervisor)
        try:
            await asyncio.wait(waiting, timeout=START_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if not self._ready.is_set():
            raise DatabaseError(f"{self._home.data}: Postgres did not start: {self._last_words()}")

    def _options(self) -> list[str]:
        settings = self._settings | {"unix_socket_directories": str(self._home.socket_folder)}
        version = int((self._home.data / "PG_VERSION").read_text())
        for since, more in SETTINGS_SINCE.items():
            settings |= more if version >= since else {}
        options = (("-c", f"{name}={value}") for name, value in settings.items())
        return ["-D", str(self._home.data), *itertools.chain.from_iterable(options)]

    async def _spawn(self, program: str, *arguments: str) -> asyncio.subprocess.Process:
        account = self._home.account
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            postgres_child.__file__,
            str(os.getpid()),
            str(account.uid),
            str(account.gid),
            str(self._binaries / program),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            cwd="/",
            env={"LC_ALL": "C.UTF-8", "PATH": os.defpath},
            # Ctrl-C in the terminal is for us alone: calls are drained before the database ends.
            start_new_session=True,
        )

    async def _make_cluster(self) -> None:
        """Run initdb in a folder that gets its name only when it is complete."""
        temporary = self._home.folder / "data.new"
        await asyncio.to_thread(_remove_tree, temporary)
        # Trust is enough where only the folder's owner (and root) can reach the socket.
        options = ("--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", f"--username={USER}")
        process = await self._spawn("initdb", "-D", str(temporary), *options)
        _, output = await process.communicate()
        if process.returncode != 0:
            text = " ".join(output.decode(errors="replace").split())
            raise DatabaseError(f"{temporary}: initdb failed: {text[-500:]}")
        temporary.rename(self._home.data)

    async def _make_database(self) -> None:
        connection = await asyncpg.connect(_dsn(self._home, "postgres"))
        try:
            query = "SELECT 1 FROM pg_database WHERE datname = $1"
            if not await connection.fetchval(query, DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()

    async def _end_leftover(self) -> None:
        """End a server on our data that outlived its parent; our lock proves that it has none."""
        try:
            pid = int((self._home.data / "postmaster.pid").read_text().split("\n", 1)[0])
            if Path(os.readlink(f"/proc/{pid}/cwd")) != self._home.data:
                return
        except (OSError, ValueError):
            return
        for kind in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if await _end(pid, kind):
                return

    def _last_words(self) -> str:
        lines = [re.sub(r"^.*? (LOG|FATAL|PANIC|ERROR|HINT): +", "", line) for line in self._log]
        return "; ".join(lines[-3:]) or "it said nothing"


async def _end(pid: int, kind: signal.Signals) -> bool:
    """Send a signal; return whether the process ended within the limit."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        loop.add_reader(watched, ended.set)
        signal.pidfd_send_signal(watched, kind)
        await asyncio.wait_for(ended.wait(), LEFTOVER_LIMIT_S)
    except ProcessLookupError:
        return True
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(watched)
        os.close(watched)
    return True


def _lock(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_MODE)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise DatabaseError(f"{path}: another process runs this state's Postgres") from None
    return fd


def _remove_tree(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
