"""CPU time and memory of the server's processes and of the machine, from /proc."""

import os
import re
import threading
import time
from itertools import pairwise
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def _stat_fields(pid):
    """Return the fields of /proc/PID/stat behind the process's name, which may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def tree(pids):
    """Return the given processes and all their live descendants."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                children.setdefault(int(_stat_fields(entry)[1]), []).append(int(entry))
            except OSError:  # it ended meanwhile
                continue
    found, todo = [], list(pids)
    while todo:
        pid = todo.pop()
        if pid not in found:
            found.append(pid)
            todo += children.get(pid, [])
    return found


class Server:
    """CPU seconds (user + system, with reaped children) and memory of the server's processes."""

    def __init__(self, pids):
        self.roots = pids
        self.pids = tree(pids) if pids else []

    def cpu_s(self):
        ticks = 0
        # Workers that were started later count too; those that ended stay in the list.
        self.pids = list(dict.fromkeys(self.pids + tree(self.roots)))
        for pid in self.pids:
            try:
                ticks += sum(int(field) for field in _stat_fields(pid)[11:15])
            except OSError:
                continue
        return ticks / TICKS_PER_S

    def rss_kb(self):
        """Return resident memory, shared pages divided among their users (PSS)."""
        total = 0
        for pid in self.pids:
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            match = re.search(r"^Pss:\s+(\d+)", text, re.M)
            total += int(match.group(1)) if match else 0
        return total

    def waited_s(self):
        """Return how long the first process's own thread, ready to run, has waited for a core."""
        return int(Path(f"/proc/{self.roots[0]}/schedstat").read_text().split()[1]) / 1e9

    def memory_kb(self):
        """Return (PSS, USS) by what a process is: signalling, media, shipper …"""
        found = {}
        self.pids = tree(self.roots)
        for pid in self.pids:
            try:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            marks = (("media", "media_worker"), ("shipper", "shipper"), ("database", "postgres"))
            kinds = (kind for kind, mark in marks if mark in words)
            kind = "signalling" if pid in self.roots else next(kinds, "other")
            pss_kb, uss_kb = found.get(kind, (0, 0))
            sizes = {key: int(kb) for key, kb in re.findall(r"^(\w+):\s+(\d+) kB", rollup, re.M)}
            uss_kb += sizes.get("Private_Clean", 0) + sizes.get("Private_Dirty", 0)
            found[kind] = (pss_kb + sizes.get("Pss", 0), uss_kb)
        return found

    def open_files(self):
        """Return how many file descriptors all processes hold."""
        count = 0
        for pid in self.pids:
            try:
                count += len(os.listdir(f"/proc/{pid}/fd"))
            except OSError:
                continue
        return count

    def alive(self):
        return all(Path(f"/proc/{pid}").exists() for pid in self.roots)


def machine_cpu_s():
    """Return (busy, stolen) CPU seconds of the whole machine."""
    fields = [int(x) for x in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, stolen = fields[:8]
    return (user + nice + system + irq + softirq) / TICKS_PER_S, stolen / TICKS_PER_S


class Sampler(threading.Thread):
    """Notes the server's CPU time and memory twice a second."""

    def __init__(self, server, every_s=0.5):
        super().__init__(daemon=True)
        self.server = server
        self.every_s = every_s
        self.rows = []
        self._end = threading.Event()

    def run(self):
        while True:
            self.rows.append((time.time(), self.server.cpu_s(), self.server.rss_kb()))
            if self._end.wait(self.every_s):
                return

    def stop(self):
        self._end.set()
        self.join()

    def cpu_s_at(self, moment):
        """Return the CPU time at a moment, on a straight line between samples."""
        if moment <= self.rows[0][0]:
            return self.rows[0][1]
        for (t0, cpu0, _), (t1, cpu1, _) in pairwise(self.rows):
            if t0 <= moment <= t1:
                return cpu0 + (cpu1 - cpu0) * (moment - t0) / max(t1 - t0, 1e-9)
        return self.rows[-1][1]
