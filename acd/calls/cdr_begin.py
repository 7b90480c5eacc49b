"""Rows of a call's parts as they begin: what is known of them at once (part of the CDR)."""

from . import events as ev
from .cdr_open import Instant, OpenCall
from .cdr_rows import FlowStep, Interaction, Offer, QueueVisit, TalkSegment, Transfer
from .journal import Record


def interaction_row(record: Record, event: ev.CallStarted) -> Interaction:
    """Return the record of a contact that begins."""
    return Interaction(
        interaction=event.interaction,
        started_us=record.wall_us,
        project=event.project,
        node=record.node,
        boot=record.boot,
        direction=event.direction,
        agent=event.agent,
        number=event.number,
        caller=event.caller,
        caller_name=event.caller_name,
        called=event.called,
        account=event.account,
        peer=event.peer,
        sip_call_id=event.sip_call_id,
        withheld=event.withheld,
        trunk=event.trunk,
    )


def step_row(call: OpenCall, moment: Instant, event: ev.FlowStepTaken) -> FlowStep:
    """Return a node of a flow that was left; the call has counted it."""
    return FlowStep(
        interaction=event.interaction,
        started_us=call.row.started_us,
        project=call.row.project,
        step=call.steps,
        at_us=moment.wall_us,
        flow=event.flow,
        version=call.version,
        node=event.node,
        outcome=event.outcome,
        note=event.note,
    )


def visit_row(call: OpenCall, moment: Instant, event: ev.QueueEntered) -> QueueVisit:
    """Return a stay in a queue that begins."""
    return QueueVisit(
        interaction=event.interaction,
        started_us=call.row.started_us,
        project=call.row.project,
        visit=event.visit,
        queue=event.queue,
        kind=event.kind,
        priority=event.priority,
        category=event.category,
        entered_us=moment.wall_us,
        waited_before_s=event.waited_before_s,
        short_abandon_s=event.short_abandon_s,
        service_level_s=event.service_level_s,
        callback=event.callback,
        skill=event.skill,
        region=event.region,
        trunk=call.row.trunk,
        flow_version=call.flow_version,
    )


def offer_row(call: OpenCall, moment: Instant, event: ev.OfferMade) -> Offer:
    """Return the ringing of an agent that begins, with why it is this agent."""
    choice = event.choice
    return Offer(
        interaction=event.interaction,
        started_us=call.row.started_us,
        project=call.row.project,
        offer=event.offer,
        visit=event.visit,
        queue=event.queue,
        agent=event.agent,
        leg=event.leg,
        offered_us=moment.wall_us,
        layer=choice.layer,
        ranked_by=choice.order,
        waited_s=choice.waited_s,
        candidates=choice.candidates,
        candidates_total=choice.candidates_total,
        hold_out=choice.hold_out,
        spared=choice.spared,
        overtook_s=choice.overtook_s,
    )


def talk_row(call: OpenCall, moment: Instant, event: ev.AgentConnected) -> TalkSegment:
    """Return a talk that begins."""
    return TalkSegment(
        interaction=event.interaction,
        started_us=call.row.started_us,
        project=call.row.project,
        leg=event.leg,
        visit=event.visit,
        queue=event.queue,
        agent=event.agent,
        began_us=moment.wall_us,
    )


def transfer_row(
    call: OpenCall, moment: Instant, event: ev.TransferRequested, consult_started_us: int | None
) -> Transfer:
    """Return an agent's wish to hand the caller on."""
    return Transfer(
        interaction=event.interaction,
        started_us=call.row.started_us,
        project=call.row.project,
        transfer=event.transfer,
        agent=event.agent,
        kind=event.kind,
        target=event.target,
        consult=event.consult,
        consult_started_us=consult_started_us,
        requested_us=moment.wall_us,
    )
