"""The loads: rate, queue, idle, media. Each returns one flat record of figures."""

import json
import statistics
import subprocess
import time
from itertools import pairwise
from pathlib import Path

from load import Load
from processes import machine_cpu_s
from sipp import stats

FOR_EVER_MS = 600_000
"Longer than any load lasts."


def rate(options):
    """Calls at an even rate, each for --hold seconds."""
    total = max(1, int(options.rate * options.duration))
    if options.hangup == "caller":
        hold_ms, talk_ms = int(options.hold * 1000), FOR_EVER_MS
    else:
        hold_ms = int((options.hold + options.patience) * 1000)
        talk_ms = int(options.hold * 1000)
    limit_s = options.duration + options.hold + options.answer_ms / 1000 + 15
    load = Load(options, total, options.rate, hold_ms=hold_ms, talk_ms=talk_ms, limit_s=limit_s)
    load.finish()
    done = [c for c in load.done if c in load.connected and load.connected[c] < load.done[c]]
    served = [sum(1 for _, kind in events if kind == "C") for events in load.by_agent.values()]
    return {
        "mode": "rate",
        "rate": options.rate,
        "duration": options.duration,
        "hold": options.hold,
        "hangup": options.hangup,
        "completed": len(done),
        "failed": total - len(done),
        "success_pct": round(100 * len(done) / total, 3),
        "bridged": len([c for c in load.connected if c in load.invited]),
        "agents_used": len([count for count in served if count]),
        "calls_per_agent": [min(served), max(served)] if served else None,
        **load.common(len(done)),
    }


def windows(load, start, end, width_s):
    """Return waiting callers, bridges and server CPU per window."""
    invited = sorted(load.invited.values())
    connected = sorted(at for call, at in load.connected.items() if call in load.invited)
    gone = sorted(at for call, at in load.done.items() if call not in load.connected)

    def upto(moments, t):
        return sum(1 for moment in moments if moment <= t)

    found, t = [], start
    while t + width_s <= end + 0.01:
        points = [t + width_s * k / 10 for k in range(10)]
        waiting = statistics.fmean(
            upto(invited, x) - upto(connected, x) - upto(gone, x) for x in points
        )
        cpu_s = load.sampler.cpu_s_at(t + width_s) - load.sampler.cpu_s_at(t)
        found.append(
            {
                "t": round(t - load.began, 1),
                "waiting": round(waiting),
                "bridged": upto(connected, t + width_s) - upto(connected, t),
                "cores": round(cpu_s / width_s, 4),
            }
        )
        t += width_s
    return found


def idle_gaps_ms(load, end):
    """Return how long agents idled between two calls while others waited."""
    gaps = []
    for events in load.by_agent.values():
        free_at = None
        for at, kind in events:
            if kind in "HB":
                free_at = at
            elif kind == "R" and free_at and at < end:
                gaps.append((at - free_at) * 1000)
                free_at = None
    return gaps


def out_of_order(load):
    """Return (greatest displacement, share in per cent) of bridges against arrivals."""
    bridged = [(at, int(call)) for call, at in load.connected.items() if call in load.invited]
    order = [call for _, call in sorted(bridged, key=lambda pair: pair[0])]
    place = {call: index for index, call in enumerate(sorted(order))}
    displaced = [abs(index - place[call]) for index, call in enumerate(order)]
    swaps = sum(1 for first, second in pairwise(order) if second < first)
    return max(displaced, default=0), round(100 * swaps / max(1, len(order) - 1), 2)


def queue(options):
    """A deep queue: --waiting callers more than agents, who hang up after --talk seconds."""
    total = options.waiting + options.agents
    limit_s = total / options.fill_rate + options.patience + options.answer_ms / 1000 + 30
    load = Load(
        options,
        total,
        options.fill_rate,
        hold_ms=int(options.patience * 1000),
        talk_ms=int(options.talk * 1000),
        limit_s=limit_s,
    )
    load.finish(2.0)
    abandoned = [at for call, at in load.done.items() if call not in load.connected]
    first_gone = min(abandoned, default=load.ended)
    last_bridge = max(load.connected.values(), default=load.ended)
    start = max(load.invited.values(), default=load.began) + 1
    end = min(first_gone, last_bridge) if options.agents else first_gone
    span_s = max(end - start, 0.001)
    cpu_s = load.sampler.cpu_s_at(end) - load.sampler.cpu_s_at(start)
    seen = windows(load, start, end, options.window)
    waiting = statistics.fmean([window["waiting"] for window in seen]) if seen else None
    bridged = sum(1 for at in load.connected.values() if start <= at < end)
    most_displaced, swapped_pct = out_of_order(load)
    record = {
        "mode": "queue",
        "waiting_target": options.waiting,
        "talk": options.talk,
        "patience": options.patience,
        "fill_rate": options.fill_rate,
        "bridged": len(load.connected),
        "abandoned": len(abandoned),
        "completed": len(load.done),
        "window_s": round(span_s, 1),
        "avg_waiting": round(waiting) if waiting is not None else None,
        "bridged_per_s": round(bridged / span_s, 2),
        "ideal_per_s": round(options.agents / options.talk, 2) if options.agents else 0,
        "cores_while_waiting": round(cpu_s / span_s, 4),
        "cpu_ms_per_waiting_caller_s": (
            round(1000 * cpu_s / span_s / waiting, 4) if waiting else None
        ),
        "agent_idle_gap_ms": stats(idle_gaps_ms(load, end)),
        "out_of_order_max": most_displaced,
        "out_of_order_pct": swapped_pct,
        "windows": seen,
        **load.common(len(load.connected)),
    }
    grown_kb = max(row[2] for row in load.sampler.rows) - load.rss_before
    record["rss_kb_per_call_at_peak"] = round(grown_kb / total, 1) if options.server_pid else None
    return record


def idle(options):
    """Callers wait and no agent answers: what one waiting caller costs."""
    options.agents, options.talk, options.window = 0, 1, 5
    options.patience = options.secs + options.waiting / options.fill_rate + 2
    return {**queue(options), "mode": "idle"}


def media(options):
    """--calls bridged calls with two-way RTP through the server."""
    setup_s = options.calls / options.rate
    hold_s = setup_s + options.secs + 12
    load = Load(
        options,
        options.calls,
        options.rate,
        hold_ms=int(hold_s * 1000),
        talk_ms=FOR_EVER_MS,
        limit_s=setup_s + hold_s + 20,
    )
    ready = _all_bridged(load, setup_s)
    time.sleep(1.0)
    rss_kb = load.server.rss_kb()
    quiet = _cores(load.server, 2.0)[0]
    generator = _start_generator(load, options)
    time.sleep(1.5)
    cores, machine_cores = _cores(load.server, max(1, options.secs - 3))
    printed, _ = generator.communicate()
    load.finish()
    per_call = 1 / ready if ready else None
    grown_kb = rss_kb - load.rss_before
    return {
        "mode": "media",
        "calls": options.calls,
        "bridged": ready,
        "completed": len([call for call in load.done if call in load.connected]),
        "cores_with_media": round(cores, 4),
        "cores_bridged_no_media": round(quiet, 4),
        "cores_per_100_calls": round(100 * cores * per_call, 4) if per_call else None,
        # 100 packets a second and call: 50 each way.
        "cpu_us_per_packet_relayed": round(1e4 * cores * per_call, 2) if per_call else None,
        "machine_cores": round(machine_cores, 3),
        "rss_kb_per_bridged_call": (
            round(grown_kb * per_call, 1) if per_call and options.server_pid else None
        ),
        "rtp": (
            json.loads(printed)
            if printed.strip()
            else {"error": f"rtpgen rc {generator.returncode}"}
        ),
        **load.common(len(load.connected)),
    }


def _all_bridged(load, setup_s):
    """Wait until all calls are bridged, some seconds at most; return how many are."""
    time.sleep(setup_s + 0.5)
    end, ready = time.time() + 6, 0
    while time.time() < end and ready < load.options.calls:
        load.join()
        ready = len([call for call in load.connected if call in load.answered])
        time.sleep(0.2)
    return ready


def _cores(server, seconds):
    """Return the cores that the server and the machine use over this time."""
    cpu_s, (busy_s, _), began = server.cpu_s(), machine_cpu_s(), time.time()
    time.sleep(seconds)
    cpu_after_s, (busy_after_s, _), ended = server.cpu_s(), machine_cpu_s(), time.time()
    return (cpu_after_s - cpu_s) / (ended - began), (busy_after_s - busy_s) / (ended - began)


def _start_generator(load, options):
    """Start rtpgen on the ports that the server named to both ends of each call."""
    generator = subprocess.Popen(
        [
            Path(__file__).parent / "rtpgen",
            f"{options.caller_ip}:{options.caller_rtp}",
            f"{options.agent_ip}:{options.agent_rtp}",
            options.target_ip,
            str(options.secs),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    for call in load.connected:
        if call in load.caller_port and call in load.agent_port:
            generator.stdin.write(f"{call} {load.caller_port[call]} {load.agent_port[call]}\n")
    generator.stdin.close()
    generator.stdin = None  # closed already, communicate() must not close it again
    return generator
