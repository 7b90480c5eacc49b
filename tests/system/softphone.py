"""A SIP phone as a program of its own: pjsua2, driven by JSON lines on stdin, telling on stdout.

    {"id": 7, "do": "call", "number": "4000"}      →  {"id": 7, "ok": true}
                                                   →  {"event": "state", "at": …, "state": …}

One endpoint per process is what pjsua2 wants. No thread of its own runs our callbacks
(threadCnt = 0, mainThreadOnly): they come from `libHandleEvents`, between two commands. It
leaves by `os._exit`: taking the library down in order takes a second and proves nothing.
"""

import json
import os
import re
import select
import sys
import time
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import pjsua2 as pj

TURN_MS = 10
"How long a turn of the loop waits for the network: adds at most this to any reaction."

LEAVE_S = 1.0
"For the answers to the last BYE or CANCEL."

_NAME_ADDR = re.compile(
    r'\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>[^<"]*?))\s*<?sips?:(?P<user>[^@;>]*)@?'
)


_TRANSPORTS = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}

_MEDIA = {
    pj.PJSUA_CALL_MEDIA_NONE: "none",
    pj.PJSUA_CALL_MEDIA_ACTIVE: "active",
    pj.PJSUA_CALL_MEDIA_LOCAL_HOLD: "local_hold",
    pj.PJSUA_CALL_MEDIA_REMOTE_HOLD: "remote_hold",
    pj.PJSUA_CALL_MEDIA_ERROR: "error",
}


def told(callback: Callable[..., None]) -> Callable[..., None]:
    """Tell of an exception in a callback: the library would swallow it."""

    @wraps(callback)
    def guarded(self, prm):
        try:
            callback(self, prm)
        except Exception:
            self.phone.tell("error", traceback=traceback.format_exc())
            raise

    return guarded


class Line(pj.Call):
    """One call of this phone."""

    def __init__(self, phone, call_id=pj.PJSUA_INVALID_ID):
        super().__init__(phone.account, call_id)
        self.phone = phone
        self.serial = phone.next_serial()
        self.recording = phone.folder / f"{phone.name}-{self.serial}.wav"
        self.recorder = None
        self.player = None
        self.audio = None

    @told
    def onCallState(self, prm):  # noqa: N802  # the library's name
        info = self.getInfo()
        self.phone.tell(
            "state",
            line=self.serial,
            state=info.stateText,
            code=info.lastStatusCode,
            reason=info.lastReason,
            call_id=info.callIdString,
        )
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.phone.over(self)

    @told
    def onCallMediaState(self, prm):  # noqa: N802  # the library's name
        info = self.getInfo()  # kept: its media are gone with it
        for media in info.media:
            if media.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            if media.status in {pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD}:
                self.connect(self.getAudioMedia(media.index))
            self.phone.tell("media", line=self.serial, status=_MEDIA[media.status])

    @told
    def onCallTransferStatus(self, prm):  # noqa: N802  # the library's name
        self.phone.tell(
            "transfer", line=self.serial, code=prm.statusCode, final=bool(prm.finalNotify)
        )
        if prm.finalNotify and prm.statusCode == 200:
            self.hangup(pj.CallOpParam(True))

    @told
    def onDtmfDigit(self, prm):  # noqa: N802  # the library's name
        self.phone.tell("digit", line=self.serial, digit=prm.digit)

    def connect(self, audio):
        """Record what is heard from the first sound on, and play this phone's tone."""
        self.audio = audio
        if self.recorder is None:
            self.recorder = pj.AudioMediaRecorder()
            self.recorder.createRecorder(str(self.recording))
            self.phone.tell("recording", line=self.serial, path=str(self.recording))
        audio.startTransmit(self.recorder)
        if self.phone.tone:
            self.play(self.phone.tone)

    def play(self, path):
        self.stop()
        self.player = pj.AudioMediaPlayer()
        self.player.createPlayer(path)
        self.player.startTransmit(self.audio)

    def stop(self):
        if self.player is not None and self.audio is not None:
            self.player.stopTransmit(self.audio)
        self.player = None


class Account(pj.Account):
    """The phone's one account."""

    phone = None

    @told
    def onRegState(self, prm):  # noqa: N802  # the library's name
        self.phone.tell(
            "registration",
            code=prm.code,
            active=self.getInfo().regIsActive,
            expires_s=prm.expiration,
        )

    @told
    def onIncomingCall(self, prm):  # noqa: N802  # the library's name
        line = Line(self.phone, prm.callId)
        self.phone.rings(line)


class Phone:
    """Endpoint, account and calls."""

    def __init__(self, settings, out):
        self.name = settings["name"]
        self.folder = Path(settings["folder"])
        self.tone = settings["tone"]
        self.transport = settings["transport"]
        self._strict = settings["strict"]
        self.reaction = 180
        self._out = out
        self._serial = 0
        self._lines = {}
        self._finished = []
        self._server = ""
        self._user = ""
        self._endpoint = self._start(settings)
        self.account = None

    def _start(self, settings):
        endpoint = pj.Endpoint()
        endpoint.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.maxCalls = 4
        config.logConfig.level = 4
        config.logConfig.consoleLevel = 4
        config.medConfig.clockRate = 8000
        config.medConfig.sndClockRate = 8000
        config.medConfig.noVad = True
        config.medConfig.ecTailLen = 0
        config.medConfig.hasIoqueue = True
        endpoint.libInit(config)
        transport = pj.TransportConfig()
        transport.boundAddress = "127.0.0.1"
        if self.transport == "tls":
            transport.tlsConfig.CaListFile = settings["ca"]
            transport.tlsConfig.verifyServer = True
        kind = _TRANSPORTS[self.transport]
        handle = endpoint.transportCreate(kind, transport)
        endpoint.libStart()
        endpoint.audDevManager().setNullDev()
        for codec in endpoint.codecEnum2():
            if settings["codec"]:
                wanted = codec.codecId.startswith(settings["codec"])
                endpoint.codecSetPriority(codec.codecId, 255 if wanted else 0)
        self.tell("started", address=endpoint.transportGetInfo(handle).localName)
        return endpoint

    # --- the loop ---

    def run(self):
        buffer = b""
        while True:
            self._endpoint.libHandleEvents(TURN_MS)
            self._finished.clear()
            while select.select([0], [], [], 0)[0]:
                data = os.read(0, 65536)
                if not data:
                    self._leave()
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    self._carry_out(json.loads(line))

    def _leave(self):
        """Hang up what is left, so that the server need not find out, and end."""
        self._endpoint.hangupAllCalls()
        deadline = time.monotonic() + LEAVE_S
        while self._lines and time.monotonic() < deadline:
            self._endpoint.libHandleEvents(TURN_MS)
        os._exit(0)

    def _carry_out(self, command):
        number, name = command.pop("id"), command.pop("do")
        answer = {"id": number, "ok": True}
        try:
            answer["result"] = getattr(self, f"do_{name}")(**command)
        except pj.Error as error:
            answer |= {"ok": False, "error": f"{error.title}: {error.reason}"}
        self._send(answer)

    def _send(self, message):
        self._out.write(json.dumps(message) + "\n")

    def tell(self, event, **fields):
        self._send({"event": event, "at": time.monotonic(), **fields})

    def next_serial(self):
        self._serial += 1
        return self._serial

    def rings(self, line):
        self._lines[line.serial] = line
        info = line.getInfo()
        match = _NAME_ADDR.match(info.remoteUri)
        self.tell(
            "incoming",
            line=line.serial,
            display=(match["quoted"] or match["plain"] or "") if match else "",
            number=match["user"] if match else "",
            uri=info.remoteUri,
            call_id=info.callIdString,
        )
        if self.reaction:
            self._answer(line, self.reaction)

    def over(self, line):
        """Close the call's files now; the object itself goes after this callback."""
        line.player = line.recorder = None
        line.audio = None
        self._finished.append(self._lines.pop(line.serial, line))
        self.tell("over", line=line.serial)

    def _answer(self, line, code):
        prm = pj.CallOpParam(True)
        prm.statusCode = code
        line.answer(prm)

    def _line(self, line):
        if line is None:
            line = max(self._lines, default=0)
        if line not in self._lines:
            raise pj.Error(0, "no such call", f"line {line}", "", 0)
        return self._lines[line]

    # --- commands ---

    def do_account(self, server, user, password, register, expires_s):
        """Take an identity: with a password to register, without as a caller from outside."""
        config = pj.AccountConfig()
        suffix = "" if self.transport == "udp" else f";transport={self.transport}"
        config.idUri = f"sip:{user}@{server}"
        config.regConfig.registerOnAdd = False
        config.regConfig.timeoutSec = expires_s
        if register:
            config.regConfig.registrarUri = f"sip:{server}{suffix}"
        if password:
            credentials = pj.AuthCredInfo("digest", "*", user, 0, password)
            config.sipConfig.authCreds.append(credentials)
        if self._strict:
            config.callConfig.prackUse = pj.PJSUA_100REL_MANDATORY
            config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_REQUIRED
        media = config.mediaConfig.transportConfig
        media.boundAddress = "127.0.0.1"
        # Below the servers' ports, each process somewhere else.
        media.port = 10_000 + os.getpid() % 1_400 * 2
        media.portRange = 200
        config.natConfig.contactRewriteUse = 0
        self._server, self._user = server + suffix, user
        self.account = Account()
        self.account.phone = self
        self.account.create(config, True)

    def do_registration(self, active):
        self.account.setRegistration(active)

    def do_react(self, code):
        """Say how the next incoming call is answered: 180 rings, 200 takes it, 0 waits."""
        self.reaction = code

    def do_call(self, number):
        line = Line(self)
        self._lines[line.serial] = line
        uri = number if number.startswith(("sip:", "sips:")) else f"sip:{number}@{self._server}"
        try:
            line.makeCall(uri, pj.CallOpParam(True))
        except pj.Error:
            self._lines.pop(line.serial)
            raise
        return line.serial

    def do_answer(self, code, line):
        self._answer(self._line(line), code)

    def do_hangup(self, line):
        self._line(line).hangup(pj.CallOpParam(True))

    def do_hold(self, line):
        self._line(line).setHold(pj.CallOpParam(True))

    def do_unhold(self, line):
        prm = pj.CallOpParam(True)
        prm.opt.flag = pj.PJSUA_CALL_UNHOLD
        self._line(line).reinvite(prm)

    def do_refer(self, number, line):
        self._line(line).xfer(f"sip:{number}@{self._server}", pj.CallOpParam(True))

    def do_refer_to_line(self, line, other):
        self._line(line).xferReplaces(self._line(other), pj.CallOpParam(True))

    def do_digits(self, digits, method, line):
        prm = pj.CallSendDtmfParam()
        prm.digits = digits
        info = method == "info"
        prm.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if info else pj.PJSUA_DTMF_METHOD_RFC2833
        self._line(line).sendDtmf(prm)

    def do_play(self, path, line):
        self._line(line).play(path)

    def do_quiet(self, line):
        self._line(line).stop()


def main() -> None:
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # the library greets on stdout before it can be told not to
    Phone(json.loads(sys.argv[1]), out).run()


if __name__ == "__main__":
    main()
