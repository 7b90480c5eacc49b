"""Repeat calls (二次进线) and matters closed in the first contact (首次结案).

A contact is an inbound call of a known customer that somebody has classed. It is a repeat call if
the same customer had a contact of the same class within N days before. Else it is the first
contact of a matter. A matter is resolved in the first contact if the call (or the ticket system,
which goes before) says that it is solved, and no contact of the same customer and class follows
within N days.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from msgspec import Struct

from .cut import Cut, Place, charts_of, key_columns, key_values, share
from .report import Column, Report, Unit, Value, Words

DIMENSIONS = ("queue", "agent", "team", "category", "class", "project")

DAYS = 7
DAYS_MAX = 31
"Longer than people remember what they called about."

DAY_US = 86_400_000_000

CALLERS_MAX = 100
"Lines of the list of callers: who is called back is no longer a list than this."

Key = TypeVar("Key")


class Contact(Struct, frozen=True, kw_only=True):
    """One classed inbound call of a customer."""

    customer: str
    "Whose: project and key."

    call_class: str
    started_us: int
    interaction: str
    solved: bool


class RepeatSums(Struct, frozen=True, kw_only=True):
    """What contacts add up to."""

    calls: int = 0
    repeats: int = 0
    solved: int = 0
    "Matters whose first contact says that they are solved."

    resolved: int = 0
    "Those of them about which nobody called again in time."

    open: int = 0
    "Matters whose N days are not over: what is resolved may still be called about."

    def __add__(self, other: "RepeatSums") -> "RepeatSums":
        """Return the sums of both."""
        return RepeatSums(
            calls=self.calls + other.calls,
            repeats=self.repeats + other.repeats,
            solved=self.solved + other.solved,
            resolved=self.resolved + other.resolved,
            open=self.open + other.open,
        )

    @property
    def matters(self) -> int:
        """First contacts."""
        return self.calls - self.repeats


def repeat_lines(
    contacts: Iterable[Contact],
    key: Callable[[Contact], Key],
    *,
    days: int,
    from_us: int,
    to_us: int,
    now_us: int,
) -> dict[Key, RepeatSums]:
    """Count the contacts of [from, to), knowing those of the N days around."""
    chains: dict[tuple[str, str], list[Contact]] = {}
    for contact in contacts:
        chains.setdefault((contact.customer, contact.call_class), []).append(contact)
    within_us = days * DAY_US
    counts: dict[Key, list[int]] = {}
    for chain in chains.values():
        chain.sort(key=lambda one: (one.started_us, one.interaction))
        for at, one in enumerate(chain):
            if not from_us <= one.started_us < to_us:
                continue
            count = counts.setdefault(key(one), [0] * 5)
            count[0] += 1
            if at and one.started_us - chain[at - 1].started_us <= within_us:
                count[1] += 1
                continue
            again = at + 1 < len(chain) and (
                chain[at + 1].started_us - one.started_us <= within_us
            )
            count[2] += one.solved
            count[3] += one.solved and not again
            count[4] += one.started_us + within_us > now_us
    names = ("calls", "repeats", "solved", "resolved", "open")
    return {
        group: RepeatSums(**dict(zip(names, count, strict=True)))
        for group, count in counts.items()
    }


_MEASURES: tuple[tuple[Column, Callable[[RepeatSums], Value]], ...] = (
    (
        Column(name="calls", title=Words("Calls", "来电量"), unit=Unit.COUNT),
        lambda sums: sums.calls,
    ),
    (
        Column(name="repeats", title=Words("Repeat calls", "二次进线量"), unit=Unit.COUNT),
        lambda sums: sums.repeats,
    ),
    (
        Column(name="repeat_rate", title=Words("Repeat rate", "二次进线率"), unit=Unit.RATE),
        lambda sums: share(sums.repeats, sums.calls),
    ),
    (
        Column(name="matters", title=Words("Matters", "事项"), unit=Unit.COUNT),
        lambda sums: sums.matters,
    ),
    (
        Column(name="solved", title=Words("Solved", "首次已解决"), unit=Unit.COUNT),
        lambda sums: sums.solved,
    ),
    (
        Column(name="resolved", title=Words("Resolved at first", "首次结案"), unit=Unit.COUNT),
        lambda sums: sums.resolved,
    ),
    (
        Column(
            name="first_contact_resolution_rate",
            title=Words("First-contact resolution", "首次结案率"),
            unit=Unit.RATE,
        ),
        lambda sums: share(sums.resolved, sums.matters),
    ),
    (
        Column(name="open", title=Words("Days not over", "观察期内"), unit=Unit.COUNT, quiet=True),
        lambda sums: sums.open,
    ),
)


def _remarks(days: int) -> tuple[Words, ...]:
    return (
        Words(
            f"Repeat call: same customer and class within {days} days; resolved: solved in the"
            f" first contact, and no such call within {days} days after",
            f"二次进线：同一客户 {days} 天内就同一类型再次来电；首次结案：首次来电即解决，"
            f"且此后 {days} 天内未再就同一类型来电",
        ),
        Words(
            "Counted are inbound calls with a number that somebody has classed",
            "统计有号码且已填写小结的呼入通话",
        ),
    )


def repeat_report(lines: Mapping[Place, RepeatSums], cut: Cut, days: int) -> Report:
    """Return the lines as a report, in the order given."""
    return Report(
        name="repeat",
        title=Words("Repeat calls and first-contact resolution", "二次进线与首次结案"),
        from_us=cut.from_us,
        to_us=cut.to_us,
        timezone=cut.timezone,
        columns=(*key_columns(cut), *(column for column, _ in _MEASURES)),
        rows=tuple(
            (*key_values(cut, place), *(value(sums) for _, value in _MEASURES))
            for place, sums in lines.items()
        ),
        remarks=_remarks(days),
        definitions={"days": str(days), "matter": "customer+class"},
        charts=charts_of(
            cut,
            {
                "repeat_rate": Words("Repeat rate", "二次进线率"),
                "first_contact_resolution_rate": Words("First-contact resolution", "首次结案率"),
            },
        ),
    )


class RepeatCaller(Struct, frozen=True, kw_only=True):
    """A customer who called again and again."""

    caller: str
    calls: int
    repeats: int
    call_class: str
    "That of most repeat calls."

    first_us: int
    last_us: int
    agent: str
    "Who took the last call."


def callers_report(callers: Iterable[RepeatCaller], cut: Cut, days: int) -> Report:
    """Return the list, as it is given."""
    return Report(
        name="repeat_callers",
        title=Words("Customers who called again most often", "二次进线最多的客户"),
        from_us=cut.from_us,
        to_us=cut.to_us,
        timezone=cut.timezone,
        columns=(
            Column(name="caller", title=Words("Caller", "来电号码"), unit=Unit.TEXT),
            Column(name="calls", title=Words("Calls", "来电量"), unit=Unit.COUNT),
            Column(name="repeats", title=Words("Repeat calls", "二次进线量"), unit=Unit.COUNT),
            Column(name="class", title=Words("Class", "来电类型"), unit=Unit.TEXT),
            Column(name="first_at", title=Words("First", "首次来电"), unit=Unit.TIME),
            Column(name="last_at", title=Words("Last", "末次来电"), unit=Unit.TIME),
            Column(name="agent", title=Words("Last agent", "末次接听"), unit=Unit.TEXT),
        ),
        rows=tuple(
            (
                one.caller,
                one.calls,
                one.repeats,
                one.call_class,
                one.first_us,
                one.last_us,
                one.agent,
            )
            for one in callers
        ),
        remarks=(
            *_remarks(days),
            Words(
                f"The {CALLERS_MAX} with most repeat calls; withheld numbers are left out",
                f"二次进线最多的 {CALLERS_MAX} 位客户，不含隐藏号码者",
            ),
        ),
        definitions={"days": str(days)},
    )
