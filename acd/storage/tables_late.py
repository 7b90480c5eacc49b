"""Tables of what other systems tell of calls, at any time after."""

from acd.calls import cdr_rows as cdr

from .table import Table, Values, at, columns


def _order_event(row: cdr.OrderEvent) -> Values:
    return (
        at(row.started_us),
        row.order_id,
        row.key,
        row.project,
        row.interaction,
        row.state,
        at(row.at_us),
        at(row.entered_us),
        row.agent,
        row.queue,
        row.category,
        row.amount,
        row.currency,
        row.entered_by,
    )


def _csat(row: cdr.CsatAnswer) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.question,
        row.project,
        row.score is not None,
        at(row.at_us),
        row.score,
        row.scale_low,
        row.scale_high,
        row.comment,
        row.channel,
        row.agent,
        row.queue,
        at(row.entered_us),
        row.entered_by,
    )


def _matter(row: cdr.MatterOutcome) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.ticket,
        row.project,
        at(row.at_us),
        row.solved,
        at(row.entered_us),
        row.entered_by,
    )


LATE_TABLES: dict[type[cdr.Row], Table] = {
    cdr.OrderEvent: Table(
        "order_events",
        3,
        columns(
            "started_at order_id key project interaction state at entered_at agent queue category"
            " amount currency entered_by"
        ),
        _order_event,
    ),
    cdr.CsatAnswer: Table(
        "csat_answers",
        3,
        columns(
            "started_at interaction question project answered at score scale_low scale_high"
            " comment channel agent queue entered_at entered_by"
        ),
        _csat,
        precedence=("answered", "at"),
    ),
    cdr.MatterOutcome: Table(
        "matter_outcomes",
        3,
        columns("started_at interaction ticket project at solved entered_at entered_by"),
        _matter,
        precedence=("at",),
    ),
}
