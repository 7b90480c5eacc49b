"""REGISTER with digest for every agent, from the agents' own address and port."""

import contextlib
import hashlib
import re
import secrets
import socket
import time
from dataclasses import dataclass, field

from sipp import stats

HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}

IN_FLIGHT = 32
"Registrations at a time: enough to be quick, too few to lose any to a full socket."

TRIES = 7
GIVE_UP_S = 60


def challenge(message):
    """Return (header name, parameters, algorithm) of the first challenge that we can answer."""
    for match in re.finditer(r"^(WWW|Proxy)-Authenticate:\s*Digest (.*)$", message, re.M | re.I):
        parameters = {
            key.lower(): quoted or bare
            for key, quoted, bare in re.findall(
                r'(\w+)\s*=\s*(?:"([^"]*)"|([^",\s]+))', match.group(2)
            )
        }
        algorithm = parameters.get("algorithm", "MD5").upper()
        if algorithm in HASHES:
            www = match.group(1).upper() == "WWW"
            return "Authorization" if www else "Proxy-Authorization", parameters, algorithm
    raise ValueError("no digest challenge with MD5 or SHA-256")


def authorization(message, user, password, uri):
    """Return the header line that answers the challenge in this message (RFC 2617, RFC 7616)."""
    name, given, algorithm = challenge(message)

    def digest(text):
        return HASHES[algorithm](text.encode()).hexdigest()

    a1 = digest(f"{user}:{given['realm']}:{password}")
    a2 = digest(f"REGISTER:{uri}")
    if "qop" in given:
        count, cnonce = "00000001", secrets.token_hex(8)
        response = digest(f"{a1}:{given['nonce']}:{count}:{cnonce}:auth:{a2}")
        tail = f', qop=auth, nc={count}, cnonce="{cnonce}"'
    else:
        response, tail = digest(f"{a1}:{given['nonce']}:{a2}"), ""
    if "opaque" in given:
        tail += f', opaque="{given["opaque"]}"'
    return (
        f'{name}: Digest username="{user}", realm="{given["realm"]}", nonce="{given["nonce"]}", '
        f'uri="{uri}", response="{response}", algorithm={algorithm}{tail}\r\n'
    )


@dataclass
class Attempt:
    """One agent's registration under way."""

    user: str
    call: str = field(default_factory=lambda: secrets.token_hex(8))
    cseq: int = 0
    auth: str = ""
    tries: int = 0
    began: float = field(default_factory=time.time)
    sent: float = 0.0


class Registrations:
    """All agents' registrations, some of them in flight at a time."""

    def __init__(self, options, users, expires_s):
        self.options = options
        self.expires_s = expires_s
        self.domain = options.domain or options.target_ip
        self.me = f"{options.agent_ip}:{options.agent_port}"
        self.todo = list(users)
        self.flying = {}
        self.answers = []
        self.latencies_ms = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((options.agent_ip, options.agent_port))
        self.socket.settimeout(0.1)

    def run(self):
        """Register all and return the figures."""
        began = time.time()
        with self.socket:
            while (self.todo or self.flying) and time.time() - began < GIVE_UP_S:
                while self.todo and len(self.flying) < IN_FLIGHT:
                    attempt = Attempt(self.todo.pop(0))
                    self.flying[attempt.call] = attempt
                    self._send(attempt, new=True)
                with contextlib.suppress(TimeoutError):
                    self._receive(self.socket.recv(65535).decode("utf-8", "replace"))
                self._repeat_or_give_up()
        return {
            "ok": len(self.latencies_ms),
            "failed": len(self.answers) + len(self.flying) + len(self.todo),
            "answers": sorted(set(self.answers)),
            "secs": round(time.time() - began, 3),
            "ms": stats(self.latencies_ms),
        }

    def _send(self, attempt, *, new):
        attempt.cseq += new
        attempt.sent = time.time()
        message = (
            f"REGISTER sip:{self.domain} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.me};rport;branch=z9hG4bK{attempt.call}{attempt.cseq}\r\n"
            f"From: <sip:{attempt.user}@{self.domain}>;tag={attempt.call}\r\n"
            f"To: <sip:{attempt.user}@{self.domain}>\r\nCall-ID: reg-{attempt.call}\r\n"
            f"CSeq: {attempt.cseq} REGISTER\r\nContact: <sip:{attempt.user}@{self.me}>\r\n"
            f"Max-Forwards: 70\r\nExpires: {self.expires_s}\r\n"
            f"{attempt.auth}Content-Length: 0\r\n\r\n"
        )
        target = (self.options.target_ip, self.options.target_port)
        self.socket.sendto(message.encode(), target)

    def _receive(self, message):
        status = re.match(r"SIP/2\.0 (\d+)", message)
        call = re.search(r"^(?:Call-ID|i):\s*reg-(\w+)", message, re.M | re.I)
        cseq = re.search(r"^CSeq:\s*(\d+)", message, re.M | re.I)
        attempt = self.flying.get(call.group(1)) if call else None
        if not status or attempt is None or (cseq and int(cseq.group(1)) != attempt.cseq):
            return
        code = int(status.group(1))
        if code in {401, 407} and not attempt.auth:
            password = self.options.password or attempt.user
            uri = f"sip:{self.domain}"
            attempt.auth = authorization(message, attempt.user, password, uri)
            self._send(attempt, new=True)
        elif code == 200:
            self.latencies_ms.append((time.time() - attempt.began) * 1000)
            del self.flying[attempt.call]
        elif code >= 300:
            self._failed(attempt, str(code))

    def _repeat_or_give_up(self):
        for attempt in list(self.flying.values()):
            if time.time() - attempt.sent > 0.5 * 2**attempt.tries:
                attempt.tries += 1
                if attempt.tries == TRIES:
                    self._failed(attempt, "timeout")
                else:
                    self._send(attempt, new=False)

    def _failed(self, attempt, answer):
        self.answers.append(answer)
        del self.flying[attempt.call]


def register(options, users):
    """REGISTER every user; return figures."""
    return Registrations(options, users, options.expires).run()
