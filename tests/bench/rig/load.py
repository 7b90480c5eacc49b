"""One load on the server: agents and callers, accounting, and the call records joined."""

import json
import re
import sys
import time

from processes import Sampler, Server, machine_cpu_s
from registration import register
from sipp import Sipp, number, stats


class Load:
    """Agents up (registered if asked), callers; then what each call's two ends logged.

    Times by call: `invited`, `answered`, `refused` (503), `done`, `left` (the far end's BYE) at
    the caller; `rung`, `connected` (ACK), `hung_up` at the agent.
    """

    def __init__(self, options, total, rate, *, hold_ms, talk_ms, limit_s, scenario="caller"):
        self.options, self.limit_s = options, limit_s
        self.server = Server(options.server_pid)
        users = user_names(options)
        self.registered = register(options, users) if options.register and users else None
        self.agents = self._start_agents(talk_ms) if users else None
        self.machine_before, self.cpu_before = machine_cpu_s(), self.server.cpu_s()
        self.rss_before, self.began = self.server.rss_kb(), time.time()
        self.own_before = time.process_time()
        self.sampler = Sampler(self.server)
        self.sampler.start()
        marks = {
            "RTP_PORT": options.caller_rtp,
            "HOLD_MS": hold_ms,
            "ANSWER_MS": options.answer_ms,
            "DIAL": options.dial,
        }
        target = f"{options.target_ip}:{options.target_port}"
        extra = [target, "-r", str(rate), "-m", str(total), "-l", str(total)]
        ip, port = options.caller_ip, options.caller_port
        self.callers = Sipp(options, scenario, marks, ip, port, extra, limit_s)

    def _start_agents(self, talk_ms):
        options = self.options
        marks = {"RTP_PORT": options.agent_rtp, "TALK_MS": talk_ms, "RING_MS": options.ring_ms}
        ip, port = options.agent_ip, options.agent_port
        agents = Sipp(options, "agent", marks, ip, port, [], self.limit_s + 60)
        time.sleep(0.5)
        if agents.poll() is not None:
            print(json.dumps({"error": "agents' SIPp did not start", "tail": [agents.tail()]}))
            sys.exit(1)
        return agents

    def finish(self, drain_s=1.0):
        """Wait for the callers' end, take the figures, stop the agents, read the logs."""
        if self.callers.wait(self.limit_s + 10) is None:
            self.callers.stop()
        time.sleep(drain_s)
        self.cpu_after, self.machine_after = self.server.cpu_s(), machine_cpu_s()
        self.ended, self.rss_after = time.time(), self.server.rss_kb()
        self.own_after = time.process_time()
        self.sampler.stop()
        if self.agents:
            self.agents.stop()
        self.join()

    def join(self):
        """Read both logs and match the legs by the caller's number."""
        self.invited, self.answered, self.done, self.left = {}, {}, {}, {}
        self.refused, self.retry_after = {}, {}
        self.caller_port = {}
        by_kind = {"I": self.invited, "O": self.answered, "D": self.done, "E": self.left}
        by_kind["F"] = self.refused
        for kind, at, words in self.callers.lines():
            by_kind[kind].setdefault(words[0], at)
            if kind == "O" and len(words) > 1:
                self.caller_port[words[0]] = int(words[1])
            if kind == "F" and len(words) > 1:
                self.retry_after[words[0]] = int(words[1])
        self.rung, self.connected, self.hung_up = {}, {}, {}
        self.agent_port, self.by_agent = {}, {}
        self.rings = self.cancelled = 0
        matched = True
        for kind, at, words in self.agents.lines() if self.agents else ():
            caller = words[1] if len(words) > 1 else ""
            match = re.fullmatch(r"c(\d+)", caller)
            matched = matched and bool(match)
            call = match.group(1) if match else caller
            self._agent_line(kind, at, words, call)
        self.correlated = matched and bool(self.connected)

    def _agent_line(self, kind, at, words, call):
        if kind == "R":
            self.rings += 1
            self.rung.setdefault(call, at)
        elif kind == "C":
            self.connected.setdefault(call, at)
            if len(words) > 2:
                self.agent_port[call] = int(words[2])
        elif kind == "X":
            self.cancelled += 1
        elif kind in "HB":
            self.hung_up.setdefault(call, at)
        self.by_agent.setdefault(words[0], []).append((at, kind))

    def common(self, completed):
        """Return the figures that every load has."""
        options = self.options
        caller = self.callers.counters()
        agent = self.agents.counters() if self.agents else {}
        order = sorted(self.invited.values())
        spread_s = order[-1] - order[0] if len(order) > 1 else 0
        return {
            "target": options.target,
            "dial": options.dial,
            "agents": options.agents,
            "offered": len(self.invited),
            "offered_cps": round((len(order) - 1) / spread_s, 1) if spread_s else None,
            "sipp_ok": number(caller, "SuccessfulCall(C)"),
            "sipp_failed": number(caller, "FailedCall(C)"),
            "caller_retrans": number(caller, "Retransmissions(C)"),
            "agent_retrans": number(agent, "Retransmissions(C)"),
            "agent_failed": number(agent, "FailedCall(C)"),
            "rings": self.rings,
            "cancelled_rings": self.cancelled,
            "correlated": self.correlated,
            "answer_ms": self.since_invite(self.answered),
            "ring_delay_ms": self.since_invite(self.rung),
            "setup_ms": self.since_invite(self.connected),
            "wall_s": round(self.ended - self.began, 2),
            **self._accounts(completed),
            **({"register": self.registered} if self.registered else {}),
        }

    def since_invite(self, moments):
        """Return statistics of the milliseconds from INVITE to these moments."""
        return stats(
            [
                (moments[call] - self.invited[call]) * 1000
                for call in moments
                if call in self.invited
            ]
        )

    def _accounts(self, completed):
        wall_s = self.ended - self.began
        server_s = self.cpu_after - self.cpu_before
        clients_s = self.callers.cpu_s() + (self.agents.cpu_s() if self.agents else 0)
        own_s = self.own_after - self.own_before
        busy_s = self.machine_after[0] - self.machine_before[0]
        known = bool(self.options.server_pid)
        of_server = {
            "server_cpu_s": round(server_s, 2),
            "server_cores": round(server_s / wall_s, 3),
            "server_cpu_ms_per_call": round(1000 * server_s / completed, 3) if completed else None,
            "server_alive": self.server.alive(),
            "rss_before_kb": self.rss_before,
            "rss_peak_kb": max(row[2] for row in self.sampler.rows),
            "rss_after_kb": self.rss_after,
        }
        return {
            **(of_server if known else {}),
            "client_cpu_s": round(clients_s, 2),
            "rig_cpu_s": round(own_s, 2),
            "other_cpu_s": round(busy_s - server_s - clients_s - own_s, 2) if known else None,
            "steal_s": round(self.machine_after[1] - self.machine_before[1], 2),
        }


def user_names(options):
    """Return the agents' users: a0001, a0002 …"""
    prefix, digits = options.user_prefix, options.user_digits
    return [f"{prefix}{n:0{digits}d}" for n in range(1, options.agents + 1)]
