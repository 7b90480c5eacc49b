"""Tables of calls: what hangs on an interaction, and call-backs."""

from acd.calls import cdr_rows as cdr

from .table import Table

CALL_TABLES = (
    Table(
        "interactions",
        cdr.Interaction,
        2,
        (
            "started_at interaction project node boot direction agent number caller caller_name"
            " called account peer sip_call_id flow answered_at ended_at duration_s ended_by"
            " reason sip_status detail withheld customer_key trunk flow_version"
        ),
    ),
    Table(
        "legs",
        cdr.Leg,
        3,
        (
            "started_at interaction leg project side agent trunk number sip_call_id began_at"
            " answered_at ended_at duration_s ended_by reason sip_status q850_cause"
        ),
        written_once=True,
    ),
    Table(
        "queue_visits",
        cdr.QueueVisit,
        3,
        (
            "started_at interaction visit project queue kind priority category entered_at"
            " left_at outcome waited_s waited_before_s short_abandon_s service_level_s agent"
            " callback skill region trunk flow_version"
        ),
    ),
    Table(
        "offers",
        cdr.Offer,
        3,
        (
            "started_at interaction offer project visit queue agent leg offered_at ended_at"
            " outcome sip_status ring_s layer ranked_by waited_s candidates candidates_total"
            " hold_out spared overtook_s"
        ),
        written_once=True,
    ),
    Table(
        "flow_steps",
        cdr.FlowStep,
        3,
        "started_at interaction step project at flow version node outcome note",
        written_once=True,
    ),
    Table(
        "talk_segments",
        cdr.TalkSegment,
        3,
        ("started_at interaction leg project visit queue agent began_at ended_at talk_s hold_s"),
        written_once=True,
    ),
    Table(
        "hold_segments",
        cdr.HoldSegment,
        4,
        ("started_at interaction leg hold project visit queue agent began_at ended_at duration_s"),
        written_once=True,
    ),
    Table(
        "transfers",
        cdr.Transfer,
        3,
        (
            "started_at interaction transfer project agent kind target consult"
            " consult_started_at requested_at ended_at outcome sip_status queue to_agent"
            " returned_to"
        ),
    ),
    Table(
        "callbacks",
        cdr.Callback,
        2,
        (
            "started_at callback project queue number first_enqueued_at attempts"
            " last_attempt_at ended_at outcome agent cancelled_by=by"
        ),
    ),
    Table(
        "dispositions",
        cdr.Disposition,
        3,
        (
            "started_at interaction agent project entered_at queue call_class category order_id"
            " ordered solved amount currency entered_by"
        ),
    ),
    Table(
        "streams",
        cdr.StreamQuality,
        3,
        (
            "started_at interaction leg project packets_received packets_sent packets_lost"
            " packets_late packets_foreign jitter_ms"
        ),
        written_once=True,
    ),
)
