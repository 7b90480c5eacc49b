"""The loads beyond the usual: pauses, overload, flood, leak. Each returns one record."""

import copy
import json
import re
import subprocess
import time
import urllib.request
from pathlib import Path

from load import Load
from loads import rate
from processes import Server
from sipp import stats

HERE = Path(__file__).parent

SEEN_BEFORE_S = 1.0
"A flood has begun when the calls beside it begin, and ends after them."

HELD = (
    *("acd_calls_active", "acd_queue_waiting", "acd_sip_legs", "acd_sip_transfers"),
    *("acd_sip_transactions", "acd_media_streams", "acd_media_ports_ready", "acd_tasks"),
    *("acd_journal_lag_records", "process_open_fds"),
)
"Metrics of what calls need while they last."


def apart(options, name, **changes):
    """Return the options of one load of several, with a folder of its own for SIPp's files."""
    own = copy.copy(options)
    own.out = str(Path(options.out) / name)
    Path(own.out).mkdir(exist_ok=True)
    for key, value in changes.items():
        setattr(own, key, value)
    return own


def sipsend(options, *words):
    """Start the prober or the flood."""
    mode, from_ip, *rest = (str(word) for word in words)
    target = (options.target_ip, str(options.target_port))
    return subprocess.Popen(
        [HERE / "sipsend", mode, from_ip, *target, *rest], stdout=subprocess.PIPE, text=True
    )


def said(process):
    """Wait for its end and return what it found."""
    printed, _ = process.communicate()
    return json.loads(printed) if process.returncode == 0 else None


def pauses(options):
    """Calls at an even rate, and OPTIONS every --probe-ms beside them: how late are answers?

    An answer waits for the server's pause and for what came before it; and on a machine with too
    few cores for server and clients, for a core: `server_waited_for_core_s` says how much.
    """
    server = Server(options.server_pid)
    waited_s = server.waited_s() if options.server_pid else 0
    prober = sipsend(options, "probe", options.caller_ip, options.probe_ms, options.duration)
    record = rate(options)
    probe = said(prober)
    if options.server_pid:
        record["server_waited_for_core_s"] = round(server.waited_s() - waited_s, 2)
    return {**record, "mode": "pauses", "probe_ms": probe}


def overload(options):
    """--rate is what the server can do; --times as many calls come, and a 503 is an answer too.

    Agents end the calls, --hold after they answered; a caller who is accepted waits --patience.
    """
    offered = options.rate * options.times
    total = max(1, int(offered * options.duration))
    load = Load(
        options,
        total,
        offered,
        hold_ms=int((options.hold + options.patience) * 1000),
        talk_ms=int(options.hold * 1000),
        limit_s=options.duration + options.hold + options.patience + options.answer_ms / 1000 + 15,
        scenario="overload_caller",
    )
    load.finish()
    figures = overload_figures(load)
    served = figures["served"]
    return {
        "mode": "overload",
        "rate": options.rate,
        "times": options.times,
        "duration": options.duration,
        **figures,
        **load.common(served),
    }


def overload_figures(load):
    """Return what became of the calls: accepted (200) and served, refused (503), or neither."""
    accepted = set(load.answered)
    served = {
        call
        for call in accepted
        if call in load.done and call in load.connected and load.connected[call] < load.done[call]
    }
    refused, offered = set(load.refused), set(load.invited)
    return {
        "accepted": len(accepted),
        "served": len(served),
        "served_of_accepted_pct": _percent(served, accepted),
        "refused": len(refused),
        "refused_pct": _percent(refused, offered),
        "no_answer": len(offered - accepted - refused),
        "refused_ms": load.since_invite(load.refused),
        "retry_after_pct": _percent(load.retry_after, refused),
        "retry_after_s": stats(list(load.retry_after.values())),
    }


def _percent(part, whole):
    return round(100 * len(part) / len(whole), 3) if whole else None


def flood(options):
    """Calls at --rate, alone and beside INVITEs at --flood-rate to a number served and to none.

    The one that is served leads to a queue without agents, or the flood would be in line for them.
    """
    quiet = rate(apart(options, "quiet"))
    floods = {}
    for name, number in (("served", options.flood_dial), ("unknown", options.unknown)):
        seconds = options.duration + options.hold + 2 * SEEN_BEFORE_S
        sender = sipsend(options, "flood", options.flood_ip, options.flood_rate, seconds, number)
        time.sleep(SEEN_BEFORE_S)
        record = rate(apart(options, name))
        floods[name] = {**record, "flood": said(sender), "slower": slower(record, quiet)}
    return {
        "mode": "flood",
        "completed": sum(record["completed"] for record in floods.values()),
        "offered": sum(record["offered"] for record in floods.values()),
        "slower": slowest([record["slower"] for record in floods.values()]),
        "quiet": quiet,
        "floods": floods,
    }


def slower(record, quiet):
    """Return how many times as long setup took as without the flood, None if no call came."""
    if not record["setup_ms"] or not quiet["setup_ms"]:
        return None
    return {
        name: round(record["setup_ms"][name] / quiet["setup_ms"][name], 2)
        for name in ("p50", "p95")
    }


def slowest(found):
    """Return the worst of both floods, None if calls did not come through one of them."""
    return (
        {name: max(one[name] for one in found) for name in ("p50", "p95")} if all(found) else None
    )


def leak(options):
    """Calls at --rate for --duration; what the server holds some time after them, and before.

    Before them it is warmed up by --warm-up seconds of the same, so that pools and caches have the
    size that this load needs. --quiet seconds have to be more than 32 (64*T1).
    """
    rate(apart(options, "warm_up", duration=options.warm_up))
    time.sleep(options.quiet)
    before = held(options)
    calls = rate(apart(options, "calls"))
    at_end = held(options)
    time.sleep(options.quiet)
    after = held(options)
    return {
        **calls,
        "mode": "leak",
        "before": before,
        "at_end": at_end,
        "after": after,
        "grown": grown(before, after),
    }


def held(options):
    """Return what the server's processes hold now: memory, descriptors, and by its metrics."""
    server = Server(options.server_pid)
    memory = server.memory_kb()
    with urllib.request.urlopen(f"http://{options.http}/metrics", timeout=10) as answer:
        page = answer.read().decode()
    found = re.findall(rf"^((?:{'|'.join(HELD)})(?:{{.*}})?) (\S+)$", page, re.M)
    metrics = {name: float(value) for name, value in found}
    ready = metrics.get("acd_media_ports_ready", 0)
    return {
        **{f"{kind}_pss_kb": pss_kb for kind, (pss_kb, _) in memory.items()},
        **{f"{kind}_uss_kb": uss_kb for kind, (_, uss_kb) in memory.items()},
        # A media worker keeps the ports that it once needed at a time.
        "descriptors_but_ready_ports": server.open_files() - int(ready),
        **metrics,
    }


def grown(before, after):
    """Return the differences."""
    return {
        name: round(after.get(name, 0) - before.get(name, 0), 3) for name in {**before, **after}
    }
