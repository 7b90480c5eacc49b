"""Our own requests within a confirmed dialog: new offers, and refreshes of the session timer.

A leg has a `Session` from the first moment on that it needs one. One request is under way at a
time; what else is wanted waits for it, for the other side's offer, or for the end of a glare
(RFC 3261 14.1). Only this file changes what is wanted, and when it is tried again.
"""

import math
from contextlib import suppress
from typing import Protocol

from msgspec import Struct

from .core import Core
from .dialog import Dialog
from .dialog_request import DialogRequest, send_ack
from .effects import Send
from .errors import BadMessageError
from .events import LegEndCause, ReofferAnswered, ReofferRefused
from .headers import read_retry_after
from .message import Response
from .session_timer import (
    END_BEFORE_S,
    SessionTerms,
    asking_lines,
    demanded_s,
    granted,
)
from .transactions import Transactions
from .writing import ALLOW_LINE

MAX_TRIES = 6
"Of one offer or refresh: with the waits of 14.1 some 20 s of glare, then it is refused."

MAX_RETRY_AFTER_S = 10
"RFC 3261 14.2 has it chosen between 0 and 10 seconds; who asks for more has refused."

GLARE_STEP_S = 0.01
'RFC 3261 14.1: "T is chosen in units of 10 ms".'

BYE_CROSSING_T1 = 4
"How many T1 a BYE may come behind the 481 that its sender gave our request."

_EXPIRED = 'SIP;cause=408;text="Session expired"'


class Host(Protocol):
    """The leg as its session sees it."""

    id: str
    dialog: Dialog | None
    local_sdp: bytes
    updatable: bool
    owns_call_id: bool

    @property
    def early(self) -> bool:
        """The INVITE is not answered yet."""

    def may_offer(self) -> bytes:
        """Return the method that an offer of ours may have now; empty: it has to wait."""

    def arm(self) -> None:
        """Take the session's deadline."""

    def lost(self, cause: LegEndCause, reason: str, now: float, said: str = "") -> None:
        """End the leg by BYE, for a fault."""


class _Asked(Struct, gc=False):
    """Our request under way."""

    method: bytes
    sdp: bytes
    wanted: bytes | None
    "The offer that the call centre ordered; None for a refresh."
    request: DialogRequest


class Session:
    """Offers and refreshes from our side, and when the session expires.

    `at` is when `on_time` must next be called; the timer's own time is kept by `SessionClock`.
    """

    __slots__ = (
        "_asked",
        "_core",
        "_due",
        "_expire_at",
        "_leg",
        "_min_se_s",
        "_refresh_at",
        "_terms",
        "_transactions",
        "_tries",
        "_unknown_there",
        "_wait_at",
        "_wanted",
        "closed",
        "due_at",
        "tick",
    )

    def __init__(self, core: Core, transactions: Transactions, leg: Host) -> None:
        self._core = core
        self._transactions = transactions
        self._leg = leg
        self._asked: _Asked | None = None
        self._wanted: bytes | None = None
        self._due = False  # a refresh should have gone out
        self._tries = 0
        self._terms: SessionTerms | None = None
        self._min_se_s = core.settings.min_se_s
        self._refresh_at = self._expire_at = self._wait_at = self.due_at = math.inf
        self.tick = 0
        self._unknown_there = False  # our request got a 481
        self.closed = False
        "The leg is over; only a 2xx that is still to come gets its ACK."

    @property
    def at(self) -> float:
        """When a glare is over, or the patience with a 481."""
        return self._wait_at

    @property
    def offering(self) -> bool:
        """Our own offer is not answered."""
        return self._asked is not None and self._asked.sdp != b""

    def restart(self, terms: SessionTerms | None, now: float) -> None:
        """Count from now, as agreed in a 2xx of either side; None: without a timer.

        RFC 4028 10: a session without refresh is ended "slightly before the session expiration",
        by "the minimum of 32 seconds and one third of the session interval"; 7.2 and 9: the
        refresh is sent after half of it.
        """
        self._terms, self._due = terms, False
        self._refresh_at = self._expire_at = math.inf
        if terms is not None:
            interval_s = terms.interval_s
            self._expire_at = now + interval_s - min(END_BEFORE_S, interval_s / 3)
            if terms.refreshing:
                self._refresh_at = now + interval_s / 2
        self._watch()

    def offer(self, sdp: bytes, now: float) -> None:
        """Have this offered as soon as may be, in place of one that still waits."""
        self._wanted, self._tries = sdp, 0
        self.proceed(now)

    def close(self) -> None:
        """Want nothing any more."""
        self.closed = True
        self._wanted, self._due = None, False
        self._refresh_at = self._expire_at = self._wait_at = math.inf
        self._core.session_clock.drop(self)

    def _watch(self) -> None:
        self.due_at = min(self._refresh_at, self._expire_at)
        self._core.session_clock.put(self)

    def on_time(self, now: float) -> None:
        """Try again after a glare; or believe that no BYE comes."""
        if now < self._wait_at:
            return
        self._wait_at = math.inf
        if self._unknown_there:
            self._peer_gone("481 within the dialog", now)
        else:
            self.proceed(now)

    def on_due(self, now: float) -> None:
        """Refresh the session, or end an expired one."""
        if now >= self._expire_at:
            self._leg.lost(LegEndCause.SESSION_EXPIRED, "Session expired", now, _EXPIRED)
            return
        if now >= self._refresh_at:
            self._refresh_at, self._due, self._tries = math.inf, True, 0
        self._watch()
        self.proceed(now)

    def proceed(self, now: float) -> None:
        """Send what is wanted, if nothing stands against it."""
        if self._asked is not None or self._wait_at < math.inf:
            return
        wanted = self._wanted
        if wanted is None and not self._due:
            return
        method = self._leg.may_offer()
        if method:
            # RFC 4028 7.4: a refresh by UPDATE needs no offer; by INVITE it offers what stands.
            if wanted is None and self._leg.updatable:
                method = b"UPDATE"
            self._send(method, wanted, now)

    def _send(self, method: bytes, wanted: bytes | None, now: float) -> None:
        core, leg, dialog = self._core, self._leg, self._leg.dialog
        if dialog is None:
            return
        contact = core.contact(dialog.peer, dialog.secure)
        extra = contact + ALLOW_LINE + core.product_lines[1] + self._timer()
        sdp = wanted or (leg.local_sdp if method == b"INVITE" else b"")
        request = DialogRequest(
            core, self._transactions, dialog, method, self, extra=extra, body=sdp
        )
        self._asked = _Asked(method, sdp, wanted, request)
        request.send(now)

    def _timer(self) -> bytes:
        """Return the lines by which our request asks that the session's timer go on."""
        terms, wanted_s = self._terms, self._core.settings.session_expires_s
        if self._leg.early:
            return b""
        if terms is not None:
            lines = asking_lines(terms.interval_s, self._min_se_s, refreshing=terms.refreshing)
        elif wanted_s:
            lines = asking_lines(wanted_s, self._min_se_s)
        else:
            return b""
        return b"Supported: timer\r\n" + lines

    # What comes back.

    def on_response(self, response: Response, now: float) -> Send | None:
        """Take an answer to our re-INVITE or UPDATE; the ACK of a 2xx is sent even after BYE."""
        asked = self._asked
        if asked is None:
            return None
        status = response.status
        if status < 200:
            # An INVITE may be in Proceeding for ever; nobody has to be asked before a session
            # of plain audio goes on, so this side's patience is 64*T1 from its last sign.
            if asked.request.invite is not None:
                self._transactions.abandon(asked.request.invite, now)
            return None
        self._asked = None
        ack = None
        if status < 300 and self._leg.dialog is not None:
            ack = self._acknowledge(asked, self._leg.dialog, response)
        if not self.closed:
            self._settle(asked, response, now)
            self._go_on(now)
        return ack

    def on_failure(self, status: int, now: float) -> None:
        """No answer came (408), or the transport failed (503): the peer may yet reconnect."""
        asked, self._asked = self._asked, None
        if asked is None or self.closed:
            return
        if status == 408:
            self._peer_gone("No answer within the dialog", now)
        else:
            self._refused(asked, status, now)
        self._go_on(now)

    def _go_on(self, now: float) -> None:
        if not self.closed:
            self.proceed(now)
            self._leg.arm()

    def _acknowledge(self, asked: _Asked, dialog: Dialog, response: Response) -> Send | None:
        # 12.2.1.2: "When a UAC receives a 2xx response to a target refresh request, it MUST
        # replace the dialog's remote target URI with the URI from the Contact header field in
        # that response, if present." Of a broken one, the target so far is the best there is.
        with suppress(BadMessageError):
            dialog.retarget(response)
        if asked.method != b"INVITE":
            return None
        number = response.cseq.number
        return send_ack(self._core, dialog, asked.request.authorization, number)

    def _settle(self, asked: _Asked, response: Response, now: float) -> None:
        status = response.status
        if status < 300:
            self._accepted(asked, response, now)
        elif status == 408:
            # 12.2.1.2: "If the response for a request within a dialog is a 481
            # (Call/Transaction Does Not Exist) or a 408 (Request Timeout), the UAC SHOULD
            # terminate the dialog."
            self._peer_gone("408 within the dialog", now)
        elif status == 481:
            # So it is when our request crosses a BYE, too: with that one the call ends as it
            # should. It is repeated after T1 and 3*T1 where it is lost.
            self._unknown_there = True
            self._wait_at = now + BYE_CROSSING_T1 * self._core.timers.t1_s
        elif self._tries >= MAX_TRIES or not self._try_again(asked, response, now):
            self._refused(asked, status, now)
            if self._terms is not None and not self._terms.known:
                # A phone that knows no timers has agreed to nothing: whatever it answers is the
                # sign of life that was asked for.
                self.restart(self._terms, now)

    def _peer_gone(self, reason: str, now: float) -> None:
        said = 'SIP;cause=408;text="Request Timeout"'
        self._leg.lost(LegEndCause.PEER_GONE, reason, now, said)

    def _accepted(self, asked: _Asked, response: Response, now: float) -> None:
        self._tries = 0
        terms, least_s = self._terms, self._core.settings.min_se_s
        asked_s = self._core.settings.session_expires_s if terms is None else terms.interval_s
        if not self._leg.early:
            self.restart(granted(response, asked_s, least_s), now)
        if asked.sdp:
            self._leg.local_sdp = asked.sdp
        if asked.wanted is not None and self._wanted is asked.wanted:
            self._wanted = None
        # RFC 4028 7.4: a re-INVITE with an offer is one whatever it is for; its answer may move
        # the media, though what we offered has not changed.
        if asked.wanted is not None or (asked.sdp and response.body):
            self._core.out.append(ReofferAnswered(self._leg.id, response.body))

    def _refused(self, asked: _Asked, status: int, now: float) -> None:
        self._tries = 0
        if asked.wanted is None:
            # Once more while there is time: the session itself stands until it expires.
            self._due = False
            if self._expire_at < math.inf:
                self._refresh_at = now + max(1.0, (self._expire_at - now) / 2)
                self._watch()
            return
        if self._wanted is asked.wanted:
            self._wanted = None
        self._core.out.append(ReofferRefused(self._leg.id, status))

    def _try_again(self, asked: _Asked, response: Response, now: float) -> bool:
        """Prepare another try, if the refusal says what would help; it is still wanted."""
        self._tries += 1
        match response.status:
            case 491:
                self._wait_at = now + self._glare_wait_s()
            case 422:
                return self._ask_longer(response)
            case 405 | 501 if asked.method == b"UPDATE" and asked.wanted is None:
                self._leg.updatable = False
            case 500 | 503 if b"retry-after" in response.headers:
                wait_s = read_retry_after(response.headers[b"retry-after"])
                if wait_s > MAX_RETRY_AFTER_S:
                    return False
                self._wait_at = now + wait_s
            case _:
                return False
        return True

    def _glare_wait_s(self) -> float:
        """Return how long to wait after a 491.

        14.1: "If the UAC is the owner of the Call-ID of the dialog ID (meaning it generated the
        value), T has a randomly chosen value between 2.1 and 4 seconds in units of 10 ms. If the
        UAC is not the owner of the Call-ID of the dialog ID, T has a randomly chosen value of
        between 0 and 2 seconds in units of 10 ms."
        """
        first, steps = (2.1, 191) if self._leg.owns_call_id else (0.0, 201)
        number = int.from_bytes(self._core.random_bytes(4)) % steps
        return first + number * GLARE_STEP_S

    def _ask_longer(self, response: Response) -> bool:
        """Take the Min-SE of a 422.

        RFC 4028 7.3: "the UAC SHOULD retry the request […] with a Session-Expires header field
        value […] at least as large as the Min-SE".
        """
        least_s, terms = demanded_s(response), self._terms
        if least_s <= self._min_se_s or self._tries > 2:
            return False
        self._min_se_s = least_s
        if terms is not None:
            interval_s = max(terms.interval_s, least_s)
            self._terms = SessionTerms(interval_s, terms.refreshing, terms.known)
        return True
