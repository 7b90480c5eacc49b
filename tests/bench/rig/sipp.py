"""One SIPp process, and small statistics."""

import csv
import os
import re
import signal
import statistics
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).parent

COMMON = (
    *("-nostdin", "-trace_logs", "-trace_stat", "-fd", "1", "-buff_size", "4000000"),
    # SIPp's own watchdog would end a run on a busy machine.
    *("-watchdog_minor_threshold", "100000", "-watchdog_major_threshold", "100000"),
    *("-watchdog_interval", "0"),
)


class Sipp:
    """SIPp with one of our scenarios, its @MARKS@ filled in."""

    def __init__(self, options, name, marks, ip, port, extra, limit_s):
        scenario = (HERE / f"{name}.xml").read_text()
        if int(marks.get("RING_MS", 0)) == 0:
            scenario = re.sub(r"<!-- RING-BEGIN -->.*?<!-- RING-END -->", "", scenario, flags=re.S)
        for mark, value in marks.items():
            scenario = scenario.replace(f"@{mark}@", str(value))
        self.name = name
        self.folder = Path(options.out)
        self.log, self.statistics = self.folder / f"{name}.log", self.folder / f"{name}.csv"
        (self.folder / f"{name}.xml").write_text(scenario)
        command = ["sipp", "-sf", f"{name}.xml", "-i", ip, "-p", str(port), *COMMON]
        command += ["-log_file", str(self.log), "-stf", str(self.statistics)]
        command += ["-cid_str", f"{name}-%u-%p@%s", "-timeout", f"{int(limit_s)}s", *extra]
        if options.trace_err:
            command += ["-trace_err", "-error_file", str(self.folder / f"{name}.err")]
        with (self.folder / f"{name}.out").open("w") as out:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self._usage = None

    def poll(self):
        """Return the exit code, None while it runs; keeps the resources that it used."""
        if self._usage is None:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self._usage = usage
                self.process.returncode = os.waitstatus_to_exitcode(status)
        return self.process.returncode

    def wait(self, timeout_s):
        end = time.time() + timeout_s
        while time.time() < end:
            if self.poll() is not None:
                return self.process.returncode
            time.sleep(0.05)
        return None

    def stop(self):
        """Quit: first kindly (calls in progress may end), then not."""
        for number, timeout_s in ((signal.SIGUSR1, 1.5), (signal.SIGTERM, 2), (signal.SIGKILL, 5)):
            if self.poll() is not None:
                break
            os.kill(self.process.pid, number)
            self.wait(timeout_s)

    def cpu_s(self):
        return self._usage.ru_utime + self._usage.ru_stime if self._usage else 0

    def tail(self):
        """Return the end of what it printed."""
        return (self.folder / f"{self.name}.out").read_text(errors="replace")[-400:]

    def counters(self):
        """Return the last line of SIPp's statistics file."""
        try:
            with self.statistics.open() as file:
                rows = list(csv.reader(file, delimiter=";"))
            return dict(zip(rows[0], rows[-1], strict=False))  # the lines end in one more ;
        except (OSError, IndexError):
            return {}

    def lines(self):
        """Yield (kind, time, words) of what the scenario logged."""
        try:
            with self.log.open(errors="replace") as file:
                for line in file:
                    words = line.split()
                    if len(words) >= 5:
                        yield words[0], float(words[3]), words[4:]
        except OSError:
            return


def number(counters, name):
    """Return a counter of SIPp's; 0 if it is not there."""
    try:
        return int(float(counters.get(name, 0)))
    except ValueError:
        return 0


def stats(values):
    """Return count, mean and percentiles, or None of nothing."""
    if not values:
        return None
    ordered = sorted(values)

    def quantile(share):
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)

    return {
        "n": len(ordered),
        "mean": round(statistics.fmean(ordered), 2),
        "p50": quantile(0.5),
        "p95": quantile(0.95),
        "p99": quantile(0.99),
        "max": round(ordered[-1], 2),
    }
