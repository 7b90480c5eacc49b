"""Tables of calls: what hangs on an interaction, and call-backs."""

import msgspec

from acd.calls import cdr_rows as cdr

from .table import Table, Values, at, at_or_none, columns

_json = msgspec.json.Encoder().encode


def _interaction(row: cdr.Interaction) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.project,
        row.node,
        row.boot,
        row.direction,
        row.agent,
        row.number,
        row.caller,
        row.caller_name,
        row.called,
        row.account,
        row.peer,
        row.sip_call_id,
        row.flow,
        at_or_none(row.answered_us),
        at_or_none(row.ended_us),
        row.duration_s,
        row.ended_by,
        row.reason,
        row.sip_status,
        row.detail,
        row.withheld,
        row.customer_key,
        row.trunk,
        row.flow_version,
    )


def _leg(row: cdr.Leg) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.leg,
        row.project,
        row.side,
        row.agent,
        row.trunk,
        row.number,
        row.sip_call_id,
        at(row.began_us),
        at_or_none(row.answered_us),
        at_or_none(row.ended_us),
        row.duration_s,
        row.ended_by,
        row.reason,
        row.sip_status,
        row.q850_cause,
    )


def _visit(row: cdr.QueueVisit) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.visit,
        row.project,
        row.queue,
        row.kind,
        row.priority,
        row.category,
        at(row.entered_us),
        at_or_none(row.left_us),
        row.outcome,
        row.waited_s,
        row.waited_before_s,
        row.short_abandon_s,
        row.service_level_s,
        row.agent,
        row.callback,
        row.skill,
        row.region,
        row.trunk,
        row.flow_version,
    )


def _callback(row: cdr.Callback) -> Values:
    return (
        at(row.started_us),
        row.callback,
        row.project,
        row.queue,
        row.number,
        at(row.first_enqueued_us),
        row.attempts,
        at_or_none(row.last_attempt_us),
        at_or_none(row.ended_us),
        row.outcome,
        row.agent,
        row.by,
    )


def _offer(row: cdr.Offer) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.offer,
        row.project,
        row.visit,
        row.queue,
        row.agent,
        row.leg,
        at(row.offered_us),
        at_or_none(row.ended_us),
        row.outcome,
        row.sip_status,
        row.ring_s,
        row.layer,
        row.ranked_by,
        row.waited_s,
        _json(row.candidates).decode(),
        row.candidates_total,
        row.hold_out,
        row.spared,
        row.overtook_s,
    )


def _flow_step(row: cdr.FlowStep) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.step,
        row.project,
        at(row.at_us),
        row.flow,
        row.version,
        row.node,
        row.outcome,
        row.note,
    )


def _talk(row: cdr.TalkSegment) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.leg,
        row.project,
        row.visit,
        row.queue,
        row.agent,
        at(row.began_us),
        at_or_none(row.ended_us),
        row.talk_s,
        row.hold_s,
    )


def _hold(row: cdr.HoldSegment) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.leg,
        row.hold,
        row.project,
        row.visit,
        row.queue,
        row.agent,
        at(row.began_us),
        at_or_none(row.ended_us),
        row.duration_s,
    )


def _transfer(row: cdr.Transfer) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.transfer,
        row.project,
        row.agent,
        row.kind,
        row.target,
        row.consult,
        at_or_none(row.consult_started_us),
        at(row.requested_us),
        at_or_none(row.ended_us),
        row.outcome,
        row.sip_status,
        row.queue,
        row.to_agent,
        row.returned_to,
    )


def _disposition(row: cdr.Disposition) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.agent,
        row.project,
        at(row.entered_us),
        row.queue,
        row.call_class,
        row.category,
        row.order_id,
        row.ordered,
        row.solved,
        row.amount,
        row.currency,
        row.entered_by,
    )


def _stream(row: cdr.StreamQuality) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.leg,
        row.project,
        row.packets_received,
        row.packets_sent,
        row.packets_lost,
        row.packets_late,
        row.packets_foreign,
        row.jitter_ms,
    )


CALL_TABLES: dict[type[cdr.Row], Table] = {
    cdr.Interaction: Table(
        "interactions",
        2,
        columns(
            "started_at interaction project node boot direction agent number caller"
            " caller_name called account peer sip_call_id flow answered_at ended_at duration_s"
            " ended_by reason sip_status detail withheld customer_key trunk flow_version"
        ),
        _interaction,
    ),
    cdr.Leg: Table(
        "legs",
        3,
        columns(
            "started_at interaction leg project side agent trunk number sip_call_id began_at"
            " answered_at ended_at duration_s ended_by reason sip_status q850_cause"
        ),
        _leg,
        written_once=True,
    ),
    cdr.QueueVisit: Table(
        "queue_visits",
        3,
        columns(
            "started_at interaction visit project queue kind priority category entered_at left_at"
            " outcome waited_s waited_before_s short_abandon_s service_level_s agent callback"
            " skill region trunk flow_version"
        ),
        _visit,
    ),
    cdr.Offer: Table(
        "offers",
        3,
        columns(
            "started_at interaction offer project visit queue agent leg offered_at ended_at"
            " outcome sip_status ring_s layer ranked_by waited_s candidates candidates_total"
            " hold_out spared overtook_s"
        ),
        _offer,
        written_once=True,
    ),
    cdr.FlowStep: Table(
        "flow_steps",
        3,
        columns("started_at interaction step project at flow version node outcome note"),
        _flow_step,
        written_once=True,
    ),
    cdr.TalkSegment: Table(
        "talk_segments",
        3,
        columns(
            "started_at interaction leg project visit queue agent began_at ended_at talk_s hold_s"
        ),
        _talk,
        written_once=True,
    ),
    cdr.HoldSegment: Table(
        "hold_segments",
        4,
        columns(
            "started_at interaction leg hold project visit queue agent began_at ended_at"
            " duration_s"
        ),
        _hold,
        written_once=True,
    ),
    cdr.Transfer: Table(
        "transfers",
        3,
        columns(
            "started_at interaction transfer project agent kind target consult"
            " consult_started_at requested_at ended_at outcome sip_status queue to_agent"
            " returned_to"
        ),
        _transfer,
    ),
    cdr.Callback: Table(
        "callbacks",
        2,
        columns(
            "started_at callback project queue number first_enqueued_at attempts last_attempt_at"
            " ended_at outcome agent cancelled_by"
        ),
        _callback,
    ),
    cdr.Disposition: Table(
        "dispositions",
        3,
        columns(
            "started_at interaction agent project entered_at queue call_class category order_id"
            " ordered solved amount currency entered_by"
        ),
        _disposition,
    ),
    cdr.StreamQuality: Table(
        "streams",
        3,
        columns(
            "started_at interaction leg project packets_received packets_sent packets_lost"
            " packets_late packets_foreign jitter_ms"
        ),
        _stream,
        written_once=True,
    ),
}
