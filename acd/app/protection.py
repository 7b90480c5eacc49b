"""What stands between the network and the core, and how an admin gets to see it."""

from collections.abc import Callable, Iterable

import structlog

from acd.calls.events import CallRejected
from acd.calls.journal import Record
from acd.config.server import Sip
from acd.sip.admission import Admission, Level, urgent_calls
from acd.sip.events import AuthenticationFailed, Contact
from acd.sip.guard import Ban, Guard, Offence
from acd.sip.sightings import Sighting
from acd.telemetry.metrics import ProtectionState

log = structlog.get_logger(__name__)

QUIET_S = 10.0
"A flood that lasts writes a line so often, with the counts since the last one."

BANS_TOLD = 20
"Bans that get a line of their own within `QUIET_S`; made-up addresses must not fill the disk."

STRANGERS_MISTAKES = frozenset({"unknown_number", "not_an_agent", "not_public", "no_transit"})
"Reasons of refusals (`CallRejected.reason`) that are held against who called."


class Protection:
    """Admission and guard, with their log lines and views."""

    def __init__(self, sip: Sip, now: Callable[[], float]) -> None:
        self.guard = Guard(sip.bans.guard(sip.limits.exempt))
        self.admission = Admission(sip.limits.admission(), on_flood=self._flooded)
        self._now = now
        self._offences = {offence.value: 0 for offence in Offence}
        self._bans = self._bans_untold = 0
        self._told_at = -QUIET_S
        self._told = dict(self.admission.counts)

    def know(self, known: Callable[[str], bool]) -> None:
        """Hold nothing against addresses of which this says yes, such as the trunks'."""
        self.guard.known = self.admission.known = known

    def let_in(self, emergency: Iterable[str]) -> None:
        """Let calls to these numbers in whatever the overload, within bounds."""
        self.admission.urgent = urgent_calls(emergency)

    def restored(self, devices: Iterable[tuple[Contact, ...]]) -> None:
        """Take the phones of before a restart: their sources are spoken for."""
        now = self._now()
        for contacts in devices:
            for contact in contacts:
                self.guard.proved(contact.peer.host, now)

    # --- what happens ---

    def saw(self, sighting: Sighting) -> None:
        """Take what the endpoint noticed."""
        if sighting.offence is None:
            self.guard.proved(sighting.peer.host, self._now())
        else:
            sure = sighting.peer.transport != "udp"
            self._offended(sighting.peer.host, sighting.offence, sure=sure)

    def failed(self, failed: AuthenticationFailed) -> None:
        """Take a wrong password: whoever sent it has received our nonce at its address."""
        if failed.other_uri:
            return  # it was the right one
        self._offended(failed.peer.host, Offence.WRONG_PASSWORD, sure=True)

    def rejected(self, record: Record) -> None:
        """Take a call that was refused."""
        event = record.event
        if (
            isinstance(event, CallRejected)
            and event.reason in STRANGERS_MISTAKES
            and not event.account
        ):
            # transport:host:port, and an IPv6 host has colons of its own.
            transport, _, place = event.peer.partition(":")
            host, sure = place.rpartition(":")[0], transport != "udp"
            self._offended(host, Offence.UNKNOWN_NUMBER, sure=sure)

    def look(self) -> float:
        """End bans and write what was turned away, if anything was.

        To be called within a second after messages came; returns when again, inf for never.
        """
        now = self._now()
        for ban in self.guard.on_time(now):
            log.info("source_let_in_again", source=ban.source)
        self._enforce()
        counts = self.admission.counts
        if counts == self._told:
            return self.guard.next_deadline()
        if now - self._told_at < QUIET_S:
            return min(self.guard.next_deadline(), self._told_at + QUIET_S)
        log.warning(
            "sip_messages_turned_away",
            level=self.admission.level.name.lower(),
            squeezed=sorted(self.admission.squeezed),
            bans=len(self.guard.bans),
            **{what: count - self._told[what] for what, count in counts.items()},
        )
        self._told_at, self._told = now, dict(counts)
        self._bans_untold = 0
        return self.guard.next_deadline()

    def _flooded(self, source: str) -> None:
        self._offended(source, Offence.FLOOD, sure=False)

    def _offended(self, host: str, offence: Offence, *, sure: bool) -> None:
        now = self._now()
        self._offences[offence.value] += 1
        ban = self.guard.offended(host, offence, now, sure=sure)
        if ban is None:
            return
        self._bans += 1
        self._bans_untold += 1
        self._enforce()
        if self._bans_untold <= BANS_TOLD:
            log.warning(
                "source_banned",
                source=ban.source,
                reason=ban.reason.value,
                seconds=round(ban.until - now),
                count=ban.count,
            )

    def _enforce(self) -> None:
        # While nobody is banned, the question is not even asked.
        bans = self.guard.bans
        self.admission.banned = bans.__contains__ if bans else None

    # --- views, and an admin's hand ---

    def bans(self) -> list[dict[str, object]]:
        """Return the bans in force, the one that ends first at the top."""
        now = self._now()
        bans = sorted(self.guard.bans.values(), key=lambda ban: ban.until)
        return [_shown(ban, now) for ban in bans]

    def lift(self, source: str) -> bool:
        """End a ban; False when there is none."""
        lifted = self.guard.lift(source)
        self._enforce()
        if lifted:
            log.info("ban_lifted", source=source)
        return lifted

    def state(self) -> ProtectionState:
        """Return what the metrics show."""
        admission = self.admission
        return ProtectionState(
            dict(admission.counts),
            int(admission.level),
            admission.sources,
            dict(self._offences),
            self._bans,
            len(self.guard.bans),
        )

    def details(self) -> dict[str, object]:
        """Return what /readyz shows."""
        level = self.admission.level
        return {
            "overload": level.name.lower() if level >= Level.SHEDDING else "none",
            "squeezed": sorted(self.admission.squeezed),
            "banned": len(self.guard.bans),
        }


def _shown(ban: Ban, now: float) -> dict[str, object]:
    return {
        "source": ban.source,
        "reason": ban.reason.value,
        "count": ban.count,
        "remaining_s": round(max(0.0, ban.until - now), 1),
    }
