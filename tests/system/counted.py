"""Calls that are counted on both sides: what SIPp's phones saw, and what the records say of it.

A caller that got its 200 is on record, whatever became of the server since: the event stands in
the journal before the message leaves. A caller whose BYE was answered has exactly one record of a
call that ended in good order. A phone that got an ACK has its offer on record, and each answered
offer exactly one talk (where caller and phone cross, one hanging up as the other answers, there
is none).
"""

import itertools
import re
import shutil
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lossy import HOST
from lossy_load import SCENARIOS, free_port
from server import Server, Site, until

from acd.storage.frames import segment_path, segments

NUMBER, QUEUE = "4550", "counted"
HOLD_MS = 1200
STOP_S = 40
"Callers and phones give up within 12 s each, and a BYE is repeated for 32 s at most."

LONG_S = 7200


def counted_site(site: Site, agents: int) -> None:
    """Give a site these agents, and a queue that serves whoever calls NUMBER."""
    with (
        site.edit("agents.yaml") as people,
        site.edit("queues.yaml") as queues,
        site.edit("numbers.yaml") as numbers,
        site.edit("server.yaml") as settings,
    ):
        settings["sip"]["digest_algorithms"] = ["MD5"]  # SIPp 3.6 knows no other
        settings["sip"]["registrar"]["qualify_s"] = 0  # an OPTIONS would be the call it waits for
        settings["log"]["level"] = "warning"
        numbers["numbers"][NUMBER] = {"queue": QUEUE}
        people["ranges"] = [
            {
                "first": "k0001",
                "last": f"k{agents:04}",
                "password": "{number}",
                "skills": {QUEUE: "A"},
            }
        ]
        queues["queues"][QUEUE] = {
            "skill": QUEUE,
            "layers": [{"name": "all", "order": "longest_idle"}],
            "wrap_up_s": 0.5,
            "music": "",
            "position_every_s": 0,
            "miss": {"away_after_misses": 0, "failed_s": 1, "no_answer_s": 1},
        }
    site.move_rtp(2000)


class CountedLoad:
    """The SIPp processes: all agents' phones, and the callers."""

    def __init__(self, target: str, folder: Path, agents: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._target, self._folder, self._agents = target, folder, agents
        self._agents_port, self._callers_port = free_port(), free_port()
        self._running: list[subprocess.Popen[bytes]] = []
        self._runs = itertools.count(1)
        for name in ("counted_caller", "counted_agent", "lossy_register"):
            text = (SCENARIOS / f"{name}.xml").read_text().replace("@T1@", "500")
            (folder / f"{name}.xml").write_text(text.replace("[hold_ms]", str(HOLD_MS)))
        accounts = "".join(
            f"k{n:04};[authentication username=k{n:04} password=k{n:04}]\n"
            for n in range(1, agents + 1)
        )
        (folder / "accounts.csv").write_text(f"SEQUENTIAL\n{accounts}")

    def register(self) -> None:
        """Register every agent; to be done before `start_agents`, from the same port."""
        more = ("-inf", "accounts.csv", "-m", str(self._agents), "-r", "100", "-timeout", "60s")
        code = self._sipp("lossy_register", self._agents_port, *more).wait(70)
        assert code == 0, f"the agents cannot register\n{self._told()}"

    def start_agents(self) -> None:
        """Let the agents' phones take calls."""
        self._phones = self._sipp("counted_agent", self._agents_port)

    def start_callers(self, rate: int) -> None:
        """Let so many call a second, until `end_calls`."""
        more = ("-s", NUMBER, "-r", str(rate), "-m", "1000000", "-l", "5000")
        self._callers = self._sipp("counted_caller", self._callers_port, *more)

    def end_calls(self) -> None:
        """Begin no more calls, and wait until those under way are over."""
        if self._callers.poll() is None:
            self._callers.send_signal(signal.SIGUSR1)
        try:
            self._callers.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"callers still call\n{self._told()}") from None

    @property
    def alive(self) -> bool:
        """Whether phones and callers are still there."""
        return self._phones.poll() is None and self._callers.poll() is None

    def _sipp(self, name: str, port: int, *arguments: str) -> subprocess.Popen[bytes]:
        program = shutil.which("sipp")
        assert program, "SIPp is missing: apt-get install sip-tester (`make test` does)"
        run = f"{name}.{next(self._runs)}"
        self._last = self._folder / f"{run}.out"
        with self._last.open("wb") as out:
            process = subprocess.Popen(
                [
                    *(program, self._target, "-sf", f"{name}.xml"),
                    *("-i", HOST, "-p", str(port), "-nostdin"),
                    *("-trace_logs", "-log_file", f"{run}.log"),
                    *("-cid_str", f"{name}-%u-%p@%s"),
                    *("-default_behaviors", "all,-abortunexp"),
                    *("-max_invite_retrans", "9", "-max_non_invite_retrans", "11"),
                    *("-T2", "2000", "-watchdog_interval", "0"),
                    *(("-timeout", f"{LONG_S}s") if "-timeout" not in arguments else ()),
                    *arguments,
                ],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self._running.append(process)
        return process

    def stop(self) -> None:
        """End what still runs."""
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(3)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(3)

    def callers(self, kind: str) -> list[str]:
        """Return the Call-IDs that callers noted something of; see counted_caller.xml."""
        return [words[0] for words in self._noted("counted_caller", kind)]

    def connected(self) -> list[tuple[str, str]]:
        """Return (caller, agent) of each talk that a phone noted."""
        return [(words[0], words[1]) for words in self._noted("counted_agent", "C")]

    def _noted(self, name: str, kind: str) -> list[list[str]]:
        logs = [path.read_text(errors="replace") for path in self._folder.glob(f"{name}.*.log")]
        return [line.split() for log in logs for line in re.findall(rf"^{kind} (.+)$", log, re.M)]

    def _told(self) -> str:
        return self._last.read_text(errors="replace")[-2000:]


def settled(server: Server, within_s: float = 60.0) -> None:
    """Wait until no call is under way and all of the journal is in the tables."""
    server.no_calls(within_s=within_s)
    until(
        lambda: unshipped_bytes(server) == 0, "all of the journal in the tables", within_s=within_s
    )


def unshipped_bytes(server: Server) -> int:
    """Return how much of the journal's last segment is not in the tables; -1: more than that.

    The lag that the server tells counts the records of its own boot, and not what boots that were
    killed have left.
    """
    number = segments(server.state / "journal")[-1]
    size = segment_path(server.state / "journal", number).stat().st_size
    [row] = server.query("SELECT segment, segment_offset FROM journal_position")
    return size - row["segment_offset"] if row["segment"] == number else -1


@dataclass
class Account:
    """What was compared, and what does not agree; nothing may stand in `faults`."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def expect(self, right: bool, fault: str) -> None:
        """Note a fault unless this is right."""
        if not right:
            self.faults.append(fault)

    def __str__(self) -> str:
        """Return the figures, and the first faults."""
        told = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        return "\n".join([told, *self.faults[:20]])


def settle(load: CountedLoad, account: Account, rows: list[dict[str, Any]]) -> None:
    """Hold the callers' notes against the interactions."""
    by_call: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_call.setdefault(row["sip_call_id"], []).append(row)
    begun, answered, done = (set(load.callers(kind)) for kind in "IAD")
    account.counts += Counter(
        called=len(begun), answered=len(answered), finished=len(done), records=len(rows)
    )
    for call in done:
        whole = [row for row in by_call.get(call, []) if row["reason"] != "restart"]
        account.expect(len(whole) == 1, f"{call} was finished: {len(whole)} records of that")
    for call in answered:
        account.expect(call in by_call, f"{call} was answered and is not on record")
    for call, found in by_call.items():
        account.expect(call in begun, f"{call} is on record and was never made")
        # The INVITE repeated to the next boot is a call of its own where the first got no answer.
        again = [row for row in found if row["reason"] != "restart"]
        account.expect(len(again) <= 1, f"{call} has {len(again)} records")
        account.counts["records of a restart"] += len(found) - len(again)
        account.counts["calls with two records"] += len(found) > 1
        account.expect(
            all(row["ended_at"] is not None for row in found), f"{call} has no end on record"
        )


def check_records(server: Server, load: CountedLoad) -> Account:
    """Compare notes and records once all calls are over and all is in the tables."""
    account = Account()
    settle(
        load,
        account,
        server.query(
            "SELECT sip_call_id, reason, ended_at FROM interactions WHERE called = $1", NUMBER
        ),
    )
    offers = server.query(
        "SELECT i.caller, o.agent, o.outcome, (SELECT count(*) FROM talk_segments t"
        " WHERE t.started_at = o.started_at AND t.interaction = o.interaction"
        " AND t.leg = o.leg) AS talks"
        " FROM offers o JOIN interactions i USING (started_at, interaction) WHERE called = $1",
        NUMBER,
    )
    offered = Counter((row["caller"], row["agent"]) for row in offers)
    for pair, times in Counter(load.connected()).items():
        account.expect(
            offered[pair] >= times, f"{pair}: {times} times connected, {offered[pair]} offers"
        )
    for row in offers:
        account.expect(
            row["talks"] == (row["outcome"] == "answered"), f"an offer and its talks: {row}"
        )
    account.counts["talks"] = sum(row["talks"] for row in offers)
    for name, (sql, fault) in FAULTS.items():
        found = server.query(sql)[0]["faults"]
        account.expect(found == 0, f"{name}: {found} {fault}")
    account.counts["intervals"] = server.query(
        "SELECT (SELECT count(*) FROM agent_state_intervals)"
        " + (SELECT count(*) FROM agent_status_intervals) AS n"
    )[0]["n"]
    return account


OVERLAPS = """
SELECT count(*) AS faults FROM (
    SELECT ended_at, closed_by, lead(started_at) OVER (
        PARTITION BY agent ORDER BY started_at, ended_at NULLS LAST) AS following
    FROM {table}
) i WHERE following IS NOT NULL AND (ended_at IS NULL OR ended_at > following)
"""

FAULTS = {
    "agent_state_intervals": (OVERLAPS.format(table="agent_state_intervals"), "overlap"),
    "agent_status_intervals": (OVERLAPS.format(table="agent_status_intervals"), "overlap"),
    "legs": ("SELECT count(*) AS faults FROM legs WHERE ended_at IS NULL", "have no end"),
    "queue_visits": (
        "SELECT count(*) AS faults FROM queue_visits WHERE left_at IS NULL",
        "have no end",
    ),
    "offers": ("SELECT count(*) AS faults FROM offers WHERE ended_at IS NULL", "have no end"),
    "talk_segments": (
        "SELECT count(*) AS faults FROM talk_segments WHERE ended_at IS NULL",
        "have no end",
    ),
    "set_aside": ("SELECT count(*) AS faults FROM set_aside", "rows were refused"),
}
"Of all tables: what counts as a fault."
