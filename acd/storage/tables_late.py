"""Tables of what other systems tell of calls, at any time after."""

from acd.calls import cdr_rows as cdr

from .table import Table

LATE_TABLES = (
    Table(
        "order_events",
        cdr.OrderEvent,
        3,
        (
            "started_at order_id key project interaction state at entered_at agent queue"
            " category amount currency entered_by"
        ),
    ),
    Table(
        "csat_answers",
        cdr.CsatAnswer,
        3,
        (
            "started_at interaction question project answered at score scale_low scale_high"
            " comment channel agent queue entered_at entered_by"
        ),
        precedence=("answered", "at"),
    ),
    Table(
        "matter_outcomes",
        cdr.MatterOutcome,
        3,
        "started_at interaction ticket project at solved entered_at entered_by",
        precedence=("at",),
    ),
)
