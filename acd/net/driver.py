"""Drives the pure exchange: gives it bytes and time, and carries out what comes of it.

One `loop.call_at` serves every timer of the core. Inputs of one turn of the event loop are taken
together: their events are journalled by one write, and only then do their messages leave; last
come those who only watch.
"""

import asyncio
from collections.abc import Callable, Sequence
from math import inf

from acd.calls.commands import VerifyPin
from acd.calls.effects import Effects
from acd.calls.exchange import Exchange, Step
from acd.calls.journal import Record
from acd.calls.ports import EventLog, MediaEngine, Subscriber, Tap, Transports
from acd.media.events import Event as MediaEvent
from acd.sip.dns_records import Resolve, Resolved
from acd.sip.effects import Effect as SipEffect
from acd.sip.effects import Send
from acd.sip.events import AuthenticationFailed, Contact
from acd.sip.peer import Peer
from acd.sip.sightings import Sighting
from acd.sip.trunk_settings import TrunkSettings

from .whole_ms import first_at


class Driver:
    """The only object that both the network and the core know."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        event_log: EventLog,
        transports: Transports,
        engine: MediaEngine,
        subscribers: Sequence[Subscriber],
        taps: Sequence[Tap],
        on_failed_proof: Callable[[AuthenticationFailed], None] | None = None,
        on_refreshed: Callable[[], None] | None = None,
        on_sighting: Callable[[Sighting], None] | None = None,
        on_question: Callable[[Resolve], None] | None = None,
        on_pin: Callable[[VerifyPin], None] | None = None,
        on_deadline: Callable[[float], None] | None = None,
    ) -> None:
        """`on_deadline` gets the seconds by which a deadline of the core was served too late."""
        self._exchange = exchange
        self._event_log = event_log
        self._transports = transports
        self._engine = engine
        self._subscribers = subscribers
        self._taps = taps
        self._on_failed_proof = on_failed_proof
        self._on_refreshed = on_refreshed
        self._on_sighting = on_sighting
        self._on_question = on_question
        self._on_pin = on_pin
        self._on_deadline = on_deadline
        self._loop = asyncio.get_running_loop()
        self._flush_scheduled = self._stopped = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf

    # --- inputs ---

    def receive(self, data: bytes, peer: Peer) -> None:
        """Take one SIP message; `flush` has to follow the last one that is at hand."""
        for tap in self._taps:
            tap("in", peer, data)
        try:
            self._exchange.receive(data, peer, self._loop.time())
        except BaseException:
            # A bug that one message brings to light must not hold up the others of its batch.
            self._schedule_flush()
            raise

    def turn_away(self, data: bytes, peer: Peer) -> None:
        """Take a SIP message in overload: what would begin something new is refused at once.

        It leaves no trace but the counts of `Admission`: thousands of them in a second would push
        out of the trace what an admin looks for there.
        """
        refusal = self._exchange.refusal(data, peer)
        if refusal is None:
            self.receive(data, peer)
        else:
            self._transports.send(peer, refusal)

    def transport_failed(self, peer: Peer) -> None:
        """Take a transport's failure."""
        self._exchange.transport_failed(peer, self._loop.time())
        self._schedule_flush()

    def restore_contacts(self, account: str, contacts: tuple[Contact, ...]) -> None:
        """Take the devices that an earlier run of the process knew."""
        self._exchange.restore_contacts(account, contacts, self._loop.time())
        self._schedule_flush()

    def configure_trunks(self, trunks: tuple[TrunkSettings, ...]) -> None:
        """Replace all trunks; calls under way go on."""
        self._exchange.configure_trunks(trunks, self._loop.time())
        self._schedule_flush()

    def resolved(self, answer: Resolved) -> None:
        """Take an answer of DNS; must not be called from within `on_question`."""
        self._exchange.resolved(answer, self._loop.time())
        self._schedule_flush()

    def on_media(self, events: Sequence[MediaEvent]) -> None:
        """Take what the media engine reports; may be called from within `execute`."""
        now = self._loop.time()
        for event in events:
            self._exchange.on_media(event, now)
        self._schedule_flush()

    def carry_out(self, effects: Effects) -> None:
        """Take the effects of a person's command."""
        self._exchange.carry_out(effects, self._loop.time())
        self._schedule_flush()

    def now(self) -> float:
        """Return the core's time."""
        return self._loop.time()

    def stop(self) -> None:
        """Let nothing more come out of the core: the last event of the boot comes next."""
        self.flush()
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    # --- outputs ---

    def _schedule_flush(self) -> None:
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Carry out all that has come together."""
        if self._stopped:
            return
        # What the engine answers meanwhile is carried out here, not in a turn of its own.
        self._flush_scheduled = True
        try:
            self._carry_out_step()
        except BaseException:
            # Whatever went wrong must not keep back what came together besides, nor later inputs.
            self._flush_scheduled = False
            self._schedule_flush()
            raise
        else:
            self._flush_scheduled = False
        finally:
            self._rearm()

    def _carry_out_step(self) -> None:
        exchange, engine = self._exchange, self._engine
        while media := exchange.take_media():
            # The engine may answer from within `execute`; what follows joins this step.
            for command in media:
                engine.execute(command)
        step = exchange.take_step()
        records: Sequence[Record] = ()
        if step.events:
            records = self._event_log.append(step.events, self._loop.time())
        try:
            self._send(step.sends)
        finally:
            # Nobody who only watches is waited for by a phone.
            for subscriber in self._subscribers:
                for record in records:
                    subscriber(record)
        self._tell(step)

    def _send(self, sends: Sequence[SipEffect]) -> None:
        send, taps = self._transports.send, self._taps
        for effect in sends:
            if type(effect) is Send:
                peer, data = effect.peer, effect.data
                send(peer, data)
                for tap in taps:
                    tap("out", peer, data)
            else:
                self._transports.disconnect(effect.peer)

    def _tell(self, step: Step) -> None:
        """Pass on what is neither recorded nor sent."""
        if self._on_failed_proof is not None:
            for failed in step.failed_proofs:
                self._on_failed_proof(failed)
        sightings = self._exchange.sightings
        while sightings and self._on_sighting is not None:
            self._on_sighting(sightings.popleft())
        if self._on_question is not None:
            for question in step.questions:
                self._on_question(question)
        if self._on_pin is not None:
            for wish in step.pins:
                self._on_pin(wish)
        if step.refreshed and self._on_refreshed is not None:
            self._on_refreshed()

    # --- time ---

    def _rearm(self) -> None:
        at = self._exchange.next_deadline()
        if at >= self._timer_at:
            # Most deadlines move away before they come (an answer stops the retransmissions): a
            # timer that once finds nothing to do is cheaper than to arm it anew each time.
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(first_at(at), self._on_timer)

    def _on_timer(self) -> None:
        now, due_at = self._loop.time(), self._timer_at
        self._timer, self._timer_at = None, inf
        if self._on_deadline is not None:
            self._on_deadline(max(0.0, now - due_at))
        try:
            self._exchange.on_time(now)
        finally:
            self.flush()
