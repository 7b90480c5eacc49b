"""What people and other systems tell of calls, as the audit has it: who, of what, and what.

One line each, for people: in the words of the API, and without what a customer wrote.
"""

from acd.calls.events import (
    CommandAudited,
    CsatRecorded,
    DispositionEntered,
    MatterSettled,
    OrderChanged,
)
from acd.reports.currencies import minor_digits


def order_told(event: OrderChanged, role: str) -> CommandAudited:
    """Return the line of an order's state: "A1 CALL 1001", "placed health 199.00 CNY"."""
    return CommandAudited(
        by=event.by,
        role=role,
        action="order",
        subject=_words(event.order_id, event.interaction, event.agent),
        after=_words(event.state, event.category, _money(event.amount, event.currency)),
    )


def class_told(
    event: DispositionEntered, by: str, role: str, *, before: str = "", why: str = ""
) -> CommandAudited:
    """Return the line of how a call is classed: "CALL 1001", "order health A1 199.00 CNY"."""
    return CommandAudited(
        by=by,
        role=role,
        action="disposition",
        subject=_words(event.interaction, event.agent),
        before=before,
        after=_words(
            classed(event.call_class, event.category, event.order_id, event.solved),
            _money(event.amount, event.currency),
        ),
        why=why,
    )


def csat_told(event: CsatRecorded, role: str) -> CommandAudited:
    """Return the line of a question or its answer: "CALL price", "4 (1-5) sms"."""
    scale = f"({event.scale_low}-{event.scale_high})"
    said = "asked" if event.score is None else f"{event.score} {scale}"
    return CommandAudited(
        by=event.by,
        role=role,
        action="csat",
        subject=_words(event.interaction, event.question),
        after=_words(said, event.channel),
    )


def matter_told(event: MatterSettled, role: str) -> CommandAudited:
    """Return the line of what became of a matter: "CALL T9", "solved"."""
    return CommandAudited(
        by=event.by,
        role=role,
        action="matter",
        subject=_words(event.interaction, event.ticket),
        after="solved" if event.solved else "reopened",
    )


def classed(call_class: str, category: str, order_id: str, solved: bool | None) -> str:
    """Return how a call is classed, in words; empty without a class."""
    outcome = "" if solved is None else "solved" if solved else "unsolved"
    return _words(call_class, category, order_id, outcome)


def _money(amount: int | None, currency: str) -> str:
    if amount is None:
        return ""
    digits = minor_digits(currency)
    # In groups of three: whoever sees numbers masked must not find amounts masked, too.
    return f"{amount / 10**digits:,.{digits}f} {currency}"


def _words(*words: str) -> str:
    return " ".join(word for word in words if word)
