"""Every metric family this server exports: name, kind, labels, meaning."""

from typing import Literal

from msgspec import Struct

WAIT_BUCKETS_S = (
    *(1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0),
    *(90.0, 120.0, 180.0, 300.0, 600.0),
)
"Holds the thresholds that service levels are commonly measured at (5, 10, 15, 20, 30, 60 s)."

LOOP_DELAY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"From one playout step's slack to SIP's T1 and beyond, where phones begin to retransmit."


class Family(Struct, frozen=True):
    """One metric family."""

    name: str
    "Without the suffix `_total`, which the format adds to counters."

    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


FAMILIES = (
    Family("acd_calls_started", "counter", ("direction",), "Calls whose INVITE was taken."),
    Family(
        "acd_calls_rejected",
        "counter",
        ("reason",),
        "Calls refused at the door: unknown_number, no_transit, blacklisted, full, draining …",
    ),
    Family(
        "acd_calls",
        "counter",
        ("outcome", "reason"),
        "Calls that ended, by who ended them (caller, agent, called, flow, system, fault), and"
        " why.",
    ),
    Family("acd_calls_active", "gauge", (), "Calls under way."),
    Family("acd_queue_entered", "counter", ("queue",), "Calls offered to the queue."),
    Family(
        "acd_queue_left",
        "counter",
        ("queue", "reason"),
        "Queue visits that ended: answered, abandoned, short_abandon, timed_out, overflowed …",
    ),
    Family(
        "acd_queue_wait_seconds",
        "histogram",
        ("queue", "answered"),
        "Wait of the visits that ended, by whether an agent answered (yes, no).",
    ),
    Family(
        "acd_queue_answered_in_time",
        "counter",
        ("queue",),
        "Queue visits answered within the queue's service_level_s.",
    ),
    Family("acd_queue_waiting", "gauge", ("queue",), "Calls waiting in the queue."),
    Family(
        "acd_callbacks_requested",
        "counter",
        ("queue",),
        "Callers who asked to be called back, merged wishes too.",
    ),
    Family(
        "acd_callback_attempts",
        "counter",
        ("queue",),
        "Turns of call-backs that were carried out.",
    ),
    Family(
        "acd_callbacks_ended",
        "counter",
        ("queue", "outcome"),
        "Call-backs that ended: reached, not_reached, expired, called_in, cancelled, barred.",
    ),
    Family("acd_callbacks_open", "gauge", (), "Call-backs that have not ended."),
    Family(
        "acd_queue_closed", "gauge", ("queue",), "1 while the queue is closed in an emergency."
    ),
    Family(
        "acd_queue_oldest_wait_seconds",
        "gauge",
        ("queue",),
        "Wait of the call that has waited longest; 0 when none waits.",
    ),
    Family(
        "acd_offers",
        "counter",
        ("outcome",),
        "Agents' phones called, by outcome: answered, no_answer, busy, rejected, failed …",
    ),
    Family(
        "acd_offer_choices",
        "counter",
        ("queue", "order"),
        "Agents chosen, by what ranked them: conversion, hold_out, pairing, unmeasured …",
    ),
    Family(
        "acd_transfers",
        "counter",
        ("kind", "outcome"),
        "Callers handed on by agents, by kind (blind, attended, moved) and outcome: completed,"
        " unknown_number, not_allowed, full, busy, no_answer …",
    ),
    Family("acd_offer_ring_seconds", "counter", ("outcome",), "Ringing time, summed."),
    Family("acd_talk_seconds", "counter", ("queue",), "Talk without hold, summed."),
    Family(
        "acd_parties_answered",
        "counter",
        (),
        "Colleagues and numbers outside, called by agents or for a transfer, that answered.",
    ),
    Family("acd_party_ring_seconds", "counter", (), "From the call to the answer, summed."),
    Family("acd_hold_seconds", "counter", ("queue",), "Hold, summed."),
    Family("acd_agents", "gauge", ("state",), "Agents by state."),
    Family(
        "acd_away_limits_exceeded",
        "counter",
        ("reason",),
        "Times that an agent was away for longer than the reason's limit.",
    ),
    Family("acd_dispositions", "counter", ("class",), "Calls classed."),
    Family("acd_orders_changed", "counter", ("state",), "States of orders that were told."),
    Family("acd_csat_recorded", "counter", ("told",), "Questions to customers, and answers."),
    Family("acd_matters_settled", "counter", ("outcome",), "Outcomes told by ticket systems."),
    Family(
        "acd_sip_requests",
        "counter",
        ("direction", "method"),
        "SIP requests on the wire, retransmissions too; direction in or out.",
    ),
    Family(
        "acd_sip_responses",
        "counter",
        ("direction", "code"),
        "SIP responses on the wire, retransmissions too; direction in or out.",
    ),
    Family(
        "acd_sip_auth_failures",
        "counter",
        ("method",),
        "SIP requests whose credentials did not prove their account.",
    ),
    Family(
        "acd_sip_connections",
        "gauge",
        ("transport",),
        "SIP connections that stand or are being opened.",
    ),
    Family(
        "acd_sip_connections_refused",
        "counter",
        ("transport", "cause"),
        "SIP connections not taken or not opened: full, host_full, banned.",
    ),
    Family(
        "acd_sip_connections_cut",
        "counter",
        ("transport", "cause"),
        "SIP connections ended by us: idle, slow_message, not_reading, unframeable.",
    ),
    Family(
        "acd_sip_tls_handshakes_failed",
        "counter",
        ("transport", "direction"),
        "TLS handshakes that came to nothing; direction in or out.",
    ),
    Family(
        "acd_sip_datagrams_dropped",
        "counter",
        (),
        "SIP datagrams that the kernel had no room for when we sent them.",
    ),
    Family(
        "acd_sip_legs",
        "gauge",
        (),
        "SIP dialogs under way and attempts at one, callers' and agents'.",
    ),
    Family(
        "acd_sip_transactions",
        "gauge",
        ("state",),
        "SIP transactions: running, or lingering for retransmissions after their end.",
    ),
    Family(
        "acd_sip_transfers",
        "gauge",
        (),
        "Transfers asked for by phones that have not been told the end.",
    ),
    Family(
        "acd_messages_turned_away",
        "counter",
        ("what",),
        "Messages not served: shed (503 to a new call or REGISTER), dropped, banned.",
    ),
    Family(
        "acd_overload_level",
        "gauge",
        (),
        "How far behind: 0 not, 1 messages wait, 2 new calls are shed, 3 REGISTER is dropped.",
    ),
    Family("acd_message_sources", "gauge", (), "Addresses whose messages are being counted."),
    Family(
        "acd_offences",
        "counter",
        ("offence",),
        "Leads to a ban: wrong_password, unproved, unknown_number, unacknowledged …",
    ),
    Family("acd_bans", "counter", (), "Bans begun."),
    Family("acd_banned_sources", "gauge", (), "Addresses that are kept out now."),
    Family("acd_registrations", "gauge", ("transport",), "Devices registered now."),
    Family(
        "acd_contacts_unreachable",
        "gauge",
        (),
        "Devices that are registered and do not answer: no call is offered to them.",
    ),
    Family("acd_trunk_up", "gauge", ("trunk",), "1 while calls can be tried over the trunk."),
    Family(
        "acd_trunk_channels_in_use",
        "gauge",
        ("trunk",),
        "Calls over the trunk, both ways together.",
    ),
    Family(
        "acd_gateway_up",
        "gauge",
        ("trunk", "gateway"),
        "1 while calls try this address of a trunk, 0 while it rests after a failure.",
    ),
    Family(
        "acd_gateway_failures",
        "counter",
        ("trunk", "gateway"),
        "Times that the address did not answer, could not be reached, or sent us away by 503.",
    ),
    Family(
        "acd_gateway_options_seconds",
        "gauge",
        ("trunk", "gateway"),
        "Round trip of the last OPTIONS that was answered.",
    ),
    Family("acd_media_streams", "gauge", (), "Media streams open now."),
    Family(
        "acd_media_ports_ready", "gauge", (), "RTP ports bound and ready for the next streams."
    ),
    Family("acd_media_workers", "gauge", (), "Media worker processes that serve now."),
    Family(
        "acd_media_worker_restarts",
        "counter",
        (),
        "Media workers that ended by themselves and were started again; their calls are lost.",
    ),
    Family("acd_media_packets_received", "counter", (), "RTP packets received by ended streams."),
    Family("acd_media_packets_sent", "counter", (), "RTP packets sent by ended streams."),
    Family("acd_media_packets_lost", "counter", (), "RTP packets missing by sequence number."),
    Family("acd_media_packets_late", "counter", (), "RTP packets that came after their turn."),
    Family(
        "acd_media_packets_foreign",
        "counter",
        (),
        "RTP packets dropped because they came from a stranger's address.",
    ),
    Family(
        "acd_journal_lag_records", "gauge", (), "Journal records that Postgres does not have yet."
    ),
    Family("acd_journal_lag_seconds", "gauge", (), "Age of the oldest record Postgres lacks."),
    Family(
        "acd_partitions_dropped", "counter", (), "Partitions deleted by the age of their records."
    ),
    Family("acd_journal_failing", "gauge", (), "1 while the journal cannot be written."),
    Family(
        "acd_journal_bytes",
        "gauge",
        (),
        "Size of the journal's segments that are not shipped as a whole.",
    ),
    Family(
        "acd_journal_limit_bytes",
        "gauge",
        (),
        "How far the journal may grow (journal.max_bytes); then new calls are refused.",
    ),
    Family("acd_database_up", "gauge", (), "1 while Postgres takes records, 0 else."),
    Family("acd_flow_reloads", "counter", ("result",), "Flow files loaded again: ok, failed."),
    Family("acd_tasks", "gauge", (), "Tasks of the event loop."),
    Family(
        "acd_loop_delay_seconds",
        "histogram",
        (),
        "Lateness of the event loop, by each deadline of calls and registrations.",
    ),
)
