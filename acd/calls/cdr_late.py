"""Rows of what may come after the call, and long after: part of the CDR.

Each event is complete in itself. Where the fold still knows when the call began it says so; else
whoever writes the row looks it up (`started_us` 0).
"""

from collections.abc import Callable

from . import events as ev
from .cdr_agents import PROJECT
from .cdr_rows import CsatAnswer, Disposition, MatterOutcome, OrderEvent, Row, StreamQuality
from .journal import Record

LateEvent = (
    ev.DispositionEntered
    | ev.OrderChanged
    | ev.CsatRecorded
    | ev.MatterSettled
    | ev.StreamMeasured
)


def late_row(record: Record, event: LateEvent, started_us: int, project: str) -> Row:
    """Return the event's row, of a call that began then (0: not known) for this project."""
    row: Row = _ROWS[type(event)](record, event, started_us, project)
    return row


def _disposition(
    record: Record, event: ev.DispositionEntered, started_us: int, project: str
) -> Disposition:
    return Disposition(
        interaction=event.interaction,
        started_us=started_us,
        project=project,
        entered_us=record.wall_us,
        agent=event.agent,
        queue=event.queue,
        call_class=event.call_class,
        category=event.category,
        order_id=event.order_id,
        ordered=event.ordered,
        solved=event.solved,
        amount=event.amount,
        currency=event.currency,
        entered_by=event.by,
    )


def _order(record: Record, event: ev.OrderChanged, started_us: int, project: str) -> OrderEvent:
    return OrderEvent(
        interaction=event.interaction,
        started_us=started_us if event.interaction else event.at_us,
        project=project if event.interaction else PROJECT,
        order_id=event.order_id,
        key=event.key or f"{record.boot}:{record.seq}",
        state=event.state,
        at_us=event.at_us,
        entered_us=record.wall_us,
        agent=event.agent,
        queue=event.queue,
        category=event.category,
        amount=event.amount,
        currency=event.currency,
        entered_by=event.by,
    )


def _csat(record: Record, event: ev.CsatRecorded, started_us: int, project: str) -> CsatAnswer:
    return CsatAnswer(
        interaction=event.interaction,
        started_us=started_us,
        project=project,
        question=event.question,
        at_us=event.at_us,
        score=event.score,
        scale_low=event.scale_low,
        scale_high=event.scale_high,
        comment=event.comment,
        channel=event.channel,
        agent=event.agent,
        queue=event.queue,
        entered_us=record.wall_us,
        entered_by=event.by,
    )


def _matter(
    record: Record, event: ev.MatterSettled, started_us: int, project: str
) -> MatterOutcome:
    return MatterOutcome(
        interaction=event.interaction,
        started_us=started_us,
        project=project,
        ticket=event.ticket,
        at_us=event.at_us,
        solved=event.solved,
        entered_us=record.wall_us,
        entered_by=event.by,
    )


def _stream(_: Record, event: ev.StreamMeasured, started_us: int, project: str) -> StreamQuality:
    return StreamQuality(
        interaction=event.interaction,
        started_us=started_us,
        project=project,
        leg=event.leg,
        packets_received=event.packets_received,
        packets_sent=event.packets_sent,
        packets_lost=event.packets_lost,
        packets_late=event.packets_late,
        packets_foreign=event.packets_foreign,
        jitter_ms=event.jitter_ms,
    )


_ROWS: dict[type[LateEvent], Callable[..., Row]] = {
    ev.DispositionEntered: _disposition,
    ev.OrderChanged: _order,
    ev.CsatRecorded: _csat,
    ev.MatterSettled: _matter,
    ev.StreamMeasured: _stream,
}
