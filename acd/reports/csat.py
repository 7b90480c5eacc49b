"""Customers' satisfaction (满意度): how many were asked, how many answered, and how well.

CSAT is the mean of the scores' shares of their scale, (score - worst) / (best - worst), so that
scales of any length can be put together. A satisfied answer is in the upper 40 % of the scale (4
and 5 of five), the "top two boxes" by which many centres count.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from msgspec import Struct

from .cut import Cut, Place, charts_of, key_columns, key_values, share
from .report import Column, Report, Unit, Value, Words

DIMENSIONS = ("queue", "agent", "team", "category", "class", "project")

FIFTHS = 5
SATISFIED_SHARE = 0.6
"From this share of the scale on an answer is a satisfied one: 4 and 5 of five, 7 to 10 of ten."

Key = TypeVar("Key")


class Asked(Struct, frozen=True, kw_only=True):
    """One question to a customer."""

    score: int | None = None
    scale_low: int = 1
    scale_high: int = 5


class CsatSums(Struct, frozen=True, kw_only=True):
    """What questions add up to."""

    asked: int = 0
    answered: int = 0
    shares: float = 0.0
    "Sum of the answers' shares of their scale."

    satisfied: int = 0
    fifths: tuple[int, ...] = (0,) * FIFTHS
    "Answers in each fifth of the scale, the worst first; on 1 to 5 the scores themselves."


def score_share(asked: Asked) -> float | None:
    """Return an answer's share of its scale; None: there is none."""
    if asked.score is None:
        return None
    return (asked.score - asked.scale_low) / (asked.scale_high - asked.scale_low)


def csat_sums(questions: Iterable[Asked]) -> CsatSums:
    """Add questions up."""
    asked, shares, fifths = 0, [], [0] * FIFTHS
    for question in questions:
        asked += 1
        if (part := score_share(question)) is not None:
            shares.append(part)
            fifths[min(FIFTHS - 1, int(part * FIFTHS))] += 1
    return CsatSums(
        asked=asked,
        answered=len(shares),
        shares=sum(shares),
        satisfied=sum(part >= SATISFIED_SHARE for part in shares),
        fifths=tuple(fifths),
    )


def csat_lines(
    questions: Iterable[tuple[Key, Asked]],
) -> dict[Key, CsatSums]:
    """Add questions up by whatever they are grouped by."""
    groups: dict[Key, list[Asked]] = {}
    for key, question in questions:
        groups.setdefault(key, []).append(question)
    return {key: csat_sums(group) for key, group in groups.items()}


_MEASURES: tuple[tuple[Column, Callable[[CsatSums], Value]], ...] = (
    (
        Column(name="asked", title=Words("Asked", "邀评量"), unit=Unit.COUNT),
        lambda sums: sums.asked,
    ),
    (
        Column(name="answered", title=Words("Answered", "参评量"), unit=Unit.COUNT),
        lambda sums: sums.answered,
    ),
    (
        Column(name="csat_response_rate", title=Words("Response rate", "参评率"), unit=Unit.RATE),
        lambda sums: share(sums.answered, sums.asked),
    ),
    (
        Column(name="csat", title=Words("CSAT", "满意度"), unit=Unit.RATE),
        lambda sums: share(sums.shares, sums.answered),
    ),
    (
        Column(name="satisfied_rate", title=Words("Satisfied", "满意率"), unit=Unit.RATE),
        lambda sums: share(sums.satisfied, sums.answered),
    ),
)
REMARKS = (
    Words(
        "CSAT = mean of (score - worst) / (best - worst); satisfied: upper 40 % of the scale"
        " (4 and 5 of five); score 1 to 5: fifths of the scale",
        "满意度 = （得分 − 最低分）/（最高分 − 最低分）的平均值；满意率：量表上部 40%"
        "（五分制的 4、5 分）所占比例；1 至 5 分为量表的五个等分",
    ),
    Words(
        "Answers count for the day of the call; response rate = answered / asked",
        "按通话日期统计；参评率 = 参评量 / 邀评量",
    ),
)


def csat_report(lines: Mapping[Place, CsatSums], cut: Cut) -> Report:
    """Return the lines as a report, in the order given."""
    fifths = tuple(
        Column(name=f"score_{n}", title=Words(f"Score {n}", f"{n} 分"), unit=Unit.COUNT)
        for n in range(1, FIFTHS + 1)
    )
    return Report(
        name="csat",
        title=Words("Customers' satisfaction", "满意度"),
        from_us=cut.from_us,
        to_us=cut.to_us,
        timezone=cut.timezone,
        columns=(*key_columns(cut), *(column for column, _ in _MEASURES), *fifths),
        rows=tuple(
            (*key_values(cut, place), *(value(sums) for _, value in _MEASURES), *sums.fifths)
            for place, sums in lines.items()
        ),
        remarks=REMARKS,
        definitions={"csat": "mean_share_of_scale", "satisfied": "share_of_scale>=0.6"},
        charts=charts_of(
            cut,
            {
                "csat": Words("CSAT", "满意度"),
                "csat_response_rate": Words("Response rate", "参评率"),
            },
        ),
    )
