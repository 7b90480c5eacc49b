"""One interaction as a story: what happened, line by line, in both languages."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from .report import Words

RowDict = Mapping[str, Any]

CALL_ENDS = Words(en="call ends", zh="呼叫结束")


class ChainLine(Struct, frozen=True):
    """Something that happened, or lasted from then on."""

    at: datetime
    what: Words
    detail: str


def chain_lines(rows: Mapping[str, Sequence[RowDict]]) -> list[ChainLine]:
    """Return the lines of an interaction's rows (by table), in the order of time."""
    lines = [
        line
        for table, describe in DESCRIBED.items()
        for row in rows.get(table, ())
        for line in describe(row)
    ]
    # What ends at one moment ends before the call does.
    return sorted(lines, key=lambda line: (line.at, line.what == CALL_ENDS))


def _joined(row: RowDict, *columns: str) -> str:
    """Return `column=value` of the columns that have one."""
    parts = []
    for column in columns:
        value = row[column]
        if isinstance(value, float):
            value = f"{value:.1f}"
        if value not in {None, "", 0, "0.0"}:
            parts.append(f"{column}={value}")
    return " ".join(parts)


def _interaction(row: RowDict) -> Iterator[ChainLine]:
    told = _joined(
        row, "direction", "caller", "called", "number", "agent", "account", "withheld", "peer"
    )
    yield ChainLine(row["started_at"], Words(en="call begins", zh="呼叫开始"), told)
    if row["answered_at"] is not None:
        yield ChainLine(row["answered_at"], Words(en="answered by us", zh="系统应答"), "")
    if row["ended_at"] is not None:
        told = _joined(row, "ended_by", "reason", "detail", "sip_status", "duration_s")
        yield ChainLine(row["ended_at"], CALL_ENDS, told)


def _step(row: RowDict) -> Iterator[ChainLine]:
    told = _joined(row, "flow", "version", "node", "outcome", "note")
    yield ChainLine(row["at"], Words(en="flow step", zh="流程节点"), told)


def _visit(row: RowDict) -> Iterator[ChainLine]:
    told = _joined(row, "queue", "category", "priority", "waited_before_s", "callback")
    yield ChainLine(row["entered_at"], Words(en="queue entered", zh="进入队列"), told)
    if row["left_at"] is not None:
        told = _joined(row, "queue", "outcome", "waited_s", "agent")
        yield ChainLine(row["left_at"], Words(en="queue left", zh="离开队列"), told)


def _offer(row: RowDict) -> Iterator[ChainLine]:
    told = _joined(row, "agent", "queue", "layer", "ranked_by", "candidates_total", "hold_out")
    yield ChainLine(row["offered_at"], Words(en="phone rings", zh="座席振铃"), told)
    if row["ended_at"] is not None:
        told = _joined(row, "agent", "outcome", "ring_s", "sip_status")
        yield ChainLine(row["ended_at"], Words(en="ringing ends", zh="振铃结束"), told)


def _talk(row: RowDict) -> Iterator[ChainLine]:
    told = _joined(row, "agent", "queue")
    yield ChainLine(row["began_at"], Words(en="talk begins", zh="通话开始"), told)
    if row["ended_at"] is not None:
        told = _joined(row, "agent", "talk_s", "hold_s")
        yield ChainLine(row["ended_at"], Words(en="talk ends", zh="通话结束"), told)


def _hold(row: RowDict) -> Iterator[ChainLine]:
    told = _joined(row, "agent", "hold", "duration_s")
    yield ChainLine(row["began_at"], Words(en="on hold", zh="保持"), told)


def _transfer(row: RowDict) -> Iterator[ChainLine]:
    told = _joined(row, "agent", "kind", "target", "consult")
    yield ChainLine(row["requested_at"], Words(en="transfer wanted", zh="请求转接"), told)
    if row["ended_at"] is not None:
        told = _joined(row, "outcome", "queue", "to_agent", "returned_to", "sip_status")
        yield ChainLine(row["ended_at"], Words(en="transfer ends", zh="转接结束"), told)


def _leg(row: RowDict) -> Iterator[ChainLine]:
    if row["ended_at"] is not None:
        told = _joined(
            *(row, "side", "agent", "trunk", "number", "ended_by", "reason", "sip_status"),
            *("q850_cause", "duration_s"),
        )
        yield ChainLine(row["ended_at"], Words(en="leg ends", zh="支路结束"), told)


def _disposition(row: RowDict) -> Iterator[ChainLine]:
    told = _joined(
        *(row, "agent", "call_class", "category", "order_id", "ordered", "solved", "amount"),
        "currency",
    )
    yield ChainLine(row["entered_at"], Words(en="disposition", zh="话后小结"), told)


def _order(row: RowDict) -> Iterator[ChainLine]:
    told = _joined(row, "order_id", "state", "amount", "currency", "agent", "entered_by")
    yield ChainLine(row["at"], Words(en="order", zh="订单"), told)


def _wrap_up(row: RowDict) -> Iterator[ChainLine]:
    told = _joined(row, "agent", "queue", "duration_s")
    yield ChainLine(row["started_at"], Words(en="after-call work", zh="话后处理"), told)


def _callback(row: RowDict) -> Iterator[ChainLine]:
    told = _joined(row, "queue", "number")
    yield ChainLine(row["started_at"], Words(en="call-back wanted", zh="预约回呼"), told)
    if row["ended_at"] is not None:
        told = _joined(row, "outcome", "attempts", "agent", "cancelled_by")
        yield ChainLine(row["ended_at"], Words(en="call-back ends", zh="回呼结束"), told)


def _recording(row: RowDict) -> Iterator[ChainLine]:
    told = _joined(row, "agent", "file", "duration_s", "deleted_at")
    yield ChainLine(row["began_at"], Words(en="recording", zh="录音"), told)


def _csat(row: RowDict) -> Iterator[ChainLine]:
    told = _joined(row, "question", "score", "scale_high", "channel", "agent", "queue")
    what = Words(en="survey answer", zh="满意度评分")
    if not row["answered"]:
        what = Words(en="survey, not answered", zh="满意度未评")
    yield ChainLine(row["at"], what, told)


def _matter(row: RowDict) -> Iterator[ChainLine]:
    what = Words(en="matter solved", zh="问题已解决")
    if not row["solved"]:
        what = Words(en="matter open", zh="问题未解决")
    yield ChainLine(row["at"], what, _joined(row, "ticket", "entered_by"))


DESCRIBED: Mapping[str, Callable[[RowDict], Iterator[ChainLine]]] = {
    "interactions": _interaction,
    "flow_steps": _step,
    "queue_visits": _visit,
    "offers": _offer,
    "talk_segments": _talk,
    "hold_segments": _hold,
    "transfers": _transfer,
    "legs": _leg,
    "wrap_ups": _wrap_up,
    "dispositions": _disposition,
    "order_events": _order,
    "csat_answers": _csat,
    "matter_outcomes": _matter,
    "callbacks": _callback,
    "recordings": _recording,
}
