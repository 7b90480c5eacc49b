"""Which messages are let in: one decision per message, before anything is parsed.

Three things are weighed, all of them cheap. *Limits* per source and in total, for strangers.
*How far behind we are*, which only the depth of the socket's queue tells: the loop's lateness
never showed it. And *whose fault that is*: while one source sends nearly all new calls and the
queue does not empty, that source is squeezed, and the others go on as if it were not there.

What belongs to a call that was accepted is let in, whatever the overload: only requests that
would begin something are turned away. A call that was accepted and is then cut helps nobody.
"""

import math
import re
from collections.abc import Callable, Iterable
from enum import Enum, IntEnum

from msgspec import Struct

from .sources import Networks, source_of

WINDOW_S = 1.0
"Everything is counted by the second."

SOURCES_MAX = 20_000
"""Sources counted one by one, twice: those of the last `GENERATION_S` and those before. Beyond,
all new ones share one count, or made-up addresses would fill our memory. Some 8 MB when full."""

GENERATION_S = 10.0
"A source that is silent for so long, and half as long again on average, is forgotten."

ANSWERS_MAX = 1_000
"503s per source and second, 2 % of a core; the requests beyond are dropped, which costs less yet."

WITHIN_MAX = 250
"""INVITEs of a source per second that seem to be of calls under way and are read to find out,
20 ms of work. 5,000 calls send some 5."""

_DISPENSABLE = frozenset({b"OPTION", b"SUBSCR", b"MESSAG", b"PUBLIS"})
"How requests begin that serve no call: far behind, strangers get no answer to them."

BUSY_BYTES = 32 * 1024
"Some 15 messages wait: more than a turn of the loop leaves over in good times."

SHED_BYTES = 512 * 1024
"Some 250 messages wait, 60 ms of work: a tenth of the time after which phones send again (T1)."

DROP_BYTES = 2 * 1024 * 1024
"A quarter of a second of work; half of the buffer at most, where the kernel allows less."

SQUEEZE_AFTER_S = 0.2
"As long as the collector's longest pause: what piles up meanwhile is nobody's fault."

DOMINANCE = 4
"Times what all others send together: then one source makes the queue, and the rest suffers."

URGENT_PER_SOURCE, URGENT_MAX = 4, 50
"""INVITEs to emergency numbers per second, of one source and of all, that overload does not touch.
Anybody can dial 110, and a flood of those must not get past everything."""

SQUEEZED_MIN = 10
"New calls per second that are left to a source however much it sends: it may be a trunk gone mad."

SQUEEZED_MAX = 64
"Sources squeezed at once: one can only dominate alone, so they come one after the other."

FORGIVEN_AFTER = 5
"Windows in a row within its limit, after which a source is free again."

_TO_TAG = re.compile(rb"\n(?:to|t)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=", re.IGNORECASE)


class Verdict(Enum):
    """What becomes of a message."""

    ADMIT = "admit"
    SHED = "shed"
    "Refuse it with 503, unless it turns out to belong to something that is under way."
    DROP = "drop"


class Level(IntEnum):
    """How far behind we are."""

    CALM = 0
    BUSY = 1
    "Messages wait. Served, but looked at."
    SHEDDING = 2
    "New calls from those who send most get 503."
    DROWNING = 3
    """New calls get 503 whoever sends them, unless one source makes the queue: its messages are
    dropped soon. REGISTER gets nothing, nor does what serves no call."""


ADMIT, SHED, DROP = Verdict.ADMIT, Verdict.SHED, Verdict.DROP
_CALM, _BUSY, _SHEDDING, _DROWNING = Level


class AdmissionSettings(Struct, frozen=True, kw_only=True):
    """Limits per second for sources outside of `exempt`; infinity for none."""

    exempt: tuple[str, ...] = ()
    "Networks without limits. Overload still has to be shared fairly, also by them."

    messages_per_source: float = math.inf
    "More are dropped."

    calls_per_source: float = math.inf
    "New INVITEs; more get 503."

    registers_per_source: float = math.inf
    "More are dropped; phones repeat them, and so come one after the other."

    calls: float = math.inf
    "New INVITEs of all sources together."

    registers: float = math.inf


def urgent_calls(numbers: Iterable[str]) -> tuple[bytes, ...]:
    """Return how INVITEs to these numbers begin on the wire."""
    return tuple(
        b"INVITE %b:%b%b" % (scheme, number.encode(), end)
        for number in numbers
        for scheme, ends in ((b"sip", b"@;"), (b"sips", b"@;"), (b"tel", b" ;"))
        for end in (ends[:1], ends[1:])
    )


class _Source:
    """What one source sent in this second and the one before."""

    __slots__ = (
        "admitted",
        "answers",
        "calls",
        "calls_before",
        "calls_max",
        "exempt",
        "messages",
        "messages_max",
        "name",
        "quiet_windows",
        "registers",
        "registers_max",
        "urgent",
        "window",
        "within",
    )

    def __init__(self, name: str, settings: AdmissionSettings, *, exempt: bool) -> None:
        self.name = name
        self.exempt = exempt
        self.window = -1
        self.messages = self.calls = self.registers = self.answers = self.admitted = 0
        self.urgent = self.within = self.calls_before = 0
        self.quiet_windows = 0
        self.messages_max = math.inf if exempt else settings.messages_per_source
        self.calls_max = math.inf if exempt else settings.calls_per_source
        self.registers_max = math.inf if exempt else settings.registers_per_source

    def turn(self, window: int) -> None:
        """Begin to count anew."""
        self.calls_before = self.calls if self.window == window - 1 else 0
        self.window = window
        self.messages = self.calls = self.registers = self.answers = self.admitted = 0
        self.urgent = self.within = 0


class Admission:
    """Decides on every message that arrives, in O(1). Tables are bounded and empty themselves."""

    __slots__ = (
        "_busy_since",
        "_callers",
        "_callers_before",
        "_calls",
        "_calls_before",
        "_crowd",
        "_exempt",
        "_generation_ends",
        "_levels",
        "_old",
        "_on_flood",
        "_registers",
        "_settings",
        "_squeezed",
        "_top",
        "_urgent",
        "_window",
        "_window_ends",
        "_young",
        "banned",
        "counts",
        "known",
        "level",
        "urgent",
    )

    def __init__(
        self,
        settings: AdmissionSettings = AdmissionSettings(),  # noqa: B008  frozen
        *,
        banned: Callable[[str], bool] | None = None,
        on_flood: Callable[[str], None] = lambda source: None,
    ) -> None:
        """Take the limits, and whom to ask and tell.

        `banned` tells of a source whether nothing of it is wanted; `on_flood` hears of one that
        sent twice what it may.
        """
        self.banned = banned
        "None while nobody is banned: the usual day, which then costs nothing."
        self._on_flood = on_flood
        self._settings = settings
        self._exempt = Networks(settings.exempt)
        self.known: Callable[[str], bool] = lambda _host: False
        "Further sources without limits, e.g. the trunks'."
        self._young: dict[str, _Source] = {}
        self._old: dict[str, _Source] = {}
        self._crowd = _Source("*", settings, exempt=False)
        self._top = self._crowd
        self._squeezed: dict[str, _Source] = {}
        self._window = 0
        self._window_ends = self._generation_ends = 0.0
        self._calls = self._calls_before = self._registers = 0
        self._callers = self._callers_before = 0
        self._levels: dict[int, Level] = {}
        self._busy_since = math.inf
        self.level = _CALM
        self._urgent = 0
        self.urgent: tuple[bytes, ...] = ()
        "How INVITEs to emergency numbers begin: `urgent_calls`."
        self.counts = {"shed": 0, "dropped": 0, "banned": 0}
        "What was turned away since the start."

    @property
    def sources(self) -> int:
        """How many sources are remembered."""
        return len(self._young) + len(self._old)

    @property
    def squeezed(self) -> dict[str, float]:
        """The sources that are held to fewer new calls, and to how many per second."""
        return {name: source.calls_max for name, source in self._squeezed.items()}

    def is_banned(self, host: str) -> bool:
        """Tell whether nothing of this address is wanted: no connection either."""
        return self.banned is not None and self.banned(source_of(host))

    # --- how far behind we are ---

    def measured(self, queue: int, waiting_bytes: int, limit_bytes: int, now: float) -> None:
        """Take the depth of one socket's queue, and how deep it can get."""
        if not waiting_bytes and queue not in self._levels:
            return
        level = self._level(self._levels.get(queue, _CALM), waiting_bytes, limit_bytes)
        if level is _CALM:
            self._levels.pop(queue, None)
        else:
            self._levels[queue] = level
        self.level = max(self._levels.values(), default=_CALM)
        if self.level is _CALM:
            self._busy_since = math.inf
        elif self._busy_since > now:
            self._busy_since = now
        elif now - self._busy_since >= SQUEEZE_AFTER_S:
            self._squeeze(now)

    @staticmethod
    def _level(before: Level, waiting: int, limit: int) -> Level:
        """Return the level; to sink, the depth has to halve first."""
        for level, mark, share in (
            (_DROWNING, DROP_BYTES, 2),
            (_SHEDDING, SHED_BYTES, 4),
            (_BUSY, BUSY_BYTES, 16),
        ):
            mark = min(mark, limit // share)
            if waiting >= (mark // 2 if before >= level else mark):
                return level
        return _CALM

    def _squeeze(self, now: float) -> None:
        """Hold the source to less that sends nearly all new calls, if there is one."""
        top = self._top
        if top.window != self._window or len(self._squeezed) >= SQUEEZED_MAX:
            return
        if not self._dominated_by(top):
            return
        if top.name not in self._squeezed:
            elapsed_s = max(WINDOW_S - (self._window_ends - now), SQUEEZE_AFTER_S)
            self._hold(top, top.admitted / elapsed_s / 2)
            self._squeezed[top.name] = top

    def _dominated_by(self, source: _Source) -> bool:
        """Whether others call, too, and this source nevertheless makes the queue."""
        mine = source.calls + source.calls_before
        others = self._calls + self._calls_before - mine
        return others > 0 and mine >= DOMINANCE * max(others, SQUEEZED_MIN)

    @staticmethod
    def _hold(source: _Source, calls: float) -> None:
        source.calls_max = max(float(SQUEEZED_MIN), calls)
        source.quiet_windows = 0

    # --- who comes ---

    def judge(self, data: bytes, host: str, now: float) -> Verdict:
        """Decide on a message from this address."""
        if now >= self._window_ends:
            self._turn(now)
        name = source_of(host) if ":" in host else host
        if self.banned is not None and self.banned(name):
            self.counts["banned"] += 1
            return DROP
        source = self._young.get(name) or self._meet(name, host)
        if source.window != self._window:
            source.turn(self._window)
        source.messages += 1
        if source.messages > source.messages_max:
            return self._drop_flood(source)
        if data[:1] <= b" ":  # blank lines and spaces before a message: who reads it ignores them
            data = data.lstrip()
        head = data[:6]
        if head == b"INVITE":
            return self._judge_invite(source, data)
        if head == b"REGIST":
            return self._judge_register(source)
        if self.level is _DROWNING and head in _DISPENSABLE and not source.exempt:
            return ADMIT if _TO_TAG.search(data) is not None else self._drop()
        return ADMIT

    def _judge_invite(self, source: _Source, data: bytes) -> Verdict:
        source.calls += 1
        self._calls += 1
        if source.calls == 1:
            self._callers += 1
        if source.calls > self._top.calls:
            self._top = source
        if (
            self.level >= _SHEDDING
            or source.calls > source.calls_max
            or self._calls > self._settings.calls
        ):
            return self._doubt(source, data)
        source.admitted += 1
        return ADMIT

    def _doubt(self, source: _Source, data: bytes) -> Verdict:
        """Decide on an INVITE that may be too much."""
        if _TO_TAG.search(data) is not None:
            # Within a dialog, it seems: of a call that was accepted. Only who reads it can tell;
            # the tag may stand in a URI, a name or the body.
            source.within += 1
            return SHED if source.within <= WITHIN_MAX else self._drop()
        if self._is_urgent(source, data):
            return ADMIT
        within = source.calls <= source.calls_max and self._calls <= self._settings.calls
        if (
            within
            and self._is_light(source)
            and (self.level < _DROWNING or self._dominated_by(self._top))
        ):
            source.admitted += 1
            return ADMIT
        source.answers += 1
        if source.answers > ANSWERS_MAX:
            return self._drop()
        self.counts["shed"] += 1
        return SHED

    def _is_urgent(self, source: _Source, data: bytes) -> bool:
        """Whether this is one of the emergency calls that are let in."""
        if not data.startswith(self.urgent):
            return False
        source.urgent += 1
        self._urgent += 1
        return source.urgent <= URGENT_PER_SOURCE and self._urgent <= URGENT_MAX

    def _is_light(self, source: _Source) -> bool:
        """Whether a source sends less than half of what a source sends on average."""
        calls = max(self._calls, self._calls_before)
        callers = max(self._callers, self._callers_before, 1)
        return 2 * callers * max(source.calls, source.calls_before) <= calls

    def _judge_register(self, source: _Source) -> Verdict:
        source.registers += 1
        self._registers += 1
        too_many = (
            source.registers > source.registers_max or self._registers > self._settings.registers
        )
        if too_many or self.level is _DROWNING:
            return self._drop()
        if self.level is _SHEDDING:
            self.counts["shed"] += 1
            return SHED
        return ADMIT

    def _drop(self) -> Verdict:
        self.counts["dropped"] += 1
        return DROP

    def _drop_flood(self, source: _Source) -> Verdict:
        self.counts["dropped"] += 1
        if source.messages == 2 * int(source.messages_max) and source is not self._crowd:
            self._on_flood(source.name)
        return DROP

    # --- the table ---

    def _meet(self, name: str, host: str) -> _Source:
        """Return the source of this name; the crowd's count when the table is full."""
        source = self._old.pop(name, None)
        if source is None:
            source = _Source(name, self._settings, exempt=self._has_no_limits(host))
        # The crowd is held to a stranger's limits: room is kept for those who have none.
        if len(self._young) >= (2 * SOURCES_MAX if source.exempt else SOURCES_MAX):
            return self._crowd
        self._young[name] = source
        return source

    def _has_no_limits(self, host: str) -> bool:
        return host in self._exempt or self.known(host)

    def _turn(self, now: float) -> None:
        """Begin a new second."""
        passed = 1 + int((now - self._window_ends) // WINDOW_S)
        for source in tuple(self._squeezed.values()):
            self._review(source, passed)
        self._window += passed
        self._window_ends = now + WINDOW_S
        self._calls_before = self._calls if passed == 1 else 0
        self._callers_before = self._callers if passed == 1 else 0
        self._calls = self._registers = self._callers = self._urgent = 0
        self._top = self._crowd
        self._crowd.turn(self._window)
        if now >= self._generation_ends:
            self._generation_ends = now + GENERATION_S
            self._old, self._young = self._young, {}

    def _review(self, source: _Source, passed: int) -> None:
        """Judge by the last second whether a squeezed source has understood.

        Who takes a 503 and its Retry-After seriously soon sends less, and gets more; who goes on
        as before gets less still.
        """
        sent = source.calls if source.window == self._window and passed == 1 else 0
        if sent <= source.calls_max:
            source.quiet_windows += passed
            if source.quiet_windows >= FORGIVEN_AFTER:
                del self._squeezed[source.name]
                source.calls_max = math.inf if source.exempt else self._settings.calls_per_source
        elif sent > 4 * source.calls_max:
            self._hold(source, source.calls_max / 4)
        else:
            self._hold(source, source.calls_max * (1.25 if self.level is _CALM else 0.75))
