#!/usr/bin/env python3
"""SIPp load on a call-centre server: one SIPp plays every agent, one the callers.

Prints one JSON line. Knows nothing about the server but its address, what to dial and, if given,
its pid. See README.md for the loads and for what the figures mean.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from load import user_names
from loads import idle, media, queue, rate
from processes import Server
from registration import register
from stress import flood, leak, overload, pauses

LOADS = {mode.__name__: mode for mode in (rate, queue, idle, media)} | {
    mode.__name__: mode for mode in (pauses, overload, flood, leak)
}


def register_only(options):
    """The registration step alone."""
    server = Server(options.server_pid)
    before_s = server.cpu_s()
    figures = register(options, user_names(options))
    used_s = round(server.cpu_s() - before_s, 2)
    return {"mode": "register", **figures, "server_cpu_s": used_s}


def parser():
    root = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    modes = root.add_subparsers(dest="mode", required=True)
    for name in (*LOADS, "register"):
        mode = modes.add_parser(name)
        _add_ends(mode)
        _add_shape(mode)
        _add_stress(mode)
    return root


def _add_ends(mode):
    mode.add_argument("--target", default="127.0.0.1:5060")
    mode.add_argument("--dial", default="4001")
    mode.add_argument("--agents", type=int, default=200)
    mode.add_argument(
        "--server-pid", type=lambda text: [int(pid) for pid in text.split(",")], default=[]
    )
    mode.add_argument("--agent-ip", default="127.0.0.1")
    mode.add_argument("--agent-port", type=int, default=6000)
    mode.add_argument("--caller-ip", default="127.0.0.1")
    mode.add_argument("--caller-port", type=int, default=6100)
    mode.add_argument("--agent-rtp", type=int, default=7002)
    mode.add_argument("--caller-rtp", type=int, default=7000)
    mode.add_argument("--register", action="store_true")
    mode.add_argument("--user-prefix", default="a")
    mode.add_argument("--user-digits", type=int, default=4)
    mode.add_argument("--password", help="one password for all (default: the user name)")
    mode.add_argument("--domain", help="domain in REGISTER (default: the target's address)")
    mode.add_argument("--expires", type=int, default=3600)
    mode.add_argument("--out", help="keep SIPp's files in this folder")
    mode.add_argument("--trace-err", action="store_true")


def _add_shape(mode):
    mode.add_argument("--ring-ms", type=int, default=0, help="an agent rings so long")
    mode.add_argument(
        "--answer-ms", type=int, default=30000, help="a caller waits so long for a 200"
    )
    mode.add_argument("--fill-rate", type=float, default=100)
    mode.add_argument("--waiting", type=int, default=500)
    mode.add_argument("--talk", type=float, default=2)
    mode.add_argument("--patience", type=float, default=60)
    mode.add_argument("--window", type=float, default=5)
    mode.add_argument("--rate", type=float, default=25)
    mode.add_argument("--duration", type=float, default=20)
    mode.add_argument("--hold", type=float, default=1)
    mode.add_argument("--hangup", choices=("caller", "agent"), default="caller")
    mode.add_argument("--calls", type=int, default=50)
    mode.add_argument("--secs", type=int, default=15)


def _add_stress(mode):
    mode.add_argument(
        "--probe-ms", type=float, default=5, help="pauses: an OPTIONS every so often"
    )
    mode.add_argument("--times", type=float, default=1.5, help="overload: as many times --rate")
    mode.add_argument("--flood-rate", type=int, default=5000, help="flood: INVITEs a second")
    mode.add_argument("--flood-ip", default="127.0.0.2")
    mode.add_argument("--flood-dial", default="4003", help="flood: a number that is served")
    mode.add_argument("--unknown", default="999999", help="flood: a number that there is not")
    mode.add_argument("--http", help="leak: the server's address for /metrics")
    mode.add_argument("--warm-up", type=float, default=30)
    mode.add_argument("--quiet", type=float, default=40)


def main():
    arguments = parser()
    options = arguments.parse_args()
    options.target_ip, _, port = options.target.partition(":")
    options.target_port = int(port or 5060)
    if not options.target_ip.startswith("127."):
        arguments.error("only loopback targets")
    kept = options.out
    options.out = str(Path(kept).absolute()) if kept else tempfile.mkdtemp(prefix="rig-")
    Path(options.out).mkdir(parents=True, exist_ok=True)
    for name in ("agent", "caller", "overload_caller"):
        for suffix in ("log", "csv", "out", "err", "xml"):
            (Path(options.out) / f"{name}.{suffix}").unlink(missing_ok=True)
    figures = LOADS.get(options.mode, register_only)(options)
    if not kept:
        shutil.rmtree(options.out, ignore_errors=True)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
