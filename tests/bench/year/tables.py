"""What goes into which table: expressions over the staging tables, one INSERT per source."""

from collections.abc import Collection
from dataclasses import dataclass

import asyncpg

from .contacts import CATEGORIES, Outcome
from .quarters import COUNTS, TIMES
from .stages import REASONS, STATES, STATUSES


class UnknownColumnError(Exception):
    """The schema has a column that must be filled, and nothing here says with what."""


@dataclass(frozen=True)
class Source:
    """One INSERT: columns with their expressions, and where they come from."""

    table: str
    columns: dict[str, str]
    rows: str

    by: str = "started_at"
    "The column whose month chooses the partition."


def _list(words: tuple[str, ...]) -> str:
    quoted = ", ".join(f"'{word}'" for word in words)
    return f"(ARRAY[{quoted}])"


NAMES = tuple(outcome.name.lower() for outcome in Outcome)
CLASSES = ("inquiry", "order", "complaint", "transfer", "other")
NODE = "'node1'"
TRUNK = "CASE WHEN c.contact % 4 = 0 THEN 'carrier_b' ELSE 'carrier_a' END"
REGIONS = ("", "", "", "guangdong", "fujian", "shanghai")

# Legs, visits and offers of a contact are told apart by a number: those of its k-th visit.
INTERACTION, CALLER_LEG, AGENT_LEG, VISIT, OFFER, MISSED, TRANSFER = 0, 1, 16, 32, 48, 64, 80
ATTEMPT_LEG = 2


def identity(alias: str, part: int | str) -> str:
    """Return a UUIDv7's text: the time, and in place of chance the contact's number and part."""
    return (
        f"'0' || overlay(to_hex({alias}.id_ms) placing '-' from 8 for 0) || '-7000-8000-'"
        f" || to_hex({1 << 47} + {alias}.contact * 128 + {part})"
    )


def agent(column: str) -> str:
    return f"CASE WHEN {column} < 0 THEN '' ELSE (1001 + {column})::text END"


def known(column: str) -> str:
    return f"nullif({column}, 'infinity')"


NUMBER = (
    "CASE WHEN c.customer < 0 THEN 'anonymous' ELSE '13' || lpad("
    "((c.customer::bigint * 387420489 + 1234567) % 999999937)::text, 9, '0') END"
)
"The customer's, as in history.customers."

ORDER_ID = "'O' || c.contact || '-' || c.turn"

KEY = {
    "project": "q.project",
    "started_at": "c.started_at",
    "interaction": identity("c", INTERACTION),
}
CONTACTS = "history.contacts c JOIN history.queues q USING (queue)"
CUSTOMERS = f"{CONTACTS} JOIN history.customers k USING (customer)"
VISITS = "history.visits c JOIN history.queues q USING (queue)"
ANSWERED = f"{VISITS} WHERE c.outcome = 0"
MISSES = """history.misses m
    JOIN history.visits c ON c.contact = m.contact AND c.queue = m.queue AND c.outcome = 0
        AND c.entered_at <= m.offered_at AND c.left_at > m.offered_at
    JOIN history.queues q ON q.queue = c.queue"""

CALLER_LEG_ID = f"CASE WHEN c.callback THEN {ATTEMPT_LEG} ELSE {CALLER_LEG} END"

SOURCES = (
    Source(
        "interactions",
        KEY
        | {
            "node": NODE,
            "boot": "$boot",
            "direction": "CASE WHEN c.callback THEN 'callback' ELSE 'inbound' END",
            "agent": "''",
            "number": f"CASE WHEN c.callback THEN {NUMBER} ELSE '' END",
            "caller": NUMBER,
            "caller_name": "''",
            "called": "q.hotline",
            "account": "''",
            "peer": "'udp:10.20.0.' || (c.contact % 4 + 1) || ':5060'",
            "sip_call_id": f"{identity('c', CALLER_LEG_ID)} || '@carrier'",
            "flow": "q.flow",
            "flow_version": "$boot",
            "trunk": TRUNK,
            "answered_at": "c.started_at + interval '0.12 s'",
            "ended_at": "c.ended_at",
            "duration_s": "c.lasts_s",
            "ended_by": f"""CASE WHEN c.by_agent THEN 'agent' WHEN c.outcome IN (
                {Outcome.TIMED_OUT}, {Outcome.CALLBACK}, {Outcome.EMPTY}, {Outcome.CLOSED},
                {Outcome.REFUSED_FULL}) THEN 'flow'
                WHEN c.outcome = {Outcome.FAULTED} THEN 'fault' ELSE 'caller' END""",
            "reason": f"""CASE WHEN c.outcome = {Outcome.FAULTED} THEN 'media_lost'
                ELSE 'hangup' END""",
            "sip_status": "0",
            "detail": "''",
            "withheld": "c.customer < 0",
            "customer_key": "k.customer_key",
        },
        CUSTOMERS,
    ),
    Source(
        "legs",
        KEY
        | {
            "leg": identity("c", CALLER_LEG_ID),
            "side": "CASE WHEN c.callback THEN 'called' ELSE 'caller' END",
            "agent": "''",
            "trunk": TRUNK,
            "number": f"CASE WHEN c.callback THEN {NUMBER} ELSE '' END",
            "sip_call_id": f"{identity('c', CALLER_LEG_ID)} || '@carrier'",
            "began_at": "c.started_at",
            "answered_at": "c.started_at + interval '0.12 s'",
            "ended_at": "c.ended_at",
            "duration_s": "c.lasts_s",
            "ended_by": "CASE WHEN c.by_agent THEN 'server' ELSE 'peer' END",
            "reason": "'hangup'",
            "sip_status": "0",
        },
        CONTACTS,
    ),
    Source(
        "legs",
        KEY
        | {
            "leg": identity("c", f"{AGENT_LEG} + c.turn"),
            "side": "'agent'",
            "agent": agent("c.agent"),
            "trunk": "''",
            "number": "''",
            "sip_call_id": identity("c", f"{AGENT_LEG} + c.turn"),
            "began_at": "c.offered_at",
            "answered_at": "c.left_at",
            "ended_at": "c.ended_at",
            "duration_s": "c.ring_s + c.talk_s + c.hold_s",
            "ended_by": "'peer'",
            "reason": "'hangup'",
            "sip_status": "0",
        },
        ANSWERED,
    ),
    Source(
        "legs",
        KEY
        | {
            "leg": identity("c", f"{MISSED} + c.turn"),
            "side": "'agent'",
            "agent": agent("m.agent"),
            "trunk": "''",
            "number": "''",
            "sip_call_id": identity("c", f"{MISSED} + c.turn"),
            "began_at": "m.offered_at",
            "answered_at": "NULL::timestamptz",
            "ended_at": "m.offered_at + interval '15 s'",
            "duration_s": "15.0",
            "ended_by": "'server'",
            "reason": "'cancelled'",
            "sip_status": "487",
        },
        MISSES,
    ),
    Source(
        "queue_visits",
        KEY
        | {
            "visit": identity("c", f"{VISIT} + c.turn"),
            "queue": "q.name",
            "kind": "q.kind",
            "priority": "q.priority",
            "category": f"{_list(CATEGORIES)}[c.category + 1]",
            "entered_at": "c.entered_at",
            "left_at": "c.left_at",
            "outcome": f"{_list(NAMES)}[c.outcome + 1]",
            "waited_s": "c.waited_s",
            "waited_before_s": "c.before_s",
            "short_abandon_s": "5.0",
            "service_level_s": "20.0",
            "agent": agent("c.agent"),
            "callback": "c.callback",
            "skill": "q.name",
            "region": f"{_list(REGIONS)}[(c.contact % {len(REGIONS)})::integer + 1]",
            "trunk": TRUNK,
            "flow_version": "q.flow || '@' || $boot",
        },
        VISITS,
    ),
    Source(
        "offers",
        KEY
        | {
            "offer": identity("c", f"{OFFER} + c.turn"),
            "visit": identity("c", f"{VISIT} + c.turn"),
            "queue": "q.name",
            "agent": agent("c.agent"),
            "leg": identity("c", f"{AGENT_LEG} + c.turn"),
            "offered_at": "c.offered_at",
            "ended_at": "c.left_at",
            "outcome": "'answered'",
            "sip_status": "200",
            "ring_s": "c.ring_s",
            "layer": "CASE WHEN c.contact % 5 < 3 THEN 'top' ELSE 'team' END",
            "ranked_by": """CASE WHEN c.held_out THEN 'hold_out' WHEN q.kind = 'sales'
                THEN 'conversion' ELSE 'longest_idle' END""",
            "waited_s": "c.waited_s - c.ring_s",
            "candidates": "d.candidates",
            "candidates_total": "d.total",
            "hold_out": "c.held_out",
            "spared": "0",
            "overtook_s": "0.0",
        },
        f"""{VISITS} JOIN history.candidates d
            ON d.agent = c.agent AND d.total = c.contact % 6 + 1 WHERE c.outcome = 0""",
    ),
    Source(
        "offers",
        KEY
        | {
            "offer": identity("c", f"{MISSED} + c.turn"),
            "visit": identity("c", f"{VISIT} + c.turn"),
            "queue": "q.name",
            "agent": agent("m.agent"),
            "leg": identity("c", f"{MISSED} + c.turn"),
            "offered_at": "m.offered_at",
            "ended_at": "m.offered_at + interval '15 s'",
            "outcome": "'no_answer'",
            "sip_status": "487",
            "ring_s": "15.0",
            "layer": "'top'",
            "ranked_by": "CASE WHEN q.kind = 'sales' THEN 'conversion' ELSE 'longest_idle' END",
            "waited_s": "extract(epoch FROM m.offered_at - c.entered_at)::float8",
            "candidates": "d.candidates",
            "candidates_total": "d.total",
            "hold_out": "false",
            "spared": "0",
            "overtook_s": "0.0",
        },
        MISSES.replace(
            "JOIN history.queues q",
            "JOIN history.candidates d ON d.agent = m.agent AND d.total = 1 JOIN history.queues q",
        ),
    ),
    Source(
        "flow_steps",
        KEY
        | {
            "step": "s.step",
            "at": "c.started_at + s.step * interval '2.5 s'",
            "flow": "q.flow",
            "version": "$boot",
            "node": "s.node",
            "outcome": """CASE WHEN s.step < 3 THEN s.outcome WHEN c.outcome < 0 THEN 'timeout'
                ELSE 'queue' END""",
            "note": "''",
        },
        f"""{CONTACTS} CROSS JOIN (VALUES (1, 'hours', 'open'), (2, 'welcome', 'done'),
            (3, 'menu', '')) AS s (step, node, outcome) WHERE NOT c.callback""",
    ),
    Source(
        "talk_segments",
        KEY
        | {
            "leg": identity("c", f"{AGENT_LEG} + c.turn"),
            "visit": identity("c", f"{VISIT} + c.turn"),
            "queue": "q.name",
            "agent": agent("c.agent"),
            "began_at": "c.left_at",
            "ended_at": "c.ended_at",
            "talk_s": "c.talk_s",
            "hold_s": "c.hold_s",
        },
        ANSWERED,
    ),
    Source(
        "transfers",
        KEY
        | {
            "transfer": identity("c", TRANSFER),
            "agent": agent("c.agent"),
            "kind": "'blind'",
            "target": "w.name",
            "consult": "''",
            "consult_started_at": "NULL::timestamptz",
            "requested_at": "c.ended_at - interval '1 s'",
            "ended_at": "c.ended_at",
            "outcome": "'completed'",
            "sip_status": "202",
            "queue": "w.name",
            "to_agent": "''",
            "returned_to": "''",
        },
        """history.visits c JOIN history.queues q USING (queue)
            JOIN history.visits t ON t.contact = c.contact AND t.turn = 1
            JOIN history.queues w ON w.queue = t.queue WHERE c.handed_on""",
    ),
    Source(
        "callbacks",
        {
            "project": "q.project",
            "started_at": "c.wished_at",
            "callback": identity("c", INTERACTION),
            "queue": "q.name",
            "number": NUMBER,
            "first_enqueued_at": "c.wished_at",
            "attempts": "1",
            "last_attempt_at": "c.started_at",
            "ended_at": "c.ended_at",
            "outcome": "'reached'",
            "agent": agent("c.agent"),
            "cancelled_by": "''",
        },
        f"{CUSTOMERS} WHERE c.callback",
    ),
    Source(
        "dispositions",
        KEY
        | {
            "entered_at": "c.ready_at",
            "agent": agent("c.agent"),
            "queue": "q.name",
            "call_class": f"{_list(CLASSES)}[c.call_class + 1]",
            "category": f"{_list(CATEGORIES)}[c.category + 1]",
            "order_id": f"CASE WHEN c.ordered THEN {ORDER_ID} ELSE '' END",
            "ordered": "c.ordered",
            "solved": "CASE c.solved WHEN 1 THEN true WHEN 0 THEN false END",
            "amount": "CASE WHEN c.ordered THEN c.amount END",
            "currency": "CASE WHEN c.ordered THEN 'CNY' ELSE '' END",
        },
        f"{VISITS} WHERE c.disposed",
    ),
    Source(
        "streams",
        KEY
        | {
            "leg": identity("c", CALLER_LEG_ID),
            "packets_received": "(50 * c.lasts_s)::bigint",
            "packets_sent": "(50 * c.lasts_s)::bigint",
            "packets_lost": "c.contact % 7",
            "packets_late": "c.contact % 3",
            "packets_foreign": "0",
            "jitter_ms": "2 + c.contact % 90 / 10.0",
        },
        CONTACTS,
    ),
    Source(
        "streams",
        KEY
        | {
            "leg": identity("c", f"{AGENT_LEG} + c.turn"),
            "packets_received": "(50 * (c.talk_s + c.hold_s))::bigint",
            "packets_sent": "(50 * (c.talk_s + c.hold_s))::bigint",
            "packets_lost": "c.contact % 5",
            "packets_late": "c.contact % 2",
            "packets_foreign": "0",
            "jitter_ms": "1 + c.contact % 50 / 10.0",
        },
        ANSWERED,
    ),
    Source(
        "agent_state_intervals",
        {
            "project": "'main'",
            "started_at": "c.started_at",
            "node": NODE,
            "boot": "$boot",
            "seq": "c.seq",
            "agent": agent("c.agent"),
            "state": f"{_list(STATES)}[c.state + 1]",
            "queue": "coalesce(q.name, '')",
            "interaction": f"""CASE WHEN c.contact < 0 THEN ''
                ELSE {identity("c", INTERACTION)} END""",
            "started_mono_s": "c.mono_s",
            "ended_at": known("c.ended_at"),
            "duration_s": "CASE WHEN c.ended_at < 'infinity' THEN c.lasts_s END",
            "closed_by": "CASE WHEN c.ended_at = 'infinity' THEN '' ELSE 'change' END",
        },
        "history.states c LEFT JOIN history.queues q USING (queue)",
    ),
    Source(
        "agent_status_intervals",
        {
            "project": "'main'",
            "started_at": "c.started_at",
            "node": NODE,
            "boot": "$boot",
            # The two tracks share a boot's numbers: these come after those.
            "seq": "c.seq + 1000000000",
            "agent": agent("c.agent"),
            "status": f"{_list(STATUSES)}[c.status + 1]",
            "reason": f"{_list(REASONS)}[c.reason + 1]",
            "changed_by": "'agent'",
            "started_mono_s": "c.mono_s",
            "ended_at": known("c.ended_at"),
            "duration_s": "CASE WHEN c.ended_at < 'infinity' THEN c.lasts_s END",
            "closed_by": "CASE WHEN c.ended_at = 'infinity' THEN '' ELSE 'change' END",
        },
        "history.statuses c",
    ),
    Source(
        "hold_segments",
        KEY
        | {
            "leg": identity("c", f"{AGENT_LEG} + c.turn"),
            "hold": "1",
            "visit": identity("c", f"{VISIT} + c.turn"),
            "queue": "q.name",
            "agent": agent("c.agent"),
            "began_at": "c.left_at + make_interval(secs => 0.4 * c.talk_s)",
            "ended_at": "c.left_at + make_interval(secs => 0.4 * c.talk_s + c.hold_s)",
            "duration_s": "c.hold_s",
        },
        f"{ANSWERED} AND c.hold_s > 0",
    ),
    Source(
        "order_events",
        KEY
        | {
            "order_id": ORDER_ID,
            "key": "'shop-1'",
            # Of 100 orders: 70 signed for, 8 cancelled, 7 refused, 4 returned, 11 on the way.
            "state": """CASE WHEN c.contact % 100 < 70 THEN 'signed' WHEN c.contact % 100 < 78
                THEN 'cancelled' WHEN c.contact % 100 < 85 THEN 'refused' ELSE 'returned' END""",
            "at": "c.ready_at + (1 + c.contact % 9) * interval '1 day'",
            "entered_at": "c.ready_at + (1 + c.contact % 9) * interval '1 day'",
            "agent": agent("c.agent"),
            "queue": "q.name",
            "category": f"{_list(CATEGORIES)}[c.category + 1]",
            "amount": "NULL::bigint",
            "currency": "''",
            "entered_by": "'shop'",
        },
        f"{VISITS} WHERE c.ordered AND c.contact % 100 < 89",
    ),
    Source(
        "csat_answers",
        KEY
        | {
            "question": "''",
            "answered": "c.contact % 5 < 2",
            "at": "c.ended_at",
            "score": """CASE WHEN c.contact % 5 < 2
                THEN 5 - (c.contact % 7) * (c.contact % 2) / 2 END""",
            "scale_low": "1",
            "scale_high": "5",
            "comment": "''",
            "channel": "'ivr'",
            "agent": agent("c.agent"),
            "queue": "q.name",
            "entered_at": "c.ended_at",
            "entered_by": "''",
        },
        f"{ANSWERED} AND NOT c.handed_on AND NOT c.callback AND c.contact % 3 = 0",
    ),
    Source(
        "agent_quarters",
        {
            "project": "'main'",
            "quarter_at": "c.quarter_at",
            "agent": agent("c.agent"),
            "queue": "coalesce(q.name, '')",
            "team": "(agent_profile_at("
            + agent("c.agent")
            + ", c.quarter_at + interval '15 minutes' - interval '1 microsecond')).team",
            "away_reasons": """jsonb_strip_nulls(jsonb_build_object(
                'break', nullif(c.break_s, 0), 'lunch', nullif(c.lunch_s, 0)))""",
            **{
                name: f"c.{name}"
                for name in (*TIMES, *COUNTS)
                if name not in {"break_s", "lunch_s"}
            },
            "paused_s": "0",
            "cool_down_s": "0",
            "own_calls": "0",
        },
        "history.quarters c LEFT JOIN history.queues q USING (queue)",
        by="quarter_at",
    ),
)

TABLES = {source.table: source.by for source in SOURCES}
"Each table, and the column whose month chooses its partition."


async def statements(
    connection: asyncpg.Connection, tables: Collection[str]
) -> list[tuple[Source, str]]:
    """Return the INSERTs for the columns that the schema has: into `$part`, for `$boot`.

    Raises UnknownColumnError when a column has neither expression nor default.
    """
    found = await connection.fetch(
        "SELECT table_name, column_name, column_default IS NULL AND is_nullable = 'NO' AS needed"
        " FROM information_schema.columns WHERE table_schema = 'public'"
        " AND table_name = ANY($1)",
        list(tables),
    )
    made = []
    for source in SOURCES:
        if source.table not in tables:
            continue
        columns = {row["column_name"] for row in found if row["table_name"] == source.table}
        needed = {
            row["column_name"]
            for row in found
            if row["table_name"] == source.table and row["needed"]
        }
        if unknown := needed - set(source.columns):
            raise UnknownColumnError(
                f"{source.table}.{', '.join(sorted(unknown))}: say in {__file__} what goes there"
            )
        chosen = {name: text for name, text in source.columns.items() if name in columns}
        names, texts = ", ".join(chosen), ", ".join(chosen.values())
        made.append((source, f"INSERT INTO $part ({names}) SELECT {texts} FROM {source.rows}"))
    return made
