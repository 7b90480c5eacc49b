"""Schedule adherence (排班契合率, 遵时率): time in the scheduled status / scheduled time.

A stretch of a shift plan says what an agent's status is to be: ready, or away (for a reason, where
the plan names one). It counts in the period in which it begins, as far as it is over. Status is
what the agent wants, so that a call which lasts into the break is no fault: who pressed away in
time is away.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

from msgspec import Struct

from .agents_report import Person
from .cells import begin_of
from .cut import Cut, Group, Place, charts_of, key_columns, key_values, share
from .report import Column, Report, Unit, Words
from .request import Period
from .shift_plan import Planned

DIMENSIONS = ("agent", "team")
PERIODS = (Period.ALL, Period.DAY, Period.WEEK, Period.MONTH, Period.QUARTER, Period.YEAR)
"A stretch of a plan is not cut up, so there is nothing finer than a day."

US = 1_000_000


class StatusSpan(Struct, frozen=True, kw_only=True):
    """A stretch of an agent's status track; what lasts ends now."""

    agent: str
    begin_us: int
    end_us: int
    status: str
    reason: str = ""


class Adherence(Struct, frozen=True, kw_only=True):
    """One line's sums."""

    scheduled_s: float = 0.0
    adherent_s: float = 0.0

    @property
    def adherence(self) -> float | None:
        """Return the fraction kept; None: nothing was scheduled."""
        return share(self.adherent_s, self.scheduled_s)

    def __add__(self, other: "Adherence") -> "Adherence":
        """Return the sums of both."""
        return Adherence(
            scheduled_s=self.scheduled_s + other.scheduled_s,
            adherent_s=self.adherent_s + other.adherent_s,
        )


def kept_us(planned: Planned, spans: Iterable[StatusSpan]) -> int:
    """Return how long the agent's spans, which do not overlap, keep to the plan."""
    return sum(
        max(0, min(planned.end_us, span.end_us) - max(planned.begin_us, span.begin_us))
        for span in spans
        if planned.is_kept_by(span.status, span.reason)
    )


def adherences(
    plan: Iterable[Planned],
    spans: Iterable[StatusSpan],
    people: Mapping[str, Person],
    cut: Cut,
    *,
    now_us: int,
) -> list[tuple[Place, Adherence]]:
    """Return the sums by period and group; a stretch that is under way counts up to now."""
    of_agent: dict[str, list[StatusSpan]] = defaultdict(list)
    for span in spans:
        of_agent[span.agent].append(span)
    zone = ZoneInfo(cut.timezone)
    sums: dict[tuple[int | None, Group], Adherence] = defaultdict(Adherence)
    for stretch in plan:
        end_us = min(stretch.end_us, now_us)
        if not cut.from_us <= stretch.begin_us < min(cut.to_us, end_us):
            continue
        done = Planned(
            agent=stretch.agent,
            begin_us=stretch.begin_us,
            end_us=end_us,
            status=stretch.status,
            reason=stretch.reason,
        )
        place = (begin_of(stretch.begin_us, cut.period, zone), _group(stretch, people, cut))
        sums[place] += Adherence(
            scheduled_s=(end_us - stretch.begin_us) / US,
            adherent_s=kept_us(done, of_agent[stretch.agent]) / US,
        )
    lines = sorted(sums, key=lambda place: (place[0] or 0, place[1]))
    return [(Place(*place), sums[place]) for place in lines]


def _group(stretch: Planned, people: Mapping[str, Person], cut: Cut) -> Group:
    team = people.get(stretch.agent, Person()).team
    return tuple(stretch.agent if name == "agent" else team for name in cut.by)


_MEASURES = (
    Column(name="scheduled_s", title=Words("Scheduled", "排班时长"), unit=Unit.SECONDS),
    Column(name="adherent_s", title=Words("Kept", "遵时时长"), unit=Unit.SECONDS),
    Column(name="adherence", title=Words("Adherence", "排班契合率"), unit=Unit.RATE),
)


def adherence_report(lines: Sequence[tuple[Place, Adherence]], cut: Cut) -> Report:
    """Return the lines as a report."""
    return Report(
        name="adherence",
        title=Words("Schedule adherence", "排班契合率"),
        from_us=cut.from_us,
        to_us=cut.to_us,
        timezone=cut.timezone,
        columns=(*key_columns(cut), *_MEASURES),
        rows=tuple(
            (*key_values(cut, place), sums.scheduled_s, sums.adherent_s, sums.adherence)
            for place, sums in lines
        ),
        remarks=(
            Words(
                "Adherence = time in the scheduled status / scheduled time (shifts.csv);"
                " a stretch counts where it begins, as far as it is over",
                "排班契合率 = 处于排定状态的时长 / 排班时长（shifts.csv）；"
                "按班段开始时刻归属，只计已过去的部分",
            ),
        ),
        charts=charts_of(cut, {"adherence": Words("Adherence", "排班契合率")}),
    )
