#!/usr/bin/env python3
"""Start the server on the bench profile, load it with the rig, print a table beside the rivals'.

Behind `make bench`. Everything is on loopback, on free ports, with a temporary state folder; the
server is stopped by its pid. Six minutes in all; `--quick` takes two and shows less. The loads of
`more_loads` run on request only, each on a server of its own.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import yaml

BENCH = Path(__file__).parent
ROOT = BENCH.parents[1]
RIG = BENCH / "rig"

START_S = 60
"initdb on a busy machine takes some seconds; a minute means that something is wrong."

STOP_S = 45
"Draining takes 30 s at most (drain_s), then BYE."

AGENTS = 400

MANY_STREAMS = {"media": {"workers": 4, "port_min": 10_000, "port_max": 31_999}}
"1,000 calls a second of 0.8 s are 1,600 streams, and a port rests for 2 s after each."

STRANGERS = {"sip": {"limits": {"exempt": ["127.0.0.1"]}}}
"Every other address is a stranger's, as on the Internet."

RTP_PORTS = range(10_000, 32_000)
"Of all profiles."


class BenchError(Exception):
    """Nothing can be measured; the message says why."""


@dataclass(frozen=True)
class LoadPlan:
    """One load: the rig's words, and how long it may take at most."""

    name: str
    words: tuple[str, ...]
    limit_s: int

    agents: int = AGENTS
    "Registered before."

    profile: dict = field(default_factory=dict)
    "What the server's settings have instead of those of `config`."


DEEPER = (1000, 2000)
"Waiting callers of the loads queue_1000 and queue_2000."


def loads(*, quick: bool) -> list[LoadPlan]:
    """Return the loads in the order in which they run.

    Finished transactions linger for 32 s (RFC 3261, 64*T1): shorter runs do not see their cost.
    Memory per call is measured on a server that has warmed up (the first rate) and before any
    load that would leave more free memory behind than the next one takes.
    """
    duration, secs = ("10", "8") if quick else ("45", "15")
    waiting, patience = ("200", "20") if quick else ("500", "40")
    idle_waiting = "500" if quick else "2000"
    media = ("media", "--dial", "4001", "--agents", "200", "--calls", "100")
    idle = ("idle", "--dial", "4003", "--waiting", idle_waiting)
    deep = ("queue", "--dial", "4002", "--agents", "20", "--waiting", waiting, "--talk", "2")
    return [
        _rate("25", "4001", "200", duration),
        LoadPlan("media", (*media, "--secs", secs), 240),
        LoadPlan("idle", (*idle, "--secs", secs), 180),
        LoadPlan("queue", (*deep, "--patience", patience), 240),
        _rate("100", "4001", "200", duration),
        _rate("200", "4004", "400", duration),
    ]


def _rate(rate: str, dial: str, agents: str, duration: str) -> LoadPlan:
    words = ("rate", "--dial", dial, "--agents", agents, "--rate", rate, "--duration", duration)
    return LoadPlan(f"rate_{rate}", words, 180)


def _deeper_queue(waiting: int) -> LoadPlan:
    """Return the load `queue` with more callers; 20 agents serve ten of them a second."""
    words = ("queue", "--dial", "4002", "--agents", "20", "--waiting", str(waiting), "--talk", "2")
    patience_s = waiting * 8 // 100
    return LoadPlan(
        f"queue_{waiting}", (*words, "--patience", str(patience_s)), 3 * patience_s + 120
    )


def more_loads(
    *, sustained: int, leak_s: int, pauses_rate: int = 600, leak_rate: int = 100
) -> list[LoadPlan]:
    """Return the loads that run on request: with --only NAME, or all with --more.

    `sustained` is the rate that the server can do; half as much again is offered for overload.
    The others are the rates of the loads that look for pauses and leaks: they say something only
    where the server can follow.
    """
    crowd = ("--dial", "4005", "--agents", "1200", "--hold", "0.8")
    long = ("pauses", *crowd, "--rate", str(pauses_rate), "--duration", "120")
    over = ("overload", *crowd, "--rate", str(sustained), "--duration", "60", "--patience", "30")
    calm = ("--dial", "4001", "--agents", "200", "--rate", "25", "--duration", "20")
    soak = ("leak", "--dial", "4004", "--agents", "400", "--rate", str(leak_rate), "--duration")
    many = {"agents": 1200, "profile": MANY_STREAMS}
    return [
        *(
            LoadPlan(
                f"rate_{rate}", ("rate", *crowd, "--rate", rate, "--duration", "60"), 240, **many
            )
            for rate in ("600", "1000")
        ),
        *(_deeper_queue(waiting) for waiting in DEEPER),
        LoadPlan("pauses", long, 300, **many),
        LoadPlan("overload", over, 300, **many),
        LoadPlan("flood", ("flood", *calm), 300, profile=STRANGERS),
        LoadPlan("leak", (*soak, str(leak_s)), leak_s + 300),
    ]


# --- what is needed ---


def prepare() -> None:
    """Check the tools, build our generators, allow this process many open files."""
    for tool, package in (("sipp", "sip-tester"), ("cc", "gcc")):
        if shutil.which(tool) is None:
            raise BenchError(f"{tool} is missing: apt-get install {package}")
    for source in RIG.glob("*.c"):
        program = source.with_suffix("")
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["cc", "-O2", "-o", program, source], check=True)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free for TCP and UDP, outside the server's RTP range.

    Another process may take it before we do; then the server says so, and one tries again.
    """
    for _ in range(100):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind(("127.0.0.1", port))
                if port not in RTP_PORTS:
                    return port
    raise BenchError("no free port on 127.0.0.1")


# --- the server ---


def merged(settings: dict, changes: dict) -> dict:
    """Return settings with changes, section by section."""
    return settings | {
        name: merged(settings.get(name, {}), value) if isinstance(value, dict) else value
        for name, value in changes.items()
    }


class BenchServer:
    """`acd run` on the bench profile, with some settings changed."""

    def __init__(self, folder: Path, changes: dict) -> None:
        config = folder / "config"
        shutil.copytree(BENCH / "config", config)
        settings = yaml.safe_load((config / "server.yaml").read_text(encoding="utf-8"))
        text = yaml.safe_dump(merged(settings, changes))
        (config / "server.yaml").write_text(text, encoding="utf-8")
        self.target = f"127.0.0.1:{free_port()}"
        self.http = f"127.0.0.1:{free_port()}"
        self.log = folder / "server.log"
        command = [sys.executable, "-m", "acd", "run", "--config", str(config)]
        command += ["--state", str(folder / "state"), "--sip", self.target, "--http", self.http]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def wait_ready(self) -> None:
        """Wait until /readyz answers 200."""
        end = time.monotonic() + START_S
        why = "no answer"
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise BenchError(
                    f"the server ended with {self.process.returncode}:\n{self.tail()}"
                )
            try:
                with urllib.request.urlopen(f"http://{self.http}/readyz", timeout=2):
                    return
            except (urllib.error.URLError, OSError) as error:
                why = str(error)
            time.sleep(0.1)
        raise BenchError(f"the server is not ready after {START_S} s ({why}):\n{self.tail()}")

    def stop(self) -> None:
        """Let it drain; end it if it does not."""
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def tail(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-3000:]


# --- measuring ---


def measure(server: BenchServer, words: tuple[str, ...], limit_s: int, ports: list[str]) -> dict:
    """Run one load of the rig and return its record."""
    command = [sys.executable, str(RIG / "rig.py"), *words]
    command += ["--target", server.target, "--server-pid", str(server.process.pid), *ports]
    command += ["--http", server.http]
    # In a session of its own, so that SIPp ends with the rig if a load takes too long.
    rig = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        output, _ = rig.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        return {"error": f"took longer than {limit_s} s"}
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(rig.pid, signal.SIGKILL)
        rig.wait()
    try:
        return json.loads(output)
    except ValueError:
        return {"error": f"the rig ended with {rig.returncode} and no record"}


def measure_all(server: BenchServer, plans: list[LoadPlan]) -> dict[str, dict]:
    """Register the agents, then run the loads; tell each as it comes."""
    names = ("--agent-port", "--caller-port", "--agent-rtp", "--caller-rtp")
    ports = [word for name in names for word in (name, str(free_port()))]
    agents = max(plan.agents for plan in plans)
    step = LoadPlan("register", ("register", "--agents", str(agents)), 90)
    records = {}
    for plan in [step, *plans]:
        began = time.monotonic()
        print(f"{plan.name} …", end=" ", flush=True)
        record = records[plan.name] = measure(server, plan.words, plan.limit_s, ports)
        took_s = time.monotonic() - began
        print(record.get("error") or f"{brief(record)} ({took_s:.0f} s)", flush=True)
        if server.process.poll() is not None:
            raise BenchError(f"the server died under {plan.name}:\n{server.tail()}")
        if plan is step and record.get("ok") != agents:
            raise BenchError(f"agents could not register: {record}\n{server.tail()}")
    return records


def brief(record: dict) -> str:
    """Return one line of what was served."""
    match record["mode"]:
        case "register":
            return f"{record['ok']} agents"
        case "rate":
            return f"{record['completed']} of {record['offered']} calls served"
        case "pauses":
            return (
                f"{record['completed']} of {record['offered']} calls served, {record['probe_ms']}"
            )
        case "overload":
            return (
                f"{record['served']} served of {record['accepted']} accepted, "
                f"{record['refused']} refused of {record['offered']}"
            )
        case "flood":
            return f"setup takes {record['slower']} times as long"
        case "leak":
            return f"{record['completed']} of {record['offered']} served, grown: {record['grown']}"
        case "media":
            loss = record["rtp"].get("loss_pct")
            return f"{record['bridged']} of {record['calls']} bridged, {loss} % lost"
        case _:
            return f"{record['avg_waiting']} waiting, {record['bridged']} bridged"


# --- the table ---


def look_up(record: dict, path: str) -> float | None:
    """Return the figure at a path such as "setup_ms.p50", None if it was not measured."""
    value = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def table(records: dict[str, dict], peers: list[dict]) -> str:
    """Return a Markdown table, for a terminal and for docs/performance.md alike."""
    rows = [("figure", "acd", "Asterisk", "FreeSWITCH", "goal")]
    for peer in peers:
        found = [look_up(records.get(peer["load"], {}), path) for path in peer["figure"]]
        ours = " / ".join(
            "–" if value is None else f"{value * peer.get('times', 1):.4g}" for value in found
        )
        rows.append(
            (peer["row"], ours, *(str(peer[name]) for name in ("asterisk", "freeswitch", "goal")))
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def main() -> int:
    """Measure and print; 1 if something could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter loads, for a first look")
    parser.add_argument("--only", action="append", metavar="LOAD", help="rate_100, queue, media …")
    parser.add_argument("--out", type=Path, metavar="FILE", help="keep the rig's records as JSON")
    parser.add_argument("--more", action="store_true", help="all loads on request as well")
    parser.add_argument("--sustained", type=int, default=600, metavar="RATE", help="for overload")
    parser.add_argument("--leak-s", type=int, default=600, help="calls of the leak last so long")
    parser.add_argument("--leak-rate", type=int, default=100, help="calls per second of the leak")
    parser.add_argument("--pauses-rate", type=int, default=600, help="the same of the pauses")
    options = parser.parse_args()
    usual = loads(quick=options.quick)
    more = more_loads(
        sustained=options.sustained,
        leak_s=options.leak_s,
        pauses_rate=options.pauses_rate,
        leak_rate=options.leak_rate,
    )
    known = [plan.name for plan in (*usual, *more)]
    if unknown := set(options.only or ()) - set(known):
        parser.error(f"--only {', '.join(sorted(unknown))}: there are {', '.join(known)}")
    groups = [usual, *([plan] for plan in more)] if options.only or options.more else [usual]
    groups = [
        [plan for plan in group if not options.only or plan.name in options.only]
        for group in groups
    ]
    peers = yaml.safe_load((BENCH / "peers.yaml").read_text(encoding="utf-8"))
    try:
        prepare()
        records = {}
        for plans in filter(None, groups):
            records |= run(plans)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if options.out:
        options.out.write_text(json.dumps(records, indent=1), encoding="utf-8")
    print("\n" + table(records, [peer for peer in peers if peer["load"] in records]))
    return int(any("error" in record for record in records.values()))


def run(plans: list[LoadPlan]) -> dict[str, dict]:
    """Return the records of these loads on a server of their own, with the first one's profile."""
    with tempfile.TemporaryDirectory(prefix="acd-bench-") as folder:
        # The embedded Postgres may run as another user, who has to pass through.
        Path(folder).chmod(0o711)
        server = BenchServer(Path(folder), plans[0].profile)
        try:
            server.wait_ready()
            return measure_all(server, plans)
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
