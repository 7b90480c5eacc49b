"""The server as an admin starts it: `acd run` in a process of its own, free ports, own state."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import SystemRandom
from typing import Any, TypeVar

import asyncpg
import trustme
import yaml
from clusters import put_cluster

ROOT = Path(__file__).parents[2]
START_S = 150.0
"The first start makes a database cluster; the issue's promise is 10 s on an idle machine."

STOP_S = 30.0
EVENT_S = 45.0
"For what it does without waiting for anybody, on a machine that is busy with everything else."

RECORDS_S = 60.0
"From an event to its row: the shipper writes in batches."

RTP_PORTS = 400
"A hundred calls of two legs, two ports each."

RTP_FIRST, RTP_EACH, RTP_SHARES = 13_000, 2_300, 3
"""From here, above the phones' ports, so many for each of three workers of pytest: their servers
run at the same time. All of them are below the stock range, where others run."""

RTP_TAKEN = "choose another range or address"
"What a server says that found no RTP port: another one has the range that chance gave to both."

STARTS = 5
"In as many ranges; more servers than that do not run at a time."

Found = TypeVar("Found")


class ServerError(AssertionError):
    """The server did not do what was expected of it; its log's end is in the message."""


def until(check: Callable[[], Found], what: str, *, within_s: float = EVENT_S) -> Found:
    """Return what `check` returns as soon as that is true.

    For states that only asking can tell: rows of a database, answers over HTTP.

    Raises:
        AssertionError: with the last value, when it is still false at the deadline.

    """
    deadline = time.monotonic() + within_s
    while not (found := check()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what}; last seen: {found!r}")
        time.sleep(0.05)
    return found


class Site:
    """A copy of the stock configuration and flows, to be changed for a test.

    It lies where other accounts may pass: the embedded Postgres of a server that runs as root
    belongs to another. Unless it is `bare`, its servers find a database as a former start left it.
    """

    def __init__(self, *, bare: bool = False) -> None:
        self.bare = bare
        self.folder = Path(tempfile.mkdtemp(prefix="acd-system-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.config = self.folder / "config"
        self.flows = self.folder / "ivr_flows"
        self.state = self.folder / "state"
        self._authority = trustme.CA()
        self.ca = self.folder / "ca.pem"
        "Of `encrypt`: what phones have to trust."
        shutil.copytree(ROOT / "config", self.config)
        shutil.copytree(ROOT / "ivr_flows", self.flows, ignore=shutil.ignore_patterns("prompts"))
        (self.flows / "prompts").symlink_to(ROOT / "ivr_flows" / "prompts")
        with self.edit("server.yaml") as server:
            server["media"]["workers"] = 1
            server["log"] = {"format": "json", "level": "info"}
        self.move_rtp(RTP_PORTS)

    @contextmanager
    def edit(self, name: str) -> Iterator[dict[str, Any]]:
        """Change a file of the configuration."""
        path = self.config / name
        content = yaml.safe_load(path.read_text())
        yield content
        replace(path, yaml.safe_dump(content, allow_unicode=True, sort_keys=False))

    def settings(self) -> dict[str, Any]:
        """Return what server.yaml says."""
        content: dict[str, Any] = yaml.safe_load((self.config / "server.yaml").read_text())
        return content

    def move_rtp(self, ports: int = 0) -> None:
        """Take another range of RTP ports by chance; as many if not told."""
        with self.edit("server.yaml") as server:
            media = server["media"]
            ports = ports or media["port_max"] - media["port_min"]
            first = rtp_first(ports)
            media |= {"port_min": first, "port_max": first + ports}

    def queue(self, name: str, **settings: object) -> None:
        """Change settings of a queue; where no place is announced, no wait is either."""
        with self.edit("queues.yaml") as queues:
            queue = queues["queues"][name]
            queue |= settings
            if not queue.get("position_every_s"):
                queue.get("waiting", {}).pop("announce_wait", None)

    def rank(self, queue: str, **ranks: float) -> None:
        """Set agents' conversion by hand: `rank("sales", a1001=0.9)`."""
        with self.edit("agents.yaml") as agents:
            for agent in agents["agents"]:
                rank = ranks.get(f"a{agent['number']}")
                if rank is not None:
                    agent["rank"] = {queue: rank}

    def encrypt(self, **sip: object) -> None:
        """Give the server a certificate and these settings of TLS and WebSocket."""
        self._authority.cert_pem.write_to_path(str(self.ca))
        issued = self._authority.issue_cert("localhost", "127.0.0.1", "::1")
        issued.private_key_and_cert_chain_pem.write_to_path(str(self.config / "server.pem"))
        with self.edit("server.yaml") as server:
            server["sip"] |= {"certificate": {"file": "server.pem"}, **sip}

    @property
    def embedded(self) -> bool:
        """Whether its servers have a Postgres of their own."""
        return not self.settings().get("database", {}).get("dsn")

    def remove(self) -> None:
        """Take away all that lies on the disk, also where the embedded Postgres went."""
        location = self.state / "postgres.location"
        if location.exists():
            shutil.rmtree(location.read_text().strip(), ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def rtp_first(ports: int) -> int:
    """Return where so many RTP ports begin, within the share of this worker of pytest."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = RTP_FIRST + worker % RTP_SHARES * RTP_EACH
    return share + SystemRandom().randrange(0, max(2, RTP_EACH - ports), 2)


def replace(path: Path, text: str) -> None:
    """Write a file as editors do, in one step, so that nobody reads half of it."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text)
    draft.replace(path)


class Server:
    """`acd run` on a site; started, asked, and ended in every way."""

    def __init__(
        self, site: Site, *, state: Path | None = None, address: str = "127.0.0.1:0"
    ) -> None:
        self.site = site
        self._address = address
        self.state = state or site.state
        self.log_path = site.folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._log = self.log_path.open("ab")
        self._told_bytes = 0

    # --- life ---

    def start(self) -> "Server":
        """Start and wait until it is ready; elsewhere if another server has its RTP ports.

        One that does not get ready is ended: nobody else would.
        """
        try:
            self._start(STARTS)
        except BaseException:
            self.close()
            raise
        return self

    def _start(self, tries: int) -> None:
        self.launch()
        try:
            self.wait_ready()
        except ServerError:
            if self.running or tries == 1 or RTP_TAKEN not in self.log_tail(5):
                raise
            self.site.move_rtp()
            self._start(tries - 1)

    def launch(self) -> None:
        """Start without waiting."""
        assert self._process is None or self._process.poll() is not None, "it still runs"
        (self.state / "run.json").unlink(missing_ok=True)
        if self.site.embedded and not self.site.bare and not self.state.exists():
            put_cluster(self.state)
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "acd", "run"),
                *("--config", str(self.site.config), "--state", str(self.state)),
                *("--sip", self._address, "--http", "127.0.0.1:0"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            cwd=ROOT,
        )

    def wait_ready(self, within_s: float = START_S) -> None:
        """Wait until it says where it listens, that it takes calls, and has its own database.

        Calls would be taken without one; but then a test would have to wait for records.
        """
        deadline = time.monotonic() + within_s
        while not self._is_ready():
            if self.exit_code(within_s=0.05) is not None:
                raise ServerError(self._told("ended instead of getting ready"))
            if time.monotonic() > deadline:
                raise ServerError(self._told(f"not ready within {within_s} s"))

    def _is_ready(self) -> bool:
        try:
            if self.run.get("pid") != self.pid:
                return False
            status, body = self.get("/readyz")
        except (OSError, ValueError):
            return False
        return status == 200 and (not self.site.embedded or json.loads(body)["database"] == "up")

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def exit_code(self, *, within_s: float = STOP_S) -> int | None:
        """Wait for its end; None if it still runs then."""
        assert self._process is not None, "not started"
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def kill9(self) -> None:
        """End it without any warning, as the kernel does when memory runs out."""
        assert self._process is not None, "not started"
        self._process.kill()
        self._process.wait(STOP_S)

    def terminate(self) -> int:
        """End it in good order; returns the exit code."""
        self.signal(signal.SIGTERM)
        code = self.exit_code()
        if code is None:
            raise ServerError(self._told(f"still runs {STOP_S} s after SIGTERM"))
        return code

    def close(self) -> None:
        """End it whatever it does."""
        if self.running:
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGTERM)
            if self.exit_code(within_s=5) is None:
                self.kill9()
        self._log.close()
        self.tell_log()

    # --- where it is ---

    @property
    def run(self) -> dict[str, Any]:
        """What run.json says; empty before the server is ready."""
        path = self.state / "run.json"
        content: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
        return content

    def sip(self, transport: str = "udp") -> str:
        """Return "host:port" for phones."""
        host, port = self.run["sip"][transport]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def dsn(self) -> str:
        """Where the records are."""
        return str(self.run["database"])

    def password(self, agent: str) -> str:
        """Return the password that was made for an agent at the first start."""
        for line in (self.state / "initial-passwords.txt").read_text().splitlines():
            account, _, password = line.partition(" ")
            if account == agent:
                return password
        raise ServerError(f"no password of {agent} in {self.state}/initial-passwords.txt")

    # --- asking ---

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a plain GET."""
        return self._http("GET", path, None, token=False)

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Return the JSON of an API call that must succeed."""
        status, text = self._http(method, f"/api{path}", body, token=True)
        if status != 200:
            raise ServerError(f"{method} /api{path} {body}: {status} {text}")
        return json.loads(text)

    def api_as(self, token: str, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Return status and text of an API call with this token."""
        return self._http(method, f"/api{path}", body, token=True, secret=token)

    def _http(
        self, method: str, path: str, body: object, *, token: bool, secret: str = ""
    ) -> tuple[int, str]:
        host, port = self.run["http"]
        request = urllib.request.Request(f"http://{host}:{port}{path}", method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if token:
            secret = secret or (self.state / "api-token").read_text().strip()
            request.add_header("Authorization", f"Bearer {secret}")
        try:
            with urllib.request.urlopen(request, timeout=EVENT_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def agent(self, number: str) -> dict[str, Any]:
        """Return an agent as the API shows it."""
        agent: dict[str, Any] = self.api("GET", f"/agents/{number}")
        return agent

    def agent_is(self, number: str, state: str, *, within_s: float = EVENT_S) -> None:
        """Wait until the agent is in this state."""
        until(
            lambda: self.agent(number)["state"] == state,
            f"agent {number} {state}, is {self.agent(number)}",
            within_s=within_s,
        )

    def no_calls(self, *, within_s: float = EVENT_S) -> None:
        """Wait until no call is under way."""
        until(lambda: self.api("GET", "/calls") == [], "no calls", within_s=within_s)

    def query(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        """Return the rows of a statement."""

        async def ask() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self.dsn, timeout=EVENT_S)
            try:
                return [dict(row) for row in await connection.fetch(sql, *arguments)]
            finally:
                await connection.close()

        return asyncio.run(ask())

    def rows(
        self, sql: str, *arguments: object, count: int = 1, within_s: float = RECORDS_S
    ) -> list[dict[str, Any]]:
        """Wait until the statement gives exactly so many rows; records arrive in batches."""
        return until(
            lambda: (found := self.query(sql, *arguments)) and len(found) == count and found,
            f"{count} rows of {sql} {arguments}",
            within_s=within_s,
        )

    def command(
        self, *arguments: str, timeout_s: float = 90.0
    ) -> subprocess.CompletedProcess[str]:
        """Run another `acd` command on the same configuration and state."""
        return subprocess.run(
            [sys.executable, "-m", "acd", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def kpi(self) -> dict[str, dict[str, Any]]:
        """Return the report by queue, as the command line gives it; midnight may have come."""
        done = self.command(
            *("report", "kpi", "--from", "yesterday", "--format", "json"),
            *("--config", str(self.site.config), "--state", str(self.state)),
        )
        if done.returncode != 0:
            raise ServerError(f"acd report kpi: {done.returncode}\n{done.stdout}{done.stderr}")
        return {row["queue"]: row for row in json.loads(done.stdout)["rows"]}

    # --- what it said ---

    def log(self) -> str:
        """Return everything it has said so far."""
        return self.log_path.read_text(errors="replace")

    def tell_log(self) -> None:
        """Print what it has said since the last time: pytest shows that of failed tests."""
        with self.log_path.open(errors="replace") as file:
            file.seek(self._told_bytes)
            print(file.read())
            self._told_bytes = file.tell()

    def log_tail(self, lines: int) -> str:
        """Return its last lines."""
        with self.log_path.open(errors="replace") as file:
            return "".join(deque(file, lines))

    def children(self) -> list[int]:
        """Return the process ids of its children and theirs."""
        found: list[int] = []
        parents = [self.pid] if self.running else []
        while parents:
            for task in Path(f"/proc/{parents.pop()}/task").glob("*/children"):
                with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                    below = [int(pid) for pid in task.read_text().split()]
                    found += below
                    parents += below
        return found

    def _told(self, what: str) -> str:
        return f"the server {what}\nend of {self.log_path}:\n{self.log_tail(40)}"
