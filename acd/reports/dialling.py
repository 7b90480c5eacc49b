"""Loss in dialling (外呼呼损率): customers whom the server called, who answered, and had nobody.

The server dials by itself to call customers back, and for nothing else; calls that agents place
are not its dialling. An attempt belongs to the period in which it began. Always: attempts =
under_way + without_agent + dialled; dialled = busy + no_answer + rejected + given_up + failed +
live_answers; live_answers = taken_in_time + taken_late + never_taken. `acd.storage.dialling` says
the same in SQL; a test holds the two against each other.
"""

from collections.abc import Callable, Iterable, Mapping
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import astuple

from acd.calls.cdr_rows import Callback, Interaction, QueueVisit

from .cells import begin_of
from .cut import Cut, Place, charts_of, key_columns, key_values, share
from .report import Column, Report, Unit, Value, Words

DIMENSIONS = ("queue", "project")
"""Of the call-back. Whom nobody took has no agent, so that a loss by agent would say nothing."""

TAKEN_WITHIN_S = 2.0
"""The formula of such centres: calls a live person answered and no agent took within 2 s / live
answers. The same two seconds tell an abandoned call in 16 CFR 310.4(b)(1)(iv)."""

TOLD = ("busy", "no_answer", "rejected")
"Reasons of a call's end that say why nobody answered."


class Dialled(Struct, frozen=True, kw_only=True):
    """One attempt to call a customer back."""

    started_us: int
    project: str
    queue: str
    outcome: str
    'Name of a count of `Dialling`, or "answered".'

    wait_s: float | None = None
    "From the customer's answer to the agent; None: no agent came, or nobody answered."


class Dialling(Struct, frozen=True, kw_only=True):
    """Attempts by what became of them."""

    under_way: int = 0
    "Not over yet, whatever has happened so far."

    without_agent: int = 0
    "No agent took the turn, so that the customer was not called (agent first)."

    busy: int = 0
    no_answer: int = 0
    rejected: int = 0
    given_up: int = 0
    "The agent hung up before the customer answered (agent first)."

    failed: int = 0
    "No answer for any other reason: trunk, network, number, a fault."

    taken_in_time: int = 0
    "Answered, and an agent was there within the limit."

    taken_late: int = 0
    never_taken: int = 0
    "Answered, and over without an agent, whoever hung up."

    wait_s: float = 0.0
    "Sum of the waits of the taken."

    @property
    def attempts(self) -> int:
        """All of them."""
        return self.under_way + self.without_agent + self.dialled

    @property
    def dialled(self) -> int:
        """Customers called."""
        unanswered = self.busy + self.no_answer + self.rejected + self.given_up + self.failed
        return unanswered + self.live_answers

    @property
    def live_answers(self) -> int:
        """Customers who answered."""
        return self.taken + self.never_taken

    @property
    def taken(self) -> int:
        """Those whom an agent took at all."""
        return self.taken_in_time + self.taken_late

    @property
    def lost(self) -> int:
        """Those whom no agent took in time."""
        return self.taken_late + self.never_taken

    @property
    def loss_rate(self) -> float | None:
        """Return 外呼呼损率: lost / live answers."""
        return share(self.lost, self.live_answers)

    @property
    def live_answer_rate(self) -> float | None:
        """Return 外呼接通率: live answers / dialled."""
        return share(self.live_answers, self.dialled)

    @property
    def average_wait_s(self) -> float | None:
        """Return how long those who were taken had waited."""
        return share(self.wait_s, self.taken)

    def __add__(self, other: "Dialling") -> "Dialling":
        """Return both together."""
        pairs = zip(COUNTED, astuple(self), astuple(other), strict=True)
        return Dialling(**{name: one + two for name, one, two in pairs})


COUNTED = Dialling.__struct_fields__

Call = tuple[str, int]
"Interaction and its start: all attempts of a call-back are named after the wish."


def dialled(
    contacts: Iterable[Interaction],
    visits: Iterable[QueueVisit],
    callbacks: Iterable[Callback],
) -> list[Dialled]:
    """Return the attempts among contacts, in their order; their queue is that of the wish."""
    visits_of: dict[Call, list[QueueVisit]] = {}
    for visit in visits:
        visits_of.setdefault((visit.interaction, visit.started_us), []).append(visit)
    queues = {wish.callback: wish.queue for wish in callbacks}
    found = []
    for contact in contacts:
        if contact.direction != "callback":
            continue
        own = visits_of.get((contact.interaction, contact.started_us), ())
        outcome = outcome_of(contact, own)
        found.append(
            Dialled(
                started_us=contact.started_us,
                project=contact.project,
                queue=queues.get(contact.interaction, ""),
                outcome=outcome,
                wait_s=waited_s(contact, own) if outcome == "answered" else None,
            )
        )
    return found


def outcome_of(contact: Interaction, visits: Iterable[QueueVisit]) -> str:
    """Return what became of an attempt, as `Dialled.outcome`."""
    if contact.ended_us is None:
        return "under_way"
    if contact.answered_us is not None:
        return "answered"
    # A customer who is called first gets into the queue by answering: this was agent first.
    left_with = [visit.outcome for visit in visits]
    if left_with and "answered" not in left_with:
        return "without_agent"
    if contact.ended_by == "agent":
        return "given_up"
    return contact.reason if contact.reason in TOLD else "failed"


def waited_s(contact: Interaction, visits: Iterable[QueueVisit]) -> float | None:
    """Return how long a customer who answered waited for the first agent; None: none came.

    In the moment in which an agent answers the visit, the two are connected; an agent who was
    called first (the visit was answered before) is there when the customer answers. The visit's
    own wait is of the monotonic clock, and all of the wait if it began with the answer.
    """
    taken = [visit for visit in visits if visit.outcome == "answered"]
    if contact.answered_us is None or not taken:
        return None
    visit = min(taken, key=lambda one: (one.entered_us, one.visit))
    return max(0.0, (visit.entered_us - contact.answered_us) / 1e6 + (visit.waited_s or 0.0))


def dialling_lines(
    attempts: Iterable[Dialled],
    cut: Cut,
    *,
    only: Mapping[str, str] | None = None,
    within_s: float = TAKEN_WITHIN_S,
) -> dict[Place, Dialling]:
    """Return the attempts that began in the time, summed up by period and group."""
    zone = ZoneInfo(cut.timezone)
    found: dict[Place, Dialling] = {}
    for one in attempts:
        groups = {"queue": one.queue, "project": one.project}
        if not cut.from_us <= one.started_us < cut.to_us:
            continue
        if any(groups[name] != value for name, value in (only or {}).items()):
            continue
        period_us = begin_of(one.started_us, cut.period, zone)
        place = Place(period_us, tuple(groups[name] for name in cut.by))
        found[place] = found.get(place, Dialling()) + _counted(one, within_s)
    return found


def _counted(one: Dialled, within_s: float) -> Dialling:
    if one.outcome != "answered":
        return Dialling(**{one.outcome: 1})
    if one.wait_s is None:
        return Dialling(never_taken=1)
    if one.wait_s <= within_s:
        return Dialling(taken_in_time=1, wait_s=one.wait_s)
    return Dialling(taken_late=1, wait_s=one.wait_s)


def _column(
    name: str, en: str, zh: str, unit: Unit = Unit.COUNT, *, quiet: bool = False
) -> Column:
    return Column(name=name, title=Words(en, zh), unit=unit, quiet=quiet)


_MEASURES: tuple[tuple[Column, Callable[[Dialling], Value]], ...] = (
    (_column("attempts", "Attempts", "回呼次数"), lambda sums: sums.attempts),
    (
        _column("without_agent", "No agent", "无座席未拨", quiet=True),
        lambda sums: sums.without_agent,
    ),
    (_column("under_way", "Under way", "进行中", quiet=True), lambda sums: sums.under_way),
    (_column("dialled", "Dialled", "外呼量"), lambda sums: sums.dialled),
    (_column("busy", "Busy", "占线", quiet=True), lambda sums: sums.busy),
    (_column("no_answer", "No answer", "无人接听", quiet=True), lambda sums: sums.no_answer),
    (_column("rejected", "Rejected", "拒接", quiet=True), lambda sums: sums.rejected),
    (_column("given_up", "Agent gave up", "座席放弃", quiet=True), lambda sums: sums.given_up),
    (_column("failed", "Failed", "呼叫失败", quiet=True), lambda sums: sums.failed),
    (_column("live_answers", "Live answers", "客户接听"), lambda sums: sums.live_answers),
    (
        _column("live_answer_rate", "Answer rate", "外呼接通率", Unit.RATE),
        lambda sums: sums.live_answer_rate,
    ),
    (_column("taken_in_time", "In time", "及时接入"), lambda sums: sums.taken_in_time),
    (_column("taken_late", "Late", "超时接入"), lambda sums: sums.taken_late),
    (_column("never_taken", "Never taken", "无座席接入"), lambda sums: sums.never_taken),
    (_column("lost", "Lost", "呼损量"), lambda sums: sums.lost),
    (_column("loss_rate", "Loss", "外呼呼损率", Unit.RATE), lambda sums: sums.loss_rate),
    (
        _column("average_wait_s", "Average wait", "平均等待", Unit.SECONDS),
        lambda sums: sums.average_wait_s,
    ),
)


def dialling_report(
    lines: Mapping[Place, Dialling], cut: Cut, within_s: float = TAKEN_WITHIN_S
) -> Report:
    """Return the lines as a report, in the order given."""
    return Report(
        name="dialling",
        title=Words("Loss in dialling", "外呼呼损"),
        from_us=cut.from_us,
        to_us=cut.to_us,
        timezone=cut.timezone,
        columns=(*key_columns(cut), *(column for column, _ in _MEASURES)),
        rows=tuple(
            (*key_values(cut, place), *(value(sums) for _, value in _MEASURES))
            for place, sums in lines.items()
        ),
        remarks=_remarks(within_s),
        definitions={
            "loss_rate": "(taken_late+never_taken)/live_answers",
            "within_s": f"{within_s:g}",
        },
        charts=charts_of(
            cut,
            {
                "loss_rate": Words("Loss in dialling", "外呼呼损率"),
                "live_answers": Words("Live answers", "客户接听"),
            },
        ),
    )


def _remarks(within_s: float) -> tuple[Words, ...]:
    limit = f"{within_s:g}"
    return (
        Words(
            f"Loss = (taken after more than {limit} s + never taken) / live answers; the wait is"
            " from the customer's answer to the agent, none where the agent was called first",
            f"外呼呼损率 =（{limit} 秒后才接入 + 无座席接入）/ 客户接听；"
            "等待自客户接听起，至座席接入止；先呼座席的无等待",
        ),
        Words(
            "Calls that the server dials itself, to call customers back; those that agents place"
            " are not among them. An attempt counts where it began, its outcome once it is over",
            "仅统计系统自动拨出的回呼，不含座席自拨；按呼出开始时刻归属，结束后计结果",
        ),
        Words(
            "Answering machines are not told from persons: they are live answers here",
            "不区分语音信箱与真人：语音信箱计入客户接听",
        ),
    )
