"""Service level under every definition that is in use, side by side under names.

They differ by several points for the same calls, so none is ever meant silently: each report
names the one that it used. T is the queue's `service_level_s` (20 s), S its `short_abandon_s`
(5 s), both as they held for each visit. For 100 offered, 80 answered (70 within T), 15 abandoned
(10 within T, 6 of them within S) and 5 led on after T, the figures are those in brackets.
"""

from enum import Enum

from msgspec import Struct

from .measures import FLOW_OUTS, PARTS, Measures
from .ratio import Ratio
from .report import Words


class ServiceLevel(Enum):
    """Which service level is meant."""

    OFFERED = "offered"
    """The handbook's (规定期间接通率): answered within T / offered [70.00]. The default."""

    OFFERED_WITHOUT_SHORT_ABANDONS = "offered_without_short_abandons"
    "Answered within T / (offered − short abandons) [74.47]."

    ANSWERED = "answered"
    "Answered within T / answered [87.50]."

    ABANDONS_MET = "abandons_met"
    "(Answered within T + abandoned within T, short or not) / offered [80.00]."

    ASTERISK = "asterisk"
    """`ServiceLevelPerf` of Asterisk's app_queue: callscompletedinsl / callscompleted [87.50]
    (apps/app_queue.c, event QueueParams). As `answered`, under the name that is looked for."""

    ASTERISK_2 = "asterisk_2"
    """`ServiceLevelPerf2`: (callscompletedinsl + callsabandonedinsl) / (callscompleted +
    callsabandoned) [84.21] (the same place, newer versions). Who was led on is in neither."""

    AMAZON_CONNECT = "amazon_connect"
    """`Service level X`: contacts removed from the queue within T, because an agent answered,
    the customer abandoned or asked for a call-back, / contacts queued [80.00] (Amazon Connect
    Administrator Guide, "Metric definitions")."""

    GENESYS = "genesys"
    """Answered within T / (answered + abandoned), with "Include Short Abandons in Calculation"
    on [73.68] (Genesys Cloud Resource Center, "Configure the service level calculation")."""

    GENESYS_WITHOUT_SHORT_ABANDONS = "genesys_without_short_abandons"
    "The same with that switch off: short abandons are taken from the denominator [78.65]."

    GENESYS_WITH_FLOW_OUTS = "genesys_with_flow_outs"
    """The first one with "Include Flowouts in Calculation" on: who was led on is added to the
    denominator [70.00]."""


class Definition(Struct, frozen=True):
    """One definition: who met it, of whom, and its words."""

    ratio: Ratio
    words: Words


_IN_TIME = ("in_time",)
_HUNG_UP = ("short_abandons", "abandons")
_FINISHED = ("answered", *_HUNG_UP)


DEFINITIONS: dict[ServiceLevel, Definition] = {
    ServiceLevel.OFFERED: Definition(
        Ratio(_IN_TIME, ("offered",)),
        Words("answered in time / offered", "规定时间内接起 / 呼入"),
    ),
    ServiceLevel.OFFERED_WITHOUT_SHORT_ABANDONS: Definition(
        Ratio(_IN_TIME, tuple(part for part in PARTS if part != "short_abandons")),
        Words(
            "answered in time / (offered − short abandons)", "规定时间内接起 / (呼入 − 短时放弃)"
        ),
    ),
    ServiceLevel.ANSWERED: Definition(
        Ratio(_IN_TIME, ("answered",)),
        Words("answered in time / answered", "规定时间内接起 / 接起"),
    ),
    ServiceLevel.ABANDONS_MET: Definition(
        Ratio(("in_time", "abandons_in_time"), ("offered",)),
        Words(
            "(answered + abandoned in time) / offered", "(规定时间内接起 + 规定时间内放弃) / 呼入"
        ),
    ),
    ServiceLevel.ASTERISK: Definition(
        Ratio(_IN_TIME, ("answered",)),
        Words(
            "Asterisk ServiceLevelPerf: answered in time / answered",
            "Asterisk ServiceLevelPerf：规定时间内接起 / 接起",
        ),
    ),
    ServiceLevel.ASTERISK_2: Definition(
        Ratio(("in_time", "abandons_in_time"), _FINISHED),
        Words(
            "Asterisk ServiceLevelPerf2: (answered + abandoned in time) / (answered + abandoned)",
            "Asterisk ServiceLevelPerf2：(规定时间内接起 + 规定时间内放弃) / (接起 + 放弃)",
        ),
    ),
    ServiceLevel.AMAZON_CONNECT: Definition(
        Ratio(("in_time", "abandons_in_time", "callbacks_in_time"), ("offered",)),
        Words(
            "Amazon Connect: (answered + abandoned + call-backs in time) / offered",
            "Amazon Connect：(规定时间内接起 + 放弃 + 预约回呼) / 呼入",
        ),
    ),
    ServiceLevel.GENESYS: Definition(
        Ratio(_IN_TIME, _FINISHED),
        Words(
            "Genesys: answered in time / (answered + abandoned)",
            "Genesys：规定时间内接起 / (接起 + 放弃)",
        ),
    ),
    ServiceLevel.GENESYS_WITHOUT_SHORT_ABANDONS: Definition(
        Ratio(_IN_TIME, ("answered", "abandons")),
        Words(
            "Genesys: answered in time / (answered + abandoned − short abandons)",
            "Genesys：规定时间内接起 / (接起 + 放弃 − 短时放弃)",
        ),
    ),
    ServiceLevel.GENESYS_WITH_FLOW_OUTS: Definition(
        Ratio(_IN_TIME, (*_FINISHED, *FLOW_OUTS)),
        Words(
            "Genesys: answered in time / (answered + abandoned + flow-outs)",
            "Genesys：规定时间内接起 / (接起 + 放弃 + 流出)",
        ),
    ),
}


def service_level(measures: Measures, definition: ServiceLevel) -> float | None:
    """Return the service level, a fraction; None where there is nobody to divide by."""
    return DEFINITIONS[definition].ratio.of(measures)
