"""Who is kept out for a while: sources that guess passwords, scan for numbers, or send rubbish.

Each offence fills a source's measure by its share; who fills it up within the window is banned,
longer each time. A source that proves an account now and then has its measure lowered: a
branch office behind one address is not banned for the one phone in it that has a wrong password.

Over UDP source addresses can be made up: a stranger could get another one banned. So nothing that
a made-up address can do is held against a source from which an account was proved lately, and
neither are exempt networks nor trunks ever banned.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from heapq import heappop, heappush

from msgspec import Struct, field

from .sources import Networks, source_of

SOURCES_MAX = 10_000
"""Offenders remembered, the banned ones among them; some 4 MB. One more pushes out the one that
has been quiet for longest, be it banned: whoever has that many addresses needs no old one."""


VOUCHED_S = 86_400.0
"""A proof of an account speaks for its source so long: phones that are switched off overnight must
not be shut out in the morning."""

VOUCHED_MAX = 20_000
"Sources spoken for, ten times the largest centre; the longest without a proof goes first."


class Offence(Enum):
    """What strangers do who are up to no good; also the words of metrics and log."""

    WRONG_PASSWORD = "wrong_password"
    UNPROVED = "unproved"
    "A challenge that is yet to be answered: once per honest request, always for a scanner."
    UNKNOWN_NUMBER = "unknown_number"
    "A call that was refused for what it called, or for who calls."
    UNACKNOWLEDGED = "unacknowledged"
    "A call that was answered, and the answer never acknowledged: it held up a line for nothing."
    BROKEN = "broken"
    "A message that breaks the grammar."
    SCANNER = "scanner"
    "A User-Agent that no phone has."
    FLOOD = "flood"
    "Twice the messages that a source may send, for a second."


USUAL_LIMITS = {
    Offence.WRONG_PASSWORD: 10,
    Offence.UNPROVED: 200,
    Offence.UNKNOWN_NUMBER: 20,
    Offence.UNACKNOWLEDGED: 50,
    Offence.BROKEN: 100,
    Offence.SCANNER: 1,
    Offence.FLOOD: 5,
}


class GuardSettings(Struct, frozen=True, kw_only=True):
    """How much is too much, and what it costs."""

    exempt: tuple[str, ...] = ()
    "Networks that are never banned."

    limits: dict[Offence, int] = field(default_factory=USUAL_LIMITS.copy)
    "Offences of one kind within `window_s` that lead to a ban; 0: never."

    window_s: float = 300.0
    ban_s: float = 300.0
    "The first ban of a source; each further one takes twice as long as the one before."

    max_ban_s: float = 86_400.0
    "No ban takes longer, and after so long without any a source begins anew."


class Ban(Struct, frozen=True):
    """One source that is kept out."""

    source: str
    reason: Offence

    until: float
    "In the caller's time."

    count: int
    "1 for the first ban."


class _Offender:
    """What is held against one source."""

    __slots__ = ("banned_until", "bans", "measure", "measured_since")

    def __init__(self, now: float) -> None:
        self.measure = 0.0
        self.measured_since = now
        self.bans = 0
        self.banned_until = -math.inf


class Guard:
    """Counts offences and bans. Everything is O(log n) at most; the table is bounded."""

    __slots__ = ("_ends", "_exempt", "_offenders", "_settings", "_vouched", "bans", "known")

    def __init__(self, settings: GuardSettings = GuardSettings()) -> None:  # noqa: B008  frozen
        self._settings = settings
        self._exempt = Networks(settings.exempt)
        self._offenders: OrderedDict[str, _Offender] = OrderedDict()
        self._ends: list[tuple[float, str]] = []
        self._vouched: OrderedDict[str, float] = OrderedDict()
        self.bans: dict[str, Ban] = {}
        "Those in force, by source. `on_time` takes out what has ended."
        self.known: Callable[[str], bool] = lambda _host: False
        "Further sources that are never banned, e.g. the trunks'."

    def __len__(self) -> int:
        return len(self._offenders)

    def offended(
        self, host: str, offence: Offence, now: float, *, sure: bool = True
    ) -> Ban | None:
        """Take an offence; return the ban if it leads to one.

        `sure`: it came from there, as over a connection; a datagram says so itself.
        """
        limit = self._settings.limits.get(offence, 0)
        source = source_of(host)
        if not limit or source in self.bans or host in self._exempt or self.known(host):
            return None
        if not sure and now - self._vouched.get(source, -math.inf) <= VOUCHED_S:
            return None
        offender = self._offender(source, now)
        self._settle(offender, now)
        offender.measure += 1 / limit
        # Twenty twentieths may be a hair below 1.
        return self._ban(source, offender, offence, now) if offender.measure > 1 - 1e-9 else None

    def proved(self, host: str, now: float) -> None:
        """Take a request that proved its account.

        It makes good for one wrong password, and speaks for its source.
        """
        source = source_of(host)
        self._vouched[source] = now
        self._vouched.move_to_end(source)
        if len(self._vouched) > VOUCHED_MAX:
            self._vouched.popitem(last=False)
        offender = self._offenders.get(source)
        if offender is not None:
            self._settle(offender, now)
            limit = self._settings.limits.get(Offence.WRONG_PASSWORD) or 1
            offender.measure = max(0.0, offender.measure - 1 / limit)

    def lift(self, source: str) -> bool:
        """End a ban and forget what led to it; False when there is none."""
        source = source if source in self.bans else source_of(source)
        self._offenders.pop(source, None)
        return self.bans.pop(source, None) is not None

    def next_deadline(self) -> float:
        """Return when `on_time` must next be called; inf for never."""
        return self._ends[0][0] if self._ends else math.inf

    def on_time(self, now: float) -> list[Ban]:
        """End the bans whose time is over and return them."""
        ended = []
        while self._ends and self._ends[0][0] <= now:
            until, source = heappop(self._ends)
            ban = self.bans.get(source)
            if ban is not None and ban.until <= until:
                ended.append(self.bans.pop(source))
        while self._offenders:
            source, offender = next(iter(self._offenders.items()))
            if not self._is_forgotten(offender, now):
                break
            del self._offenders[source]
        return ended

    # --- own ---

    def _offender(self, source: str, now: float) -> _Offender:
        offender = self._offenders.get(source)
        if offender is None:
            if len(self._offenders) >= SOURCES_MAX:
                oldest, _ = self._offenders.popitem(last=False)
                self.bans.pop(oldest, None)
            offender = self._offenders[source] = _Offender(now)
        else:
            self._offenders.move_to_end(source)
        return offender

    def _settle(self, offender: _Offender, now: float) -> None:
        """Begin a new measure when the time of the former one is over."""
        if now - offender.measured_since > self._settings.window_s:
            offender.measure = 0.0
            offender.measured_since = now

    def _ban(self, source: str, offender: _Offender, reason: Offence, now: float) -> Ban:
        settings = self._settings
        if now - offender.banned_until > settings.max_ban_s:
            offender.bans = 0
        lasting_s = min(settings.ban_s * 2.0 ** min(offender.bans, 30), settings.max_ban_s)
        offender.bans += 1
        offender.measure = 0.0
        offender.banned_until = now + lasting_s
        ban = self.bans[source] = Ban(source, reason, offender.banned_until, offender.bans)
        heappush(self._ends, (ban.until, source))
        if len(self._ends) > 2 * SOURCES_MAX:  # those of bans that were lifted or pushed out
            self._ends = sorted((ban.until, ban.source) for ban in self.bans.values())
        return ban

    def _is_forgotten(self, offender: _Offender, now: float) -> bool:
        settings = self._settings
        quiet_s = now - max(offender.measured_since, offender.banned_until)
        return quiet_s > (settings.max_ban_s if offender.bans else settings.window_s)
